"""At which control plane versions which node groups are rolled: a shortest path, not a greedy rule.

Fewest roll steps first, then fewest replaced groups; among equals the latest, so that a roll brings the newest
version it can. The choice depends on the state alone: a run that was killed decides as the one before it did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from functools import cache
from typing import TypeVar

from tasks.plan.skew import newest_api_server
from tasks.plan.version import Minor, between

Key = TypeVar("Key", bound=Hashable)  # whatever the caller tells groups apart by


def plan_rolls(
    control_plane: Minor, target: Minor, versions: Mapping[Key, Minor], stops_anyway: bool
) -> dict[Minor, frozenset[Key]]:
    """The rolls of self-managed groups on the way: control plane version → the groups that are rolled to it then.

    versions: each group's kubelet version now, none newer than target. stops_anyway: managed groups make every hop a
    roll step, so that a step more costs nothing and each group goes its own cheapest way.
    """
    behind = {key: version for key, version in versions.items() if version < target}
    chains = [behind] if not stops_anyway else [{key: version} for key, version in behind.items()]
    rolls: dict[Minor, set[Key]] = {}
    for groups in filter(None, chains):
        points = _cheapest_points(control_plane, target, tuple(sorted(Counter(groups.values()).items())))
        for point, following in zip(points, (*points[1:], None), strict=True):
            rolled = {key for key, version in groups.items() if _is_rolled(version, point, following)}
            rolls.setdefault(point, set()).update(rolled)
    return {point: frozenset(keys) for point, keys in sorted(rolls.items())}


def _is_rolled(version: Minor, point: Minor, following: Minor | None) -> bool:
    """A group waits at a point exactly if it survives the hops up to the next one."""
    return version < point and (following is None or newest_api_server(version) < following)


@cache
def _cheapest_points(control_plane: Minor, target: Minor, groups: tuple[tuple[Minor, int], ...]) -> tuple[Minor, ...]:
    """Points r1 < r2 < … = target, each within reach of the one before, that all groups of one chain share.

    groups: (version, how many of them). With the fewest points, the oldest group needs every one of them. That makes
    the number of replaced groups a sum over neighbouring points.
    """

    def replaced(point: Minor, following: Minor | None) -> int:
        return sum(number for version, number in groups if _is_rolled(version, point, following))

    @cache
    def cheapest_from(point: Minor) -> tuple[int, int, tuple[Minor, ...]]:
        if point == target:
            return 1, replaced(point, None), (point,)
        return _cheapest(step(point, following) for following in _reachable(point, target))

    def step(point: Minor, following: Minor) -> tuple[int, int, tuple[Minor, ...]]:
        steps, number, points = cheapest_from(following)
        return steps + 1, number + replaced(point, following), (point, *points)

    reach = min(max(newest_api_server(version), control_plane) for version, _ in groups)
    return _cheapest(map(cheapest_from, between(control_plane, min(target, reach))))[2]


def _reachable(point: Minor, target: Minor) -> list[Minor]:
    return between(point + 1, min(target, newest_api_server(point)))


def _cheapest(paths: Iterable[tuple[int, int, tuple[Minor, ...]]]) -> tuple[int, int, tuple[Minor, ...]]:
    """Fewest steps, then fewest groups, then the latest points."""
    return min(paths, key=lambda path: (path[0], path[1], tuple(-point.minor for point in path[2])))
