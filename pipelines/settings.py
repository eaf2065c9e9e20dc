"""Environment -> one small frozen Settings.

Here: every variable Recouple reads, its default and the error a wrong value ends in. Not here: what is done with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, SecretStr

from assets.framework.errors import KnownFault
from pipelines.home import Home

FRED_KEY_LENGTH = 32
SourceName = Literal["live", "files", "sample"]
STORE_SCHEMES = ("s3", "gs", "az", "file")

# 22:45 in New York is after the equity close (16:00), after the H.4.1 release (Thursdays 16:30), after 00:00 UTC, the
# crypto close, in summer and in winter, and after the hour by which Yahoo has settled the day's bars (recordings show
# live-stamped bars 1 h 42 min after the close and settled ones by 22:19). A night missed is made up by the next run:
# ingestion fetches since what is stored.
NIGHTLY_CRON = "45 22 * * 1-5"


CHECKOUT = Path(__file__).parents[1]
SECRETS = ("FRED_API_KEY", "RECOUPLE_ALERT_URLS", "RECOUPLE_POSTGRES_URL")


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
    keep_history_days: float = 10.0
    nightly_cron: str = NIGHTLY_CRON
    universe_memory_gb: float = 2.0
    store: str | None = None
    ray_address: str | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read the RECOUPLE_* variables; raises SettingsError naming the variable and the remedy."""
        source = environ.get("RECOUPLE_SOURCE") or "live"
        if source not in get_args(SourceName):
            raise SettingsError(f"RECOUPLE_SOURCE is {source!r}; set it to live, files or sample")
        environ = {**environ, **_secrets_from_files(environ)}
        return cls(
            source=source,  # type: ignore[arg-type]
            files=_files(source, environ.get("RECOUPLE_FILES")),
            home=_home(environ.get("RECOUPLE_HOME") or str(base() / "data")),
            as_of=_day("RECOUPLE_AS_OF", environ.get("RECOUPLE_AS_OF")),
            fred_api_key=_fred_key(environ.get("FRED_API_KEY")),
            alert_urls=tuple(SecretStr(url) for url in environ.get("RECOUPLE_ALERT_URLS", "").split()),
            lock_wait_seconds=_seconds(environ, "RECOUPLE_LOCK_WAIT_SECONDS", 60.0),
            keep_runs_hours=_seconds(environ, "RECOUPLE_KEEP_RUNS_HOURS", 48.0),
            nightly_cron=environ.get("RECOUPLE_NIGHTLY_CRON") or NIGHTLY_CRON,
            keep_history_days=_seconds(environ, "RECOUPLE_KEEP_HISTORY_DAYS", 10.0),
            universe_memory_gb=_seconds(environ, "RECOUPLE_UNIVERSE_MEMORY_GB", 2.0),
            store=_store(environ.get("RECOUPLE_STORE")),
            ray_address=_ray_address(environ),
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
                "store": self.store if source == self.source else None,
                "as_of": _day("as_of", as_of),
            }
        )

    @property
    def tree(self) -> Path:
        """Where this run publishes: the home itself, or a tree of its own for an explicit as-of date."""
        return self.home if self.as_of is None else Home(self.home).as_of(self.as_of).root

    @property
    def store_tree(self) -> str | None:
        """The address of the same tree in the object store."""
        return f"{self.store}/{self.tree.relative_to(self.home)}".removesuffix("/.") if self.store else None


def base() -> Path:
    """Where a default begins: at the checkout from wherever a command is called, otherwise where it is called."""
    return CHECKOUT if (CHECKOUT / "pyproject.toml").is_file() else Path.cwd()


def load_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What the environment does not say itself: from the .env file here or at the checkout, and secrets from files.

    A relative path in the file begins at the file.
    """
    file = next((path for path in (Path.cwd() / ".env", base() / ".env") if path.is_file()), None)
    said = {name: value for name, value in dotenv_values(file).items() if value} if file else {}
    for name in {"RECOUPLE_HOME", "RECOUPLE_FILES"} & set(said):
        said[name] = str(file.parent / Path(said[name]).expanduser()) if file else said[name]
    added = {name: value for name, value in said.items() if name not in environ}
    return added | _secrets_from_files({**added, **environ})


def _secrets_from_files(environ: Mapping[str, str]) -> dict[str, str]:
    """A secret may lie in a file, which FRED_API_KEY_FILE and its like name: systemd and containers hand it over so."""
    found = {}
    for name in SECRETS:
        place = environ.get(f"{name}_FILE")
        if place and not environ.get(name):
            try:
                found[name] = Path(place).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise SettingsError(
                    f"{name}_FILE is {place!r}: {error.strerror}; name a file with the secret"
                ) from None
    return found


def _home(value: str) -> Path:
    """The folder as the file system names it: without `..` and links, which programs resolve differently."""
    home = Path(value).expanduser().resolve()
    unreadable = sorted({letter for letter in str(home) if letter in "?\\"})
    if unreadable:
        raise SettingsError(
            f"RECOUPLE_HOME is {str(home)!r}: DuckDB cannot open files below a folder with {' or '.join(unreadable)} "
            f"in its name; choose another"
        )
    return home


def _files(source: str, value: str | None) -> Path | None:
    if value:
        return Path(value).absolute()
    if source == "files":
        raise SettingsError(
            "RECOUPLE_SOURCE is files but RECOUPLE_FILES is not set; "
            "set it to a folder with prices.parquet and fred.parquet"
        )
    return None


def _store(value: str | None) -> str | None:
    """The address of an object store; whether it answers is seen when it is used."""
    if not value:
        return None
    parts = urlsplit(value)
    named = parts.path.strip("/") if parts.scheme == "file" else parts.netloc
    if parts.scheme not in STORE_SCHEMES or not named or parts.query or "@" in parts.netloc:
        raise SettingsError(
            "RECOUPLE_STORE cannot be used; write it as s3://bucket/prefix, gs://, az:// or file:///folder, and "
            "leave credentials to the cloud's own variables (see docs/scale.md)"
        )
    return value.rstrip("/")


def _ray_address(environ: Mapping[str, str]) -> str | None:
    address = environ.get("RECOUPLE_RAY_ADDRESS")
    if address and not environ.get("RECOUPLE_STORE"):
        raise SettingsError(
            "RECOUPLE_RAY_ADDRESS is set and RECOUPLE_STORE is not; set it to a store that every worker reaches, since "
            "prices and states of universes go through it"
        )
    return address or None


def _fred_key(value: str | None) -> SecretStr | None:
    """The key without the blanks and quotes that copying leaves around it; the message never shows it."""
    key = (value or "").strip().strip("\"'").strip()
    if not key:
        return None
    if len(key) != FRED_KEY_LENGTH or not (key.isalnum() and key.islower() and key.isascii()):
        raise SettingsError(
            f"FRED_API_KEY is not {FRED_KEY_LENGTH} lower-case letters and digits (it has {len(key)} characters); "
            f"copy it again from fred.stlouisfed.org, My Account, API Keys, or unset it to use the keyless CSV endpoint"
        )
    return SecretStr(key)


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
