"""Appended to tasks/shell.py in a scratch copy: the task is killed before or after the N-th command that it runs.

DIES_AT: `before 3`, `after 3`, or `during 3 0.5`, half a second after it has begun. COMMANDS: a file that takes a line
for each command.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from itertools import count
from typing import Any


def dying(run: Callable[..., Any]) -> Callable[..., Any]:
    numbers = count(1)
    when, number, *delay = [*os.environ.get("DIES_AT", "never 0").split()]

    def runs(self: Any, argv: list[str], **options: Any) -> Any:
        mine = next(numbers) == int(number)
        with open(os.environ["COMMANDS"], "a") as out:
            out.write(" ".join(argv[:3]) + "\n")
        if mine and when == "before":
            die()
        if mine and when == "during":
            threading.Timer(float(delay[0]), die).start()
        ran = run(self, argv, **options)
        if mine and when == "after":
            die()
        return ran

    return runs


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
