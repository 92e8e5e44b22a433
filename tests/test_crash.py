"""Accidents of every kind at any moment of any upgrade: the same command, started again, ends where it would have.

Each example is one random cluster. Its upgrade runs once without an accident and then, always from the same beginning,
with accidents that are spread over the whole of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from tasks import clusterconfig
from tasks.plan.upgrade import plan_upgrade
from tasks.plan.version import Minor
from tasks.practice.door import ACCIDENTS, Accident
from tasks.practice.kubernetes import PracticeKubernetes
from tests.rehearsal import FILE, Rehearsal
from tests.strategies import CORE, USER, NodeGroup, Practice, config_text, examples, practices

MOMENTS, FEWER = 17, 5  # accidents that each example is put through, one after the other
SHORT, MIDDLE, LONG = (1,), (1, 1, 2), (2, 3, 4)  # minors to go
OFFSETS = st.integers(0, 999)
PEOPLE = st.integers(1, 4)
HOUR = 3600.0


@pytest.fixture(autouse=True, scope="module")
def _quick() -> Iterator[None]:
    """Edits come again in each run of an example: they are pure, and are worked out once. No real power is cut here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clusterconfig, "edit", lru_cache(clusterconfig.edit))
        patch.setattr(clusterconfig, "parse", lru_cache(clusterconfig.parse))
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(autouse=True, scope="module")
def _core_takes_pods() -> Iterator[None]:
    """A cordoned core node is none: the hub that is drained off it would have no place to go to."""
    plain = PracticeKubernetes.cordon

    def cordon(self: PracticeKubernetes, group: str, cordoned: bool) -> list[str]:
        names = plain(self, group, cordoned)
        core = [node["cordoned"] for node in self.nodes.values() if dict(CORE).items() <= node["labels"].items()]
        if core and all(core):
            self.state["core_gaps"].append(self.world.now)
        return names

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PracticeKubernetes, "cordon", cordon)
        yield


@contextmanager
def replayed(practice: Practice, people: int, order: dict[str, Any], *accidents: Accident) -> Iterator[None]:
    """Whatever fails in it is followed by command lines that repeat it."""
    wait = round(order.get("wait_seconds", 0) / 60)
    wishes = {"wait": f" --wait-for-users {wait}m", "evict": " --evict-users"}.get(order.get("users", ""), "")
    try:
        yield
    except BaseException:
        note(practice.replay(*accidents, people=people, wishes=wishes))
        raise


@dataclass(frozen=True)
class Trial:
    """One cluster before its upgrade, and what the upgrade comes to without an accident."""

    practice: Practice
    people: int
    start: Rehearsal
    folder: Path
    order: dict[str, Any]
    plan: list[str]
    said: str
    end: dict[str, Any]
    events: int

    def moments(self, number: int, offset: int) -> list[int]:
        """That many events, evenly spread."""
        return [1 + int((place + offset / 1000) * self.events / number) for place in range(number)]

    def put_through(self, *accidents: Accident, reboot: bool = False) -> Rehearsal:
        """The upgrade with these accidents, one a run, and started again until it says what it says without them.

        reboot: whatever ends a run ends its programs too.
        """
        run = self.start.copy(self.folder / "-".join(f"{accident.kind}-{accident.event}" for accident in accidents))
        with replayed(self.practice, self.people, self.order, *accidents):
            self._ends_all_the_same(run, accidents, reboot)
        return run

    def _ends_all_the_same(self, run: Rehearsal, accidents: Sequence[Accident], reboot: bool) -> None:
        target = str(self.practice.target)
        for accident in accidents:
            if run.run(target, accident, **self.order) == "killed":
                left = plan_of(run, self.practice)  # as `invoke` makes it, before anything has settled
                assert left == self.plan[len(self.plan) - len(left) :]
            if reboot:
                end_programs(run)
        assert run.run_to_the_end(target, **self.order) == self.said
        assert run.end() == self.end
        assert wrongs(run, self.order) == {}


def plan_of(run: Rehearsal, practice: Practice) -> list[str]:
    """The hops and rolls that are still to come."""
    plan = plan_upgrade(run.observe(), clusterconfig.parse(run.config, FILE), practice.target)
    return [step.id for step in plan.steps if step.id.startswith(("control-plane-", "nodes-"))]


def end_programs(run: Rehearsal) -> None:
    """A drain is over with its kubectl; what eksctl has begun goes on in AWS."""
    state = run.world.state
    state["jobs"].clear()
    state["due"] = [entry for entry in state["due"] if entry[2] != "drain round"]


def wrongs(run: Rehearsal, order: dict[str, Any]) -> dict[str, Sequence[Any]]:
    """What must not have happened and did."""
    return {kind: found for kind, found in run.wrongs().items() if found and (kind, order.get("users")) != EVICTED}


EVICTED = ("people evicted", "evict")  # asked for


