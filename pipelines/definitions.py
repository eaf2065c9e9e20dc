"""What Dagster loads: `defs`, and nothing else."""

from __future__ import annotations

import os

from pipelines.build import build_defs
from pipelines.settings import Settings

defs = build_defs(Settings.from_env(os.environ))
