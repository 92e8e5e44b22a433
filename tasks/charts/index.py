"""Which versions of a chart there are: a repository's index.yaml, and the order and the choice among its entries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml
from packaging.version import InvalidVersion, Version

from tasks.errors import Refused

# All scalars stay text: a version 2023.10 is no number, and a digest of decimal digits isn't either.
Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
NOTHING = ("", "~", "null")
OLDEST = Version("0.dev0")
LISTED = 6  # versions or names that a sentence takes


@dataclass(frozen=True)
class Declared:
    """A dependency as the index has it, which need not be what the archive brings."""

    name: str
    version: str
    repository: str


@dataclass(frozen=True)
class Entry:
    """One version of a chart.

    digest: SHA-256 of its archive in hexadecimal digits, "" where nobody tells. urls: of the archive, relative to the
    repository's address or absolute. kubernetes: its kubeVersion, "" for all.
    """

    name: str
    version: str
    digest: str = ""
    urls: tuple[str, ...] = ()
    kubernetes: str = ""
    dependencies: tuple[Declared, ...] = ()
    deprecated: bool = False

    @property
    def archive(self) -> str:
        """The file's name as helm gives it."""
        return f"{self.name}-{self.version}.tgz"

    @cached_property
    def order(self) -> Version | None:
        """None for a version that can't be compared, such as 0.9.0-n076.h7abb97f."""
        return _parsed(self.version)

    @property
    def offered(self) -> bool:
        """Whether to go there without being told to: no pre-release, in the sense of either scheme, nor deprecated."""
        return not (
            self.deprecated
            or self.order is None
            or self.order.is_prerelease
            or "-" in self.version.partition("+")[0]  # SemVer's: packaging takes 1.2.3-1 for later than 1.2.3
        )


def parse_index(content: bytes, where: str) -> dict[str, tuple[Entry, ...]]:
    """A chart's name → its entries, newest first; what can't be compared last.

    Entries without a version are passed over, as by helm. Refused if it is no index. where: the repository's address.
    """
    try:
        found = yaml.load(content, Loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        found = None
    charts = found.get("entries") if isinstance(found, dict) else None
    if charts in NOTHING:
        charts = {}
    if not isinstance(charts, dict):
        raise Refused(
            f"What {where} has for an index.yaml is none: look at the repository's address in Chart.yaml, at what "
            "answers between here and there, or name a folder of archives with --mirror."
        )
    return {name: newest_first(_entries(name, rows)) for name, rows in charts.items() if isinstance(name, str)}


def entry(name: str, row: Any) -> Entry | None:
    """From a row of an index, or Chart.yaml with digest and urls. None if it names no version. row: with texts only."""
    if not isinstance(row, dict) or not (version := _text(row, "version")):
        return None
    return Entry(
        name,
        version,
        _text(row, "digest").lower().removeprefix("sha256:"),  # what is no digest stays: no archive has it
        tuple(url for url in _rows(row, "urls") if isinstance(url, str) and url),
        _text(row, "kubeVersion"),
        tuple(_declared(each) for each in _rows(row, "dependencies") if isinstance(each, dict)),
        _text(row, "deprecated") == "true",
    )


def newest_first(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda each: (each.order is not None, each.order or OLDEST), reverse=True))


def find(charts: Mapping[str, Sequence[Entry]], name: str, version: str, where: str) -> Entry:
    """Whatever is named, offered or not. Refused if it isn't there. where: the repository, for the sentence."""
    entries = of_chart(charts, name, where)
    found = next((each for each in entries if each.version == version), None)
    if found is None:
        raise Refused(f"There is no {name} {version} in {where}: {_near(version, entries)}.")
    return found


def of_chart(charts: Mapping[str, Sequence[Entry]], name: str, where: str) -> Sequence[Entry]:
    """Refused if there is none."""
    if not charts.get(name):
        others = f"it has {several(sorted(filter(charts.get, charts)))}" if any(charts.values()) else "it is empty"
        raise Refused(f"There is no chart {name} in {where} ({others}): look at name and repository in Chart.yaml.")
    return charts[name]


def several(names: Sequence[str]) -> str:
    """As a sentence lists them."""
    if len(names) > LISTED:
        return f"{', '.join(names[:LISTED])} and {len(names) - LISTED} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _near(version: str, entries: Sequence[Entry]) -> str:
    offered = [each for each in entries if each.offered] or list(entries)
    if len(offered) <= LISTED or (wanted := _parsed(version)) is None:
        return f"it has {several([each.version for each in reversed(offered)])}"
    above = [each for each in offered if each.order and each.order > wanted][-1:]
    below = [each for each in offered if each.order and each.order < wanted][:1]
    near = [each.version for each in (*below, *above)]
    return f"near it are {several(near)}" if near[1:] else f"nearest to it is {several(near)}"


def _parsed(version: str) -> Version | None:
    try:
        return Version(version)
    except InvalidVersion:
        return None


def _entries(name: str, rows: Any) -> Iterable[Entry]:
    return filter(None, (entry(name, row) for row in (rows if isinstance(rows, list) else ())))


def _declared(row: Mapping[str, Any]) -> Declared:
    return Declared(_text(row, "name"), _text(row, "version"), _text(row, "repository"))


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) and value not in NOTHING else ""


def _rows(row: Mapping[str, Any], key: str) -> list[Any]:
    value = row.get(key)
    return value if isinstance(value, list) else []
