"""The practice Kubernetes keeps the real one's rules: budgets, cordons, drains, version skew, leases."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tasks.plan.version import Minor
from tasks.practice.behind import PracticeRun
from tasks.practice.cluster import practice_world
from tasks.practice.door import Door
from tasks.practice.eksctl import group_state
from tasks.practice.kubernetes import MOVES
from tasks.practice.rehearsal import closing_words
from tasks.practice.world import World
from tasks.seams import Ran
from tasks.tools.kubectl import Kubectl, parse_workloads

KUBECTL = Kubectl("kubeconfig", "practice")
PURPOSE = "hub.jupyter.org/node-purpose"
CONFIG: dict[str, Any] = {
    "metadata": {"name": "l2l", "region": "us-west-2", "version": "1.18"},
    "nodeGroups": [
        {"name": "core-a", "desiredCapacity": 1, "maxSize": 2, "labels": {PURPOSE: "core"}},
        {"name": "user-a", "desiredCapacity": 0, "maxSize": 9, "labels": {PURPOSE: "user"}},
    ],
}


@pytest.fixture
def world() -> World:
    return practice_world(CONFIG, users=2)


def kubectl(world: World, argv: list[str]) -> Ran:
    return PracticeRun(Door(world))(argv)


def second_core_group(world: World, version: str = "1.18") -> None:
    group = {**CONFIG["nodeGroups"][0], "name": "core-b"}
    world.eks.create_stack("core-b", group_state(group, CONFIG), Minor.parse(version))
    world.pass_time(3600)


def where(world: World, pod: str) -> str | None:  # the name of a node group
    node = world.kubernetes.pods[f"default/{pod}"]["node"]
    return None if node is None else str(world.kubernetes.nodes[node]["group"])


def cordoned(world: World, group: str) -> list[bool]:
    nodes = parse_workloads(kubectl(world, KUBECTL.workloads()).stdout).nodes
    return [node.cordoned for node in nodes if node.group == group]


def forbid(world: World, component: str) -> None:
    selector = {"app": "jupyterhub", "component": component}
    world.kubernetes.budgets[component] = {"namespace": "default", "selector": selector, "min_available": 1}


def test_a_drain_moves_the_pods_to_another_node_and_leaves_its_own_cordoned(world: World) -> None:
    second_core_group(world)
    assert kubectl(world, KUBECTL.drain("core-a", force=False, seconds=900)).exit == 0
    assert (where(world, "hub"), where(world, "proxy")) == ("core-b", "core-b")
    assert cordoned(world, "core-a") == [True]
    assert cordoned(world, "core-b") == [False]


def test_a_budget_that_allows_nothing_stops_a_drain_at_its_timeout_with_the_nodes_cordoned(world: World) -> None:
    second_core_group(world)
    forbid(world, "hub")
    began = world.now
    ran = kubectl(world, KUBECTL.drain("core-a", force=False, seconds=300))
    assert ran.exit == 1
    assert "default/hub: global timeout reached" in ran.stderr
    assert 300 <= world.now - began < 360
    assert (where(world, "hub"), where(world, "proxy")) == ("core-a", "core-b")
    assert world.kubernetes.pods["default/hub"]["running"]
    assert cordoned(world, "core-a") == [True]


def test_a_drain_goes_on_as_soon_as_the_budget_allows_it(world: World) -> None:
    second_core_group(world)
    forbid(world, "hub")
    world.kubernetes.add_pod("default", "hub-2", {"app": "jupyterhub", "component": "hub"}, "ReplicaSet", {})
    world.kubernetes.schedule()
    assert kubectl(world, KUBECTL.drain("core-a", force=False, seconds=900)).exit == 0
    assert where(world, "hub") == "core-b"


def test_a_pod_that_does_not_run_yet_is_evicted_whatever_its_budget_says(world: World) -> None:
    second_core_group(world)
    forbid(world, "hub")
    world.kubernetes.pods["default/hub"]["running"] = False
    assert kubectl(world, KUBECTL.drain("core-a", force=False, seconds=300)).exit == 0
    assert where(world, "hub") == "core-b"


def test_bare_pods_stop_a_drain_before_the_first_eviction(world: World) -> None:
    """The nodes stay cordoned even so."""
    core = next(name for name, node in world.kubernetes.nodes.items() if node["group"] == "core-a")
    second_core_group(world)
    world.kubernetes.add_pod("default", "bare", {}, None, {}, core)
    ran = kubectl(world, KUBECTL.drain("core-a", force=False, seconds=300))
    assert ran.exit == 1
    assert "default/bare" in ran.stderr
    assert (where(world, "hub"), where(world, "bare")) == ("core-a", "core-a")
    assert cordoned(world, "core-a") == [True]


def test_a_forced_drain_ends_peoples_servers_which_is_remembered(world: World) -> None:
    assert kubectl(world, KUBECTL.drain("user-a", force=True, seconds=300)).exit == 0
    assert world.kubernetes.state["evicted_users"] == ["jupyter-user-1", "jupyter-user-2"]
    assert "default/jupyter-user-1" not in world.kubernetes.pods


def test_people_leave_by_themselves_and_nobody_takes_that_for_an_eviction(world: World) -> None:
    world.pass_time(2 * 3600)
    assert "default/jupyter-user-2" not in world.kubernetes.pods
    assert world.kubernetes.state["evicted_users"] == []


def test_cordoned_and_tainted_nodes_take_no_pods(world: World) -> None:
    second_core_group(world)
    kubectl(world, KUBECTL.cordon("core-b"))
    kubectl(world, KUBECTL.drain("core-a", force=False, seconds=300))
    assert where(world, "hub") is None
    for node in world.kubernetes.nodes.values():
        node["taints"] = [{"key": "worker", "value": "true", "effect": "NoSchedule"}]
    kubectl(world, KUBECTL.uncordon("core-b"))
    world.kubernetes.schedule()
    assert where(world, "hub") is None


def test_a_group_that_is_deleted_undrained_takes_its_nodes_away_from_its_pods(world: World) -> None:
    world.eks.delete_stack("core-a")
    world.pass_time(3600)
    assert where(world, "hub") is None
    assert not world.kubernetes.pods["default/hub"]["running"]
    assert len(world.kubernetes.state["core_gaps"]) == 1


def test_the_hubs_break_lasts_as_long_as_its_disk_takes_to_move(world: World) -> None:
    second_core_group(world)
    kubectl(world, KUBECTL.drain("core-a", force=False, seconds=900))
    world.pass_time(3600)
    ((began, ended),) = world.kubernetes.state["breaks"]
    assert ended - began == MOVES
    assert "in 1 short break of about 3 min" in closing_words(world)


def test_the_hubs_break_lasts_until_there_is_a_node_for_it(world: World) -> None:
    kubectl(world, KUBECTL.drain("core-a", force=False, seconds=900))
    assert world.kubernetes.state["breaks"][0][1] is None
    second_core_group(world)
    ((began, ended),) = world.kubernetes.state["breaks"]
    assert ended - began > 2 * MOVES


def test_a_pod_that_is_sent_on_while_it_moves_starts_its_way_anew(world: World) -> None:
    second_core_group(world)
    world.kubernetes.evict("default/hub")
    world.pass_time(MOVES - 10)
    world.kubernetes.evict("default/hub")
    world.pass_time(20)
    assert not world.kubernetes.pods["default/hub"]["running"]
    world.pass_time(MOVES)
    assert world.kubernetes.pods["default/hub"]["running"]


@pytest.mark.parametrize(
    ("nodes", "control_plane", "violation"),
    [
        ("1.18", "1.20", None),
        ("1.18", "1.21", "kubelet 1.18 is more than 2 minors older than API server 1.21"),
        ("1.25", "1.28", None),
        ("1.25", "1.29", "kubelet 1.25 is more than 3 minors older than API server 1.29"),
        ("1.19", "1.18", "kubelet 1.19 is newer than API server 1.18"),
    ],
)
def test_kubelets_too_old_and_too_new_are_written_down(nodes: str, control_plane: str, violation: str | None) -> None:
    low = min(Minor.parse(nodes), Minor.parse(control_plane))
    world = practice_world(CONFIG, version=low)
    for hop in range(low.minor, Minor.parse(control_plane).minor):
        world.eks.raise_control_plane(Minor(hop + 1))
        world.pass_time(3600)
    second_core_group(world, nodes)
    assert world.kubernetes.state["violations"] == ([violation] if violation else [])


LEASE = {"metadata": {"name": "lock", "namespace": "kube-system"}, "spec": {"holderIdentity": "me"}}


def test_a_lease_is_made_once_and_can_be_read(world: World, tmp_path: Any) -> None:
    file = tmp_path / "lease.json"
    file.write_text(json.dumps(LEASE))
    assert kubectl(world, KUBECTL.get_lease("kube-system", "lock")).stdout == ""
    assert kubectl(world, KUBECTL.create_lease(str(file))).exit == 0
    assert "already exists" in kubectl(world, KUBECTL.create_lease(str(file))).stderr
    assert json.loads(kubectl(world, KUBECTL.get_lease("kube-system", "lock")).stdout)["spec"] == LEASE["spec"]


@pytest.mark.parametrize(
    ("patch", "holder"),
    [
        ([("test", "me"), ("replace", "you")], "you"),
        ([("test", "somebody else"), ("replace", "you")], "me"),
        ([("replace", "you"), ("test", "me")], "me"),
        ([("replace", "you"), ("test", "you")], "you"),
    ],
)
def test_a_patch_of_a_lease_whose_test_fails_is_refused_as_a_whole(
    world: World, patch: list[tuple[str, str]], holder: str
) -> None:
    world.kubernetes.leases["lock"] = copy.deepcopy(LEASE)
    operations = [{"op": op, "path": "/spec/holderIdentity", "value": value} for op, value in patch]
    ran = kubectl(world, KUBECTL.patch_lease("kube-system", "lock", operations))
    assert ran.exit == (0 if holder == "you" else 1)
    assert world.kubernetes.leases["lock"]["spec"]["holderIdentity"] == holder
    assert ("resourceVersion" in world.kubernetes.leases["lock"]["metadata"]) == (holder == "you")


def test_a_lease_that_is_gone_can_not_be_patched(world: World) -> None:
    assert "NotFound" in kubectl(world, KUBECTL.patch_lease("kube-system", "lock", [])).stderr


def test_an_addon_is_seen_to_roll_out(world: World) -> None:
    def proxy() -> tuple[str, bool]:
        addons = parse_workloads(kubectl(world, KUBECTL.workloads()).stdout).addons
        return next((addon.version, addon.settled) for addon in addons if addon.name == "kube-proxy")

    old, settled = proxy()
    assert settled
    world.kubernetes.set_addon_image("kube-proxy", old)
    assert proxy() == (old, True)
    world.kubernetes.set_addon_image("kube-proxy", "v1.19.1")
    assert proxy() == ("v1.19.1", False)
    world.pass_time(60)
    assert proxy() == ("v1.19.1", True)


def test_pods_are_seen_with_their_owner_and_their_node(world: World) -> None:
    pods = {pod.name: pod for pod in parse_workloads(kubectl(world, KUBECTL.workloads()).stdout).pods}
    assert (pods["hub"].bare, pods["jupyter-user-1"].bare) == (False, True)
    assert pods["hub"].node == world.kubernetes.pods["default/hub"]["node"]
    world.kubernetes.evict("default/hub")
    world.kubernetes.pods["default/hub"]["node"] = None
    assert "hub" not in [pod.name for pod in parse_workloads(kubectl(world, KUBECTL.workloads()).stdout).pods]
