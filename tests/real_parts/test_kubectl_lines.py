"""The command lines that `Kubectl` builds for the tasks about a cluster: what kubectl and an API server make of them.

Each test runs twice, with the real kubectl and with the practice world's, which has to come to the same.
"""

from __future__ import annotations

import json
import re

import pytest

from tasks.plan.values import PodKind
from tasks.plan.version import Minor
from tasks.seams import Ran
from tests.real_parts.sides import ADDON, LEAVING, SERVER, STAYING, Side, cordoned, pods, workloads

LONG = 600  # seconds
MOVED = {LEAVING: True, STAYING: False}  # what is cordoned after a drain, whatever came of it


def drain(side: Side, seconds: int = LONG, force: bool = False) -> Ran:
    return side.run(side.kubectl.drain(side.group(LEAVING), force, seconds))


# Looking


def test_one_answer_has_nodes_pods_and_budgets(side: Side) -> None:
    side.add_pods("web", "ReplicaSet", 2)
    side.add_pods("anna", None, component=SERVER)
    side.add_pods("everywhere", "DaemonSet")
    side.add_budget("web")
    found = workloads(side)
    (node,) = (node for node in found.nodes if node.group == side.group(LEAVING))
    assert (node.version, node.ready, node.cordoned) == (Minor(33), True, False)
    assert found.labels[node.name]["topology.kubernetes.io/zone"] == "eu-central-1a"
    assert found.taints[node.name] == frozenset()
    mine = [pod for pod in found.pods if pod.namespace == side.namespace]
    assert sorted((dict(pod.labels)["app"], pod.node, pod.kind, pod.bare) for pod in mine) == [
        ("anna", node.name, PodKind.USER_SERVER, True),
        ("web", node.name, PodKind.OTHER, False),
        ("web", node.name, PodKind.OTHER, False),
    ]
    (budget,) = (budget for budget in found.budgets if budget.namespace == side.namespace)
    assert (budget.name, dict(budget.selector), budget.allowed) == ("web", {"app": "web"}, 1)


def test_an_addon_is_seen_to_roll_out(side: Side) -> None:
    def seen() -> tuple[str, bool, str]:
        return next((a.version, a.settled, a.trouble) for a in workloads(side).addons if a.name == ADDON)

    side.change_addon("v1.99.1")
    version, settled, trouble = seen()
    assert (version, settled) == ("v1.99.1", False)
    assert re.fullmatch(r"\d of 1 pods are ready, 0 are of the new version", trouble)
    side.settle()
    assert seen() == ("v1.99.1", True, "")


def test_namespaces_and_versions(side: Side) -> None:
    ran = side.run(side.kubectl.namespaces())
    assert ran.exit == 0
    assert {"default", "kube-system"} <= {item["metadata"]["name"] for item in json.loads(ran.stdout)["items"]}
    ran = side.run(side.kubectl.server_version())
    assert ran.exit == 0
    assert Minor.within(json.loads(ran.stdout)["serverVersion"]["gitVersion"]) == Minor(33)


# Nodes


def test_a_cordon_is_for_one_group_and_does_no_harm_twice(side: Side) -> None:
    side.add_staying()
    for build, expected in ((side.kubectl.cordon, True), (side.kubectl.uncordon, False)):
        for _ in range(2):
            ran = side.run(build(side.group(LEAVING)))
            assert (ran.exit, ran.stderr) == (0, "")
            assert cordoned(side) == {LEAVING: expected, STAYING: False}


def test_a_group_without_nodes_is_no_failure(side: Side) -> None:
    for line in (
        side.kubectl.cordon("nobody"),
        side.kubectl.uncordon("nobody"),
        side.kubectl.drain("nobody", False, LONG),
    ):
        assert side.run(line).exit == 0
    assert cordoned(side) == {LEAVING: False}


def test_a_drain_moves_what_a_controller_starts_anew(side: Side) -> None:
    """Daemon sets' pods stay."""
    side.add_pods("web", "ReplicaSet", 2)
    side.add_pods("everywhere", "DaemonSet")
    side.add_staying()
    ran = drain(side)
    assert ran.exit == 0
    assert " drained\n" in ran.stdout
    side.settle()
    assert pods(side) == [("web", STAYING), ("web", STAYING)]
    assert cordoned(side) == MOVED
    assert drain(side).exit == 0  # again


def test_bare_pods_stop_a_drain_before_the_first_eviction(side: Side) -> None:
    side.add_pods("web", "ReplicaSet")
    side.add_pods("anna", None, component=SERVER)
    side.add_staying()
    ran = drain(side)
    assert ran.exit == 1
    assert "cannot delete Pods that declare no controller (use --force to override): " in ran.stderr
    assert f"{side.namespace}/anna" in ran.stderr
    assert pods(side) == [("anna", LEAVING), ("web", LEAVING)]
    assert cordoned(side) == MOVED


def test_force_ends_bare_pods(side: Side) -> None:
    side.add_pods("web", "ReplicaSet")
    side.add_pods("anna", None, component=SERVER)
    side.add_staying()
    assert drain(side, force=True).exit == 0
    side.settle()
    assert pods(side) == [("web", STAYING)]


@pytest.mark.parametrize("force", [False, True])
def test_a_budget_that_allows_nothing_stops_a_drain_at_its_timeout(side: Side, force: bool) -> None:
    """What it says nothing about has moved."""
    side.add_pods("web", "ReplicaSet")
    side.add_pods("other", "ReplicaSet")
    side.add_budget("web")
    side.add_staying()
    ran = drain(side, side.briefly, force)
    assert ran.exit == 1
    assert "global timeout reached" in ran.stderr
    side.settle()
    assert pods(side) == [("other", STAYING), ("web", LEAVING)]
    assert cordoned(side) == MOVED


def test_a_drain_goes_on_as_soon_as_the_budget_allows_it(side: Side) -> None:
    side.add_pods("web", "ReplicaSet")
    side.add_budget("web")
    side.add_staying()
    end = side.begin(side.kubectl.drain(side.group(LEAVING), False, LONG))
    assert pods(side) == [("web", LEAVING)]
    side.add_another("web")
    assert end().exit == 0
    side.settle()
    assert pods(side) == [("web", STAYING), ("web", STAYING)]


def test_a_pod_that_does_not_run_yet_is_evicted_whatever_its_budget_says(side: Side) -> None:
    side.add_pods("web", "ReplicaSet")
    side.add_budget("web")
    side.stop_running("web")
    side.add_staying()
    assert drain(side).exit == 0
    side.settle()
    assert pods(side) == [("web", STAYING)]
