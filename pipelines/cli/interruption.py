"""What a signal does to a command: one sentence, and the end of the process.

Here: hearing SIGINT, SIGTERM and SIGHUP from the first line of the command on. Not here: what a run settles before it
ends (pipelines.cli.runs), commands that end what they started in their own way (pipelines.cli.dev).

A thread of its own takes the signals and ends the process. Raised into whatever the process happens to do, an
interruption also falls into imports, finalizers and callbacks of libraries, which show a traceback or go on. Nothing
has to unwind: whatever is written here is whole after kill -9 at any moment.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TypeVar

_Entry = TypeVar("_Entry")

_ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_NO_MORE = signal.SIGUSR1  # wakes the thread when there is nothing to hear any more
_SETTLING_SECONDS = 10.0  # a database that hangs keeps nobody from ending

_settling: list[Callable[[], object]] = []
_sentences: list[Callable[[], str]] = []
_hearing: list[threading.Thread] = []


def hear_signals() -> None:
    """From now on a signal ends this process.

    Called before there are other threads: a thread, and every process it starts, keeps the signals it was born with.
    So a signal of the terminal reaches no helper process, which would die with a traceback of its own.
    """
    ignored = {number for number in _ENDING if signal.getsignal(number) == signal.SIG_IGN}
    heard = _ENDING - (ignored & {signal.SIGHUP})  # nohup means it; a script's background jobs are born without SIGINT
    signal.pthread_sigmask(signal.SIG_BLOCK, heard | {_NO_MORE})
    thread = threading.Thread(target=_hear, args=(heard,), name="signals", daemon=True)
    thread.start()
    _hearing.append(thread)


def hand_over() -> None:
    """Leave signals to what comes now: a program in the place of this one, or handlers of a command's own."""
    while _hearing:
        thread = _hearing.pop()
        signal.pthread_kill(thread.ident or 0, _NO_MORE)
        thread.join()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING | {_NO_MORE})


def settling(settle: Callable[[], object]) -> AbstractContextManager[None]:
    """While this lasts, a signal calls it before the process ends; what was begun last is settled first."""
    return _entered(_settling, settle)


def saying(sentence: Callable[[], str]) -> AbstractContextManager[None]:
    """While this lasts, a signal ends the process with this sentence."""
    return _entered(_sentences, sentence)


@contextmanager
def _entered(entries: list[_Entry], entry: _Entry) -> Iterator[None]:
    entries.append(entry)
    try:
        yield
    finally:
        entries.remove(entry)


def _hear(heard: set[signal.Signals]) -> None:
    number = signal.sigwait(heard | {_NO_MORE})
    if number != _NO_MORE:
        _end(signal.Signals(number))


def _end(number: signal.Signals) -> None:
    settled = threading.Thread(target=_settle, daemon=True)
    settled.start()
    settled.join(_SETTLING_SECONDS)
    _end_children()
    sentence = _sentences[-1]() if _sentences else f"recouple: cancelled by {number.name}"
    with suppress(OSError):  # nobody reads it any more
        os.write(2, f"{sentence}\n".encode())  # not through a stream that the interrupted line may hold
    os._exit(128 + number)


def _settle() -> None:
    for settle in reversed(_settling):
        settle()


def _end_children() -> None:
    """Whatever this process started; it was born deaf to gentler signals."""
    import psutil  # here, because a command that is not interrupted does not need it

    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.kill()
