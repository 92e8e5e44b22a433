"""What a real API server refuses is exactly what is told beforehand.

`kubectl apply` changes an object as helm does: from what an earlier rendering said, what it is now, and what the next one
says.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import ip_address
from typing import Any

import pytest

from tasks.plan.immutable import immutable
from tasks.plan.manifest import Object
from tests.real_parts.centre import Programs
from tests.test_immutable import CASES, Case, spec

# Which Kubernetes has decided to name otherwise.
NAMES = {
    "spec.clusterIP": "spec.clusterIPs",
    "spec.nfs": "spec.persistentvolumesource",
    "spec.attachRequired": "spec.attachedRequired",
    "spec.volumeMode": "volumeMode",
}
PATIENCE = 30.0  # seconds until a claim is bound


@pytest.fixture
def make(programs: Programs) -> Iterator[Callable[..., None]]:
    """Creates objects, which go with the test."""
    made: list[Object] = []

    def create(*items: Object) -> None:
        made.extend(items)
        programs.kubectl("apply", "-f", "-", text=documents(items))

    yield create
    words = ("--wait=false", "--cascade=orphan", "--ignore-not-found")
    programs.kubectl("delete", *words, "-f", "-", text=documents(made))


def documents(items: Iterable[Object]) -> str:
    return "\n---\n".join(json.dumps(item) for item in items)


def addressed(item: Object, known: str) -> Object:
    """With addresses that this cluster gives to services, for the words in their place. known: one of them."""
    numbers = re.compile(r"ADDRESS(\d)")
    found: Object = json.loads(numbers.sub(lambda word: str(ip_address(known) + 200 + int(word[1])), json.dumps(item)))
    return found


def refusals(items: Sequence[Object], programs: Programs) -> dict[str, str]:
    """What is said against each, by name."""
    words = ("kubectl", "apply", "--dry-run=server", "-f", "-")
    more = {"KUBECONFIG": str(programs.datacentre.kubeconfig)}
    said = programs.run(*words, text=documents(items), fails=True, more=more)
    answers = re.split(r"^(?=The |Error)", said, flags=re.MULTILINE)
    names = [item["metadata"]["name"] for item in items]
    return {name: answer for answer in answers for name in names if f'"{name}"' in answer}


def test_refused_is_exactly_what_is_told(programs: Programs, make: Callable[..., None]) -> None:
    known = programs.kubectl("get", "service", "kubernetes", "--namespace=default", "-o", "jsonpath={.spec.clusterIP}")
    names = [
        f"immutable-{number}" + (".example.org" if case.kind == "CSIDriver" else "")
        for number, case in enumerate(CASES)
    ]
    sides = [case.sides(name) for name, case in zip(names, CASES, strict=True)]
    pairs = {
        name: (addressed(old, known), addressed(new, known)) for name, (old, new) in zip(names, sides, strict=True)
    }
    make(*(old for old, _ in pairs.values()))
    said = refusals([new for _, new in pairs.values()], programs)
    told = {name: found for name, (old, new) in pairs.items() if (found := immutable(old, new))}
    by_name = dict(zip(names, CASES, strict=True))
    assert {name: by_name[name] for name in told} == {name: by_name[name] for name in said}, said
    for name, found in told.items():
        if by_name[name].kind not in ("StatefulSet", "PersistentVolumeClaim"):  # of which it says `spec` alone
            assert any(NAMES.get(path, path).lower() in said[name].lower() for path in found), said[name]


def test_a_bound_claim_grows_and_does_not_shrink(programs: Programs, make: Callable[..., None]) -> None:
    growing: dict[str, Any] = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "growing"},
    }
    size = "storageClassName: growing, resources: {requests: {storage: %s}}"
    old, larger = Case("PersistentVolumeClaim", spec(size % "2Gi"), spec(size % "3Gi"), "").sides("grows")
    shrinking = Case("PersistentVolumeClaim", spec(size % "2Gi"), spec(size % "1Gi"), "").sides("shrinks")
    make(growing | {"provisioner": "kubernetes.io/host-path", "allowVolumeExpansion": True}, old, shrinking[0])
    begun = time.monotonic()
    while (
        programs.kubectl("get", "pvc/grows", "pvc/shrinks", "-o", "jsonpath={.items[*].status.phase}") != "Bound Bound"
    ):
        assert time.monotonic() - begun < PATIENCE
        time.sleep(0.2)
    said = refusals([larger, shrinking[1]], programs)
    assert list(said) == ["shrinks"]
    assert "less than status.capacity" in said["shrinks"]
    assert immutable(old, larger) == []
    assert immutable(*shrinking) == ["spec.resources.requests.storage"]
