"""The lock: taken, refused, taken over, renewed, lost, given back. Time is the practice world's."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.errors import Refused
from tasks.lock import NAME, NAMESPACE, SECONDS, Lock, Lost
from tasks.practice.behind import practice_seams
from tasks.practice.cluster import practice_world
from tasks.practice.door import Door
from tasks.seams import Ran
from tasks.tools.kubectl import Kubectl
from tests.rehearsal import CONFIG

ANNA, BEN = "anna@laptop", "ben@desk"


@dataclass(frozen=True)
class Person:
    """Who runs a task. living: numbers of the processes on that host which still run."""

    name: str
    number: int = 7
    living: tuple[int, ...] = ()

    def myself(self) -> tuple[str, int, str]:
        return self.name, self.number, "then"

    def alive(self, number: int, start: str) -> bool:
        return number in self.living and start == "then"


@dataclass
class Rig:
    """One cluster, and the locks of whoever wants it. cut: commands fail. slow: seconds that each of them takes."""

    door: Door
    folder: Path
    cut: bool = False
    slow: float = 0.0

    def lock(self, person: Person | None = None, number: int = 0) -> Lock:
        """number: the process that a run in practice claims to be."""
        seams = practice_seams(self.door, self.folder, number)

        def run(argv: Sequence[str], **how: Any) -> Ran:
            if self.cut:
                return Ran(tuple(argv), 1, "", "Unable to connect to the server: dial tcp: i/o timeout")
            ran = seams.run(argv, **how)
            self.door.pass_time(self.slow)
            return ran

        return Lock(replace(seams, run=run, processes=person or seams.processes), Kubectl("kubeconfig", "practice"))

    @property
    def lease(self) -> dict[str, Any]:
        spec: dict[str, Any] = self.door.world.kubernetes.leases[NAME]["spec"]
        return spec

    @property
    def holder(self) -> str:
        return str(self.lease["holderIdentity"])


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(Door(practice_world(yaml.safe_load(CONFIG.read_text()))), tmp_path)


def held(rig: Rig, person: Person | None = None, number: int = 0) -> Lock:
    lock = rig.lock(person, number)
    lock.take()
    return lock


def test_a_free_lock_is_taken_and_released_and_taken_again(rig: Rig) -> None:
    first = held(rig, number=1)
    assert rig.holder == first.me == "operator@practice/1/practice"
    assert rig.lease["leaseDurationSeconds"] == SECONDS == 60
    assert rig.door.world.kubernetes.leases[NAME]["metadata"]["namespace"] == NAMESPACE
    first.release()
    assert rig.holder == ""
    second = held(rig, Person(ANNA))
    assert rig.holder == second.me


def test_a_second_process_of_the_same_user_is_refused_and_told_which_one_has_it(rig: Rig) -> None:
    first = held(rig)  # this very process, which lives
    with pytest.raises(Refused, match=rf"^operator@practice is at work on this cluster \(process {os.getpid()}\)"):
        rig.lock().take()
    assert rig.holder == first.me


@pytest.mark.parametrize("other", ["anna@desk", "ben@laptop", "ben@desk"])
def test_another_user_or_host_is_told_who_has_it_and_gets_it_after_60_seconds(rig: Rig, other: str) -> None:
    held(rig, Person(ANNA, 41))
    ben = rig.lock(Person(other))
    for passed, left in ((20, 40), (39, 1)):
        rig.door.pass_time(passed)
        with pytest.raises(
            Refused, match=rf"^anna@laptop is at work .*process 41.* runs out in {left} s\.$"
        ) as refused:
            ben.take()
        assert refused.value.code == 1
        assert rig.holder.startswith(ANNA)
    rig.door.pass_time(1)
    ben.take()
    assert rig.holder == ben.me


def test_a_dead_process_of_the_same_user_and_host_is_taken_over_at_once(rig: Rig) -> None:
    held(rig, number=1)
    began = rig.door.world.now
    held(rig, number=2)
    assert rig.holder == "operator@practice/2/practice"
    assert rig.door.world.now == began


def test_a_later_process_of_the_same_number_is_not_the_dead_one(rig: Rig) -> None:
    held(rig, Person(ANNA, 7))
    later = Person(ANNA, 8, living=(7,))
    with pytest.raises(Refused, match="anna@laptop is at work"):
        rig.lock(later).take()
    rig.lease["holderIdentity"] = f"{ANNA}/7/long ago"
    held(rig, later)
    assert rig.holder == f"{ANNA}/8/then"


def test_of_two_who_see_the_same_free_lock_one_gets_it(rig: Rig) -> None:
    held(rig, Person(ANNA)).release()
    ben, cleo = rig.lock(Person(BEN)), rig.lock(Person("cleo@desk"))
    answer = cleo.seams.run(cleo.kubectl.get_lease(NAMESPACE, NAME))
    ben.take()
    run = cleo.seams.run
    cleo.seams = replace(cleo.seams, run=lambda argv, **how: answer if "get" in argv else run(argv, **how))
    with pytest.raises(Refused, match=r"could not be taken .*start again"):
        cleo.take()
    assert rig.holder == ben.me


def test_it_is_renewed_only_when_that_is_due(rig: Rig) -> None:
    lock = held(rig, number=1)
    before, events = dict(rig.lease), rig.door.events
    rig.door.pass_time(39)
    lock.renew()
    assert rig.door.events == events
    rig.door.pass_time(1)
    lock.renew()
    assert rig.lease == {**before, "renewTime": "2026-01-05T09:00:40.000000Z"}


def test_failing_renewals_are_borne_until_the_lock_has_run_out(rig: Rig) -> None:
    lock = held(rig, Person(ANNA))
    rig.cut = True
    rig.door.pass_time(45)
    lock.renew()
    rig.cut = False
    rig.door.pass_time(10)
    lock.renew()  # makes up for the one that failed
    rig.cut = True
    rig.door.pass_time(59)
    lock.renew()
    rig.door.pass_time(2)
    with pytest.raises(Lost, match=r"could not be renewed for 60 s \(Unable to connect"):
        lock.renew()


def test_nobody_believes_to_have_a_lock_that_another_may_take(rig: Rig) -> None:
    lock = held(rig, Person(ANNA))
    rig.slow = 15.0
    rig.door.pass_time(40)
    lock.renew()  # as of its beginning, not of its end
    rig.slow = 0.0
    rig.door.pass_time(50)
    held(rig, Person(BEN))
    rig.cut = True
    with pytest.raises(Lost):
        lock.renew()


def test_a_lock_that_is_somebody_elses_is_lost_at_once_and_left_alone(rig: Rig) -> None:
    anna = held(rig, Person(ANNA))
    rig.lease["holderIdentity"] = f"{BEN}/7/then"
    before = copy.deepcopy(rig.door.world.kubernetes.leases[NAME])
    rig.door.pass_time(41)
    with pytest.raises(Lost):
        anna.renew()
    anna.release()
    assert rig.door.world.kubernetes.leases[NAME] == before
