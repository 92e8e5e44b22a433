"""The seams with the practice world behind them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.folder import DiskFolder
from tasks.practice.door import Door
from tasks.seams import Place, Ran, Seams, Watch
from tasks.shell import RealProcesses, process_start

POLL = 20.0  # virtual seconds between two looks at a running command


@dataclass(frozen=True)
class PracticeClock:
    door: Door

    def now(self) -> float:
        return self.door.world.now

    def sleep(self, seconds: float) -> None:
        self.door.pass_time(seconds)


@dataclass(frozen=True)
class PracticeFolder:
    """A folder on disk whose writes are events."""

    door: Door
    disk: DiskFolder

    def read(self, path: str) -> bytes | None:
        return self.disk.read(path)

    def write(self, path: str, content: bytes) -> None:
        self.door.file(lambda: self.disk.write(path, content), lambda: self.disk.tear(path, content))

    def append(self, path: str, line: bytes) -> None:
        self.door.file(lambda: self.disk.append(path, line), lambda: self.disk.append(path, line[: len(line) // 2]))

    def remove(self, path: str) -> None:
        self.door.file(lambda: self.disk.remove(path), lambda: None)

    def names(self, path: str) -> list[str]:
        return self.disk.names(path)

    def path(self, path: str) -> str:
        return self.disk.path(path)


@dataclass(frozen=True)
class PracticeProcesses:
    """Commands run in the practice world; whoever started them is a real process."""

    door: Door
    number: int = 0
    real: bool = True

    def myself(self) -> tuple[str, int, str]:
        number = self.number or os.getpid()
        return "operator@practice", number, process_start(number) if self.real else "practice"

    def alive(self, number: int, start: str) -> bool:
        if str(number) in self.door.world.state["jobs"]:
            return self.door.runs(str(number))
        return self.real and RealProcesses().alive(number, start)


@dataclass(frozen=True)
class PracticeRun:
    """Runs commands in this very process: for tests. `invoke rehearse` goes through Invoke's own runner instead."""

    door: Door

    def __call__(
        self,
        argv: Sequence[str],
        *,
        changes: bool = False,
        limit: float | None = None,
        watch: Watch | None = None,
        place: Place | None = None,
    ) -> Ran:
        if changes:
            self.door.lines.append(tuple(argv))
        job = self.door.start(argv)
        if watch:
            watch.started(int(job), "practice")
        while self.door.runs(job):
            self.door.pass_time(POLL)
            if watch:
                watch.pause()
        code, stdout, stderr = self.door.collect(job)
        if watch:
            watch.ended(int(job))
        return Ran(tuple(argv), code, stdout, stderr)


def practice_seams(door: Door, folder: Path, number: int = 0) -> Seams:
    """number: the process that this run claims to be; a test's runs, all in one process, are told apart by it."""
    disk = PracticeFolder(door, DiskFolder(folder))
    return Seams(
        PracticeRun(door), door.aws, PracticeClock(door), disk, PracticeProcesses(door, number, real=not number)
    )
