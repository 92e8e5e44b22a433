"""Processes that are really killed: what they leave on disk is enough for the next one to end as an undisturbed one.

A world.json, a journal and a configuration file are all that survives a SIGKILL.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.strategies import times

UPGRADE = ("upgrade-k8s", "--to", "1.22")
PARTS = 5  # of the run; each is a test of its own
KILLS = 4  # in each part, of each kind


@dataclass(frozen=True)
class Tree:
    """A copy of the deployment with a rehearsal in it."""

    root: Path

    def invoke(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "invoke", *words]
        environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "100"}
        return subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, timeout=120)

    def is_killed(self, kind: str, event: int, *resume: str) -> None:
        run = self.invoke("rehearse", *resume, f"--{kind}", str(event), *UPGRADE)
        assert run.returncode == -signal.SIGKILL, f"--{kind} {event}: {run.stdout}{run.stderr}"

    def is_finished(self) -> str:
        """What is observed in the end."""
        run = self.invoke("rehearse", "--resume", *UPGRADE)
        assert run.returncode == 0, run.stdout + run.stderr
        return self.status()

    def status(self) -> str:
        run = self.invoke("rehearse", "--resume", "status", "--output=json")
        assert run.returncode == 0, run.stderr
        return run.stdout


@dataclass(frozen=True)
class Undisturbed:
    """The run that nobody killed: how many events it had, and what was observed after it."""

    events: int
    status: str


@pytest.fixture
def deployment(tree: Path) -> Tree:
    return Tree(tree)


@pytest.fixture(scope="module")
def known() -> list[Undisturbed]:
    """The run that nobody killed, once it was made: it is always the same."""
    return []


@pytest.fixture
def undisturbed(deployment: Tree, known: list[Undisturbed]) -> Undisturbed:
    if not known:
        run = deployment.invoke("rehearse", *UPGRADE)
        assert run.returncode == 0, run.stderr
        events = re.fullmatch(r"([0-9]+) events", run.stdout.splitlines()[-1])
        assert events, run.stdout
        known.append(Undisturbed(int(events[1]), deployment.status()))
    return known[0]


def moments(events: int, part: int, offset: float) -> list[int]:
    """Events of one part of the run, evenly spread, none of them twice."""
    kills = times(KILLS)
    places = [(part + (number + offset) / kills) / PARTS for number in range(kills)]
    return sorted({1 + int(place * events) for place in places})


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(("kind", "offset"), [("die-after", 0.3), ("die-during", 0.6)])
def test_whatever_is_killed_is_resumed_to_the_same_end(
    deployment: Tree, undisturbed: Undisturbed, kind: str, offset: float, part: int
) -> None:
    for event in moments(undisturbed.events, part, offset):
        deployment.is_killed(kind, event)
        assert deployment.is_finished() == undisturbed.status, f"--{kind} {event}"


@pytest.mark.parametrize("kind", ["die-after", "die-during"])
def test_a_run_that_is_killed_again_and_again_gets_there(deployment: Tree, undisturbed: Undisturbed, kind: str) -> None:
    deployment.is_killed(kind, 120)
    for event in (60, 90, 45):
        deployment.is_killed(kind, event, "--resume")
    assert deployment.is_finished() == undisturbed.status
