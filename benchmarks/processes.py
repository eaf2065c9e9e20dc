"""Processes that faults happen in: forked, timed by the work they did, and how they ended.

Here: starting, striking and judging one process, and what one fault came to. Not here: the faults.

A process is forked from one that has loaded the libraries and never used them, so it costs nothing to begin. Moments
are counted in its processor time, not by the clock: on a busy machine a fault still strikes where the seed says.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from assets.framework.errors import KnownFault

POLL_SECONDS = 0.005
_ENDED = {0: "done", 2: "sentence", 130: "cancelled", 143: "cancelled", 1: "traceback"}
_HIDDEN = {".lock", ".serving-views"}


@dataclass(frozen=True)
class Outcome:
    """What became of one fault; the violation is empty where everything held."""

    fault: str
    ended: str
    violation: str = ""


def forked(work: Callable[[], object], during: Callable[[int], None] | None = None) -> tuple[str, str]:
    """How a process that does `work` ended (`done`, `sentence`, `cancelled`, `traceback`, `killed`), what it said."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        code, said = 0, ""
        try:
            said = str(work() or "")
        except KnownFault as fault:
            code, said = 2, str(fault)
        except BaseException:  # noqa: BLE001 - told to the parent, whatever it is
            code, said = 1, traceback.format_exc(limit=-3)
        os.write(writing, said.encode()[-4000:])
        os._exit(code)
    os.close(writing)
    if during is not None:
        during(pid)
    _, status = os.waitpid(pid, 0)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    return _ENDED.get(os.waitstatus_to_exitcode(status), "killed"), said


def forked_for(work: Callable[[], object]) -> float:
    """The processor seconds that such a process took; raises where it did not do its work, or says anything."""

    def timed() -> float:
        begun = time.process_time()
        if said := work():
            raise RuntimeError(said)
        return time.process_time() - begun

    ended, said = forked(timed)
    if ended != "done":
        raise RuntimeError(said)
    return float(said)


def worked_for(pid: int, seconds: float) -> bool:
    """Wait until a process has used so much processor time; False where it ended before."""
    process = psutil.Process(pid)
    while process.status() != psutil.STATUS_ZOMBIE:
        used = process.cpu_times()
        if used.user + used.system >= seconds:
            return True
        time.sleep(POLL_SECONDS)
    return False


def unspoken(said: str, number: int, code: int) -> str:
    """Whatever a command that a signal ended did instead of saying so in one sentence; nothing where it did."""
    if code == 0 or number == signal.SIGKILL:  # the signal came too late, or nothing can be said
        return ""
    if code != 128 + number:
        return f"{signal.Signals(number).name} ended it with {code}: {last_line(said)}"
    spoken = "Traceback" not in said and "cancelled" in last_line(said)
    return "" if spoken else f"{signal.Signals(number).name}: no sentence but: {said.strip()[-300:]}"


def last_line(said: str) -> str:
    """Of a traceback, or of anything that was said."""
    return said.strip().splitlines()[-1] if said.strip() else ""


def left_behind(tree: Path) -> list[str]:
    """Files of processes that ended before their time."""
    return sorted(path.name for path in tree.rglob(".*") if path.name not in _HIDDEN)
