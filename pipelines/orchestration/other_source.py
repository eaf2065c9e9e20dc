"""Another source than the configured one, tried from the UI without touching what is live.

Here: the choice, and the nightly in the other home, in a process of its own. Not here: the nightly itself.

The other home has tables, marts and a Dagster history of its own, so that neither a figure nor a status of the live
tables is ever the other source's. `RECOUPLE_HOME=<that home> recouple dev` shows it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets.framework.errors import KnownFault
from pipelines.home import Home, Run, Tree
from pipelines.publishing.in_force import manifest_of
from pipelines.settings import Settings, SettingsError


class OtherSourceFailed(KnownFault):
    """The nightly in the other home failed; the message is what it said."""


@dataclass(frozen=True)
class OtherSource:
    """What to compute from, and where to."""

    source: str
    files: Path | None
    home: Path

    @classmethod
    def chosen(cls, settings: Settings, source: str, files: str) -> OtherSource:
        """Raises SettingsError naming the field and the remedy."""
        if source == settings.source:
            raise SettingsError(f"source is {source}, which is the configured one; launch the job nightly for it")
        folder = Path(files).absolute() if files else None
        if source == "files":
            if folder is None:
                raise SettingsError("source is files but no folder is named; set files to one with prices.parquet")
            for name in ("prices.parquet", "fred.parquet"):
                if not (folder / name).exists():
                    raise SettingsError(f"{folder / name} does not exist; set files to a folder that has it")
        return cls(source, folder, Home(settings.home).of_source(source).root)

    def publish(self) -> dict[str, Any]:
        """Fetch, compute and publish there; returns where. Raises OtherSourceFailed."""
        environment = os.environ | {
            "RECOUPLE_SOURCE": self.source,
            "RECOUPLE_FILES": str(self.files or ""),
            "RECOUPLE_HOME": str(self.home),
            "RECOUPLE_AS_OF": "",
            "RECOUPLE_ALERT_URLS": "",
            "RECOUPLE_STORE": "",
            "RECOUPLE_RAY_ADDRESS": "",
        }
        command = [sys.executable, "-m", "pipelines.cli", "nightly"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if "failed:" in line or line.startswith("recouple:")]
            raise OtherSourceFailed(said[0] if said else f"the nightly on {self.source} ended with {done.returncode}")
        folder = Tree(self.home).current.resolve()
        marts = manifest_of(folder)["marts"].values()
        told = {"home": str(self.home), "folder": str(folder), "brief": str(Run(folder).brief)}
        return told | {"marts": len(marts), "rows": sum(mart["rows"] for mart in marts)}
