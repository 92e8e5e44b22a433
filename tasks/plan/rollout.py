"""Whether workloads run what was asked for: the rule of `kubectl rollout status`, for all of a release at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")

Object = Mapping[str, Any]


def name(item: Object) -> str:
    return f"{item['kind']} {item['metadata']['name']}"


def unready(items: Iterable[Object]) -> dict[str, str]:
    """Workload → what it still waits for. Empty when all are rolled out."""
    return {name(item): trouble for item in items if item["kind"] in WORKLOADS and (trouble := _trouble(item))}


def _trouble(item: Object) -> str:
    spec, status = item.get("spec", {}), item.get("status", {})
    if status.get("observedGeneration", 0) < item["metadata"].get("generation", 1):
        return "its controller has not seen the change yet"
    if item["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        current, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    else:
        wanted = spec.get("replicas", 1)
        # Before Kubernetes 1.22 a stateful set does not tell how many are available.
        enough = "availableReplicas" if item["kind"] == "Deployment" else "readyReplicas"
        current, available = status.get("updatedReplicas", 0), status.get(enough, 0)
    strategy = spec.get("updateStrategy") or {}
    kept = (strategy.get("rollingUpdate") or {}).get("partition", 0)  # pods of a stateful set that stay old
    if item["kind"] != "Deployment" and strategy.get("type") == "OnDelete":
        current = wanted
    if current < wanted - kept:
        return f"{current} of {wanted - kept} pods are new"
    if available < wanted:
        return f"{available} of {wanted} pods are ready"
    if item["kind"] == "Deployment" and status.get("replicas", 0) > current:
        return f"{status['replicas'] - current} old pods are still there"
    return ""


def owned(pods: Iterable[Object], item: Object) -> list[Object]:
    """The pods that a workload's selector means."""
    labels = item["spec"].get("selector", {}).get("matchLabels") or {}
    return [pod for pod in pods if labels and labels.items() <= (pod["metadata"].get("labels") or {}).items()]


def images(item: Object) -> set[str]:
    """All images that a workload's or a pod's containers run."""
    spec = item["spec"].get("template", {}).get("spec") or item["spec"]
    containers = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    return {str(container.get("image", "")) for container in containers}
