"""Up to which Kubernetes the charts that are installed work: rules of survival.yaml beside this file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tasks.plan.version import Minor

Charts = Iterable[tuple[str, str]]  # (name, version)

WAY_OUT = "run `invoke bump-daskhub`, commit what it edits, run `invoke deploy`, then the same command again"
UNRELEASED = "0.0.1-set.by.chartpress"  # of a chart that was installed from its source: it says nothing


@dataclass(frozen=True)
class Ceiling:
    """`chart` in `version` works up to the Kubernetes minor `last`. because: what is the matter after it. source: URL."""

    chart: str
    version: str
    last: Minor
    because: str
    source: str

    def past(self, minor: Minor) -> str:
        """That it is not for this minor, and why."""
        return f"{self.chart} {self.version} does not survive Kubernetes {minor} ({self.because})"


def ceiling(chart: str, version: str) -> Ceiling | None:
    """The lowest one; None where no rule is known to apply."""
    return next(iter(_ceilings(chart, version)), None)


def hindering(charts: Charts, to: Minor) -> list[Ceiling]:
    """Which of the charts don't work on `to`, each with its lowest ceiling."""
    found = (ceiling(chart, version) for chart, version in sorted(set(charts)))
    return [each for each in found if each and each.last < to]


def broken_by_hop(charts: Charts, to: Minor) -> tuple[Ceiling, ...]:
    """What the hop that enters `to` breaks: the ceilings at the minor before it, and no others.

    A chart that is past another ceiling already (EKS raises clusters by itself) is broken with or without this hop: that
    is to be said, and is no reason to stop every hop from there on.
    """
    found = (each for chart, version in sorted(set(charts)) for each in _ceilings(chart, version))
    return tuple(each for each in found if each.last + 1 == to)


def why_it_stops(ceilings: Sequence[Ceiling], to: Minor) -> str:
    """What does not survive `to`, and what to do; without a full stop."""
    return f"{', and '.join(each.past(to) for each in ceilings)}: {WAY_OUT}"


@dataclass(frozen=True)
class _Rule:
    """One entry of the file."""

    id: str
    chart: str
    below: str
    last: str
    because: str
    source: str


def _ceilings(chart: str, version: str) -> list[Ceiling]:
    """All of them, the lowest first."""
    found = [
        Ceiling(chart, version, Minor.parse(rule.last), rule.because, rule.source)
        for rule in _rules()
        if rule.chart == chart and _is_below(version, rule.below)
    ]
    return sorted(found, key=lambda each: each.last)


def _is_below(version: str, release: str) -> bool:
    """As SemVer has it: a pre-release is below its release. A development version (1.1.3-n772.h1a2b3c4) counts as what
    it names first, for nothing tells what it has beyond that."""
    from packaging.version import Version

    found = re.match(r"v?([0-9]+(?:\.[0-9]+)*)(-?)", version, re.ASCII)
    if not found or version == UNRELEASED:
        return False
    core, limit = Version(found[1]), Version(release)
    return core < limit or (core == limit and bool(found[2]))


@cache
def _rules() -> tuple[_Rule, ...]:
    """A constant of the program, not a state of the world."""
    import yaml

    text = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return tuple(_Rule(**row) for row in yaml.load(text, loader))
