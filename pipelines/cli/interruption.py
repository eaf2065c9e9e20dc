"""What a signal does to a run at the terminal: Dagster is told that it was cancelled, then it ends.

Here: hearing SIGINT, SIGTERM and SIGHUP however the command was started. Not here: what is done about it
(pipelines.cli.runs).

The signals are taken by a thread of their own. Left to the run itself they would reach it in the middle of a step,
before anybody could say that its end is wished for, and Dagster would call that a failure; and a signal of the terminal
would reach its helper processes, which die with a traceback each.
"""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_AGAIN_SECONDS = 0.5
_NO_MORE = signal.SIGUSR1  # wakes the thread when there is nothing to hear any more, and the run from a sleep


def _nothing_runs() -> bool:
    return False


class Heard:
    """The signal that came, if one did. going_on: says Dagster that the run is to end, and whether it still runs."""

    number: int | None = None
    going_on: Callable[[], bool] = staticmethod(_nothing_runs)


@contextmanager
def hearing_signals() -> Iterator[Heard]:
    """While this lasts, a signal interrupts the block with a KeyboardInterrupt, a run in it until the run has ended.

    Begun before threads are, because a thread keeps the signals it was born with.
    """
    heard = Heard()
    run, over = threading.get_ident(), threading.Event()

    def hear() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {*_ENDING, _NO_MORE})
        number = signal.sigwait({*_ENDING, _NO_MORE})
        if number == _NO_MORE:
            return
        heard.number = int(number)
        heard.going_on()
        while True:  # a library may take the first interruption for the fault of one step
            _thread.interrupt_main()
            signal.pthread_kill(run, _NO_MORE)
            if over.wait(_AGAIN_SECONDS) or not heard.going_on():
                return

    # A script's background jobs ignore SIGINT from birth; with a handler it is heard again.
    handlers = {n: signal.signal(n, signal.default_int_handler) for n in _ENDING}
    handlers[_NO_MORE] = signal.signal(_NO_MORE, lambda *_: None)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    hearing = threading.Thread(target=hear, name="signals", daemon=True)
    hearing.start()
    try:
        yield heard
    finally:
        if hearing.is_alive() and heard.number is None:
            signal.pthread_kill(hearing.ident or 0, _NO_MORE)
        over.set()
        hearing.join()
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
