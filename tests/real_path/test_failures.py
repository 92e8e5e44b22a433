"""Programs that fail, lie or hang."""

from __future__ import annotations

import time

import pytest

from tests.real_path.rig import Rig

COMMAND = ("upgrade-k8s", "--to=1.19", "--until=control-plane-1.19", "--yes")
# As recorded of eksctl 0.231.
FAILED = (
    'Error: update failed with status "Failed": update errors:\n'
    "- subnets have too few free addresses; errorCode: InsufficientFreeAddresses, resourceIDs: []\n"
)
CREDENTIALS = "Error: the server has asked for the client to provide credentials\n"


def test_a_failure_is_told_in_eksctls_own_words(rig: Rig) -> None:
    rig.stage("eksctl", "upgrade", "cluster", exit=1, stderr=FAILED, effect=False)
    run = rig.run(*COMMAND)
    assert run.exit == 1
    assert len(run.err.splitlines()) == 1
    assert "subnets have too few free addresses" in run.err
    assert "still at 1.18" in run.err
    assert rig.world.eks.cluster["version"] == "1.18"


def test_an_upgrade_that_is_done_is_done_whatever_eksctl_says(rig: Rig) -> None:
    rig.stage("eksctl", "upgrade", "cluster", exit=1, stderr=CREDENTIALS)
    run = rig.run("upgrade-k8s", "--to=1.19", "--until=addons-1.19", "--yes")
    assert (run.exit, run.err) == (0, "")
    assert "addons-1.19: done" in run.out
    assert rig.world.eks.cluster["version"] == "1.19"
    assert [line[:3] for line in rig.lines].count(("eksctl", "upgrade", "cluster")) == 1


@pytest.mark.parametrize("forks", ["", "1"], ids=["by itself", "in the program that gives it a token"])
def test_a_kubectl_that_hangs_is_ended(rig: Rig, forks: str) -> None:
    rig.set("READ_LIMIT", 0.5)
    rig.stage("kubectl", "get", held=True)
    began = time.monotonic()
    run = rig.begin("status", environment={"STAND_IN_FORKS": forks})
    assert run.exit == 1
    assert time.monotonic() - began < 10
    assert len(run.err.splitlines()) == 1
    assert "The Kubernetes API server does not answer" in run.err


def test_a_look_that_fails_now_and_then_is_tried_again(rig: Rig) -> None:
    """An API server that is being upgraded drops connections."""
    upgrade = rig.stage("eksctl", "upgrade", "cluster", held=True)
    run = rig.begin(*COMMAND)
    rig.wait_until_begun(upgrade)
    for _ in range(2):
        rig.stage("kubectl", "get", "nodes,pods,poddisruptionbudgets,daemonsets,deployments", exit=1, stderr="EOF\n")
    upgrade.released.set()
    assert (run.exit, run.err) == (0, "")
