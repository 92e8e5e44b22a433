"""Custom resource definitions of charts: which of them the cluster can still be given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Object = Mapping[str, Any]


def servable(crds: Sequence[Object], apis: Sequence[str]) -> tuple[list[Object], list[str]]:
    """Those whose form the cluster takes, and the names of the others. apis: group/version, that the cluster serves."""
    served = [crd for crd in crds if crd["apiVersion"] in apis]
    return served, sorted(crd["metadata"]["name"] for crd in crds if crd["apiVersion"] not in apis)


def serves(crd: Object) -> list[str]:
    """group/version and group/version/Kind, as helm's capabilities name what a CRD brings."""
    spec = crd["spec"]
    versions = [entry["name"] for entry in spec.get("versions") or [] if entry.get("served", True)]
    places = [f"{spec['group']}/{version}" for version in versions or filter(None, [spec.get("version")])]
    return [*places, *(f"{place}/{spec['names']['kind']}" for place in places)]
