"""The one way into the practice world: every call and every file write is numbered here, and accidents happen here."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.errors import Refused
from tasks.practice.commands import Failed, Job, Options
from tasks.practice.eksctl import PracticeEksctl
from tasks.practice.kubectl import PracticeKubectl
from tasks.practice.world import World
from tasks.seams import AwsError

ACCIDENTS = ("die-after", "die-during", "fail-at", "fail-after", "lie-at")
READS = re.compile(r"(?:describe|list|get)_")


@dataclass(frozen=True)
class Accident:
    """Something that goes wrong at event number `event`. kind: one of ACCIDENTS."""

    kind: str
    event: int

    @classmethod
    def parse(cls, kind: str, text: str) -> Accident:
        if not re.fullmatch(r"[1-9][0-9]{0,5}", text, re.ASCII):
            raise Refused(
                f"--{kind} {text!r} is not the number of an event: name one from 1 up to the number that a run prints last."
            )
        return cls(kind, int(text))


class PowerCut(BaseException):
    """Death in a test, where no process can really be killed: from here on nothing reaches the world any more."""


def kill_this_process() -> None:
    """The real thing."""
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Door:
    """world: what is behind it. keep: called with the world after every event, to put it where the next run finds it.

    die: what death is here. events: how many there were so far.
    """

    world: World
    accidents: Sequence[Accident] = ()
    keep: Callable[[World], None] = lambda _: None
    die: Callable[[], None] = kill_this_process
    events: int = 0
    dead: bool = False
    lines: list[tuple[str, ...]] = field(default_factory=list)  # the command lines that changed something

    # Commands

    def start(self, argv: Sequence[str]) -> str:
        """Begins a command; its number is for `ended` and `collect`."""
        number = self._event()
        job = self._staged(number, lambda: self._command(argv), Job(stderr="error: staged failure", exit=1), Job())
        if self._at("fail-after", number):
            job = Job(job.stdout, "error: staged failure", 1, job.seconds, job.then)
        begun = self.world.begin_job(job)
        self._open[begun] = number
        self._after(number, during=True)
        return begun

    def collect(self, job: str) -> tuple[int, str, str]:
        """Exit, stdout and stderr of a command that has ended."""
        self._alive()
        found = self.world.state["jobs"].pop(job)
        number = self._open.pop(job)
        failed = self._at("fail-after", number)
        self._after(number)
        return (1 if failed else found["exit"]), found["stdout"], found["stderr"]

    def runs(self, job: str) -> bool:
        self._alive()
        return self.world.job_runs(job)

    def _command(self, argv: Sequence[str]) -> Job:
        program, options = argv[0], Options.parse(argv[1:])
        try:
            match program:
                case "eksctl":
                    job = PracticeEksctl(self.world, _yaml).start(options)
                case "kubectl":
                    job = PracticeKubectl(self.world, _yaml).start(options)
                case _:
                    return Job(stderr=f"{program}: command not found", exit=127)
        except Failed as failed:
            return Job(stderr=f"{failed}\n", exit=1)
        return job

    # AWS

    def aws(self, service: str, operation: str, **parameters: Any) -> Mapping[str, Any]:
        number = self._event()

        def call() -> Mapping[str, Any]:
            return self.world.eks.call(service, operation, parameters)

        if self._at("fail-at", number):
            raise AwsError("ServiceUnavailable", "staged failure")
        lied = self._at("lie-at", number) and not READS.match(operation)
        answer = {} if lied else call()
        self._after(number, during=True)
        if self._at("fail-after", number):
            raise AwsError("ServiceUnavailable", "staged failure")
        self._after(number)
        return answer

    # Files

    def file(self, write: Callable[[], None], tear: Callable[[], None]) -> None:
        """A write: `write` does it, `tear` leaves behind what a power cut in its middle leaves."""
        number = self._event()
        if self._at("fail-at", number):
            raise Refused("The file could not be written (staged failure): start again.")
        if self._at("die-during", number):
            tear()
            self._die()
        if not self._at("lie-at", number):
            write()
        if self._at("fail-after", number):
            raise Refused("The file could not be written (staged failure): start again.")
        self._after(number)

    def pass_time(self, seconds: float) -> None:
        self._alive()
        self.world.pass_time(seconds)

    # Events and accidents

    _open: dict[str, int] = field(default_factory=dict)

    def _event(self) -> int:
        self._alive()
        self.events += 1
        return self.events

    def _staged(self, number: int, do: Callable[[], Job], failed: Job, lied: Job) -> Job:
        if self._at("fail-at", number):
            return failed
        return lied if self._at("lie-at", number) else do()

    def _at(self, kind: str, number: int) -> bool:
        return any(accident.kind == kind and accident.event == number for accident in self.accidents)

    def _after(self, number: int, during: bool = False) -> None:
        self.keep(self.world)
        if self._at("die-during" if during else "die-after", number):
            self._die()

    def _die(self) -> None:
        self.dead = True
        self.die()

    def _alive(self) -> None:
        if self.dead:
            raise PowerCut


def _yaml(path: str) -> dict[str, Any]:
    import yaml

    document = yaml.load(Path(path).read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    assert isinstance(document, dict)
    return document
