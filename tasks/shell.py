"""The only module that runs commands."""

from __future__ import annotations

import getpass
import os
import shlex
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from tempfile import TemporaryDirectory

from invoke.context import Context
from invoke.runners import Local, Promise, Result, Runner

from tasks.endings import undisturbed
from tasks.seams import Clock, Place, Ran, Watch

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0  # seconds between two looks at a command
OUTPUT = ".runs/output"
GRACE = 30.0  # seconds that an interrupted group has for cleaning up


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


class GroupRunner(InterruptibleRunner):
    """A command and its children as a process group of their own.

    Python programs among them (hubploy) clean up on SIGINT and on no other signal, and what they have started (helm)
    has to hear it too: Ctrl-C, and whatever else ends us, reaches all of them as SIGINT.
    """

    def start(self, command: str, shell: str, env: dict[str, str]) -> None:
        self.process = Popen(
            command, shell=True, executable=shell, env=env, stdin=PIPE, stdout=PIPE, stderr=PIPE, process_group=0
        )

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def end_group(self) -> None:
        """SIGINT first, and SIGKILL for what does not end by itself."""
        self._signal(signal.SIGINT)
        end = time.monotonic() + GRACE
        while self._signal(0) and time.monotonic() < end:
            self.process.poll()  # a leader that nobody waits for would keep its group alive
            time.sleep(FIRST_PAUSE)
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> bool:
        """Whether there is a group to hear it."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return False
        return True


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
        self,
        argv: Sequence[str],
        *,
        changes: bool = False,
        limit: float | None = None,
        watch: Watch | None = None,
        place: Place | None = None,
    ) -> Ran:
        dry = changes and bool(self.context.config.run.dry)
        line = shlex.join(argv)
        if dry:
            self.context.run(line)
            return Ran(tuple(argv), 0, "", "")
        with self._output(watch is not None, place) as folder:
            # No keyboard: a program that asks is told at once that nobody is there.
            where = shlex.quote(str(folder))
            redirected = f" </dev/null >{where}/out 2>{where}/err" if folder else ""
            there = f"cd {shlex.quote(place.folder)} && " if place else ""
            promise = self._runner(place).run(
                f"{there}exec {line}{redirected}",
                asynchronous=True,
                warn=True,
                dry=False,
                hide=True,
                in_stream=False,
                pty=False,
                timeout=None,
                env=dict(place.environment) if place else {},
                replace_env=bool(place),
            )
            assert isinstance(promise, Promise)
            result = self._wait(promise, limit, watch)
            output = [_read(folder / name) for name in ("out", "err")] if folder else [result.stdout, result.stderr]
        return Ran(tuple(argv), result.exited, *output)

    def _runner(self, place: Place | None) -> Runner:
        runner: Runner = GroupRunner(self.context) if place else self.context.config.runners.local(self.context)
        return runner

    def _wait(self, promise: Promise, limit: float | None, watch: Watch | None) -> Result:
        runner = promise.runner
        number = process_number(runner)
        if watch:
            watch.started(number, process_start(number))
        begun, pause = self.clock.now(), self.pause or FIRST_PAUSE
        try:
            while not runner.process_is_finished:
                self.clock.sleep(pause)
                pause = self.pause or min(LONGEST_PAUSE, pause * 1.5)
                if watch:
                    watch.pause()
                if limit is not None and self.clock.now() - begun > limit:
                    runner.kill()
                    break
        except BaseException:
            if isinstance(runner, GroupRunner):
                with undisturbed():  # an impatient second Ctrl-C would leave the group to itself
                    runner.end_group()
            raise
        result = promise.join()
        assert isinstance(result, Result)
        if watch:
            watch.ended(number)
        return result

    @contextmanager
    def _output(self, lasting: bool, place: Place | None) -> Iterator[Path | None]:
        """The folder for the files `out` and `err`, which nobody else can read."""
        if self.root is None:
            yield None
        elif place:
            with TemporaryDirectory(dir=place.private) as name:
                yield Path(name)
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
