"""Which add-ons have to follow the control plane, and in which order.

Source: https://docs.aws.amazon.com/eks/latest/userguide/managing-add-ons.html (vpc-cni one minor at a time),
https://kubernetes.io/releases/version-skew-policy/#kube-proxy
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.plan.values import Addon
from tasks.plan.version import Minor

if TYPE_CHECKING:
    from packaging.version import Version

# What eksctl can update when EKS does not manage it: `eksctl utils update-…` for each. kube-proxy is the last one:
# its minor version then tells that the ones before it are done, which their own versions do not tell.
SELF_MANAGED = {"vpc-cni": "aws-node", "coredns": "coredns", "kube-proxy": "kube-proxy"}


Updates = tuple[tuple[str, str | None], ...]  # (name, version to install); None where eksctl picks it itself


def stale(addons: Sequence[Addon], control_plane: Minor) -> Updates:
    """What has to be updated now, in order: managed ones that differ from EKS's default, and, as long as kube-proxy
    is older than the control plane, the ones that eksctl updates itself."""
    hop_open = any(addon.name == "kube-proxy" and _behind(addon, control_plane) for addon in addons)
    updates: list[tuple[str, str | None]] = []
    for addon in _in_order(addons):
        if addon.managed:
            updates += [(addon.name, version) for version in addon.route]
        elif hop_open and addon.name in SELF_MANAGED:
            updates.append((addon.name, None))
    return tuple(updates)


def following(addons: Sequence[Addon], to: Minor) -> Updates:
    """What a hop that is still to come will have to update; EKS is asked for the exact versions after it."""
    return tuple(
        (addon.name, f"EKS's default for {to}" if addon.managed else None)
        for addon in _in_order(addons)
        if addon.managed or addon.name in SELF_MANAGED
    )


def _in_order(addons: Sequence[Addon]) -> list[Addon]:
    known = list(SELF_MANAGED)
    return sorted(
        addons,
        key=lambda addon: (addon.name == "kube-proxy", known.index(addon.name) if addon.name in known else len(known)),
    )


def _behind(addon: Addon, control_plane: Minor) -> bool:
    if addon.managed:
        return addon.wanted is not None and addon.version != addon.wanted
    return addon.minor is not None and addon.minor < control_plane


def route(name: str, current: str, wanted: str, available: Sequence[str]) -> tuple[str, ...]:
    """The versions to install one after the other; vpc-cni passes no minor by.

    available: all versions that fit the cluster, in any order; of each minor on the way the newest is taken.
    """
    if current == wanted:
        return ()
    if name != "vpc-cni":
        return (wanted,)
    newest = {_version(version).minor: version for version in sorted(available, key=_version)}
    between = range(_version(current).minor + 1, _version(wanted).minor)
    return (*(newest[minor] for minor in between if minor in newest), wanted)


def _version(text: str) -> Version:
    """`v1.10.4-eksbuild.1`: EKS's build number is what Python calls a local version."""
    from packaging.version import Version

    return Version(text.replace("-", "+", 1))
