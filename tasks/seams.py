"""Everything a task needs of the world outside it, as one frozen value.

A real run and a rehearsal differ in nothing but this value: what is behind it is AWS, programs and the wall clock, or
the practice cluster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Ran:
    """What a command came to. exit: its exit code, or minus the signal that ended it."""

    argv: tuple[str, ...]
    exit: int
    stdout: str
    stderr: str

    @property
    def last_words(self) -> str:
        """The line in which a program says why it failed: the last one it wrote to stderr, else to stdout."""
        lines = (self.stderr.strip() or self.stdout.strip()).splitlines()
        return lines[-1].strip() if lines else "it said nothing"


@dataclass(frozen=True)
class Place:
    """Where a command runs that is not simply run here. It and its children are one group, which an interrupt ends.

    folder: its working directory. private: a folder that nobody else can read, for what it prints. environment: all of
    it, and nothing of our own besides.
    """

    folder: str
    private: str
    environment: Mapping[str, str]


class Watch(Protocol):
    """Whoever wants to know about a long command."""

    def started(self, number: int, start: str) -> None:
        """Its process, so that the next run finds it should this one die."""

    def pause(self) -> None:
        """Called between two looks at whether it is over, every few seconds."""

    def ended(self, number: int) -> None: ...


class Run(Protocol):
    """Runs a command and waits for it.

    changes: the command changes the world, so that `--dry` shows it instead. limit: seconds until it is ended; its
    exit is then minus 9. A program that is missing is exit 127.
    """

    def __call__(
        self,
        argv: Sequence[str],
        *,
        changes: bool = False,
        limit: float | None = None,
        watch: Watch | None = None,
        place: Place | None = None,
    ) -> Ran: ...


class Aws(Protocol):
    """One AWS operation, in botocore's shapes: aws("eks", "describe_cluster", name="hub") → the whole answer.

    All pages of an answer in one. Raises AwsError.
    """

    def __call__(self, service: str, operation: str, **parameters: Any) -> Mapping[str, Any]: ...


class AwsError(Exception):
    """AWS said no, or nothing. code: botocore's, such as ResourceNotFoundException or ExpiredToken."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since 1970."""

    def sleep(self, seconds: float) -> None: ...


class Folder(Protocol):
    """The files that are read and edited, by their path below the folder."""

    def read(self, path: str) -> bytes | None:
        """None if there is no such file."""

    def write(self, path: str, content: bytes) -> None:
        """All of it or nothing: written aside and renamed. Private where the path begins with a dot."""

    def append(self, path: str, line: bytes) -> None:
        """One line, whole or, after a power cut, cut off."""

    def remove(self, path: str) -> None: ...

    def names(self, path: str) -> list[str]:
        """What lies in a folder, in order; nothing if there is no such folder."""

    def path(self, path: str) -> str:
        """As a program on the command line would name it."""


class Processes(Protocol):
    """Who runs a task, and who still runs."""

    def myself(self) -> tuple[str, int, str]:
        """user@host, process number, and a text that tells this process from a later one of the same number."""

    def alive(self, number: int, start: str) -> bool: ...


@dataclass(frozen=True)
class Answer:
    """What a web server said."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class WebError(Exception):
    """Nobody answered."""


class Web(Protocol):
    """One HTTP request. Raises WebError."""

    def __call__(
        self, url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer: ...


def nobody(*_: Any, **__: Any) -> Answer:
    """The web of a world that has none."""
    raise WebError("there is no network here")


@dataclass(frozen=True)
class Seams:
    run: Run
    aws: Aws
    clock: Clock
    folder: Folder
    processes: Processes
    web: Web = nobody
