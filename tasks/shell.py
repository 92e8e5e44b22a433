"""The only module that runs commands."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from invoke.context import Context
from invoke.runners import Promise, Result

from tasks.seams import Clock, Ran, Watch

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0  # seconds between two looks at a command
OUTPUT = ".runs/output"


@dataclass(frozen=True)
class WallClock:
    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass(frozen=True)
class InvokeRun:
    """Runs commands through Invoke, and looks at them itself while they work: progress, lock and Ctrl-C meet there.

    root: the folder whose OUTPUT takes what long commands print, so that they outlive this process instead of
    breaking off at their next line; None: they are read through pipes. pause: a fixed one, instead of a growing one.
    """

    context: Context
    clock: Clock
    root: Path | None
    pause: float | None = None

    def __call__(
        self, argv: Sequence[str], *, changes: bool = False, limit: float | None = None, watch: Watch | None = None
    ) -> Ran:
        dry = changes and bool(self.context.config.run.dry)
        line = shlex.join(argv)
        if dry:
            self.context.run(line)
            return Ran(tuple(argv), 0, "", "")
        to_files = watch is not None and self.root is not None
        redirected = (
            " </dev/null" if self.root is not None else ""
        )  # a program that asks is told at once that nobody is there
        if to_files:
            redirected += f" >{shlex.quote(self._output('out'))} 2>{shlex.quote(self._output('err'))}"
        promise = self.context.run(
            f"exec {line}{redirected}", asynchronous=True, warn=True, dry=False, hide=True, in_stream=False
        )
        assert isinstance(promise, Promise)
        result = self._wait(promise, limit, watch)
        output = (self._read("out"), self._read("err")) if to_files else (result.stdout, result.stderr)
        return Ran(tuple(argv), result.exited, *output)

    def _wait(self, promise: Promise, limit: float | None, watch: Watch | None) -> Result:
        runner = promise.runner
        number = process_number(runner)
        if watch:
            watch.started(number, process_start(number))
        begun, pause = self.clock.now(), self.pause or FIRST_PAUSE
        while not runner.process_is_finished:
            self.clock.sleep(pause)
            pause = self.pause or min(LONGEST_PAUSE, pause * 1.5)
            if watch:
                watch.pause()
            if limit is not None and self.clock.now() - begun > limit:
                runner.kill()
                runner.threads.clear()  # not waited for: what the command has started may hold on to its pipes
                break
        result = promise.join()
        assert isinstance(result, Result)
        if watch:
            watch.ended(number)
        return result

    def _output(self, name: str) -> str:
        folder = (self.root or Path()) / OUTPUT
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / name).touch(mode=0o600)
        return str(folder / name)

    def _read(self, name: str) -> str:
        return Path(self._output(name)).read_text(encoding="utf-8", errors="replace")


@dataclass(frozen=True)
class RealProcesses:
    """This machine's."""

    def myself(self) -> tuple[str, int, str]:
        number = os.getpid()
        return f"{getpass.getuser()}@{socket.gethostname()}", number, process_start(number)

    def alive(self, number: int, start: str) -> bool:
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        fields = _stat(number)
        return not fields or (fields[0] != "Z" and fields[_START] == start)  # Z: over, and waited for by nobody


def process_number(runner: object) -> int:
    """The number of a command that Invoke runs: `exec` makes the shell's the program's own."""
    process = getattr(runner, "process", None)
    return int(process.pid if process is not None else getattr(runner, "pid", 0))


def process_start(number: int) -> str:
    """When a process was started, in a text that tells it from a later one of the same number; "" if that is unknown."""
    fields = _stat(number)
    return fields[_START] if fields else ""


def _stat(number: int) -> list[str]:
    """What Linux says of a process, its state first; see proc(5). Empty if that is unknown."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


_START = 19  # in clock ticks since the machine was started


def installed(program: str) -> bool:
    return shutil.which(program) is not None
