"""Whole plans: their steps in order, what they refuse, and the states that a cluster goes through on their way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import clusterconfig
from tasks.errors import Refused
from tasks.plan import steps
from tasks.plan.steps import Action, Plan, Step
from tasks.plan.upgrade import STRATEGIES, plan_upgrade
from tasks.plan.values import Addon, Cluster, Config, Group
from tasks.plan.version import Minor
from tests.rehearsal import CONFIG, FILE, Rehearsal
from tests.strategies import NodeGroup, Practice, config_text, examples, practices

FROM_1_20 = CONFIG.read_text().replace('version: "1.18"', 'version: "1.20"')
POOL = NodeGroup("pool", (("pool", "true"),), 1, 2)


def seen(rehearsal: Rehearsal) -> tuple[Cluster, Config]:
    return rehearsal.observe(), clusterconfig.parse(rehearsal.config, FILE)


def plan_of(rehearsal: Rehearsal, target: str, strategy: str = "supported", **live: Any) -> Plan:
    """live: what of the cluster is other than it is."""
    cluster, config = seen(rehearsal)
    return plan_upgrade(replace(cluster, **live), config, Minor.parse(target), strategy)


def ids(plan: Plan, *kinds: str) -> list[str]:
    return [step.id for step in plan.steps if not kinds or step.id.rpartition("-")[0] in kinds]


def words_of(rehearsal: Rehearsal, target: str, **live: Any) -> str:
    with pytest.raises(Refused) as refused:
        plan_of(rehearsal, target, **live)
    return str(refused.value.message)


def changed(rehearsal: Rehearsal, name: str, **attributes: Any) -> tuple[Group, ...]:
    """The live groups, one of them other than it is."""
    return tuple(replace(g, **attributes) if g.name == name else g for g in rehearsal.observe().groups)


SUPPORTED = "control-plane-1.19 control-plane-1.20 nodes-1.20 control-plane-1.21 control-plane-1.22 nodes-1.22"
DOCUMENTED = "control-plane-1.19 nodes-1.20 control-plane-1.20 control-plane-1.21 nodes-1.22 control-plane-1.22"


@pytest.mark.parametrize(
    ("strategy", "target", "wanted"),
    [
        ("supported", "1.22", SUPPORTED),
        ("documented", "1.22", DOCUMENTED),
        ("supported", "1.19", "control-plane-1.19 nodes-1.19"),
        ("documented", "1.19", "control-plane-1.19 nodes-1.19"),
        ("supported", "1.20", "control-plane-1.19 control-plane-1.20 nodes-1.20"),
        ("documented", "1.20", "control-plane-1.19 nodes-1.20 control-plane-1.20"),
        ("supported", "1.18", ""),
        ("documented", "1.18", ""),
    ],
)
def test_the_clusters_plan(rehearsal: Rehearsal, strategy: str, target: str, wanted: str) -> None:
    assert ids(plan_of(rehearsal, target, strategy), "control-plane", "nodes") == wanted.split()


def test_a_long_way_is_17_hops_and_7_rolls(rehearsal: Rehearsal) -> None:
    plan = plan_of(rehearsal, "1.35")
    assert ids(plan, "control-plane") == [f"control-plane-1.{minor}" for minor in range(19, 36)]
    assert ids(plan, "nodes") == [f"nodes-1.{minor}" for minor in (20, 22, 24, 26, 29, 32, 35)]


def test_addons_follow_each_hop_and_come_before_the_roll(rehearsal: Rehearsal) -> None:
    wanted = ["control-plane-1.19", "addons-1.19", "control-plane-1.20", "addons-1.20", "nodes-1.20"]
    assert ids(plan_of(rehearsal, "1.20")) == wanted


def test_addons_that_lag_and_addons_that_have_not_rolled_out_are_one_step(tmp_path: Path) -> None:
    addons = (Addon("kube-proxy", "v1.19.7", False, True), Addon("coredns", "v1.8.3", False, False))
    rehearsal = Rehearsal.begin(tmp_path / "x", FROM_1_20)
    (step,) = plan_of(rehearsal, "1.20", addons=addons).steps
    assert step.actions == (
        steps.UpdateAddons((("coredns", None), ("kube-proxy", None))),
        steps.AwaitAddons(("coredns",)),
    )


@pytest.mark.parametrize(("strategy", "kind"), [("supported", "nodes"), ("documented", "managed-nodes")])
def test_a_managed_group_is_rolled_right_after_each_hop(tmp_path: Path, strategy: str, kind: str) -> None:
    plan = plan_of(Rehearsal.begin(tmp_path / "x", config_text(Minor(18), [], [POOL])), "1.20", strategy)
    assert ids(plan, "control-plane", kind) == [
        "control-plane-1.19",
        f"{kind}-1.19",
        "control-plane-1.20",
        f"{kind}-1.20",
    ]


def test_the_documented_order_says_what_it_breaks_and_until_when(rehearsal: Rehearsal) -> None:
    assert {step.id: step.breaks for step in plan_of(rehearsal, "1.22", "documented").steps if step.breaks} == {
        "nodes-1.20": ("kubelet 1.20 is newer than API server 1.19, until control-plane-1.20",),
        "nodes-1.22": ("kubelet 1.22 is newer than API server 1.21, until control-plane-1.22",),
    }


def test_in_the_documented_order_nodes_go_first_where_the_hop_would_leave_one_too_old(tmp_path: Path) -> None:
    old = Rehearsal.begin(tmp_path / "x", FROM_1_20, versions={"user-a": Minor(18)})
    assert ids(plan_of(old, "1.21", "documented"), "control-plane", "nodes") == ["nodes-1.21", "control-plane-1.21"]


def test_a_file_behind_the_live_cluster_is_brought_up_to_it_first(tmp_path: Path) -> None:
    behind = Rehearsal.begin(tmp_path / "x", version=Minor(20))
    first = plan_of(behind, "1.21").steps[0]
    assert (first.id, first.actions) == ("config-1.20", (steps.Edit(Minor(20)),))
    assert ids(plan_of(behind, "1.20")) == ["config-1.20"]


def test_a_file_ahead_of_the_live_cluster_ends_at_its_version(tmp_path: Path) -> None:
    ahead = Rehearsal.begin(tmp_path / "x", FROM_1_20, version=Minor(18))
    assert ids(plan_of(ahead, "1.18")) == ["config-1.18"]
    assert plan_of(ahead, "1.19").steps[0].actions[0] == steps.Edit(Minor(19))


def test_at_the_target_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert plan_of(Rehearsal.begin(tmp_path / "x", FROM_1_20), "1.20").steps == ()


def test_going_down_is_refused(tmp_path: Path) -> None:
    words = words_of(Rehearsal.begin(tmp_path / "x", FROM_1_20), "1.19")
    assert words.startswith("The control plane is at 1.20 already, and this task only goes up")


@pytest.mark.parametrize(
    ("offered", "missing", "way_out"),
    [
        (("1.18", "1.20"), "1.21, 1.22 (it offers 1.18 to 1.20)", "name a version up to 1.20."),
        (("1.20", "1.36"), "1.18, 1.19 (it offers 1.20 to 1.36)", "EKS itself raises clusters that old"),
    ],
)
def test_a_version_that_eks_does_not_offer_is_refused(
    tmp_path: Path, offered: tuple[str, str], missing: str, way_out: str
) -> None:
    words = words_of(Rehearsal.begin(tmp_path / "x", offered=offered), "1.22")
    assert words.startswith(f"EKS does not offer {missing}: {way_out}")


def test_a_group_of_unknown_version_is_refused_until_it_is_told(rehearsal: Rehearsal) -> None:
    words = words_of(rehearsal, "1.19", groups=changed(rehearsal, "user-a", version=None))
    assert words.startswith("The Kubernetes version of user-a is unknown")
    assert "--group-version user-a=1.18" in words


@pytest.mark.parametrize("status", ["CREATE_FAILED", "ROLLBACK_COMPLETE", "DELETE_FAILED", "ROLLBACK_FAILED"])
def test_a_failed_stack_is_refused_with_its_reason_and_the_way_out(rehearsal: Rehearsal, status: str) -> None:
    words = words_of(rehearsal, "1.19", groups=changed(rehearsal, "user-a", status=status, reason="no quota"))
    assert words.startswith(f"Node group user-a is in the state {status} (no quota)")
    assert "eksctl delete nodegroup --cluster=l2l --region=us-west-2 --name=user-a" in words


def test_a_live_group_that_nobody_declares_is_refused_as_long_as_it_is_behind(rehearsal: Rehearsal) -> None:
    groups = rehearsal.observe().groups
    stray = replace(groups[0], name="gpu")
    words = words_of(rehearsal, "1.19", groups=(*groups, stray))
    assert words.startswith("Node group gpu (at 1.18) is live but not in the configuration")
    ahead = (*groups, replace(stray, version=Minor(19)))
    assert "nodes-1.19" in ids(plan_of(rehearsal, "1.19", groups=ahead))


def test_nodes_newer_than_the_target_are_refused(rehearsal: Rehearsal) -> None:
    words = words_of(rehearsal, "1.19", groups=changed(rehearsal, "user-a", version=Minor(20)))
    assert words.startswith("Node group user-a is at 1.20, which is newer than 1.19")


def test_a_core_group_without_nodes_gets_one_before_its_predecessor_goes(tmp_path: Path) -> None:
    asleep = Rehearsal.begin(tmp_path / "x", CONFIG.read_text().replace("desiredCapacity: 1", "desiredCapacity: 0"))
    (roll,) = (step for step in plan_of(asleep, "1.19").steps if step.id == "nodes-1.19")
    assert steps.AwaitGroup("core-b", Minor(19), 1) in roll.actions
    edits = [action for action in roll.actions if isinstance(action, steps.Edit)]
    assert [edit.desired for edit in edits] == [(("core-b", 1),)]


# The states on the way. What an action does to versions is written out here anew.


def effect(action: Action, control_plane: Minor, kubelets: dict[str, Minor]) -> Minor:
    """Changes `kubelets`, returns the control plane's version after it."""
    match action:
        case steps.RaiseControlPlane(current, to):
            assert (current, to) == (control_plane, control_plane + 1)
            return to
        case steps.CreateGroups(names, version):
            assert not kubelets.keys() & {*names}, "a name that is taken"
            kubelets.update(dict.fromkeys(names, version))
        case steps.DeleteGroup(name, successor):
            assert successor.name in kubelets
            del kubelets[name]
        case steps.RaiseManagedGroup(name, to):
            kubelets[name] = to
    return control_plane


