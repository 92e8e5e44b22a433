"""What a step of daskhub does to a deployment's values: the rules are in breaks.yaml, beside this file, with their sources."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from pathlib import Path as FilePath
from typing import Any

import yaml

from tasks.plan.braces import trouble
from tasks.plan.charts import Packaged
from tasks.plan.conditions import FINDERS, Verdict, holds, hub
from tasks.plan.facts import Facts, Image, Path, Place, Source, View, Where

__all__ = ["SEVERITIES", "Facts", "Finding", "Image", "Path", "Rule", "Source", "Where", "findings", "rules"]

SEVERITIES = {  # the gravest first
    "breaks": "something stops working",
    "silent": "it works on, and otherwise than meant: who gets in where, what is deleted",
    "action": "something has to be done beside the upgrade, by `invoke deploy` or by hand",
    "check": "the files don't tell: somebody has to look, or to decide",
    "tidy": "can be removed or made right now; nothing happens if not",
}

LISTS = ("entering", "path", "at", "unless")  # may be one alone, in the file


@dataclass(frozen=True)
class Rule:
    """An entry of the file: what each key means is said there."""

    id: str
    chart: str
    severity: str
    says: str
    do: str
    source: str
    entering: tuple[str, ...] = ()
    since: str = ""
    below: str = ""
    path: tuple[str, ...] = ()
    at: tuple[str, ...] = ()
    find: str = "step"
    conditions: Mapping[str, Any] = field(default_factory=dict)
    unless: tuple[str, ...] = ()
    edit: str = ""


@dataclass(frozen=True)
class Finding:
    """rule: its id. says: what happens. do: what is to be done. line: from 1. path: of the key, from the file's root; ()
    for what is of no key. edit: the safe edit that does it, "" if a person has to."""

    rule: str
    severity: str
    says: str
    do: str
    source: str
    file: str
    line: int
    path: Path
    edit: str = ""

    @property
    def key(self) -> str:
        return ".".join(self.path)


def findings(old: Packaged, new: Packaged, prefix: Path, facts: Facts) -> list[Finding]:
    """The gravest first, then by file and line; of each rule one per file and key.

    old, new: daskhub before and after. prefix: of its values in the deployment's chart, such as ("daskhub",).
    facts: of at least one release.
    """
    if not facts.releases:
        raise ValueError("without a release there are no values that would be merged")
    views = [View(release, old, new, prefix, facts) for release in facts.releases]
    found = [each for rule in rules() if _concerns(rule, old, new) for each in _found(rule, views)]
    places = {(each.rule, each.file, each.path) for each in found}
    unless = {rule.id: rule.unless for rule in rules()}
    kept = [each for each in found if not any((other, each.file, each.path) in places for other in unless[each.rule])]
    return sorted(kept, key=lambda each: (list(SEVERITIES).index(each.severity), each.file, each.line, each.rule))


def _concerns(rule: Rule, old: Packaged, new: Packaged) -> bool:
    """Whether the step is one that the rule is about."""
    before, after = (_release(chart.version_of(rule.chart)) for chart in (old, new))
    if before is None or after is None:
        return False
    if rule.entering and not any(before < _bound(version) <= after for version in rule.entering):
        return False
    return not (rule.since and after < _bound(rule.since)) and not (rule.below and after >= _bound(rule.below))


def _release(version: str) -> tuple[Any, bool] | None:
    """To compare: a pre-release is below its release, and a development version (1.1.3-n772.h1a2b3c4) counts as one of
    what it names first. None for what is no version."""
    from packaging.version import Version

    found = re.match(r"v?([0-9]+(?:\.[0-9]+)*)(-?)", version, re.ASCII)
    return (Version(found[1]), not found[2]) if found else None


def _bound(version: str) -> tuple[Any, bool]:
    found = _release(version)
    assert found, version
    return found


def _found(rule: Rule, views: Sequence[View]) -> Iterator[Finding]:
    """A key that several releases have from the same file is found once. What can't be told counts where the step changes
    something, not where it would have been wrong all along."""
    hits: dict[tuple[str, int, Path], list[tuple[View, Place, Verdict]]] = {}
    for view in views:
        for place in _places(rule, view):
            verdict = _verdict(rule, place, view)
            if verdict is True or (verdict and rule.entering):
                hits.setdefault((place.file, place.line, place.path), []).append((view, place, verdict))
    for hit in hits.values():
        yield _finding(rule, hit, views)


def _places(rule: Rule, view: View) -> Iterator[Place]:
    """Every key that the rule names; or the first of those that it is best shown at; or what is no key."""
    if rule.path:
        yield from chain.from_iterable(view.places(pattern) for pattern in rule.path)
    else:
        shown = (place for pattern in rule.at for place in view.places(pattern))
        first = next(shown, None)
        yield from [first] if first else FINDERS[rule.find](view)


def _verdict(rule: Rule, place: Place, view: View) -> Verdict:
    """All conditions together: no, if one says no; else why it can't be told, if one can't."""
    verdicts = [holds(name, argument, place, view) for name, argument in rule.conditions.items()]
    return all(verdicts) and next((each for each in verdicts if isinstance(each, str)), True)


def _finding(rule: Rule, hit: Sequence[tuple[View, Place, Verdict]], views: Sequence[View]) -> Finding:
    (view, place, _), told = hit[0], any(verdict is True for _, _, verdict in hit)
    releases = [each.release for each, _, _ in hit]
    says, do = (string.Template(text).substitute(_words(view, place, releases)) for text in (rule.says, rule.do))
    concerned = [each.release for each in views if place.file in view.facts.releases[each.release]]
    if not set(concerned) <= set(releases) and "$releases" not in rule.says:
        says = f"In {' and '.join(releases)}: {says}"
    if not told:
        says = f"{says} Whether that is so here can't be told: {hit[0][2]}."
    severity, edit = (rule.severity, rule.edit) if told else ("check", "")
    return Finding(rule.id, severity, says, do, rule.source, place.file, place.line, place.path, edit)


def _words(view: View, place: Place, releases: Sequence[str]) -> dict[str, str]:
    """What a sentence of the rules can have in it."""
    image = view.facts.image
    return {
        "releases": " and ".join(releases),
        "hub": hub(view.new),
        "image": image.version,
        "known_from": image.source or "the Dockerfile",
        "trouble": f" ({why})" if isinstance(place.value, str) and (why := trouble(place.value)) else "",
    }


@cache
def rules() -> tuple[Rule, ...]:
    """The one file that a decision reads: a constant of the program, not a state of the world."""
    text = FilePath(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    rows = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return tuple(_rule(row) for row in rows)


def _rule(row: Mapping[str, Any]) -> Rule:
    entry: dict[str, Any] = {("conditions" if key == "if" else key): value for key, value in row.items()}
    for key in entry.keys() & set(LISTS):
        entry[key] = tuple(entry[key]) if isinstance(entry[key], list) else (entry[key],)
    return Rule(**entry)
