"""Fields that Kubernetes lets nobody change: an upgrade whose chart does it anyway fails at that object.

Told from what the charts render before and after, so what only the cluster knows is taken as it mostly is: a Service got
another address than the one that a chart now asks for, a claim is bound. The rules are those of Kubernetes 1.33:
https://github.com/kubernetes/kubernetes/tree/v1.33.0/pkg/apis, the functions Validate…Update of */validation/validation.go
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tasks.plan.manifest import Key, Object, is_hook
from tasks.plan.quantity import number
from tasks.plan.version import Minor

# By kind: fields, and what Kubernetes takes them for where they aren't said (pkg/apis/*/v1/defaults.go).
FIELDS: Mapping[str, Mapping[str, Any]] = {
    "StorageClass": {
        "provisioner": None,
        "parameters": None,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    },
    "PersistentVolume": {"spec.volumeMode": "Filesystem"},
    "PriorityClass": {"value": 0, "preemptionPolicy": "PreemptLowerPriority"},
    "Secret": {"type": "Opaque"},
    "IngressClass": {"spec.controller": None},
    "CSIDriver": {"spec.attachRequired": True, "spec.volumeLifecycleModes": ["Persistent"]},
    "RuntimeClass": {"handler": None},
    "CustomResourceDefinition": {"spec.scope": "Namespaced", "spec.names.kind": None},
    "Job": {
        "spec.selector": None,
        "spec.template": None,
        "spec.completionMode": "NonIndexed",
        "spec.podFailurePolicy": None,
        "spec.backoffLimitPerIndex": None,
        "spec.managedBy": None,
        "spec.successPolicy": None,
    },
}
# A Kubernetes before the given minor doesn't take a change of these either.
STATEFUL_SINCE: Mapping[str, int] = {
    "replicas": 0,
    "template": 0,
    "updateStrategy": 0,
    "minReadySeconds": 22,
    "persistentVolumeClaimRetentionPolicy": 23,
    "ordinals": 26,
    "revisionHistoryLimit": 33,  # https://github.com/kubernetes/kubernetes/issues/130263
}
LATEST = Minor(max(STATEFUL_SINCE.values()))
# Wherever they stand, what is left out means the same.
DEFAULTS: Mapping[str, Any] = {
    "volumeMode": "Filesystem",
    "podManagementPolicy": "OrderedReady",
    "apiGroup": "rbac.authorization.k8s.io",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "protocol": "TCP",
    "defaultMode": 0o644,
}
NO_SOURCE = frozenset(  # of a PersistentVolume's spec, all else is where its data are
    """capacity accessModes claimRef persistentVolumeReclaimPolicy storageClassName mountOptions volumeMode nodeAffinity
    volumeAttributesClassName""".split()
)
AMOUNTS = ("requests", "limits")
UNSELECTIVE = ("extensions/v1beta1", "apps/v1beta1")  # there a selector was made from the template's labels


def immutables(
    before: Mapping[Key, Object], after: Mapping[Key, Object], minor: Minor = LATEST
) -> list[tuple[Key, list[str]]]:
    """The objects that can't become what they are to be, in the order of their keys.

    Hooks are left out, being deleted before they are created again. What helm is told to keep (helm.sh/resource-policy)
    it doesn't delete, but it does update: it counts.
    """
    both = sorted(key for key in before.keys() & after.keys() if not is_hook(before[key]) and not is_hook(after[key]))
    found = [(key, immutable(before[key], after[key], minor)) for key in both]
    return [(key, paths) for key, paths in found if paths]


def immutable(old: Object, new: Object, minor: Minor = LATEST) -> list[str]:
    """The fields in which they differ and may not, such as `spec.selector`. Both are the same object (kind, namespace,
    name), as two renderings have it. minor: of the cluster."""
    kind = str(new.get("kind"))
    if not (_is_kubernetes_own(old) and _is_kubernetes_own(new)):
        return []
    found = [path for path, default in FIELDS.get(kind, {}).items() if _differs(old, new, path, default)]
    if kind == "StatefulSet":
        since = STATEFUL_SINCE.items()
        found += _spec(old, new, frozenset(name for name, first in since if first <= minor.minor))
    elif kind in MORE:
        found += MORE[kind](old, new)
    return found


def _is_kubernetes_own(item: Object) -> bool:
    """Not of a custom group that calls something a Service too."""
    group = str(item.get("apiVersion", "")).rpartition("/")[0]
    return "." not in group or group.endswith(".k8s.io")


def _differs(old: Object, new: Object, path: str, default: Any = None) -> bool:
    name = path.rpartition(".")[2]
    return bool(_essence({name: _at(old, path, default)}) != _essence({name: _at(new, path, default)}))


def _at(item: Any, path: str, default: Any = None) -> Any:
    for key in path.split("."):
        item = item.get(key) if isinstance(item, dict) else None
    return default if item is None else item


def _essence(value: Any) -> Any:
    """Without what means the same when it is left out: nothing, empty, or a default. Amounts become numbers."""
    if isinstance(value, dict):
        kept = ((key, _essence(item)) for key, item in value.items() if key not in DEFAULTS or item != DEFAULTS[key])
        return {key: _amounts(item) if key in AMOUNTS else item for key, item in kept if _says(item)}
    return [_essence(item) for item in value] if isinstance(value, list) else value


def _says(value: Any) -> bool:
    return value is not None and value not in ({}, [])


def _amounts(value: Any) -> Any:
    numbers = {key: number(str(item)) for key, item in value.items()} if isinstance(value, dict) else {}
    return {key: value[key] if found is None else found for key, found in numbers.items()} or value


def _spec(old: Object, new: Object, free: frozenset[str]) -> list[str]:
    """Which fields of the spec differ, but for free ones."""
    names = dict.fromkeys([*(old.get("spec") or {}), *(new.get("spec") or {})])
    one, other = ({"spec": _claims(item.get("spec") or {})} for item in (old, new))
    return [f"spec.{name}" for name in names if name not in free and _differs(one, other, f"spec.{name}")]


def _claims(spec: Mapping[str, Any]) -> dict[str, Any]:
    """With a StatefulSet's claims as Kubernetes keeps them: each is a claim without being told, and has no status yet."""
    claims = spec.get("volumeClaimTemplates") or []
    kept = [{key: claim[key] for key in ("metadata", "spec") if key in claim} for claim in claims]
    return {**spec, "volumeClaimTemplates": kept} if claims else dict(spec)