@contextmanager
def trial(practice: Practice, people: int = 0, stay: bool = False, **order: Any) -> Iterator[Trial]:
    """stay: nobody ends a server of their own accord. order: what `Order` takes."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        start = practice.begin(folder / "start", people)
        if stay:
            start.world.state["due"] = []
        whole = start.copy(folder / "whole")
        with replayed(practice, people, order):
            plan = plan_of(start, practice)
            said = whole.run(str(practice.target), **order)
            assert (said == "done") is (not stay or order.get("users") == "evict"), said
            assert wrongs(whole, order) == {}
        yield Trial(practice, people, start, folder, order, plan, said, whole.end(), whole.events)


@pytest.mark.parametrize("kind", ["die-after", "die-during"])
@pytest.mark.parametrize("spans", [SHORT, MIDDLE, LONG], ids=["short", "middle", "long"])
@examples(11)
@given(st.data(), OFFSETS)
def test_whoever_is_killed_goes_on_by_being_started_again(
    kind: str, spans: tuple[int, ...], data: st.DataObject, offset: int
) -> None:
    with trial(data.draw(practices(spans))) as found:
        for event in found.moments(MOMENTS, offset):
            found.put_through(Accident(kind, event))


@pytest.mark.parametrize("kind", ["die-after", "die-during"])
@examples(12)
@given(practices(MIDDLE), OFFSETS)
def test_a_machine_that_goes_down_takes_nothing_with_it_that_is_needed(
    kind: str, practice: Practice, offset: int
) -> None:
    with trial(practice) as found:
        for event in found.moments(FEWER, offset):
            found.put_through(Accident(kind, event), reboot=True)


@pytest.mark.parametrize("kind", ["fail-at", "fail-after", "lie-at"])
@examples(12)
@given(practices(MIDDLE), OFFSETS)
def test_whatever_fails_or_lies_once_changes_nothing_in_the_end(kind: str, practice: Practice, offset: int) -> None:
    with trial(practice) as found:
        for event in found.moments(FEWER, offset):
            found.put_through(Accident(kind, event))


@examples(12)
@given(practices(MIDDLE), OFFSETS, OFFSETS, st.lists(st.sampled_from(ACCIDENTS), min_size=2, max_size=2))
def test_a_second_accident_while_going_on_changes_nothing_either(
    practice: Practice, offset: int, second: int, kinds: list[str]
) -> None:
    with trial(practice) as found:
        moments = zip(found.moments(FEWER, offset), reversed(found.moments(FEWER, second)), strict=True)
        for events in moments:
            found.put_through(*map(Accident, kinds, events))


# People


def seats(run: Rehearsal, names: Sequence[str]) -> dict[str, Any]:
    """Of those who were there at the start: what their servers, nodes and groups are like."""
    kubernetes, eks = run.world.kubernetes, run.world.eks
    found = {name: kubernetes.pods[f"default/{name}"]["node"] for name in names}
    groups = {kubernetes.nodes[node]["group"] for node in found.values()}
    maximums = {group: eks.stacks[group]["maximum"] for group in groups & eks.stacks.keys()}
    return {"nodes": found, "cordoned": [kubernetes.nodes[n]["cordoned"] for n in found.values()], "maximum": maximums}


def named(people: int) -> list[str]:
    return [f"jupyter-user-{number + 1}" for number in range(people)]


@pytest.mark.parametrize("order", [{"users": "stop"}, {"users": "wait", "wait_seconds": 60.0}], ids=["stop", "wait"])
@examples(8)
@given(practices(MIDDLE, people=True), PEOPLE, OFFSETS, st.sampled_from(ACCIDENTS))
def test_people_who_stay_are_named_and_left_as_they_were(
    order: dict[str, Any], practice: Practice, people: int, offset: int, kind: str
) -> None:
    with trial(practice, people, stay=True, **order) as found:
        assert all(name in found.said for name in named(people))
        for event in found.moments(FEWER, offset):
            run = found.put_through(Accident(kind, event))
            assert seats(run, named(people)) == seats(found.start, named(people))


def test_a_fence_is_given_back_whatever_lies_about_it() -> None:
    groups = [NodeGroup("core-a", CORE, 1, 2), NodeGroup("user-a", USER, 1, 9)]
    practice = Practice(config_text(Minor(18), groups), Minor(18), Minor(19))
    with trial(practice, 3, stay=True, users="wait", wait_seconds=60.0) as found:
        for event in range(found.events - 40, found.events + 1):
            run = found.put_through(Accident("lie-at", event))
            assert seats(run, named(3)) == seats(found.start, named(3))


@examples(8)
@given(practices(MIDDLE, people=True), PEOPLE, OFFSETS, st.sampled_from(ACCIDENTS))
def test_people_who_are_waited_for_are_never_evicted(practice: Practice, people: int, offset: int, kind: str) -> None:
    with trial(practice, people, users="wait", wait_seconds=8 * HOUR) as found:
        for event in found.moments(FEWER, offset):
            found.put_through(Accident(kind, event))


@examples(8)
@given(practices(MIDDLE, people=True), PEOPLE, OFFSETS, st.sampled_from(ACCIDENTS))
def test_people_are_evicted_where_that_is_asked_for(practice: Practice, people: int, offset: int, kind: str) -> None:
    with trial(practice, people, stay=True, users="evict") as found:
        for event in found.moments(FEWER, offset):
            run = found.put_through(Accident(kind, event))
            assert sorted(run.wrongs()["people evicted"]) == named(people)
