"""An upgrade's plan knows which Kubernetes the installed charts survive: it sees them, and stops or warns."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import clusterconfig
from tasks.plan.steps import Plan, RaiseControlPlane, Step, StopForCharts
from tasks.plan.survival import broken_by_hop
from tasks.plan.upgrade import STRATEGIES, plan_upgrade
from tasks.plan.version import Minor
from tasks.practice.world import World
from tasks.tools.kubectl import parse_workloads
from tests.rehearsal import FILE, Rehearsal
from tests.strategies import Practice, examples, practices
from tests.test_survival import charts

Charts = tuple[tuple[str, str], ...]

OLD: Charts = (("jupyterhub", "1.1.1"), ("dask-gateway", "0.9.0"))
BUMPED: Charts = (("jupyterhub", "1.2.0"), ("dask-gateway", "2022.6.1"))
SIX = "control-plane-1.19 control-plane-1.20 nodes-1.20 control-plane-1.21 control-plane-1.22 nodes-1.22"


def plan_of(installed: Charts, start: str, target: str, strategy: str = "supported", strict: bool = True) -> Plan:
    with TemporaryDirectory() as folder:
        rehearsal = Rehearsal.begin(Path(folder) / "practice", version=Minor.parse(start), charts=installed)
        cluster, config = rehearsal.observe(), clusterconfig.parse(rehearsal.config, FILE)
    return plan_upgrade(cluster, config, Minor.parse(target), strategy, strict=strict)


def stops(plan: Plan) -> dict[str, list[str]]:
    """Step → the charts that it stops for, each as name and version."""
    return {
        step.id: [f"{each.chart} {each.version}" for each in action.ceilings]
        for step in plan.steps
        for action in step.actions
        if isinstance(action, StopForCharts)
    }


def without_stops(steps: tuple[Step, ...]) -> list[Step]:
    return [
        replace(step, actions=tuple(action for action in step.actions if not isinstance(action, StopForCharts)))
        for step in steps
    ]


# Seeing them


def controller(kind: str, namespace: str, labels: dict[str, str] | None) -> dict[str, Any]:
    return {
        "kind": kind,
        "metadata": {"namespace": namespace, "name": "one", **({"labels": labels} if labels is not None else {})},
        "spec": {"template": {"spec": {"containers": [{"name": "one", "image": "registry.invalid/one:1"}]}}},
        "status": {},
    }


def test_charts_are_seen_by_the_labels_of_controllers_in_all_namespaces() -> None:
    items = [
        controller("Deployment", "default", {"chart": "jupyterhub-1.1.1", "component": "hub"}),
        controller("Deployment", "default", {"chart": "jupyterhub-1.1.1", "component": "proxy"}),
        controller("Deployment", "staging", {"helm.sh/chart": "dask-gateway-2022.6.1"}),
        controller("Deployment", "staging", {"chart": "jupyterhub-4.4.0", "helm.sh/chart": "jupyterhub-4.4.0"}),
        controller("DaemonSet", "old", {"chart": "jupyterhub-1.1.3-n772.hf133567f"}),
        controller("Deployment", "local", {"helm.sh/chart": "daskhub-2026.3.0_jupyterhub.4.4.0"}),
        controller("Deployment", "metrics", {"helm.sh/chart": "cert-manager-v1.5.3"}),
        controller("Deployment", "metrics", {"chart": "k8s-2-metrics-0.1.0-4.5.beta"}),
        controller("Deployment", "metrics", {"chart": "of-the-weather"}),
        controller("Deployment", "by-hand", {}),
        controller("Deployment", "by-hand", None),
    ]
    assert set(parse_workloads(json.dumps({"items": items})).charts) == {
        ("jupyterhub", "1.1.1"),
        ("dask-gateway", "2022.6.1"),
        ("jupyterhub", "4.4.0"),
        ("jupyterhub", "1.1.3-n772.hf133567f"),
        ("daskhub", "2026.3.0+jupyterhub.4.4.0"),
        ("cert-manager", "v1.5.3"),
        ("k8s-2-metrics", "0.1.0-4.5.beta"),
    }


@given(st.lists(charts, max_size=3, unique=True))
def test_the_practice_cluster_shows_what_was_deployed_on_it(installed: list[tuple[str, str]]) -> None:
    with TemporaryDirectory() as folder:
        rehearsal = Rehearsal.begin(Path(folder) / "practice", charts=tuple(installed))
        assert set(rehearsal.observe().charts) == set(installed)
        rehearsal.world.kubernetes.deploy(BUMPED)
        assert set(rehearsal.observe().charts) == set(BUMPED)


def test_an_older_practice_cluster_has_no_charts_and_goes_on(rehearsal: Rehearsal) -> None:
    state = json.loads(rehearsal.world.dump())
    del state["kubernetes"]["charts"]
    rehearsal.world = World.load(json.dumps(state).encode())
    assert rehearsal.observe().charts == ()
    assert rehearsal.run("1.19") == "done"


# Plans


@pytest.mark.parametrize(
    ("installed", "start", "target", "wanted"),
    [
        (OLD, "1.18", "1.21", {}),
        (OLD, "1.18", "1.22", {"control-plane-1.22": ["dask-gateway 0.9.0"]}),
        (BUMPED, "1.18", "1.22", {}),
        ((), "1.18", "1.22", {}),
        (
            (("jupyterhub", "0.10.6"), ("dask-gateway", "0.9.0")),
            "1.20",
            "1.22",
            {"control-plane-1.22": ["dask-gateway 0.9.0", "jupyterhub 0.10.6"]},
        ),
        (
            (("jupyterhub", "1.2.0"),),
            "1.24",
            "1.35",
            {"control-plane-1.25": ["jupyterhub 1.2.0"], "control-plane-1.27": ["jupyterhub 1.2.0"]},
        ),
        ((("jupyterhub", "2.0.0"),), "1.24", "1.35", {"control-plane-1.27": ["jupyterhub 2.0.0"]}),
        ((("jupyterhub", "3.2.1"), ("dask-gateway", "2024.1.0")), "1.24", "1.35", {}),
        (
            (("jupyterhub", "1.2.0"), ("jupyterhub", "3.2.1")),
            "1.24",
            "1.25",
            {"control-plane-1.25": ["jupyterhub 1.2.0"]},
        ),
    ],
)
def test_a_plan_stops_exactly_before_the_hops_that_break_a_chart(
    installed: Charts, start: str, target: str, wanted: dict[str, list[str]]
) -> None:
    assert stops(plan_of(installed, start, target)) == wanted


def test_a_rehearsals_plan_warns_instead_and_has_the_same_steps() -> None:
    plan = plan_of(OLD, "1.18", "1.22", strict=False)
    assert [step.id for step in plan.steps if not step.id.startswith("addons")] == SIX.split()
    assert stops(plan) == {}
    (warning,) = plan.warnings
    assert re.fullmatch(
        r"control-plane-1\.22: dask-gateway 0\.9\.0 does not survive Kubernetes 1\.22 \(.+\): "
        r"a real run stops there, and so does --strict \(https://\S+\)",
        warning,
    )
    assert plan_of(OLD, "1.18", "1.22").warnings == ()


def test_in_the_documented_order_it_stops_before_the_nodes_go_ahead() -> None:
    """They would be newer than the control plane until somebody has deployed."""
    plan = plan_of(OLD, "1.18", "1.22", "documented")
    assert stops(plan) == {"nodes-1.22": ["dask-gateway 0.9.0"]}
    ids = [step.id for step in plan.steps]
    assert ids.index("nodes-1.22") < ids.index("control-plane-1.22")
    (warning,) = plan_of(OLD, "1.18", "1.22", "documented", strict=False).warnings
    assert warning.startswith("nodes-1.22: dask-gateway 0.9.0 ")


@pytest.mark.parametrize("strict", [True, False])
def test_what_a_cluster_is_past_already_is_a_warning_and_stops_no_hop(strict: bool) -> None:
    """EKS raises old clusters by itself, and does not ask."""
    plan = plan_of(OLD, "1.22", "1.24", strict=strict)
    assert stops(plan) == {}
    (warning,) = plan.warnings
    assert warning.startswith("Already so: dask-gateway 0.9.0 does not survive Kubernetes 1.22 (")
    assert "`invoke bump-daskhub` and `invoke deploy` mend it" in warning


def test_a_hop_that_breaks_something_more_is_stopped_all_the_same() -> None:
    plan = plan_of(OLD, "1.25", "1.27")
    assert stops(plan) == {"control-plane-1.27": ["jupyterhub 1.1.1"]}
    assert len([warning for warning in plan.warnings if warning.startswith("Already so: ")]) == 2


@examples(60)
@given(practices(), st.lists(charts, max_size=3), st.sampled_from(STRATEGIES))
def test_a_stop_comes_first_once_for_each_hop_that_breaks_a_chart_and_changes_nothing_else(
    practice: Practice, installed: list[tuple[str, str]], strategy: str
) -> None:
    with TemporaryDirectory() as folder:
        rehearsal = practice.begin(Path(folder) / "practice")
        rehearsal.world.kubernetes.deploy(installed)
        cluster, config = rehearsal.observe(), clusterconfig.parse(rehearsal.config, FILE)
    strict, warning = (plan_upgrade(cluster, config, practice.target, strategy, strict=each) for each in (True, False))
    assert without_stops(strict.steps) == list(warning.steps)
    hops = [action.to for step in strict.steps for action in step.actions if isinstance(action, RaiseControlPlane)]
    found = [step.actions[0] for step in strict.steps if isinstance(step.actions[0], StopForCharts)]
    assert [(stop.to, stop.ceilings) for stop in found] == [
        (to, broken) for to in hops if (broken := broken_by_hop(installed, to))
    ]
    assert len(found) == sum(len(charts) > 0 for charts in stops(strict).values())
    before = plan_upgrade(replace(cluster, charts=()), config, practice.target, strategy)
    assert before.steps == warning.steps
    assert len(warning.warnings) - len(strict.warnings) == sum(len(stop.ceilings) for stop in found)
