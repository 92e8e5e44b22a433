"""A release that dead and failed runs have left behind is mended by the next deploy, and nothing of them stays."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.real_parts.hub import Hub
from tests.real_path.rig import wait_for

NOWHERE, ELSEWHERE = {"nowhere": "true"}, {"elsewhere": "true"}  # labels that no node has


def killed(hub: Hub, words: list[str], when: Callable[[], bool]) -> None:
    """A helm of which nothing is left but what it has done."""
    helm = subprocess.Popen(
        ["helm", *words, *hub.administrator], cwd=hub.tree, env=hub.datacentre.around(os.environ), text=True
    )
    wait_for(when, "helm's first changes")
    helm.kill()
    helm.wait()


def selects(hub: Hub, wanted: dict[str, str]) -> bool:
    return hub.kubectl("get", "deployments", "--output=name") != "" and hub.node_selector == wanted


def fails(hub: Hub, selector: dict[str, str]) -> None:
    """An upgrade that waits for pods which no node takes, and then gives up."""
    hub.values(nodeSelector=selector)
    hub.helm(*hub.upgrade("--timeout=2s"), fails=True)


def is_mended(hub: Hub, revisions: int) -> None:
    """By a deploy of the values as they were at first. revisions: the number of the last one."""
    hub.values(greeting="good evening")
    begun = time.monotonic()
    out = hub.deploys()
    assert "repair: " in out
    assert hub.node_selector == {}
    assert hub.state["ConfigMap greeting"]["data"] == {"greeting": "good evening"}
    assert hub.revisions[-1] == (revisions, "deployed")
    assert time.monotonic() - begun < 60  # nothing waits for pods that can't start
    assert hub.holder == ""
    out = hub.deploys()
    assert "repair: " not in out
    assert "diff: nothing to change" in out
    assert hub.revisions[-1] == (revisions, "deployed")


def test_an_upgrade_that_was_killed(hub: Hub) -> None:
    hub.deploys()
    hub.values(nodeSelector=NOWHERE)
    killed(hub, hub.upgrade(), lambda: selects(hub, NOWHERE))
    assert hub.revisions == [(1, "deployed"), (2, "pending-upgrade")]
    is_mended(hub, 4)


def test_an_install_that_was_killed(hub: Hub) -> None:
    hub.values(nodeSelector=NOWHERE)
    hub.deploys("diff")  # for its archives
    killed(hub, hub.upgrade(), lambda: selects(hub, NOWHERE))
    assert hub.revisions == [(1, "pending-install")]
    is_mended(hub, 2)


def test_an_install_that_failed(hub: Hub) -> None:
    hub.deploys("diff")
    fails(hub, NOWHERE)
    assert hub.revisions == [(1, "failed")]
    hub.values()
    hub.deploys()
    assert hub.node_selector == {}
    assert hub.revisions == [(1, "superseded"), (2, "deployed")]


def test_a_revision_that_failed(hub: Hub) -> None:
    hub.deploys()
    fails(hub, NOWHERE)
    assert hub.revisions == [(1, "deployed"), (2, "failed")]
    assert hub.node_selector == NOWHERE
    is_mended(hub, 4)


def test_two_revisions_that_failed(hub: Hub) -> None:
    """Going back from the second leaves what the first has added."""
    hub.deploys()
    fails(hub, NOWHERE)
    fails(hub, ELSEWHERE)
    assert hub.revisions == [(1, "deployed"), (2, "failed"), (3, "failed")]
    assert hub.node_selector == {**NOWHERE, **ELSEWHERE}
    is_mended(hub, 4)


def test_a_repair_that_was_killed(hub: Hub) -> None:
    hub.deploys()
    fails(hub, NOWHERE)
    with no_room(hub):
        hub.kubectl("delete", "pods", "--all", "--wait=false")
        killed(hub, ["rollback", hub.release, "1", "--wait"], lambda: selects(hub, {}))
    assert hub.revisions == [(1, "deployed"), (2, "failed"), (3, "pending-rollback")]
    is_mended(hub, 4)


@contextmanager
def no_room(hub: Hub) -> Iterator[None]:
    """No node takes pods, so that helm waits for them."""
    hub.programs.kubectl("cordon", "--selector=kubernetes.io/os=linux")
    try:
        yield
    finally:
        hub.programs.kubectl("uncordon", "--selector=kubernetes.io/os=linux")


def test_a_failed_deploy_is_gone_back_from_by_the_next(hub: Hub) -> None:
    """Before anything else, by the same command; and by one that has nothing to change."""
    hub.deploys()
    before = hub.state
    hub.values(greeting="never seen", refused=True)
    run = hub.run("deploy")
    assert run.exit == 1
    assert run.err.startswith("The deploy failed, revision 2 is failed: ")
    assert "The same command goes back to the last good revision first." in run.err
    assert hub.state["ConfigMap greeting"]["data"] == {"greeting": "never seen"}
    hub.values()
    out = hub.deploys()
    assert "going back to revision 1" in out
    assert "diff: nothing to change" in out
    assert hub.state == before
    assert hub.revisions[-1] == (3, "deployed")
