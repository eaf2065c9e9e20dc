"""`python -m pipelines.brief FOLDER`: write the brief of the run in a folder, in a process of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pipelines.brief import write_brief
from pipelines.home import Run

folder = Path(sys.argv[1])
write_brief(folder, json.loads(Run(folder).manifest.read_text(encoding="utf-8")))
