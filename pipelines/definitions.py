"""What Dagster loads: `defs`, and nothing else.

Days of the past are partitions here; an as-of date in the environment is for commands of the terminal.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dagster as dg

_SCAFFOLDED = Path(__file__).with_name("defs")
_DEFINES_NOTHING = {"environment"}  # read by dg alone; loading it would take a tenth of a second


def _loaded() -> dg.Definitions:
    """What is loaded stays for good, so the collector finds nothing: walking it took a fifth of the loading."""
    gc.disable()
    try:
        return _defs()
    finally:
        gc.enable()


def _defs() -> dg.Definitions:
    import dagster as dg

    from pipelines.build import build_defs
    from pipelines.settings import Settings

    built = build_defs(Settings.from_env(os.environ).model_copy(update={"as_of": None}))
    if {path.name for path in _SCAFFOLDED.glob("[!_]*")} - _DEFINES_NOTHING:
        return dg.Definitions.merge(built, dg.load_from_defs_folder(path_within_project=_SCAFFOLDED))
    return built


defs = _loaded()
