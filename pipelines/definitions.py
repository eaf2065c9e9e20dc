"""What Dagster loads: `defs`, and nothing else.

Days of the past are partitions here; an as-of date in the environment is for commands of the terminal.
"""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg

from pipelines.build import build_defs
from pipelines.settings import Settings

_SCAFFOLDED = Path(__file__).with_name("defs")

defs = build_defs(Settings.from_env(os.environ).model_copy(update={"as_of": None}))
if any(path.name != "__init__.py" for path in _SCAFFOLDED.glob("[!_]*")):
    defs = dg.Definitions.merge(defs, dg.load_from_defs_folder(path_within_project=_SCAFFOLDED))