def breaks_skew(kubelet: Minor, api_server: Minor) -> bool:
    lag = api_server.minor - kubelet.minor
    return lag < 0 or lag > (3 if kubelet.minor >= 25 else 2)


def states(cluster: Cluster, plan: Plan) -> Iterator[tuple[Step, Minor, dict[str, Minor]]]:
    """Control plane and kubelets after every action."""
    control_plane = cluster.control_plane.version
    kubelets = {group.name: group.version for group in cluster.groups if group.version}
    for step in plan.steps:
        for action in step.actions:
            control_plane = effect(action, control_plane, kubelets)
            yield step, control_plane, dict(kubelets)


def look(practice: Practice, strategy: str) -> tuple[Cluster, Plan]:
    with TemporaryDirectory() as folder:
        cluster, config = seen(practice.begin(Path(folder) / "practice"))
    return cluster, plan_upgrade(cluster, config, practice.target, strategy)


@examples(100)
@given(practices())
def test_a_supported_plan_breaks_no_policy_at_any_moment(practice: Practice) -> None:
    cluster, plan = look(practice, "supported")
    assert not any(step.breaks for step in plan.steps)
    for _, control_plane, kubelets in states(cluster, plan):
        assert not any(breaks_skew(kubelet, control_plane) for kubelet in kubelets.values())


@examples(100)
@given(practices())
def test_a_documented_plan_announces_every_policy_that_it_breaks(practice: Practice) -> None:
    cluster, plan = look(practice, "documented")
    broken = {
        step.id for step, cp, kubelets in states(cluster, plan) if any(breaks_skew(k, cp) for k in kubelets.values())
    }
    announced, until = set(), ""
    for step in plan.steps:
        until = step.breaks[-1].rpartition("until ")[2] if step.breaks else "" if step.id == until else until
        announced |= {step.id} if until else set()
    assert broken <= announced


@examples(100)
@given(practices(), st.sampled_from(STRATEGIES))
def test_every_plan_ends_with_everything_at_the_target_and_names_each_step_once(
    practice: Practice, strategy: str
) -> None:
    cluster, plan = look(practice, strategy)
    assert len(ids(plan)) == len(set(ids(plan)))
    _, control_plane, kubelets = list(states(cluster, plan))[-1]
    assert (control_plane, {*kubelets.values()}) == (practice.target, {practice.target})
    assert len(kubelets) == len(cluster.groups)
