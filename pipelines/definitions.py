"""What Dagster loads: `defs`, and nothing else.

Days of the past are partitions here; an as-of date in the environment is for commands of the terminal.
"""

from __future__ import annotations

import os

from pipelines.build import build_defs
from pipelines.settings import Settings

defs = build_defs(Settings.from_env(os.environ).model_copy(update={"as_of": None}))
