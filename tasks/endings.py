"""How a run ends that somebody ends: as Ctrl-C would end it, so that it gives back what it holds."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.errors import Terminated

ENDINGS = (signal.SIGTERM, signal.SIGHUP)  # somebody ends us; the terminal is gone


def end_as_interrupted() -> None:
    """From now on. Ctrl-C too, even where we were started with it ignored, as a shell's `&` does."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for ending in ENDINGS:
        signal.signal(ending, _terminate)


@contextmanager
def undisturbed() -> Iterator[None]:
    """While something is made or given back that must not be left half done. What is heard meanwhile counts after it."""
    heard: list[int] = []
    before = {
        number: signal.signal(number, lambda found, _: heard.append(found)) for number in (signal.SIGINT, *ENDINGS)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if heard:
            signal.raise_signal(heard[0])


def _terminate(number: int, _frame: object) -> None:
    """A second one is not heard any more."""
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
    raise Terminated(number)
