"""Whether a workload is rolled out, which pods are its own, and what it runs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.plan.rollout import WORKLOADS, images, name, owned, unready
from tests.strategies import examples

SEEN = {"observedGeneration": 3}


def workload(kind: str, status: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "hub", "generation": 3}, "spec": spec, "status": status}


def deployment(updated: int, available: int, every: int, **spec: Any) -> dict[str, Any]:
    status = {"updatedReplicas": updated, "availableReplicas": available, "replicas": every, **SEEN}
    return workload("Deployment", status, **spec)


def stateful_set(updated: int, ready: int, **spec: Any) -> dict[str, Any]:
    return workload("StatefulSet", {"updatedReplicas": updated, "readyReplicas": ready, **SEEN}, **spec)


def daemon_set(desired: int, updated: int, available: int, **spec: Any) -> dict[str, Any]:
    status = {"desiredNumberScheduled": desired, "updatedNumberScheduled": updated, "numberAvailable": available}
    return workload("DaemonSet", {**status, **SEEN}, **spec)


ON_DELETE = {"updateStrategy": {"type": "OnDelete"}}


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (deployment(1, 1, 1), ""),  # one pod, where nothing else is said
        (deployment(0, 0, 0, replicas=0), ""),
        (deployment(1, 2, 3, replicas=2), "1 of 2 pods are new"),
        (deployment(2, 1, 3, replicas=2), "1 of 2 pods are ready"),
        (deployment(2, 2, 3, replicas=2), "1 old pods are still there"),
        (deployment(2, 2, 2, replicas=2), ""),
        (workload("Deployment", SEEN), "0 of 1 pods are new"),
        (workload("Deployment", {}), "its controller has not seen the change yet"),
        (workload("Deployment", {"observedGeneration": 2, "updatedReplicas": 1}), "its controller has not seen"),
        (stateful_set(2, 1, replicas=2), "1 of 2 pods are ready"),
        (stateful_set(1, 2, replicas=2), "1 of 2 pods are new"),
        (stateful_set(2, 2, replicas=2), ""),
        (stateful_set(0, 2, replicas=2, **ON_DELETE), ""),
        (stateful_set(0, 1, replicas=2, **ON_DELETE), "1 of 2 pods are ready"),
        (stateful_set(1, 3, replicas=3, updateStrategy={"rollingUpdate": {"partition": 2}}), ""),
        (stateful_set(1, 3, replicas=3, updateStrategy={"rollingUpdate": {"partition": 1}}), "1 of 2 pods are new"),
        (daemon_set(0, 0, 0), ""),
        (daemon_set(3, 2, 3), "2 of 3 pods are new"),
        (daemon_set(3, 3, 2), "2 of 3 pods are ready"),
        (daemon_set(3, 3, 3), ""),
        (daemon_set(3, 0, 3, **ON_DELETE), ""),
    ],
)
def test_a_workload_waits_for(item: dict[str, Any], words: str) -> None:
    found = unready([item])
    assert list(found) == ([name(item)] if words else [])
    assert found.get(name(item), "").startswith(words)


@examples(100)
@given(st.sampled_from(WORKLOADS), st.integers(1, 5), st.data())
def test_nothing_is_rolled_out_before_all_its_new_pods_run(kind: str, wanted: int, data: st.DataObject) -> None:
    numbers = st.integers(0, wanted)
    updated, running, more = data.draw(numbers), data.draw(numbers), data.draw(numbers)
    items = {
        "Deployment": deployment(updated, running, updated + more, replicas=wanted),
        "StatefulSet": stateful_set(updated, running, replicas=wanted),
        "DaemonSet": daemon_set(wanted, updated, running),
    }
    done = updated == running == wanted and (kind != "Deployment" or not more)
    assert bool(unready([items[kind]])) is not done


def test_what_is_no_workload_is_waited_for_by_nobody() -> None:
    assert unready([workload("Pod", {}), workload("Job", {}), workload("ReplicaSet", {})]) == {}


def pod(**labels: str) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": "p", "labels": labels}, "spec": {}}


def test_pods_are_owned_if_they_have_all_of_the_selectors_labels() -> None:
    pods = [pod(app="hub", x="1"), pod(app="hub"), pod(app="proxy"), {"metadata": {"name": "bare", "labels": None}}]
    selected = workload("Deployment", {}, selector={"matchLabels": {"app": "hub"}})
    assert owned(pods, selected) == pods[:2]
    assert owned(pods, workload("Deployment", {}, selector={"matchLabels": {"app": "hub", "x": "1"}})) == pods[:1]


@pytest.mark.parametrize("spec", [{}, {"selector": {}}, {"selector": {"matchLabels": None}}])
def test_no_selector_means_no_pods(spec: dict[str, Any]) -> None:
    assert owned([pod(app="hub"), pod()], workload("Deployment", {}, **spec)) == []


def test_images_are_those_of_all_containers_of_a_workload_or_a_pod() -> None:
    content = {"initContainers": [{"image": "a:1"}], "containers": [{"image": "b:1"}, {"image": "a:1"}, {}]}
    assert images(workload("DaemonSet", {}, template={"spec": content})) == {"a:1", "b:1", ""}
    assert images(workload("Pod", {}, **content)) == {"a:1", "b:1", ""}
    assert images(workload("Pod", {}, containers=[{"image": "a"}], initContainers=None)) == {"a"}
