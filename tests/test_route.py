"""The way from one version of the hub's chart to another, and which Kubernetes upgrades lie between."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from tasks.charts.archive import read
from tasks.errors import Refused
from tasks.loopback import family
from tasks.plan.route import (
    Bump,
    Candidate,
    Raise,
    Step,
    joined_in,
    local_candidates,
    newest_that_fits,
    plan_route,
)
from tasks.plan.version import Minor

PACKAGES = {
    (name, version): read(family.archive(name, version), f"{name}-{version}.tgz")
    for name, version in family.everything()
}
RELEASED = {version: Candidate.of(chart) for (name, version), chart in PACKAGES.items() if name == "daskhub"}
LAST = RELEASED["2024.1.1"]
HUBS, GATEWAYS = (
    [(version, chart.kubernetes) for (name, version), chart in PACKAGES.items() if name == wanted]
    for wanted in ("jupyterhub", "dask-gateway")
)
DIRECT = "2024.1.1+jupyterhub.4.4.0.dask-gateway.2026.3.0"


def minor(text: str) -> Minor:
    return Minor.parse(text)


def candidates(kubernetes: str) -> list[Candidate]:
    return [*RELEASED.values(), *local_candidates(LAST, HUBS, GATEWAYS, minor(kubernetes))]


def named(version: str, kubernetes: str) -> Candidate:
    return next(each for each in candidates(kubernetes) if each.version == version)


def words(steps: tuple[Step, ...]) -> list[str]:
    return [f"k8s {step.to}" if isinstance(step, Raise) else step.to.version for step in steps]


def way(start: str, to: str, kubernetes: str) -> list[str]:
    return words(plan_route(named(start, kubernetes), candidates(kubernetes), minor(kubernetes), named(to, kubernetes)))


def test_the_whole_way_is_as_long_as_it_has_to_be() -> None:
    assert way("2021.7.2", DIRECT, "1.18") == [
        "k8s 1.20",
        "2022.8.2",
        "2023.1.0",
        "k8s 1.25",
        "2024.1.1",
        "k8s 1.30",
        DIRECT,
    ]


@pytest.mark.parametrize(
    ("start", "to", "kubernetes", "expected"),
    [
        ("2021.7.2", "2022.8.2", "1.21", ["2022.8.2"]),
        ("2021.7.2", "2022.4.1", "1.18", ["2022.4.1"]),
        ("2021.7.2", "2022.11.0", "1.21", ["2022.8.2", "2022.11.0"]),
        ("2022.8.2", "2024.1.0", "1.24", ["2023.1.0", "2024.1.0"]),
        ("2023.1.0", "2024.1.1", "1.24", ["k8s 1.25", "2024.1.1"]),
        ("2024.1.1", DIRECT, "1.32", [DIRECT]),
        ("2024.1.1", "2024.1.1", "1.25", []),
        ("2021.3.1", "2022.8.2", "1.20", ["2021.6.0", "2022.8.2"]),
    ],
)
def test_steps(start: str, to: str, kubernetes: str, expected: list[str]) -> None:
    assert way(start, to, kubernetes) == expected


@pytest.mark.parametrize(
    ("kubernetes", "newest"),
    [
        ("1.18", "2022.4.1"),
        ("1.19", "2022.4.1"),
        ("1.20", "2023.1.0"),
        ("1.22", "2023.1.0"),
        ("1.24", "2024.1.0"),
        ("1.25", "2024.1.1"),
        ("1.28", "2024.1.1+jupyterhub.4.4.0.dask-gateway.2024.1.0"),
        ("1.30", DIRECT),
        ("1.35", DIRECT),
    ],
)
def test_the_newest_that_fits_a_cluster(kubernetes: str, newest: str) -> None:
    found = newest_that_fits(RELEASED["2021.7.2"], candidates(kubernetes), minor(kubernetes))
    assert found.version == newest


def test_on_a_cluster_that_was_raised_too_far_the_way_is_gone_all_the_same_with_warnings() -> None:
    steps = plan_route(named("2021.7.2", "1.33"), candidates("1.33"), minor("1.33"), named(DIRECT, "1.33"))
    assert words(steps) == ["2022.8.2", "2023.1.0", "2024.1.1", DIRECT]
    told = {step.to.version: step.warnings for step in steps if isinstance(step, Bump)}
    assert "jupyterhub 1.2.0 on Kubernetes 1.33" in told["2022.8.2"][0]
    assert "jupyterhub 2.0.0 on Kubernetes 1.33" in told["2023.1.0"][0]
    assert (told["2024.1.1"], told[DIRECT]) == ((), ())


def test_a_package_with_older_charts_in_it_is_passed_by() -> None:
    """2021.3.0 says jupyterhub 0.11.1 and has 0.9.1 in it."""
    before = Candidate("4.5.7", (("jupyterhub", "0.11.1"), ("dask-gateway", "0.9.0")))
    with pytest.raises(Refused, match=r"There is no way from 4.5.7 to 2021.3.0: .* has older charts in it"):
        plan_route(before, candidates("1.18"), minor("1.18"), RELEASED["2021.3.0"])
    assert words(plan_route(before, candidates("1.18"), minor("1.18"), RELEASED["2021.6.0"])) == ["2021.6.0"]


def test_going_down_is_refused() -> None:
    with pytest.raises(Refused, match=r"The chart is at 2023.1.0 already, and this task only goes up"):
        way("2023.1.0", "2022.8.2", "1.21")


def test_where_neither_can_go_first_one_in_between_does() -> None:
    """What is there survives 1.21 at most, what is wished needs 1.23, and one between them needs 1.20."""
    start = Candidate("1.0.0", (("dask-gateway", "0.9.0"), ("jupyterhub", "1.1.1")))
    between = Candidate("1.1.0", (("dask-gateway", "2022.4.0"), ("jupyterhub", "1.2.0")), (">=1.20.0-0",))
    end = Candidate("1.2.0", (("dask-gateway", "2022.6.1"), ("jupyterhub", "1.2.0")), (">=1.23.0-0",))
    assert words(plan_route(start, [between, end], minor("1.21"), end)) == ["1.1.0", "k8s 1.23", "1.2.0"]
    with pytest.raises(Refused, match=r"There is no way to 1.2.0 on Kubernetes 1.21: it needs 1.23"):
        plan_route(start, [end], minor("1.21"), end)


def test_a_local_chart_is_raised_as_released_ones_were() -> None:
    here = Candidate(
        "2024.1.1+jupyterhub.4.3.3.dask-gateway.2024.1.0",
        (("jupyterhub", "4.3.3"), ("dask-gateway", "2024.1.0")),
        (),
        local=True,
    )
    found = local_candidates(here, HUBS, GATEWAYS, minor("1.28"))
    assert [each.version for each in found] == [DIRECT, "2024.1.1+jupyterhub.4.4.0.dask-gateway.2024.1.0"]
    assert newest_that_fits(here, found, minor("1.28")).version == "2024.1.1+jupyterhub.4.4.0.dask-gateway.2024.1.0"
    assert words(plan_route(here, found, minor("1.28"), found[0])) == ["k8s 1.30", DIRECT]


@pytest.mark.parametrize(
    ("version", "expected"),
    [(DIRECT, ("4.4.0", "2026.3.0")), ("2024.1.1", None), ("2024.1.1+jupyterhub.4.4.0", None)],
)
def test_what_a_local_version_names(version: str, expected: tuple[str, str] | None) -> None:
    assert joined_in(version) == expected


released = st.sampled_from(sorted(RELEASED, key=Version))


@given(released, st.sampled_from([*sorted(RELEASED, key=Version), DIRECT]), st.integers(17, 35))
def test_every_route_goes_up_one_major_at_a_time_and_runs_where_it_goes(start: str, to: str, number: int) -> None:
    kubernetes = Minor(number)
    known = candidates(str(kubernetes))
    target = next(each for each in known if each.version == to)
    if target.key < RELEASED[start].key:
        return
    steps = plan_route(RELEASED[start], known, kubernetes, target)
    now = RELEASED[start]
    for step in steps:
        if isinstance(step, Raise):
            assert step.to > kubernetes
            assert now.survives(step.to) or not now.survives(kubernetes)
            kubernetes = step.to
        else:
            assert step.before == now
            assert step.to.key > now.key
            assert step.to.major <= now.major + 1
            assert step.to.runs_on(kubernetes)
            assert step.kubernetes == kubernetes
            assert bool(step.warnings) == (not step.to.survives(kubernetes))
            now = step.to
    assert now == target
