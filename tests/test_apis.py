"""Which APIs a Kubernetes serves. A real API server is asked in tests/real_parts/test_apis.py."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.plan.apis import NEWEST, OLDEST, all_apis, served, unserved
from tasks.plan.version import Minor, between

MINORS = between(OLDEST, NEWEST)
CRD: dict[str, Any] = {
    "spec": {
        "group": "traefik.io",
        "names": {"kind": "IngressRoute"},
        "versions": [{"name": "v1alpha1", "served": True}, {"name": "v1", "served": False}],
    }
}


def item(api: str, kind: str, name: str = "x") -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}}


def minors(api: str) -> list[int]:
    return [minor.minor for minor in MINORS if api in served(minor)]


@pytest.mark.parametrize(
    ("api", "first", "last"),
    [
        ("v1/Service", 16, 36),
        ("v1", 16, 36),
        ("apps/v1/StatefulSet", 16, 36),
        ("extensions/v1beta1/Ingress", 16, 21),
        ("networking.k8s.io/v1beta1/IngressClass", 18, 21),
        ("networking.k8s.io/v1/Ingress", 19, 36),
        ("networking.k8s.io/v1/NetworkPolicy", 16, 36),
        ("policy/v1beta1/PodDisruptionBudget", 16, 24),
        ("policy/v1beta1/PodSecurityPolicy", 16, 24),
        ("policy/v1/PodDisruptionBudget", 21, 36),
        ("policy/v1", 21, 36),
        ("batch/v1beta1/CronJob", 16, 24),
        ("batch/v1/CronJob", 21, 36),
        ("autoscaling/v2beta1/HorizontalPodAutoscaler", 16, 24),
        ("autoscaling/v2beta2/HorizontalPodAutoscaler", 16, 25),
        ("autoscaling/v2/HorizontalPodAutoscaler", 23, 36),
        ("rbac.authorization.k8s.io/v1beta1/RoleBinding", 16, 21),
        ("apiextensions.k8s.io/v1beta1", 16, 21),
        ("storage.k8s.io/v1beta1/CSIStorageCapacity", 21, 26),
        ("storage.k8s.io/v1/CSIStorageCapacity", 24, 36),
        ("storage.k8s.io/v1beta1", 16, 26),
        ("flowcontrol.apiserver.k8s.io/v1beta3/FlowSchema", 26, 31),
    ],
)
def test_from_and_until(api: str, first: int, last: int) -> None:
    assert minors(api) == list(range(first, last + 1))


@pytest.mark.parametrize(
    "api",
    ["extensions/v1beta1/Deployment", "apps/v1beta2/Deployment", "apps/v1beta1", "rbac.authorization.k8s.io/v1alpha1"],
)
def test_what_went_with_1_16_or_never_was_on_is_never_served(api: str) -> None:
    assert minors(api) == []


def test_each_rule_names_where_it_is_written() -> None:
    assert all(each.source.startswith("https://") and each.kinds and each.first <= each.last for each in all_apis())
    rules = [(each.api, kind) for each in all_apis() for kind in each.kinds]
    assert len(rules) == len(set(rules)), "one rule for each kind of an API"


def test_newer_ones_are_taken_for_the_newest_and_older_ones_for_the_oldest() -> None:
    assert served(NEWEST + 5) == served(NEWEST)
    assert served(Minor(10)) == served(OLDEST)


def test_what_the_cluster_does_not_take_is_told_with_what_it_takes() -> None:
    asked = [
        item("policy/v1beta1", "PodDisruptionBudget", "hub"),
        item("policy/v1", "PodDisruptionBudget", "hub"),
        item("v1", "Secret"),
    ]
    guide = "https://kubernetes.io/docs/reference/using-api/deprecation-guide/#poddisruptionbudget-v125"
    assert unserved(asked, Minor(25), []) == [
        f"PodDisruptionBudget hub asks for policy/v1beta1, which Kubernetes 1.25 does not serve: it has policy/v1 ({guide})."
    ]
    assert unserved(asked, Minor(24), []) == []
    assert ["policy/v1, which" in each for each in unserved(asked, Minor(20), [])] == [True]


def test_of_what_is_gone_for_good_nothing_is_there_instead() -> None:
    (told,) = unserved([item("policy/v1beta1", "PodSecurityPolicy")], Minor(25), [])
    assert "it has nothing instead" in told
    (told,) = unserved([item("apps/v1beta2", "Deployment")], Minor(18), [])
    assert told == "Deployment x asks for apps/v1beta2, which Kubernetes 1.18 does not serve: it has apps/v1."


def test_what_is_not_kubernetes_own_is_served_by_a_crd_of_the_chart() -> None:
    asked = [item("traefik.io/v1alpha1", "IngressRoute"), item("traefik.io/v1", "IngressRoute")]
    assert unserved(asked[:1], Minor(25), [CRD]) == []
    assert unserved(asked, Minor(25), iter([CRD])) == [
        "IngressRoute x asks for traefik.io/v1, which is not Kubernetes' own, and no CRD of the chart brings."
    ]
    assert len(unserved(asked, Minor(25), [])) == 2


def test_an_object_without_a_name_or_a_version_is_told_too() -> None:
    assert len(unserved([{}, {"apiVersion": "v1", "kind": "Sevice"}], Minor(25), [])) == 2


@given(st.sampled_from(MINORS), st.lists(st.sampled_from(all_apis()), max_size=5))
def test_what_is_told_is_what_is_not_served(minor: Minor, entries: Iterable[Any]) -> None:
    asked = [item(entry.api, kind) for entry in entries for kind in entry.kinds]
    wrong = [each for each in asked if f"{each['apiVersion']}/{each['kind']}" not in served(minor)]
    assert len(unserved(asked, minor, [])) == len(wrong)
