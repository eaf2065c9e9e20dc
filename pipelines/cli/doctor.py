"""What `recouple doctor` looks at before a night does: is everything there that a run needs, and if not, what to do.

Here: the questions and their answers as findings. Not here: how they are printed (pipelines.cli.main), the run
itself. Every service is asked once, with a short timeout and without retries: a doctor says how it is, not how it
could be.
"""

from __future__ import annotations

import fcntl
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import psutil

from assets.marts.calendars import row as list_ends
from assets.reference.facts import Reference, load_reference
from pipelines.alerts import messenger
from pipelines.cli import installation
from pipelines.cli.installation import DoctorFinding, nearest
from pipelines.home import Home
from pipelines.settings import FRED_KEY_LENGTH, Settings
from pipelines.sources import farside, fred, fredapi_client, nyfed
from pipelines.sources.errors import KeyRejected, RateLimited, ServiceDown, SourceError, Unreachable
from pipelines.sources.http import NEW_YORK, Clock, Http, Pace, RetryPolicy, SystemClock, not_data
from pipelines.sources.live import LiveConfig
from pipelines.sources.yfinance_client import YfinanceClient

_ONCE = RetryPolicy(timeout_seconds=10.0, tries=1)
MOST_SKEW = timedelta(minutes=2)


def examine(settings: Settings, config: LiveConfig | None = None, clock: Clock | None = None) -> list[DoctorFinding]:
    """All findings, in the order a person would look. config: other addresses than the real services'."""
    clock = clock or SystemClock()
    findings = [
        configuration(settings),
        home(settings.home),
        lock(settings.home),
        alert_addresses(settings),
        *calendars(load_reference(), clock.now().astimezone(NEW_YORK).date()),
        *installation.findings(settings, datetime.now(UTC)),
    ]
    if settings.source != "live":
        told = f"the source is {settings.source}: no service is needed"
        return [*findings, DoctorFinding("services", True, told)]
    config = config or LiveConfig(fred_api_key=settings.fred_api_key)
    asked = services(config, clock)
    findings += [one.finding for one in asked]
    findings.append(fred_key(config, clock))
    findings.append(clock_skew(clock, (one.told_time for one in asked)))
    return findings


# ------------------------------------------------------------------ this machine
def configuration(settings: Settings) -> DoctorFinding:
    """Settings were read, or we would not be here; says what they amount to."""
    key = "with a FRED key" if settings.fred_api_key is not None else "without a FRED key"
    told = f"source {settings.source}, {key}, state in {settings.home}"
    if settings.as_of is not None:
        told += f", as of {settings.as_of.isoformat()}"
    return DoctorFinding("configuration", True, told)


def home(folder: Path) -> DoctorFinding:
    """Can state be written?"""
    place = nearest(folder)
    try:
        probe = place / ".recouple-doctor"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        remedy = f"Give this user write access to {place}, or set RECOUPLE_HOME to another folder"
        return DoctorFinding("home", False, f"{folder} cannot be written ({type(error).__name__})", remedy)
    return DoctorFinding("home", True, f"{folder} can be written")


def lock(folder: Path) -> DoctorFinding:
    """Is the warehouse free for a run? Not to be asked by a process that holds it open itself."""
    path = Home(folder).warehouse
    if not path.exists():
        return DoctorFinding("lock", True, "no warehouse yet; the first run makes it")
    try:
        with path.open("rb+") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.lockf(file, fcntl.LOCK_UN)
    except BlockingIOError:
        remedy = "Wait for it if it is a run; otherwise stop that process. A run waits a minute by itself"
        return DoctorFinding("lock", False, f"{path} is in use by {_holder(path)}", remedy)
    except OSError as error:
        remedy = f"Give this user read and write access to {path}"
        return DoctorFinding("lock", False, f"{path} cannot be opened ({type(error).__name__})", remedy)
    return DoctorFinding("lock", True, f"{path} is free")


def alert_addresses(settings: Settings) -> DoctorFinding:
    """Would anybody be told? The addresses are not shown: they hold tokens."""
    addresses = settings.alert_urls
    if not addresses:
        return DoctorFinding("alerts", True, "off: set RECOUPLE_ALERT_URLS to be told of changes and failed nights")
    wrong = [str(n) for n, address in enumerate(addresses, 1) if not messenger.understood(address)]
    if not wrong:
        return DoctorFinding(
            "alerts", True, f"addresses understood: {len(addresses)}; `recouple doctor --alert` tries them"
        )
    told = f"of {len(addresses)} addresses in RECOUPLE_ALERT_URLS, number {', '.join(wrong)} cannot be understood"
    return DoctorFinding(
        "alerts", False, told, "Write it as Apprise's documentation of the service does; spaces part two"
    )


def calendars(reference: Reference, today: date) -> list[DoctorFinding]:
    """Do the lists that end still reach far enough? Those read from what is fetched are a run's to judge."""
    findings = []
    for entry in reference.lists:
        told = list_ends(entry, today)
        if entry.complete_until is None:
            continue
        if not told["is_ending"]:
            findings.append(DoctorFinding(f"calendar {entry.id}", True, f"complete until {entry.complete_until}"))
            continue
        since = "too short since" if told["is_short"] else "too short from"
        detail = f"complete until {entry.complete_until}, {since} {told['falls_short_on']}; affects {entry.affects}"
        findings.append(DoctorFinding(f"calendar {entry.id}", not told["is_short"], detail, entry.remedy))
    return findings


