"""`recouple dev`: Dagster's UI and daemon as one thing that starts whole and ends whole.

Here: the port, the start, the end. Not here: the instance (pipelines.orchestration.instance).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

import psutil

from assets.framework.errors import KnownFault
from pipelines.cli.interruption import hand_over
from pipelines.orchestration.instance import dagster_home
from pipelines.settings import Settings

HOST = "127.0.0.1"
_DG = [sys.executable, "-m", "dagster_dg_cli.cli"]
_LOOK_SECONDS = 0.5
_ASKED_SECONDS, _TOLD_SECONDS = 25, 5  # a run in progress may end its step; then it is ended


class PortInUse(KnownFault):
    """Another program listens where the UI should."""


def serve(settings: Settings, port: int, workspace: Path) -> int:
    """Run until a signal comes or Dagster ends by itself; returns the exit code. Raises PortInUse."""
    check_port(port, "dev")
    dagster_home(settings.home)
    heard: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        heard.append(number)

    # A session of its own: a signal of the terminal comes once, through here, and at the end nobody is left out.
    # Signals that a script's background jobs ignore are heard again by what has a handler when it starts them.
    handlers = {n: signal.signal(n, note) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    hand_over()
    dagster = subprocess.Popen(
        [*_DG, "dev", "--workspace", str(workspace), "--host", HOST, "--port", str(port)],
        start_new_session=True,
        env={**os.environ, "DAGSTER_CLI_TELEMETRY": "0"},
    )
    try:
        while not heard:
            with suppress(subprocess.TimeoutExpired):
                return dagster.wait(timeout=_LOOK_SECONDS)
        dagster.send_signal(signal.SIGINT)  # what Dagster's own processes take for a wish to end
        with suppress(subprocess.TimeoutExpired):
            dagster.wait(timeout=_ASKED_SECONDS)
        return 128 + heard[0]
    finally:
        _end_all(dagster.pid)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def check_port(port: int, command: str) -> None:
    """Raises PortInUse with the program that listens there already."""
    with socket.socket() as trying:
        trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trying.bind((HOST, port))
        except OSError as error:
            raise PortInUse(
                f"port {port} of {HOST} is taken{_by_whom(port)} ({error.strerror}); end that or choose another with "
                f"`recouple {command} --port {port + 1}`"
            ) from None


def _by_whom(port: int) -> str:
    """The program that listens there, where it may be known."""
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            listening = connection.status == psutil.CONN_LISTEN and connection.laddr
            if listening and listening.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (PID {connection.pid})"
    return ""


def _end_all(session: int) -> None:
    """Whatever is left of the session: told to end, then made to."""
    left = [process for process in psutil.process_iter() if _session(process.pid) == session]
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(left, timeout=_TOLD_SECONDS)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=_TOLD_SECONDS)


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None
