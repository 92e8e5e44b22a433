"""People at work on nodes that have to go: the run stops before them, waits for them, or ends their servers if asked."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.practice.behind import PracticeClock
from tasks.practice.door import PowerCut
from tests.rehearsal import Rehearsal

HOUR = 3600.0
WAIT = {"users": "wait", "wait_seconds": 8 * HOUR}
PEOPLE = ("jupyter-user-1", "jupyter-user-2", "jupyter-user-3")
CHANGES_NODES = {"create", "drain", "delete", "cordon", "uncordon"}
SCHEDULER = {"app.kubernetes.io/name": "dask-gateway", "app.kubernetes.io/component": "dask-scheduler"}
WORKER = {"app.kubernetes.io/name": "dask-gateway", "app.kubernetes.io/component": "dask-worker"}


@pytest.fixture
def busy(tmp_path: Path) -> Rehearsal:
    """Three people, who leave one after the other."""
    return Rehearsal.begin(tmp_path / "busy", users=3)


def stay(rehearsal: Rehearsal) -> None:
    """Nobody leaves of their own accord any more."""
    due = rehearsal.world.state["due"]
    due[:] = [entry for entry in due if entry[2] != "pod leaves"]


def grow(rehearsal: Rehearsal, group: str) -> str:
    """The autoscaler has added a node to the group. Returns its name."""
    rehearsal.world.eks.stacks[group]["desired"] = 1
    rehearsal.world.eks.nodes_join(group)
    return next(name for name, node in rehearsal.world.kubernetes.nodes.items() if node["group"] == group)


def about_nodes(rehearsal: Rehearsal) -> list[str]:
    """Verb and group of what was done to nodes, in order."""
    found = []
    for line in rehearsal.lines:
        verb = next((word for word in line if word in CHANGES_NODES), None)
        group = re.search(r"--(?:name|selector=[^=]*nodegroup-name|include)=(\S+)", " ".join(line))
        if verb and group:
            found.append(f"{verb} {group[1]}")
    return found


def fence_of(rehearsal: Rehearsal) -> tuple[int, bool]:
    """The old user group's maximum, and whether all its nodes are cordoned."""
    nodes = [node for node in rehearsal.world.kubernetes.nodes.values() if node["group"] == "user-a"]
    return rehearsal.world.eks.stacks["user-a"]["maximum"], all(node["cordoned"] for node in nodes)


def run_until(rehearsal: Rehearsal, true: Callable[[], Any], patch: pytest.MonkeyPatch, **order: Any) -> str:
    """A run that dies in the first pause in which it is so."""

    def sleep(clock: PracticeClock, seconds: float) -> None:
        clock.door.pass_time(seconds)
        if true():
            clock.door.dead = True
            raise PowerCut

    with patch.context() as patched:
        patched.setattr(PracticeClock, "sleep", sleep)
        return rehearsal.run("1.20", **order)


def test_without_a_word_about_people_the_run_stops_before_their_nodes_are_touched(busy: Rehearsal) -> None:
    stay(busy)
    said = busy.run("1.20")
    assert said.startswith("3 people are at work")
    for part in (*(f"{person} on user-a" for person in PEOPLE), "--wait-for-users 8h", "--evict-users"):
        assert part in said
    assert about_nodes(busy) == []
    assert busy.end()["control plane"] == ("1.20", "ACTIVE")
    assert {version for version, *_ in busy.end()["groups"].values()} == {"1.18"}
    assert fence_of(busy) == (20, False)


def test_when_they_have_gone_the_same_command_goes_on(busy: Rehearsal) -> None:
    assert busy.run("1.20").startswith("2 people are at work")
    busy.world.pass_time(3 * HOUR)
    assert busy.run("1.20") == "done"
    assert not any(busy.wrongs().values())


def test_waiting_fences_the_old_group_and_goes_on_when_the_last_one_has_left(busy: Rehearsal) -> None:
    assert busy.run("1.20", **WAIT) == "done"
    actions = about_nodes(busy)
    new = "create core-b,user-b,worker-xlarge-b,worker-2xlarge-b,worker-4xlarge-b"
    assert actions.index(new) < actions.index("cordon user-a") < actions.index("delete user-a")
    assert "uncordon user-a" not in actions
    assert busy.end()["groups"]["user-b"] == ("1.20", "CREATE_COMPLETE", 2, 20)
    assert not any(busy.wrongs().values())


