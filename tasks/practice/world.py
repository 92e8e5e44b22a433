"""The practice world's time, and what is due in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tasks.practice.commands import Job
from tasks.practice.eks import PracticeEks
from tasks.practice.kubernetes import PracticeKubernetes

State = dict[str, Any]
FIRST_PROCESS = 5_000_000  # beyond any process number that a kernel gives
START = 1767603600.0  # Monday, 2026-01-05, 09:00 UTC: the same words are the same run


class World:
    """State that JSON can hold, and nothing else: a world that was killed is opened again from its file.

    now: virtual seconds since 1970. due: what will happen by itself, as AWS's work goes on when nobody watches.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.kubernetes = PracticeKubernetes(state["kubernetes"], self)
        self.eks = PracticeEks(state["eks"], self, self.kubernetes)
        self._effects: dict[str, Callable[..., None]] = {**self.eks.effects(), **self.kubernetes.effects()}

    @classmethod
    def empty(cls, eks: State, kubernetes: State) -> World:
        return cls({"now": START, "due": [], "serial": 0, "jobs": {}, "eks": eks, "kubernetes": kubernetes})

    @property
    def now(self) -> float:
        return float(self.state["now"])

    def serial(self) -> int:
        """A number that was never given out before: process numbers, node names, stack identifiers."""
        self.state["serial"] += 1
        return int(self.state["serial"])

    def after(self, seconds: float, effect: str, *arguments: Any) -> float:
        """Let `effect` happen in that time. Returns when."""
        at = self.now + seconds
        self.state["due"].append([at, self.serial(), effect, list(arguments)])
        self.state["due"].sort()
        return at

    def pass_time(self, seconds: float) -> None:
        """What is due happens at its time, and in order."""
        end = self.now + seconds
        while self.state["due"] and self.state["due"][0][0] <= end:
            at, _, effect, arguments = self.state["due"].pop(0)
            self.state["now"] = max(self.now, at)
            self._effects[effect](*arguments)
        self.state["now"] = end

    def begin_job(self, job: Job) -> str:
        """A program that runs; its number, under which the state keeps it until somebody collects it."""
        number = str(FIRST_PROCESS + self.serial())
        ends = None if job.then else self.now + job.seconds
        self.state["jobs"][number] = {"ends": ends, "stdout": job.stdout, "stderr": job.stderr, "exit": job.exit}
        if job.then:
            effect, arguments = job.then
            self.after(0, effect, number, *arguments)
        return number

    def end_job(self, number: str, stdout: str, stderr: str = "", code: int = 0) -> None:
        if number in self.state["jobs"]:
            self.state["jobs"][number].update(ends=self.now, stdout=stdout, stderr=stderr, exit=code)

    def job_runs(self, number: str) -> bool:
        job = self.state["jobs"].get(number)
        return job is not None and (job["ends"] is None or self.now < job["ends"])

    def dump(self) -> bytes:
        return json.dumps(self.state, separators=(",", ":")).encode()

    @classmethod
    def load(cls, content: bytes) -> World:
        return cls(json.loads(content))
