"""The rolls of a plan, held against every other way to the same end.

The search here knows nothing of points and chains: it tries each hop and each set of groups to replace, in each state
(control plane, version of each group), and keeps the cheapest way to the end. Its skew rule is written out anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.plan.rolls import plan_rolls
from tasks.plan.version import Minor
from tests.strategies import examples

Versions = tuple[int, ...]  # of each group
Way = tuple[int, int, tuple[int, ...]]  # roll steps, replaced groups, and minus the minors of the rolls
Case = tuple[int, int, Versions]  # control plane, target, versions


def survives(kubelet: int, api_server: int) -> bool:
    return api_server - kubelet <= (3 if kubelet >= 25 else 2)


def chosen(versions: Versions, groups: tuple[int, ...], to: int) -> Versions:
    return tuple(to if group in groups else version for group, version in enumerate(versions))


def rolls_at(control_plane: int, versions: Versions) -> Iterator[tuple[int, Versions]]:
    """How many groups are replaced, and the versions after it: for each way to roll now, none included."""
    behind = [group for group, version in enumerate(versions) if version < control_plane]
    for number in range(len(behind) + 1):
        for groups in combinations(behind, number):
            yield number, chosen(versions, groups, control_plane)


@cache
def cheapest(control_plane: int, target: int, versions: Versions) -> Way | None:
    """The fewest roll steps, then the fewest groups, then the latest rolls. None where no kubelet survives the way."""
    ways = []
    for number, after in rolls_at(control_plane, versions):
        rest = onward(control_plane, target, after)
        if rest is not None:
            steps, groups, points = rest
            here = (-control_plane,) if number else ()
            ways.append((steps + len(here), groups + number, here + points))
    return min(ways, default=None)


def onward(control_plane: int, target: int, versions: Versions) -> Way | None:
    if control_plane == target:
        return (0, 0, ()) if min(versions, default=target) >= target else None
    if not all(survives(version, control_plane + 1) for version in versions):
        return None
    return cheapest(control_plane + 1, target, versions)


def planned(case: Case, stops_anyway: bool = False) -> dict[int, list[int]]:
    control_plane, target, versions = case
    known = {group: Minor(version) for group, version in enumerate(versions)}
    rolls = plan_rolls(Minor(control_plane), Minor(target), known, stops_anyway)
    return {point.minor: sorted(groups) for point, groups in rolls.items()}


def cost(rolls: Mapping[int, list[int]]) -> Way:
    return len(rolls), sum(map(len, rolls.values())), tuple(-point for point in rolls)


def states(case: Case, rolls: Mapping[int, list[int]]) -> Iterator[tuple[int, Versions, dict[int, list[int]]]]:
    """Control plane, versions, and what is left of the plan: before and after each roll on the way."""
    control_plane, target, versions = case
    for now in range(control_plane, target + 1):
        yield now, versions, {point: groups for point, groups in rolls.items() if point >= now}
        versions = chosen(versions, tuple(rolls.get(now, ())), now)
        yield now, versions, {point: groups for point, groups in rolls.items() if point > now}


@st.composite
def cases(draw: st.DrawFn, most: int = 3, oldest: int = 5) -> Case:
    """Groups at versions of their own: in step, behind, too old at the start, or ahead of the control plane."""
    control_plane = draw(st.integers(18, 34))
    target = control_plane + draw(st.integers(0, 8))
    version = st.integers(control_plane - oldest, target)
    return control_plane, target, tuple(draw(st.lists(version, min_size=1, max_size=most)))


@examples(300)
@given(cases())
def test_no_other_way_has_fewer_rolls_or_replaces_fewer_groups_or_rolls_later(case: Case) -> None:
    assert cost(planned(case)) == cheapest(*case)


@examples(300)
@given(cases())
def test_every_kubelet_survives_every_hop_and_ends_at_the_target(case: Case) -> None:
    control_plane, target, versions = case
    rolls = planned(case)
    for now in range(control_plane, target + 1):
        assert now == control_plane or all(survives(version, now) for version in versions)
        assert all(versions[group] < now for group in rolls.get(now, ()))
        versions = chosen(versions, tuple(rolls.get(now, ())), now)
    assert set(versions) == {target}


@examples(200)
@given(cases(), st.booleans())
def test_a_plan_made_anew_on_the_way_is_the_rest_of_the_first_one(case: Case, stops_anyway: bool) -> None:
    for now, versions, rest in states(case, planned(case, stops_anyway)):
        assert planned((now, case[1], versions), stops_anyway) == rest


@examples(200)
@given(cases())
def test_where_every_hop_stops_anyway_each_group_goes_its_own_shortest_way(case: Case) -> None:
    control_plane, target, versions = case
    rolls = planned(case, stops_anyway=True)
    for group, version in enumerate(versions):
        alone = {point: [0] for point, groups in rolls.items() if group in groups}
        assert cost(alone) == cheapest(control_plane, target, (version,))


@pytest.mark.parametrize(
    ("start", "target", "rolls"),
    [
        (18, 35, [20, 22, 24, 26, 29, 32, 35]),
        (24, 35, [26, 29, 32, 35]),
        (18, 22, [20, 22]),
        (25, 28, [28]),
        (22, 25, [24, 25]),
        (18, 18, []),
    ],
)
def test_groups_in_step_are_rolled_at(start: int, target: int, rolls: list[int]) -> None:
    assert planned((start, target, (start, start))) == {point: [0, 1] for point in rolls}


@pytest.mark.parametrize(
    ("case", "rolls"),
    [
        ((20, 22, (18, 20)), {20: [0], 22: [0, 1]}),  # the newer one waits
        ((20, 22, (18, 22)), {20: [0], 22: [0]}),  # one that is at the target already is left alone
        ((21, 22, (18,)), {21: [0], 22: [0]}),  # too old already: first of all
        ((18, 20, (20,)), {}),  # the documented order, in which nodes lead
    ],
)
def test_groups_out_of_step_are_rolled_at(case: Case, rolls: dict[int, list[int]]) -> None:
    assert planned(case) == rolls
