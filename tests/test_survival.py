"""Which Kubernetes a chart survives: the rules, and how they are applied to versions of every form."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.plan import hazards, survival
from tasks.plan.survival import UNRELEASED, broken_by_hop, ceiling, hindering, why_it_stops
from tasks.plan.version import Minor, between

OLDEST, NEWEST = Minor(10), Minor(40)
# Released versions of both charts, each in its order.
HUBS = "0.9.1 0.10.6 0.11.0 0.11.1 1.0.1 1.1.4 1.2.0 2.0.0 3.0.0 3.2.1 3.3.8 4.0.0 4.4.0".split()
GATEWAYS = "0.8.0 0.9.0 2022.4.0 2022.6.1 2022.11.0 2023.1.1 2023.9.0 2024.1.0 2025.4.0 2026.3.0".split()

charts = st.one_of(
    st.tuples(st.just("jupyterhub"), st.sampled_from(HUBS)),
    st.tuples(st.just("dask-gateway"), st.sampled_from(GATEWAYS)),
    st.tuples(st.just("prometheus"), st.just("14.4.1")),
)
minors = st.integers(OLDEST.minor + 1, NEWEST.minor).map(Minor)


@pytest.mark.parametrize(
    ("chart", "versions", "last"),
    [
        ("dask-gateway", "0.8.0 0.9.0 0.9.0-n076.h7abb97f 2022.4.0-beta.1", "1.21"),
        ("dask-gateway", "2022.4.0 2022.6.1 2026.3.0", None),
        ("jupyterhub", "0.9.1 0.10.0 0.10.6", "1.21"),
        ("jupyterhub", "0.11.0 1.0.1 1.1.1 1.2.0 1.1.3-n772.hf133567f 2.0.0-beta.1", "1.24"),
        ("jupyterhub", "2.0.0 2.0.1-0.dev.git.5900.h1a2b3c4 3.0.0-beta.1", "1.26"),
        ("jupyterhub", "3.0.0 3.2.1 4.4.0 v4.4.0 4.4.1-0.dev.git.7000.h1a2b3c4", None),
        ("jupyterhub", f"{UNRELEASED} local latest", None),  # nothing is known of it
        ("prometheus", "0.0.1 14.4.1", None),
        ("daskhub", "2021.7.2", None),  # what it brings has ceilings
    ],
)
def test_up_to_where_a_chart_works(chart: str, versions: str, last: str | None) -> None:
    for version in versions.split():
        found = ceiling(chart, version)
        assert (str(found.last) if found else None) == last, version
        assert found is None or (found.chart, found.version) == (chart, version)


@given(st.sampled_from([("jupyterhub", HUBS), ("dask-gateway", GATEWAYS)]))
def test_a_newer_chart_never_works_less_far(family: tuple[str, list[str]]) -> None:
    chart, versions = family
    lasts = [found.last if (found := ceiling(chart, version)) else NEWEST for version in versions]
    assert lasts == sorted(lasts)
    assert lasts[0] < lasts[-1]


@given(st.lists(charts, max_size=4), minors)
def test_a_chart_is_in_the_way_exactly_from_the_hop_on_that_breaks_it(found: list[tuple[str, str]], to: Minor) -> None:
    broken = {(each.chart, each.version) for hop in between(OLDEST, to) for each in broken_by_hop(found, hop)}
    assert {(each.chart, each.version) for each in hindering(found, to)} == broken


def test_a_hop_breaks_only_what_it_breaks_itself() -> None:
    """jupyterhub 1.1.1 is over from 1.25 on; 1.27 breaks it once more, and 1.26 does not."""
    installed = [("jupyterhub", "1.1.1"), ("jupyterhub", "1.1.1")]  # twice, in two namespaces
    hops = {str(to): [each.chart for each in broken_by_hop(installed, to)] for to in between(Minor(20), Minor(30))}
    assert {to: names for to, names in hops.items() if names} == {"1.25": ["jupyterhub"], "1.27": ["jupyterhub"]}
    assert [str(each.last) for each in hindering(installed, Minor(28))] == ["1.24"]


def test_the_sentence_names_all_of_them_each_with_its_reason() -> None:
    found = broken_by_hop([("jupyterhub", "0.10.6"), ("dask-gateway", "0.9.0")], Minor(22))
    said = why_it_stops(found, Minor(22))
    assert re.fullmatch(
        r"dask-gateway 0\.9\.0 does not survive Kubernetes 1\.22 \(its Traefik .+\), "
        r"and jupyterhub 0\.10\.6 does not survive Kubernetes 1\.22 \(its PriorityClasses .+\): "
        r"run `invoke bump-daskhub`, .+ run `invoke deploy`, then the same command again",
        said,
    )


def test_every_rule_says_from_where_it_is_known_and_is_over_where_it_says() -> None:
    rules = survival._rules()
    assert len({rule.id for rule in rules}) == len(rules) >= 4
    for rule in rules:
        assert rule.source.startswith("https://")
        assert not rule.because.endswith(".")
        assert Minor.parse(rule.last) < NEWEST
        mended = ceiling(rule.chart, rule.below)
        assert mended is None or mended.last > Minor.parse(rule.last)


def test_what_a_chart_does_not_survive_is_not_said_twice() -> None:
    """The hazards are about the cluster, whatever is installed."""
    texts = [hazard.text for minor in between(OLDEST, NEWEST) for hazard in hazards.entering(minor)]
    assert texts
    assert not [text for text in texts if "jupyterhub" in text or "dask-gateway" in text]
