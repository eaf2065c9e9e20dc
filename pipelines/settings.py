"""Environment -> one small frozen Settings.

Here: every variable Recouple reads, its default and the error a wrong value ends in. Not here: what is done with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, SecretStr

from assets.framework.errors import KnownFault
from pipelines.home import Home

SourceName = Literal["live", "files", "sample"]


class SettingsError(KnownFault):
    """A variable of the environment cannot be used."""


class Settings(BaseModel):
    """How this installation runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: SourceName = "live"
    files: Path | None = None
    home: Path = Path("data")
    as_of: date | None = None
    fred_api_key: SecretStr | None = None
    alert_urls: tuple[SecretStr, ...] = ()
    lock_wait_seconds: float = 60.0
    keep_runs_hours: float = 48.0
    universe_memory_gb: float = 2.0

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read the RECOUPLE_* variables; raises SettingsError naming the variable and the remedy."""
        source = environ.get("RECOUPLE_SOURCE") or "live"
        if source not in get_args(SourceName):
            raise SettingsError(f"RECOUPLE_SOURCE is {source!r}; set it to live, files or sample")
        key = environ.get("FRED_API_KEY")
        return cls(
            source=source,  # type: ignore[arg-type]
            files=_files(source, environ.get("RECOUPLE_FILES")),
            home=Path(environ.get("RECOUPLE_HOME") or "data").absolute(),
            as_of=_day("RECOUPLE_AS_OF", environ.get("RECOUPLE_AS_OF")),
            fred_api_key=SecretStr(key) if key else None,
            alert_urls=tuple(SecretStr(url) for url in environ.get("RECOUPLE_ALERT_URLS", "").split()),
            lock_wait_seconds=_seconds(environ, "RECOUPLE_LOCK_WAIT_SECONDS", 60.0),
            keep_runs_hours=_seconds(environ, "RECOUPLE_KEEP_RUNS_HOURS", 48.0),
            universe_memory_gb=_seconds(environ, "RECOUPLE_UNIVERSE_MEMORY_GB", 2.0),
        )

    def for_run(self, *, source: str, files: str, as_of: str) -> Settings:
        """These settings with one run's choices; a source that is not the configured one has a home of its own.

        Raises SettingsError naming the field of the form and the remedy.
        """
        if source == "files" and not files:
            raise SettingsError("source is files but no folder is named; set files to one with prices.parquet")
        return self.model_copy(
            update={
                "source": source,
                "files": Path(files).absolute() if files else None,
                "home": self.home if source == self.source else Home(self.home).of_source(source).root,
                "as_of": _day("as_of", as_of),
            }
        )

    @property
    def tree(self) -> Path:
        """Where this run publishes: the home itself, or a tree of its own for an explicit as-of date."""
        return self.home if self.as_of is None else Home(self.home).as_of(self.as_of).root


def _files(source: str, value: str | None) -> Path | None:
    if value:
        return Path(value).absolute()
    if source == "files":
        raise SettingsError(
            "RECOUPLE_SOURCE is files but RECOUPLE_FILES is not set; "
            "set it to a folder with prices.parquet and fred.parquet"
        )
    return None


def _day(name: str, value: str | None) -> date | None:
    if not value:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise SettingsError(f"{name} is {value!r}; write an ISO date such as 2025-12-12") from None


def _seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    value = environ.get(name)
    if not value:
        return default
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if number < 0:
        raise SettingsError(f"{name} is {value!r}; write a number of zero or more")
    return number
