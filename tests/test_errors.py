"""A run that somebody interrupts: it says what goes on, gives back what it held, and the same command ends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from invoke.config import Config

from tasks.errors import Interrupted, Refused, StoppedForUsers, Terminated
from tasks.lock import NAME
from tasks.practice import rehearsal as practice
from tasks.practice.door import Door
from tasks.practice.world import World
from tests.rehearsal import Rehearsal


@dataclass
class Keyboard(Door):
    """The way into the practice world, in front of which somebody presses Ctrl-C once: in the first pause when `now`."""

    now: Callable[[World], Any] = lambda _: True
    pressed: type[KeyboardInterrupt] | None = KeyboardInterrupt

    def pass_time(self, seconds: float) -> None:
        super().pass_time(seconds)
        if self.pressed and self.now(self.world):
            key, self.pressed = self.pressed, None
            raise key


def going_up(world: World) -> bool:
    return bool(world.eks.cluster["status"] == "UPDATING")


def interrupted(
    rehearsal: Rehearsal,
    now: Callable[[World], Any],
    key: type[KeyboardInterrupt] = KeyboardInterrupt,
    **order: Any,
) -> Interrupted:
    """How a run ends in which the key is pressed."""
    rehearsal.runs += 1
    door = Keyboard(rehearsal.world, now=now, pressed=key)
    with pytest.raises(Interrupted) as ended:
        rehearsal._upgrade(door, "1.20", order).run()
    rehearsal.lines += door.lines
    return ended.value


def begun(rehearsal: Rehearsal) -> list[list[str]]:
    """What was begun, as often as it was; what installs an add-on may be said again, for it does no harm."""
    lines = [line for line in rehearsal.lines if (line[0] == "eksctl" and line[1] != "utils") or "drain" in line]
    return [[word for word in line if not word.startswith("--config-file=")] for line in lines]


def holder(rehearsal: Rehearsal) -> str:
    return str(rehearsal.world.kubernetes.leases[NAME]["spec"]["holderIdentity"])


@pytest.mark.parametrize(("key", "code"), [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_an_interrupted_run_names_its_step_and_gives_the_lock_back(
    rehearsal: Rehearsal, key: type[KeyboardInterrupt], code: int
) -> None:
    ended = interrupted(rehearsal, going_up, key)
    assert ended.code == code
    assert ended.message == (
        "Interrupted in control-plane-1.19: what AWS has begun goes on there (raise the control plane to 1.19). "
        "The same command goes on from here."
    )
    assert going_up(rehearsal.world)
    assert holder(rehearsal) == ""


MOMENTS: dict[str, Callable[[World], Any]] = {
    "in control-plane-1.19": going_up,
    "in addons-1.19": lambda world: not world.kubernetes.addons["coredns"]["settled"],
    "while groups are created": lambda world: "core-b" in world.eks.stacks,
    "while the hub moves": lambda world: any(node["cordoned"] for node in world.kubernetes.nodes.values()),
    "while a group is deleted": lambda world: world.eks.stacks["core-a"]["status"] == "DELETE_IN_PROGRESS",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_same_command_ends_where_an_uninterrupted_one_does(
    rehearsal: Rehearsal, tmp_path: Path, moment: str
) -> None:
    uninterrupted = rehearsal.copy(tmp_path / "uninterrupted")
    assert uninterrupted.run("1.20") == "done"
    interrupted(rehearsal, MOMENTS[moment])
    assert rehearsal.run("1.20") == "done"
    assert rehearsal.end() == uninterrupted.end()
    assert not any(rehearsal.wrongs().values())
    assert begun(rehearsal) == begun(uninterrupted)


def test_a_drain_that_goes_on_is_waited_for_and_not_begun_beside_itself(rehearsal: Rehearsal) -> None:
    budget = {"namespace": "default", "selector": {"component": "hub"}, "min_available": 1}
    rehearsal.world.kubernetes.budgets["hub"] = budget
    interrupted(rehearsal, MOMENTS["while the hub moves"])
    budget["min_available"] = 0
    assert rehearsal.run("1.20") == "done"
    assert len([line for line in rehearsal.lines if "drain" in line]) == 1


def test_an_interrupted_wait_for_people_gives_the_old_group_back(tmp_path: Path) -> None:
    rehearsal = Rehearsal.begin(tmp_path / "practice", users=3)

    def fenced(world: World) -> bool:
        return all(node["cordoned"] for node in world.kubernetes.nodes.values() if node["group"] == "user-a")

    ended = interrupted(rehearsal, fenced, users="wait", wait_seconds=8 * 3600.0)
    assert "Interrupted in nodes-1.20" in str(ended.message)
    assert rehearsal.world.eks.stacks["user-a"]["maximum"] == 20
    assert not any(node["cordoned"] for node in rehearsal.world.kubernetes.nodes.values())
    assert holder(rehearsal) == ""


def test_interrupted_while_it_waits_for_what_somebody_else_has_begun_it_names_that(rehearsal: Rehearsal) -> None:
    rehearsal.world.eks.raise_control_plane(rehearsal.world.eks.version + 1)
    ended = interrupted(rehearsal, going_up)
    assert "an update of the control plane to 1.19" in str(ended.message)
    assert "nothing is in progress" not in str(ended.message)


def test_ctrl_c_is_not_lost_while_invoke_collects_what_a_command_has_said(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = rehearsal.folder / ".rehearsal"
    practice.begin(folder, rehearsal.world)
    told = {"rehearsal": {"folder": str(folder)}, "runners": {"local": practice.PracticeRunner}}
    seams = practice.seams(Config(overrides=told), "")
    monkeypatch.setattr(Door, "collect", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        seams.run(["kubectl", "get", "namespaces"])


def test_every_way_to_end_early_has_its_exit_code() -> None:
    ways = (Refused("x"), StoppedForUsers("x"), Interrupted("x"), Interrupted("x", 143))
    assert [way.code for way in ways] == [1, 3, 130, 143]