def test_while_it_waits_the_old_group_can_not_grow_and_new_servers_start_on_the_new_one(
    busy: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_until(busy, lambda: fence_of(busy)[1], monkeypatch, **WAIT) == "killed"
    assert fence_of(busy) == (2, True)
    kubernetes = busy.world.kubernetes
    labels, selector = {"component": "singleuser-server"}, {"hub.jupyter.org/node-purpose": "user"}
    kubernetes.add_pod("default", "jupyter-late", labels, None, selector)
    kubernetes.schedule()
    assert kubernetes.nodes[kubernetes.pods["default/jupyter-late"]["node"]]["group"] == "user-b"
    assert busy.run("1.20", **WAIT) == "done"
    assert "default/jupyter-late" in kubernetes.pods
    assert not any(busy.wrongs().values())


def test_when_the_time_is_over_they_are_named_and_the_old_group_takes_servers_again(busy: Rehearsal) -> None:
    stay(busy)
    said = busy.run("1.20", users="wait", wait_seconds=1800.0)
    assert said.startswith(f"The time is over and {', '.join(PEOPLE)} still work on user-a:")
    assert "--evict-users" in said
    assert fence_of(busy) == (20, False)
    assert "drain user-a" not in about_nodes(busy)
    assert busy.run("1.20", users="evict") == "done"
    assert busy.end()["groups"]["user-b"][3] == 20


def test_a_run_killed_while_it_waited_is_gone_on_with_as_if_nothing_had_happened(
    busy: Rehearsal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninterrupted = busy.copy(tmp_path / "uninterrupted")
    assert uninterrupted.run("1.20", **WAIT) == "done"
    assert run_until(busy, lambda: fence_of(busy)[1], monkeypatch, **WAIT) == "killed"
    assert busy.run("1.20", **WAIT) == "done"
    assert busy.end() == uninterrupted.end()
    assert not any(busy.wrongs().values())


def test_a_fence_that_a_killed_run_has_left_is_given_back_by_a_run_that_stops_instead(
    busy: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    stay(busy)
    assert run_until(busy, lambda: fence_of(busy)[1], monkeypatch, **WAIT) == "killed"
    assert fence_of(busy) == (2, True)
    assert "3 people are at work" in busy.run("1.20")
    assert fence_of(busy) == (20, False)


def test_asked_to_it_ends_their_servers(busy: Rehearsal) -> None:
    stay(busy)
    assert busy.run("1.20", users="evict") == "done"
    assert sorted(busy.wrongs()["people evicted"]) == list(PEOPLE)
    assert [line[-1] for line in busy.lines if "drain" in line and "user-a" in " ".join(line)] == ["--force"]
    assert "cordon user-a" not in about_nodes(busy)


@pytest.mark.parametrize("users", ["stop", "wait", "evict"])
def test_a_dask_scheduler_counts_as_a_person(rehearsal: Rehearsal, users: str) -> None:
    node = grow(rehearsal, "user-a")
    rehearsal.world.kubernetes.add_pod("default", "dask-scheduler-1", SCHEDULER, None, {}, node)
    said = rehearsal.run("1.20", users=users, wait_seconds=600.0)
    assert (said == "done") == ("drain user-a" in about_nodes(rehearsal)) == (users == "evict")
    if users != "evict":
        assert said.startswith("Somebody is at work" if users == "stop" else "The time is over")
        assert "dask-scheduler-1" in said
        assert "default/dask-scheduler-1" in rehearsal.world.kubernetes.pods


def test_dask_workers_are_nobody_and_their_groups_go_last(rehearsal: Rehearsal) -> None:
    nodes = {group: grow(rehearsal, group) for group in ("user-a", "worker-xlarge", "worker-4xlarge")}
    rehearsal.world.kubernetes.add_pod("default", "dask-worker-1", WORKER, None, {}, nodes["worker-xlarge"])
    assert rehearsal.run("1.20") == "done"
    drains = [action for action in about_nodes(rehearsal) if action.startswith("drain")]
    assert drains == ["drain core-a", "drain user-a", "drain worker-4xlarge", "drain worker-xlarge"]
    assert [line[-1] for line in rehearsal.lines if "drain" in line][-1] == "--force"


def test_a_budget_that_allows_nothing_stops_the_drain_and_is_named_with_its_pod(rehearsal: Rehearsal) -> None:
    budget = {"namespace": "default", "selector": {"component": "hub"}, "min_available": 1}
    generous = {**budget, "selector": {"app": "jupyterhub"}}
    others = {**budget, "selector": {"component": "nobody"}}
    rehearsal.world.kubernetes.budgets.update({"hub-stays": budget, "generous": generous, "others": others})
    said = rehearsal.run("1.20")
    assert said.startswith("core-a could not be drained (kubectl, exit 1")
    assert "default/hub (its budget hub-stays allows no disruption)" in said
    assert "default/proxy" not in said
    assert "delete core-a" not in about_nodes(rehearsal)
    budget["min_available"] = 0
    assert rehearsal.run("1.20") == "done"
    assert not any(rehearsal.wrongs().values())


def test_a_bare_pod_that_nobody_vouches_for_stops_the_drain_and_is_named(rehearsal: Rehearsal) -> None:
    node = next(iter(rehearsal.world.kubernetes.nodes))
    rehearsal.world.kubernetes.add_pod("default", "experiment", {}, None, {}, node)
    said = rehearsal.run("1.20", users="evict")
    assert "default/experiment (nothing would start it anew)" in said
    assert "default/experiment" in rehearsal.world.kubernetes.pods


def test_people_on_a_group_that_eks_manages_are_waited_for_with_a_warning(tree: Path) -> None:
    words = ["rehearse", "--managed", "user-a", "--users", "2", "upgrade-k8s", "--to", "1.19", "--wait-for-users", "8h"]
    run = subprocess.run([sys.executable, "-m", "invoke", *words], cwd=tree, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "! New servers can still start on user-a, which EKS manages" in run.stdout
