"""Runs that are interrupted, ended or killed, and the same command again; and two at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.real_path.programs import Staged
from tests.real_path.rig import Rig, normal
from tests.real_path.test_whole_run import BEHIND, USERS
from tests.rehearsal import Rehearsal

UNTIL = "addons-1.19"
COMMAND = ("upgrade-k8s", "--to=1.19", f"--until={UNTIL}", "--yes")
SHORT = ("upgrade-k8s", "--to=1.19", "--until=control-plane-1.19", "--yes")
LOCK = ("lease", "--filename=…")


def changes(lines: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Without the lock, which every run takes and gives back."""
    return [line for line in normal(lines) if not any(word in LOCK for word in line)]


def is_free(rig: Rig) -> bool:
    """Nobody has the lock."""
    return not any(lease["spec"].get("holderIdentity") for lease in rig.world.kubernetes.leases.values())


def held_in_eksctl(rig: Rig, command: tuple[str, ...] = COMMAND) -> Staged:
    """A run that waits for eksctl, which raises the control plane."""
    staged = rig.stage("eksctl", "upgrade", "cluster", held=True)
    rig.begin(*command)
    rig.wait_until_begun(staged)
    return staged


def goes_on_to_the_end(rig: Rig, rehearsal: Rehearsal) -> None:
    """What was begun before is not begun again."""
    assert rehearsal.run("1.19", until=UNTIL) == "done"
    assert rig.runs[-1].exit == 0, rig.runs[-1].err
    assert changes(rig.programs.lines) == changes(rehearsal.lines)
    assert rig.world.eks.cluster["version"] == "1.19"
    assert is_free(rig)


@pytest.fixture
def uninterrupted(rig: Rig, tmp_path: Path) -> Rehearsal:
    return Rehearsal.begin(tmp_path / "practice", rig.config)


def ends_soon(rig: Rig, number: signal.Signals, code: int) -> None:
    """With one sentence, and without the lock; eksctl is left alone."""
    eksctl = held_in_eksctl(rig)
    os.kill(rig.runs[0].process.pid, number)
    assert rig.runs[0].exit == code
    assert len(rig.runs[0].err.splitlines()) == 1
    assert "control-plane-1.19" in rig.runs[0].err
    assert "The same command goes on" in rig.runs[0].err
    assert is_free(rig)
    os.kill(eksctl.number, 0)  # it is still there


def test_sigterm_to_the_task_alone(rig: Rig) -> None:
    ends_soon(rig, signal.SIGTERM, 143)


def test_sigint_to_the_task_alone(rig: Rig, uninterrupted: Rehearsal) -> None:
    ends_soon(rig, signal.SIGINT, 130)
    (eksctl,) = rig.programs.staged
    second = rig.begin(*COMMAND)
    second.says(f"which an earlier run began (process {eksctl.number})")
    eksctl.released.set()
    goes_on_to_the_end(rig, uninterrupted)


def test_ctrl_c_in_a_terminal_ends_eksctl_too(rig: Rig, uninterrupted: Rehearsal) -> None:
    """AWS goes on with what it has begun, and the next run waits for that."""
    held_in_eksctl(rig)
    os.killpg(rig.runs[0].process.pid, signal.SIGINT)
    assert rig.runs[0].exit == 130
    assert rig.world.eks.cluster["status"] == "UPDATING"
    rig.programs.pace = 600
    second = rig.run(*COMMAND)
    assert "waiting for an update of the control plane to 1.19" in second.out
    goes_on_to_the_end(rig, uninterrupted)


def test_whoever_is_in_a_hurry_presses_ctrl_c_twice(rig: Rig) -> None:
    """The second one comes while the lock is given back."""
    held_in_eksctl(rig)
    release = rig.stage("kubectl", "patch", "lease", held=True)
    os.kill(rig.runs[0].process.pid, signal.SIGINT)
    rig.wait_until_begun(release)
    os.kill(rig.runs[0].process.pid, signal.SIGINT)
    assert rig.runs[0].exit == 130
    assert "goes on" in rig.runs[0].err
    assert "Traceback" not in rig.runs[0].err


def test_a_fence_is_given_back(make_rig: Callable[..., Rig]) -> None:
    """When whoever waits for people to leave has waited long enough."""
    rig = make_rig(USERS, versions=BEHIND, users=1)
    rig.programs.pace = 0  # nobody leaves
    run = rig.begin("upgrade-k8s", "--to=1.19", "--wait-for-users=8h", "--yes")
    run.says("people on user-a")
    os.kill(run.process.pid, signal.SIGINT)
    assert run.exit == 130
    assert rig.amazon.maxima == [("user-a", 1), ("user-a", 20)]
    assert [line[3] for line in rig.lines if line[0] == "kubectl"][-1] == "uncordon"
    assert not any(node["cordoned"] for node in rig.world.kubernetes.nodes.values() if node["group"] == "user-a")


def test_a_killed_run_leaves_an_eksctl_that_is_waited_for(rig: Rig, uninterrupted: Rehearsal) -> None:
    eksctl = held_in_eksctl(rig)
    rig.runs[0].process.kill()
    assert rig.runs[0].exit == -signal.SIGKILL
    second = rig.begin(*COMMAND)
    second.says(f"which an earlier run began (process {eksctl.number})")
    before = list(rig.programs.lines)
    time.sleep(0.5)  # several looks
    assert [line for line in rig.programs.lines[len(before) :] if "lease" not in line] == []
    eksctl.released.set()
    goes_on_to_the_end(rig, uninterrupted)


def test_until_holds_for_a_step_that_is_done_by_what_is_waited_for(rig: Rig) -> None:
    eksctl = held_in_eksctl(rig, SHORT)
    rig.runs[0].process.kill()
    second = rig.begin(*SHORT)
    second.says("which an earlier run began")
    eksctl.released.set()
    assert second.exit == 0
    assert changes(rig.programs.lines)[1:] == []


def test_a_second_operator_is_told_who_is_at_work(rig: Rig) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spec = {"holderIdentity": "maria@laptop/4711/1", "leaseDurationSeconds": 60, "renewTime": now}
    lease = {"metadata": {"name": "cluster-maintenance", "resourceVersion": "1"}, "spec": spec}
    rig.world.kubernetes.leases["cluster-maintenance"] = lease
    run = rig.run(*COMMAND)
    assert run.exit == 1
    assert "maria@laptop" in run.err
    assert rig.programs.lines == []
    assert rig.file.read_text() == rig.config


def test_two_runs_at_once(rig: Rig) -> None:
    eksctl = held_in_eksctl(rig, SHORT)
    second = rig.run(*SHORT)
    assert (second.exit, rig.runs[0].process.poll()) == (1, None)
    assert "operator@" in second.err
    assert str(rig.runs[0].process.pid) in second.err
    eksctl.released.set()
    assert rig.runs[0].exit == 0
