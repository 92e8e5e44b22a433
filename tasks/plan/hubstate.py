"""What is known of a hub's release, for people and programs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.plan.release import Revision

Object = Mapping[str, Any]
CHART_LABELS = ("helm.sh/chart", "chart")  # the second is that of charts written before there was a first
# dask-gateway-2022.6.1, jupyterhub-1.1.3-n772.h1a2b3c4: the version begins where its first two numbers do.
LABELLED = re.compile(r"(.+?)-(v?[0-9]+\.[0-9]+.*)", re.ASCII)


@dataclass(frozen=True)
class HubState:
    """images: values path → name:tag that is deployed. charts: name-version of every chart in it. pods: ready and all of
    its workloads. by_hand: objects that were changed by hand. behind: what git would change; None if that is unknown,
    which `trouble` then explains."""

    release: str
    revision: Revision
    images: Mapping[str, str]
    charts: tuple[str, ...]
    pods: tuple[int, int]
    users: int
    by_hand: tuple[str, ...]
    behind: str | None
    trouble: str

    def document(self) -> dict[str, Any]:
        return {
            "release": self.release,
            "revision": self.revision.number,
            "status": self.revision.status,
            "chart": self.revision.chart,
            "deployed": self.revision.description,
            "images": dict(self.images),
            "charts": list(self.charts),
            "pods": {"ready": self.pods[0], "all": self.pods[1]},
            "users": self.users,
            "changed_by_hand": list(self.by_hand),
            "against_git": self.behind,
            "unknown": self.trouble or None,
        }

    def rows(self) -> list[tuple[str, str]]:
        return [
            ("revision", f"{self.revision.number}, {self.revision.status} ({self.revision.description})"),
            ("chart", self.revision.chart),
            ("versions", ", ".join(self.charts) or "unknown"),
            *(("image", image) for image in self.images.values()),
            ("pods ready", f"{self.pods[0]} of {self.pods[1]}"),
            ("people online", str(self.users)),
            ("changed by hand", ", ".join(self.by_hand) or "nothing"),
            ("against git", self.behind if self.behind is not None else f"unknown: {self.trouble}"),
        ]


def charts(objects: Iterable[Object]) -> tuple[str, ...]:
    """Every chart whose label an object bears, as name-version."""
    labels = [(item.get("metadata") or {}).get("labels") or {} for item in objects]
    return tuple(sorted({str(found[key]) for found in labels for key in CHART_LABELS if key in found}))


def chart_versions(objects: Iterable[Object]) -> tuple[tuple[str, str], ...]:
    """The same, as (name, version). A label can't contain a version's +, for which charts write _."""
    found = (LABELLED.fullmatch(label) for label in charts(objects))
    return tuple((label[1], label[2].replace("_", "+")) for label in found if label)


def at(document: Any, path: str) -> Any:
    """The value at a.b.c of nested mappings; None if there is none."""
    for key in path.split("."):
        document = document.get(key) if isinstance(document, Mapping) else None
    return document


def users(pods: Iterable[Object]) -> int:
    """Servers of people, by the label that KubeSpawner gives them."""
    labels = [
        pod["metadata"].get("labels") or {} for pod in pods if pod["status"].get("phase") in ("Running", "Pending")
    ]
    return sum(found.get("component") == "singleuser-server" for found in labels)


def ready(pods: Iterable[Object]) -> tuple[int, int]:
    """Ready and all, of pods that are not over."""
    alive = [pod for pod in pods if pod["status"].get("phase") not in ("Succeeded", "Failed")]
    return sum(is_ready(pod) for pod in alive), len(alive)


def is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions") or []
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)