def try_alerts(settings: Settings) -> list[DoctorFinding]:
    """Send one message to every address, without waiting for a night that brings news."""
    text = "A test of the alerts, asked for by `recouple doctor --alert`."
    findings = []
    for number, address in enumerate(settings.alert_urls, 1):
        taken = messenger.delivered(address, "Recouple: a test", text)
        told = "took the test message" if taken else "did not take the test message"
        remedy = "" if taken else "Check the address, its token, and the network between here and the service"
        findings.append(DoctorFinding(f"alert address {number}", taken, told, remedy))
    return findings


def _holder(path: Path) -> str:
    """The process that has the file open, as far as it may be seen."""
    wanted = str(path.resolve())
    for process in psutil.process_iter(["pid"]):
        try:
            if any(opened.path == wanted for opened in process.open_files()):
                return f"{' '.join(process.cmdline()[:4])} (PID {process.pid})"
        except psutil.Error:  # gone meanwhile, or not ours to look at
            continue
    return "another process"


# ------------------------------------------------------------------ the services
@dataclass(frozen=True)
class Asked:
    """How one service answered, and what time it is there, where it says so."""

    finding: DoctorFinding
    told_time: str | None = None


def services(config: LiveConfig, clock: Clock) -> list[Asked]:
    """One small request to each, through the client that a night would use."""
    fredgraph, desk, table = config.fredgraph_url or fred.CSV_URL, config.nyfed_url or nyfed.URL, config.farside_url
    newest = {"id": "DFF", "cosd": "2026-01-01"}
    return [
        Asked(_finding("Yahoo", lambda: _newest_bars(config, clock))),
        _page("FRED", fredgraph, "/graph/fredgraph.csv", newest, "DFF", clock),
        _page("New York Fed", desk, "/tsy/all/results/summary/last/1.json", {}, '"auctions"', clock),
        _page("Farside (optional)", table or farside.URL, farside.PATH, {}, "IBIT", clock, optional=True),
    ]


def _newest_bars(config: LiveConfig, clock: Clock) -> None:
    client = YfinanceClient(_ONCE, Pace(100, clock), clock, base_url=config.yahoo_url, cache_dir=config.cache_dir)
    today = clock.now().astimezone(NEW_YORK).date()
    with client.connected() as connection:
        connection.daily_bars("^GSPC", today - timedelta(days=7), today + timedelta(days=1))


def _page(
    name: str,
    base_url: str,
    path: str,
    params: Mapping[str, str],
    proof: str,
    clock: Clock,
    *,
    optional: bool = False,
) -> Asked:
    """proof: what stands in a good answer."""
    http = Http(name, base_url, _ONCE, Pace(100, clock), clock)

    def ask() -> None:
        body = http.text(path, params, path)
        if proof not in body:
            raise not_data(name, path, "data", body)

    try:
        return Asked(_finding(name, ask, optional=optional), http.told_time)
    finally:
        http.close()


def _finding(name: str, ask: Callable[[], None], *, optional: bool = False) -> DoctorFinding:
    try:
        ask()
    except SourceError as error:
        told, remedy = _trouble(error)
        if optional:
            return DoctorFinding(f"service {name}", True, f"{told}; what depends on it will be marked as missing")
        return DoctorFinding(f"service {name}", False, told, remedy)
    return DoctorFinding(f"service {name}", True, "answered with data")


def _trouble(error: SourceError) -> tuple[str, str]:
    look = "Open it in a browser from this machine; a proxy, a firewall or a bot wall may stand between"
    if isinstance(error, Unreachable):
        return f"did not answer: {error.what}", f"Check the network, DNS and HTTPS_PROXY. {look}"
    if isinstance(error, RateLimited):
        return f"{error.what}, too many requests", "Wait an hour; nothing else on this address may ask the same service"
    if isinstance(error, ServiceDown):
        return f"{error.what}, the service has trouble", "Wait; a run tries again by itself"
    return error.what, look


def fred_key(config: LiveConfig, clock: Clock) -> DoctorFinding:
    """Is there a key, and does FRED accept it?"""
    key = config.fred_api_key
    if key is None:
        told = "not set: the keyless CSV endpoint is used, without vintages"
        return DoctorFinding(
            "FRED_API_KEY", True, told, "Optional: a free key from fred.stlouisfed.org brings vintages"
        )
    shape = key.get_secret_value()
    if len(shape) != FRED_KEY_LENGTH or not (shape.isalnum() and shape.islower()):
        told = f"set, but not {FRED_KEY_LENGTH} lower-case letters and digits"
        return DoctorFinding(
            "FRED_API_KEY", False, told, f"{fredapi_client.GET_A_KEY}; look for quotes and spaces around it"
        )
    client = fredapi_client.KeyedFred(key, _ONCE, Pace(100, clock), clock, config.fred_url)
    try:
        client.get_series_info("DFF")
    except KeyRejected as error:
        return DoctorFinding("FRED_API_KEY", False, error.what, f"{error.remedy}.")
    except SourceError as error:
        return DoctorFinding("FRED_API_KEY", False, f"could not be checked: {error.what}", "Run the doctor again later")
    return DoctorFinding("FRED_API_KEY", True, "accepted by FRED")


def clock_skew(clock: Clock, told: Iterable[str | None]) -> DoctorFinding:
    """Does this machine agree with the services about the time? It decides which bars are final."""
    skews = []
    for text in told:
        try:
            skews.append((clock.now() - parsedate_to_datetime(text or "")).total_seconds())
        except (ValueError, TypeError):
            continue
    if not skews:
        return DoctorFinding("clock", False, "no service told the time", "Make the services reachable, then ask again")
    skew = statistics.median(skews)
    told_skew = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the services"
    if abs(skew) <= MOST_SKEW.total_seconds():
        return DoctorFinding("clock", True, told_skew)
    return DoctorFinding("clock", False, told_skew, "Set the clock, for example with `timedatectl set-ntp true`")
