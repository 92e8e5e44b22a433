"""At which control plane versions which node groups are rolled: a shortest path, not a greedy rule.

Fewest roll steps first, then fewest replaced groups; among equals the latest, so that a roll brings the newest
version it can. The choice depends on the state alone: a run that was killed decides as the one before it did.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from tasks.plan.skew import newest_api_server
from tasks.plan.version import Minor, between

Rolls = dict[Minor, frozenset[str]]  # control plane version -> the groups that are rolled to it then


def plan_rolls(control_plane: Minor, target: Minor, versions: Mapping[str, Minor], stops_anyway: bool) -> Rolls:
    """The rolls of self-managed groups on the way from control_plane to target.

    versions: each group's kubelet version now, none newer than target. stops_anyway: managed groups make every hop a
    roll step, so that a step more costs nothing and each group goes its own cheapest way.
    """
    behind = {name: version for name, version in versions.items() if version < target}
    if not behind:
        return {}
    chains = [behind] if not stops_anyway else [{name: version} for name, version in behind.items()]
    rolls: dict[Minor, set[str]] = {}
    for groups in chains:
        for point, names in _cheapest_chain(control_plane, target, groups).items():
            rolls.setdefault(point, set()).update(names)
    return {point: frozenset(names) for point, names in sorted(rolls.items())}


def _cheapest_chain(control_plane: Minor, target: Minor, versions: Mapping[str, Minor]) -> dict[Minor, list[str]]:
    """Points r1 < r2 < … = target, each within reach of the one before, that all groups of one chain share.

    With the fewest points, the oldest group needs every one of them; another group can wait at a point exactly if it
    survives the hops up to the next one. That makes the number of replaced groups a sum over neighbouring points.
    """
    reach = {name: max(newest_api_server(version), control_plane) for name, version in versions.items()}

    def replaced(point: Minor, following: Minor | None) -> list[str]:
        return [
            name
            for name, version in versions.items()
            if version < point and (following is None or newest_api_server(version) < following)
        ]

    @cache
    def cheapest_from(point: Minor) -> tuple[int, int, tuple[Minor, ...]]:
        if point == target:
            return 1, len(replaced(point, None)), (point,)
        return min((step(point, following) for following in _reachable(point, target)), key=_cost_then_latest)

    def step(point: Minor, following: Minor) -> tuple[int, int, tuple[Minor, ...]]:
        steps, groups, points = cheapest_from(following)
        return steps + 1, groups + len(replaced(point, following)), (point, *points)

    first = between(control_plane, min(target, min(reach.values())))
    points = min(map(cheapest_from, first), key=_cost_then_latest)[2]
    return {point: replaced(point, following) for point, following in zip(points, (*points[1:], None), strict=True)}


def _reachable(point: Minor, target: Minor) -> list[Minor]:
    return between(point + 1, min(target, newest_api_server(point)))


def _cost_then_latest(path: tuple[int, int, tuple[Minor, ...]]) -> tuple[int, int, tuple[int, ...]]:
    steps, groups, points = path
    return steps, groups, tuple(-point.minor for point in points)
