"""Which APIs a Kubernetes serves: the data are in apis.yaml, beside this file, with their sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tasks.plan.crds import serves
from tasks.plan.manifest import Object
from tasks.plan.version import Minor

OLDEST, NEWEST = Minor(16), Minor(36)  # that the data are about


@dataclass(frozen=True)
class Api:
    """group/version (v1 for the core), and kinds of it. first, last: minors that serve them, both included."""

    api: str
    kinds: tuple[str, ...]
    first: Minor
    last: Minor
    source: str

    @property
    def group(self) -> str:
        """ "" for the core."""
        return self.api.rpartition("/")[0]

    def is_served(self, minor: Minor) -> bool:
        """What comes after the newest is taken for it, and what was before the oldest too."""
        return self.first <= min(max(minor, OLDEST), NEWEST) <= self.last


def served(minor: Minor) -> list[str]:
    """group/version and group/version/Kind, for helm's --api-versions, sorted.

    Helm adds them to a list of its own, which names group/version of everything that its libraries know, gone ones
    and alphas included, without kinds. Nothing takes away from it, neither --kube-version nor --api-versions. So a chart
    that asks for `policy/v1/PodDisruptionBudget` is told what is so; one that asks for `policy/v1` alone gets it on each
    Kubernetes, and what it then renders says nothing about a cluster. Without any of these, charts that ask for the kind
    take old APIs, which a cluster wouldn't make them do: jupyterhub 2.0.0 then has its budgets in policy/v1beta1.
    """
    entries = [entry for entry in all_apis() if entry.is_served(minor)]
    return sorted({name for each in entries for name in (each.api, *(f"{each.api}/{kind}" for kind in each.kinds))})


def unserved(objects: Iterable[Object], minor: Minor, crds: Iterable[Mapping[str, Any]]) -> list[str]:
    """A sentence for each object that the cluster won't take, in their order.

    crds: the chart's. What isn't Kubernetes' own is served if one of them does; others that the cluster may have are
    not known here.
    """
    known = {*served(minor), *(name for crd in crds for name in serves(crd))}
    groups = {entry.group for entry in all_apis()}
    asked = [(str(item.get("apiVersion")), str(item.get("kind")), item) for item in objects]
    missing = [(api, kind, item) for api, kind, item in asked if f"{api}/{kind}" not in known]
    return [_sentence(api, kind, item, minor, groups) for api, kind, item in missing]


def _sentence(api: str, kind: str, item: Object, minor: Minor, groups: set[str]) -> str:
    what = f"{kind} {(item.get('metadata') or {}).get('name', '?')} asks for {api}, which"
    if api.rpartition("/")[0] not in groups:
        return f"{what} is not Kubernetes' own, and no CRD of the chart brings."
    instead = [entry for entry in all_apis() if kind in entry.kinds and entry.is_served(minor)]
    others = " and ".join(sorted({entry.api for entry in instead})) or "nothing instead"
    gone = [entry for entry in all_apis() if entry.api == api and kind in entry.kinds]
    source = f" ({gone[0].source})" if gone else ""
    return f"{what} Kubernetes {minor} does not serve: it has {others}{source}."


@cache
def all_apis() -> tuple[Api, ...]:
    """A constant of the program, not a state of the world."""
    import yaml

    text = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    return tuple(_api(row) for row in yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def _api(row: Mapping[str, Any]) -> Api:
    first, last = (
        Minor.parse(row[key]) if key in row else default for key, default in (("from", OLDEST), ("until", NEWEST))
    )
    return Api(row["api"], tuple(row["kinds"]), first, last, row["source"])
