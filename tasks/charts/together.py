"""Waiting for several answers at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")
AT_ONCE = 4  # what one repository is asked for at a time; more is hardly faster and not polite


def together(jobs: Sequence[Callable[[], T]], at_once: int = AT_ONCE) -> Iterator[tuple[int, T]]:
    """A job's position and what it came to, as they end; begun in their order. The first that fails ends it all.

    The threads are nobody's to wait for: Ctrl-C ends the task at once, and not when a server that hangs lets go.
    """
    waiting = deque(enumerate(jobs))
    ended: SimpleQueue[tuple[int, T | BaseException]] = SimpleQueue()

    def work() -> None:
        while True:
            try:
                number, job = waiting.popleft()
            except IndexError:
                return
            try:
                ended.put((number, job()))
            except BaseException as error:
                ended.put((number, error))

    for _ in range(min(at_once, len(jobs))):
        threading.Thread(target=work, daemon=True).start()
    try:
        for _ in jobs:
            number, outcome = ended.get()
            if isinstance(outcome, BaseException):
                raise outcome
            yield number, outcome
    finally:
        waiting.clear()
