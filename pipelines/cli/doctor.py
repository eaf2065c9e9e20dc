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

import curl_cffi.requests as curl
import httpx
import psutil
from curl_cffi.requests.exceptions import RequestException

from assets.marts.calendars import row as list_ends
from assets.reference.facts import Reference, load_reference
from pipelines.alerts import messenger
from pipelines.cli import installation
from pipelines.cli.installation import DoctorFinding, nearest
from pipelines.home import Home
from pipelines.settings import FRED_KEY_LENGTH, Settings
from pipelines.sources import farside, fred, fredapi_client, nyfed
from pipelines.sources.errors import KeyRejected, SourceError
from pipelines.sources.http import NEW_YORK, USER_AGENT, Clock, Pace, RetryPolicy, SystemClock, looks_like_html
from pipelines.sources.live import LiveConfig

TIMEOUT_SECONDS = 10.0
MOST_SKEW = timedelta(minutes=2)


@dataclass(frozen=True)
class Reply:
    """How a service answered one request."""

    status: int
    headers: Mapping[str, str]
    body: str


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
    replies = {probe.name: probe.ask() for probe in probes(config)}
    findings += [service(probe, replies[probe.name]) for probe in probes(config)]
    findings.append(fred_key(config, clock))
    findings.append(clock_skew(clock, (r for r in replies.values() if isinstance(r, Reply))))
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
class Probe:
    """One small request to one service, and what a good answer contains."""

    name: str
    ask: Callable[[], Reply | str]
    proof: str
    optional: bool = False


def probes(config: LiveConfig) -> list[Probe]:
    """One per service."""
    chart = (config.yahoo_url or "https://query2.finance.yahoo.com") + "/v8/finance/chart/%5EGSPC"
    graph = (config.fredgraph_url or fred.CSV_URL) + "/graph/fredgraph.csv"
    desk = (config.nyfed_url or nyfed.URL) + "/tsy/all/results/summary/last/1.json"
    table = (config.farside_url or farside.URL) + farside.PATH
    return [
        Probe("Yahoo", lambda: _as_browser(f"{chart}?range=1d&interval=1d"), '"chart"'),
        Probe("FRED", lambda: _get(f"{graph}?id=DFF&cosd=2026-01-01"), "DFF"),
        Probe("New York Fed", lambda: _get(desk), '"auctions"'),
        Probe("Farside (optional)", lambda: _get(table), "IBIT", optional=True),
    ]


def service(probe: Probe, reply: Reply | str) -> DoctorFinding:
    """Did it answer with data?"""
    name = f"service {probe.name}"
    if isinstance(reply, Reply) and reply.status < 400 and probe.proof in reply.body:
        return DoctorFinding(name, True, f"answered with data (HTTP {reply.status})")
    told, remedy = _trouble(reply)
    if probe.optional:
        return DoctorFinding(name, True, f"{told}; what depends on it will be marked as missing")
    return DoctorFinding(name, False, told, remedy)


def _trouble(reply: Reply | str) -> tuple[str, str]:
    look = "Open it in a browser from this machine; a proxy, a firewall or a bot wall may stand between"
    if isinstance(reply, str):
        return f"did not answer: {reply}", f"Check the network, DNS and HTTPS_PROXY. {look}"
    if reply.status == 429:
        return "HTTP 429, too many requests", "Wait an hour; nothing else on this address may ask the same service"
    if reply.status >= 500:
        return f"HTTP {reply.status}, the service has trouble", "Wait; a run tries again by itself"
    if reply.status >= 400:
        return f"HTTP {reply.status}", look
    page = "an HTML page" if looks_like_html(reply.body) else "something else"
    return f"answered {reply.status} with {page} instead of data", look


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
    policy = RetryPolicy(timeout_seconds=TIMEOUT_SECONDS, tries=1)
    client = fredapi_client.KeyedFred(key, policy, Pace(100, clock), clock, config.fred_url)
    try:
        client.get_series_info("DFF")
    except KeyRejected as error:
        return DoctorFinding("FRED_API_KEY", False, error.what, f"{error.remedy}.")
    except SourceError as error:
        return DoctorFinding("FRED_API_KEY", False, f"could not be checked: {error.what}", "Run the doctor again later")
    return DoctorFinding("FRED_API_KEY", True, "accepted by FRED")


def clock_skew(clock: Clock, replies: Iterable[Reply]) -> DoctorFinding:
    """Does this machine agree with the services about the time? It decides which bars are final."""
    skews = []
    for reply in replies:
        try:
            said = parsedate_to_datetime(reply.headers.get("date", ""))
            skews.append((clock.now() - said).total_seconds())
        except (ValueError, TypeError):
            continue
    if not skews:
        return DoctorFinding("clock", False, "no service told the time", "Make the services reachable, then ask again")
    skew = statistics.median(skews)
    told = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the services"
    if abs(skew) <= MOST_SKEW.total_seconds():
        return DoctorFinding("clock", True, told)
    return DoctorFinding("clock", False, told, "Set the clock, for example with `timedatectl set-ntp true`")


def _get(url: str) -> Reply | str:
    """One GET: the reply, or in a word why there is none."""
    try:
        reply = httpx.get(url, timeout=TIMEOUT_SECONDS, follow_redirects=True, headers={"user-agent": USER_AGENT})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return type(error).__name__
    return Reply(reply.status_code, dict(reply.headers), reply.text)


def _as_browser(url: str) -> Reply | str:
    """The same in the way yfinance asks, because Yahoo turns other clients away."""
    try:
        reply = curl.get(url, timeout=TIMEOUT_SECONDS, impersonate="chrome")
    except RequestException as error:
        return type(error).__name__
    headers = {str(name).lower(): str(value) for name, value in reply.headers.items()}
    return Reply(reply.status_code, headers, reply.text)
