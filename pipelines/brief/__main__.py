"""`python -m pipelines.brief FOLDER`: write the brief of the run in a folder, in a process of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pipelines.brief import write_brief

folder = Path(sys.argv[1])
write_brief(folder, json.loads((folder / "manifest.json").read_text(encoding="utf-8")))
