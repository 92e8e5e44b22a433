"""Which live node group and which declared one are the same group, and what its replacement is called.

eksctl never changes a self-managed group: it is replaced by one of another name, so core-a is followed by core-b.
Two names are one group when they share the stem and the shape (labels, taints, zones).
"""

from __future__ import annotations

import re
import string
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from tasks.errors import Refused
from tasks.plan.values import Cluster, Config, ConfigGroup, Group
from tasks.plan.version import Minor


@dataclass(frozen=True)
class Succession:
    """One declared group and the live groups behind it.

    name: what the file should call it. current: the live group of that name, if any. old: a live predecessor that has
    to go as soon as its successor is Ready.
    """

    declared: ConfigGroup
    name: str
    current: Group | None
    old: Group | None

    @property
    def pending(self) -> bool:
        """A replacement has begun, in the file at least, and is not over."""
        return self.old is not None

    @property
    def live(self) -> bool:
        return self.current is not None or self.old is not None


@lru_cache(maxsize=4096)
def split_name(name: str) -> tuple[str, str]:
    """Stem and letter: `core-b` is ("core", "b"); a name without a letter counts as `a`."""
    found = re.fullmatch(r"(.+)-([a-z])", name, re.ASCII)
    return (found[1], found[2]) if found else (name, "a")


def successor_name(name: str, taken: Collection[str]) -> str:
    """The next free letter; after z a free earlier one. taken: names in the file and of stacks in any state."""
    stem, letter = split_name(name)
    used = {split_name(other)[1] for other in taken if split_name(other)[0] == stem} | {letter}
    later = string.ascii_lowercase[string.ascii_lowercase.index(letter) :]
    for candidate in later + string.ascii_lowercase:
        if candidate not in used:
            return f"{stem}-{candidate}"
    raise Refused(
        f"All 26 names from {stem}-a to {stem}-z are taken: delete the node groups that are no longer needed."
    )


def successions(config: Config, cluster: Cluster) -> tuple[Succession, ...]:
    """One for each self-managed group of the file, in the file's order. Refuses what cannot be told apart."""
    declared_names = {group.name for group in config.groups}
    return tuple(_succession(group, _kin(group, declared_names, cluster), config) for group in config.self_managed)


def undeclared(cluster: Cluster, chains: Collection[Succession]) -> list[Group]:
    """Live self-managed groups that nothing in the file stands for."""
    known = {group.name for chain in chains for group in (chain.current, chain.old) if group}
    return [group for group in cluster.groups if not group.managed and group.name not in known]


def _kin(declared: ConfigGroup, declared_names: set[str], cluster: Cluster) -> list[Group]:
    stem = split_name(declared.name)[0]
    return [
        group
        for group in cluster.groups
        if not group.managed
        and (group.name == declared.name or (split_name(group.name)[0] == stem and group.name not in declared_names))
    ]


def _succession(declared: ConfigGroup, kin: list[Group], config: Config) -> Succession:
    same = next((group for group in kin if group.name == declared.name), None)
    others = [group for group in kin if group is not same]
    for other in others:
        _refuse_unless_same_shape(declared, other)
    if not others:
        return Succession(declared, declared.name, same, None)
    if len(kin) > 2:
        raise _ambiguous(declared.name, [group.name for group in kin])
    if len(kin) == 2:
        older, newer = _by_version(declared.name, kin)
        return Succession(declared, newer.name, newer, older)
    (other,) = others
    if _follows(declared.name, other) and other.version is not None and other.version < config.version:
        return Succession(declared, declared.name, None, other)  # the file is ahead: its group is still to be created
    return Succession(declared, other.name, other, None)  # the file is behind: it is given the live name


def _follows(name: str, live: Group) -> bool:
    live_letter = split_name(live.name)[1]
    return split_name(name)[1] > live_letter or live_letter == "z"


def _by_version(name: str, kin: list[Group]) -> tuple[Group, Group]:
    oldest = Minor(0)
    older, newer = sorted(kin, key=lambda group: group.version or oldest)
    if older.version == newer.version or None in (older.version, newer.version):
        raise _ambiguous(name, [group.name for group in kin])
    return older, newer


def _ambiguous(name: str, live: list[str]) -> Refused:
    names = " and ".join(sorted(live))
    return Refused(
        f"Live node groups {names} could each be what the configuration calls {name}: "
        "delete the one that is not in use, or declare both."
    )


def _refuse_unless_same_shape(declared: ConfigGroup, live: Group) -> None:
    pairs = (("labels", "labels"), ("taints", "taints"), ("zones", "availability zones"))
    for attribute, words in pairs:
        wanted, found = getattr(declared.shape, attribute), getattr(live.shape, attribute)
        if wanted != found:
            raise Refused(
                f"Live node group {live.name} and {declared.name} in the configuration share a stem but not their {words} "
                f"({_words(found)} and {_words(wanted)}): declare {live.name} too, or give the other a name of its own."
            )


def _words(items: frozenset[object]) -> str:
    found = sorted("=".join(item) if isinstance(item, tuple) else str(item) for item in items)
    return ", ".join(found) or "none"
