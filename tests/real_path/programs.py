"""What is behind the stand-in eksctl and kubectl: the practice world, and what a test has staged."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.practice.door import Door
from tests.real_path.amazon import Start

POLL = 20.0  # virtual seconds between two looks at a command
READS = (("eksctl", "version"), ("kubectl", "get"), ("kubectl", "version"))
LOOK = ("kubectl", "get", "nodes,pods,poddisruptionbudgets,daemonsets,deployments")
FILES = ("--config-file=", "--filename=")


@dataclass
class Staged:
    """How the next command that begins with `words` goes wrong.

    effect: it does its work all the same. held: it does not end before `released` is set.
    """

    words: tuple[str, ...]
    exit: int | None = None
    stderr: str = ""
    effect: bool = True
    held: bool = False
    begun: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    number: int = 0  # of its process


@dataclass
class Programs:
    """A WSGI application. pace: virtual seconds that pass before each look at the cluster's workloads."""

    door: Door
    lock: threading.RLock
    pace: float = 60.0
    calls: list[tuple[str, ...]] = field(default_factory=list)  # all command lines
    staged: list[Staged] = field(default_factory=list)

    @property
    def lines(self) -> list[tuple[str, ...]]:
        """Those that change something."""
        return [call for call in self.calls if _words(call)[:2] not in READS]

    def __call__(self, request: dict[str, Any], start: Start) -> Iterable[bytes]:
        call = json.loads(request["wsgi.input"].read(int(request["CONTENT_LENGTH"])))
        code, stdout, stderr = self.run(call["argv"], call["folder"], call["number"])
        answer = json.dumps({"exit": code, "stdout": stdout, "stderr": stderr}).encode()
        start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
        return [answer]

    def run(self, argv: Sequence[str], folder: str, number: int) -> tuple[int, str, str]:
        words = _words(argv)
        with self.lock:
            self.calls.append(tuple(argv))
            if words[: len(LOOK)] == LOOK:
                self.door.pass_time(self.pace)
            staged = next((s for s in self.staged if words[: len(s.words)] == s.words and not s.begun.is_set()), None)
            job = self.door.start([_absolute(word, folder) for word in argv]) if not staged or staged.effect else None
        if staged:
            staged.number = number
            staged.begun.set()
            if staged.held:
                staged.released.wait()
        with self.lock:
            code, stdout, stderr = self._finish(job) if job else (0, "", "")
        if staged:
            code, stderr = (code if staged.exit is None else staged.exit), staged.stderr or stderr
        return code, stdout, stderr

    def _finish(self, job: str) -> tuple[int, str, str]:
        while self.door.runs(job):
            self.door.pass_time(POLL)
        return self.door.collect(job)


def _words(argv: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for word in argv if not word.startswith("-"))


def _absolute(word: str, folder: str) -> str:
    """The stand-in was started in another folder than this process."""
    for flag in FILES:
        if word.startswith(flag):
            return flag + os.path.join(folder, word.removeprefix(flag))
    return word