def _selector(old: Object, new: Object) -> list[str]:
    path = "spec.selector"
    if old.get("apiVersion") in UNSELECTIVE and _at(old, path) is None:
        old = {"spec": {"selector": {"matchLabels": _at(old, "spec.template.metadata.labels")}}}
    return [path] if _differs(old, new, path) else []


def _job(old: Object, new: Object) -> list[str]:
    """Where nothing is said of completions any more, or still not, Kubernetes keeps or makes them. Indexed ones may be
    given other numbers, where completions and pods side by side agree."""
    path, jobs = "spec.completions", (old, new)
    if all(_at(item, path) is None for item in jobs):
        return []
    sides = [_at(item, path, 1 if _at(item, "spec.parallelism") is None else None) for item in jobs]
    elastic = all(_at(item, "spec.completionMode") == "Indexed" for item in jobs)
    elastic = elastic and sides == [_at(item, "spec.parallelism") for item in jobs]
    return [path] if sides[0] != sides[1] and not elastic else []


def _service(old: Object, new: Object) -> list[str]:
    """An address is given once. What isn't asked for any more stays as it is, also that there is none (`None`)."""
    kinds = [_at(item, "spec.type", "ClusterIP") for item in (old, new)]
    if "ExternalName" in kinds:
        return []
    found = []
    before, after = (
        (_at(item, "spec.clusterIP") or next(iter(_at(item, "spec.clusterIPs", [])), "")) for item in (old, new)
    )
    stays_without = before == "None" and not after and kinds[1] != "ClusterIP"  # which these types can't do
    if stays_without or (after and after != before):
        found.append("spec.clusterIP")
    families = [_at(item, "spec.ipFamilies", []) for item in (old, new)]
    if "None" not in (before, after) and all(families) and families[0][0] != families[1][0]:
        found.append("spec.ipFamilies")
    if kinds == ["LoadBalancer"] * 2 and _differs(old, new, "spec.loadBalancerClass"):
        found.append("spec.loadBalancerClass")
    return found


def _claim(old: Object, new: Object) -> list[str]:
    """A bound claim may grow, and take other attributes. Its volume's name the cluster has filled in."""
    size, name = "spec.resources.requests.storage", "spec.volumeName"
    free = frozenset({"resources", "volumeAttributesClassName", "volumeName"})
    before, after = (number(str(_at(item, size, 0))) for item in (old, new))
    shrinks = before is not None and after is not None and after < before
    renamed = _at(old, name) and _differs(old, new, name)
    limits = "spec.resources.limits"
    more = {size: shrinks, limits: _differs(old, new, limits), name: renamed}
    return _spec(old, new, free) + [path for path, is_so in more.items() if is_so]


def _volume(old: Object, new: Object) -> list[str]:
    """Where its data are: nfs, hostPath, csi…; and its nodes, once they are said."""
    named = {key: None for item in (old, new) for key in item.get("spec") or {} if key not in NO_SOURCE}
    found = [f"spec.{key}" for key in named if _differs(old, new, f"spec.{key}")]
    place = "spec.nodeAffinity"
    return found + ([place] if _says(_at(old, place)) and _differs(old, new, place) else [])


def _contents(old: Object, new: Object) -> list[str]:
    """Of a ConfigMap or Secret that says it can't be changed."""
    if old.get("immutable") is not True:
        return []
    found = [] if new.get("immutable") is True else ["immutable"]
    return found + (["data"] if dict(_data(old)) != dict(_data(new)) else [])


def _data(item: Object) -> Iterator[tuple[str, Any]]:
    """As bytes where it is a Secret, however it is written down: stringData is laid over data."""
    for section in ("data", "binaryData", "stringData"):
        for key, value in (item.get(section) or {}).items():
            coded = section == "binaryData" or (section == "data" and item.get("kind") == "Secret")
            yield key, _decoded(str(value or "")) if coded else str(value or "").encode()


def _decoded(text: str) -> bytes:
    """Itself where it is no Base64, which the cluster will say."""
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return text.encode()


def _binding(old: Object, new: Object) -> list[str]:
    return ["roleRef"] if _differs(old, new, "roleRef") else []


MORE: Mapping[str, Callable[[Object, Object], list[str]]] = {
    **dict.fromkeys(("Deployment", "DaemonSet", "ReplicaSet"), _selector),
    "Job": _job,
    "Service": _service,
    "PersistentVolumeClaim": _claim,
    "PersistentVolume": _volume,
    "ConfigMap": _contents,
    "Secret": _contents,
    "RoleBinding": _binding,
    "ClusterRoleBinding": _binding,
}
