"""The only module that runs commands."""

from __future__ import annotations

import getpass
import os
import shlex
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from invoke.context import Context
from invoke.runners import Local, Promise, Result

from tasks.seams import Clock, Ran, Watch

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0  # seconds between two looks at a command
OUTPUT = ".runs/output"


@dataclass(frozen=True)
class WallClock:
    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class InterruptibleRunner(Local):
    """Invoke's own runner, but Ctrl-C ends the task: Invoke would hand it on to the program and swallow it."""

    def send_interrupt(self, interrupt: KeyboardInterrupt) -> None:
        raise interrupt


@dataclass(frozen=True)
class InvokeRun:
    """Runs commands through Invoke, and looks at them itself while they work: progress, lock and Ctrl-C meet there.

    What they print goes to files. Invoke's pipes are slow (24 MB, the pods of a large hub, take 30 s), are held open by
    whatever a command has started, and break a command off when this process is gone. root: the folder whose OUTPUT
    takes what long commands print; None: nothing here is a real process. pause: a fixed one, instead of a growing one.
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
        with self._output(lasting=watch is not None) as folder:
            # No keyboard: a program that asks is told at once that nobody is there.
            where = shlex.quote(str(folder))
            redirected = f" </dev/null >{where}/out 2>{where}/err" if folder else ""
            promise = self.context.run(
                f"exec {line}{redirected}",
                asynchronous=True,
                warn=True,
                dry=False,
                hide=True,
                in_stream=False,
                pty=False,
                timeout=None,
            )
            assert isinstance(promise, Promise)
            result = self._wait(promise, limit, watch)
            output = [_read(folder / name) for name in ("out", "err")] if folder else [result.stdout, result.stderr]
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
                break
        result = promise.join()
        assert isinstance(result, Result)
        if watch:
            watch.ended(number)
        return result

    @contextmanager
    def _output(self, lasting: bool) -> Iterator[Path | None]:
        """The folder for the files `out` and `err`, which nobody else can read."""
        if self.root is None:
            yield None
        elif lasting:
            folder = self.root / OUTPUT
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in ("out", "err"):
                (folder / name).touch(mode=0o600)
            yield folder
        else:
            with TemporaryDirectory() as name:
                yield Path(name)


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


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


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
