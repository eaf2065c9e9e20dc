"""What a person at the terminal sees of a run: one line per table, and one per series while it is fetched.

Here: turning Dagster's events and the sources' log into lines on standard error. Not here: the summary at the end
(pipelines.cli.main).
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg


class _Lines(logging.Handler):
    """Prints the end of every step; everything else stays in Dagster's event log."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "dagster_meta", {}).get("dagster_event")
        if event is None or event.step_key is None:
            return
        step = event.step_key.replace("__", ".")
        if event.event_type == dg.DagsterEventType.STEP_SUCCESS:
            self._line("ok", step)
        elif event.event_type == dg.DagsterEventType.STEP_FAILURE:
            self._line("FAILED", step)
        elif event.event_type == dg.DagsterEventType.STEP_UP_FOR_RETRY:
            self._line("retry", step)

    def _line(self, word: str, step: str) -> None:
        sys.stderr.write(f"{time.monotonic() - self._begun:7.1f} s  {word:<6}  {step}\n")
        sys.stderr.flush()


@contextmanager
def source_progress() -> Iterator[None]:
    """While this lasts, what is said of each series fetched and each block of pairs shows on standard error."""
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(logging.Formatter("           %(message)s"))
    rooms = [logging.getLogger(name) for name in ("pipelines.sources", "pipelines.universe")]
    levels = [room.level for room in rooms]
    for room in rooms:
        room.addHandler(lines)
        room.setLevel(logging.INFO)
    try:
        yield
    finally:
        for room, level in zip(rooms, levels, strict=True):
            room.setLevel(level)
            room.removeHandler(lines)


@dg.logger
def progress_logger(_: dg.InitLoggerContext) -> logging.Logger:
    """A logger for runs started at a terminal."""
    logger = logging.Logger("recouple.progress", level=logging.DEBUG)
    logger.addHandler(_Lines())
    return logger
