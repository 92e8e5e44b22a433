"""Which Kubernetes minors a chart's kubeVersion admits: https://helm.sh/docs/topics/charts/#the-kubeversion-field

The syntax and its odd corners are those of the library that helm reads it with, as its source has them:
https://github.com/Masterminds/semver/blob/v3.3.0/constraints.go

One thing is judged otherwise: helm refuses a version with a suffix, such as EKS's v1.22.17-eks-1, wherever the constraint
has none (`>=1.20` instead of `>=1.20-0`). Here a cluster is its minor, and its suffix counts for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tasks.plan.version import Minor, between

Version = tuple[int, int, int, int]  # major, minor, patch, and 0 for what comes before that release, 1 for it

OPERATORS = "=||!=|>|<|>=|=>|<=|=<|~|~>|\\^"
ALTERNATIVE = {"=>": ">=", "=<": "<=", "~>": "~", "": "="}
PART = r"[0-9|xX*]+"
SUFFIX = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
NUMBERS = rf"v?({PART})(?:\.({PART}))?(?:\.({PART}))?(-{SUFFIX})?(?:\+{SUFFIX})?"
ONE = re.compile(rf"({OPERATORS})\s*{NUMBERS}", re.A)
VERSION = re.sub(r"\((?!\?)", "(?:", NUMBERS)
ALL = re.compile(rf"\s*(?:{OPERATORS})\s*{VERSION}\s*(?:(?:\s+|,\s*)(?:{OPERATORS})\s*{VERSION}\s*)*", re.A)
RANGE = re.compile(rf"\s*({VERSION})\s+-\s+({VERSION})\s*", re.A)
OLDEST, NEWEST = Minor(10), Minor(99)


@dataclass(frozen=True)
class Condition:
    """An operator and a version. known: how many of the version's three numbers were said, the others are 0."""

    operator: str
    version: Version
    known: int

    def holds(self, version: Version) -> bool:
        """For a release, never for what comes before one."""
        said = self.version[: self.known]
        same = version[: self.known] == said
        match self.operator:
            case "=":
                return version == self.version if self.known == 3 else same and version >= self.version
            case "!=":
                # `!=1.22-0` excludes what comes before 1.22 alone, and `!=*` the release 0.0.0.
                before = self.known == 2 and not self.version[3]
                return version != self.version if self.known in (0, 3) or before else not same
            case ">":
                return version > self.version if self.known in (0, 3) else version[: self.known] > said
            case "<":
                return version < self.version
            case ">=":
                return version >= self.version
            case "<=":
                return version <= self.version if self.known == 3 else version[: max(self.known, 1)] <= (said or (0,))
            case "~":
                any_at_all = self.known in (0, 3) and not any(self.version[:3])
                return version >= self.version and (any_at_all or version[: min(self.known, 2)] == said[:2])
        return version >= self.version and version[0] == self.version[0]  # ^, for a major of 1 or more


def admits(constraint: str, minor: Minor) -> bool:
    """Whether some patch release of the minor fits, such as `>=1.20.0-0`, `~1.21 || 1.24 - 1.26`. An empty one fits all;
    what is no constraint is a ValueError that says so."""
    return any(_together(conditions, minor) for conditions in _read(constraint)) if constraint else True


def lowest(constraints: Iterable[str]) -> Minor | None:
    """The oldest minor, from 1.10 on, that all of them admit; None if there is none up to 1.99."""
    asked = list(constraints)
    return next((minor for minor in between(OLDEST, NEWEST) if all(admits(each, minor) for each in asked)), None)


def _together(conditions: list[Condition], minor: Minor) -> bool:
    """Where the answer changes from one patch release to the next, a condition names one of the two."""
    named = {condition.version[2] for condition in conditions}
    patches = {0} | {patch + step for patch in named for step in (-1, 0, 1)}
    releases = [(1, minor.minor, patch, 1) for patch in sorted(patches) if patch >= 0]
    return any(all(condition.holds(release) for condition in conditions) for release in releases)


def _read(constraint: str) -> list[list[Condition]]:
    """One list for each alternative, of conditions that have to hold together."""
    # One space each: more of them would let the pattern below try exponentially many ways before it refuses.
    spread = RANGE.sub(r">= \1, <= \2 ", re.sub(r"\s+", " ", constraint))
    found = []
    for alternative in spread.split("||"):
        if not ALL.fullmatch(alternative):
            raise ValueError(f"{constraint!r} is no constraint of Kubernetes versions such as '>=1.20.0-0'")
        found.append([_condition(one, constraint) for one in ONE.finditer(alternative)])
    return found


def _condition(one: re.Match[str], constraint: str) -> Condition:
    """What is left out or an x ends the version: 1.x.3 is 1."""
    numbers: list[int] = []
    for part in one.group(2, 3, 4):
        if part in (None, "x", "X", "*"):
            break
        if not part.isdecimal():
            raise ValueError(f"{constraint!r} is no constraint of Kubernetes versions: what is {part!r}?")
        numbers.append(int(part))
    padded = (*numbers, 0, 0, 0)
    operator = ALTERNATIVE.get(one[1], one[1])
    return Condition(operator, (padded[0], padded[1], padded[2], 0 if one[5] else 1), len(numbers))
