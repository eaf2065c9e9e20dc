"""A server as a person starts it: in a process of its own, on a free port, ended with all it started.

Here: starting, waiting until it answers, ending. Not here: what it serves.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.error import URLError
from urllib.request import urlopen

import psutil

ROOT = Path(__file__).parents[2]
STARTING_SECONDS = 180
_T = TypeVar("_T")


@contextmanager
def served(
    command: str, home: Path, log: Path, *, answers: str, settings: Mapping[str, str] | None = None
) -> Iterator[str]:
    """The address of a running `recouple COMMAND` over a home; answers: the path that tells that it is up."""
    program = Path(sys.executable).with_name("recouple")
    chosen = {"RECOUPLE_SOURCE": "sample", "RECOUPLE_HOME": str(home), "RECOUPLE_AS_OF": "", **(settings or {})}
    with started([program, command], log, answers=answers, cwd=ROOT, env={**os.environ, **chosen}) as address:
        yield address


@contextmanager
def started(
    command: Sequence[str | Path], log: Path, *, answers: str, cwd: Path, env: Mapping[str, str]
) -> Iterator[str]:
    """The address of a server that takes `--port`, from when it answers until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("w") as said:
        server = subprocess.Popen([*command, "--port", str(port)], cwd=cwd, env=env, stdout=said, stderr=said)
        try:
            _wait_for(f"http://127.0.0.1:{port}{answers}", server, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            _end(server)


def awaited(found: Callable[[], _T | None], seconds: float = float("inf")) -> _T:
    """What is found as soon as it is there; nothing after so many seconds."""
    until = time.monotonic() + seconds
    while not (there := found()) and time.monotonic() < until:
        time.sleep(0.2)
    return there  # type: ignore[return-value]


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Until the server answers; a server that ends instead says why."""
    until = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()
        try:
            urlopen(address, timeout=5).close()
            return
        except (URLError, TimeoutError):
            time.sleep(0.2)
    raise AssertionError(f"no answer from {address}:\n{log.read_text()}")


def _end(server: subprocess.Popen[bytes]) -> None:
    """The server and all it started, first asked, then made to end."""
    family = [*psutil.Process(server.pid).children(recursive=True), psutil.Process(server.pid)]
    server.terminate()
    _, left = psutil.wait_procs(family, timeout=20)
    for process in left:
        process.kill()
    psutil.wait_procs(left, timeout=20)
