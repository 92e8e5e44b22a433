"""Which live node group and which declared one are the same group, and what its replacement is called.

eksctl never changes a self-managed group: it is replaced by one of another name, so core-a is followed by core-b.
Two names are one group when they share the stem and the shape (labels, taints, zones).
"""

from __future__ import annotations

import re
import string
from collections.abc import Collection, Iterable
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
    return tuple(_succession(group, _kin(group, config, cluster), config, cluster) for group in config.self_managed)


def undeclared(cluster: Cluster, chains: Collection[Succession]) -> list[Group]:
    """Live self-managed groups that nothing in the file stands for."""
    known = {group.name for chain in chains for group in (chain.current, chain.old) if group}
    return [group for group in cluster.groups if not group.managed and group.name not in known]


def _kin(declared: ConfigGroup, config: Config, cluster: Cluster) -> list[Group]:
    """The live groups that may be this one. Where several declared groups share a stem, the shape tells them apart."""
    stem = split_name(declared.name)[0]
    declared_names = {group.name for group in config.groups}
    alone = sum(split_name(group.name)[0] == stem for group in config.self_managed) == 1
    return [
        group
        for group in cluster.groups
        if not group.managed
        and (
            group.name == declared.name
            or (
                split_name(group.name)[0] == stem
                and group.name not in declared_names
                and (alone or not unlike(declared, group))
            )
        )
    ]


def _succession(declared: ConfigGroup, kin: list[Group], config: Config, cluster: Cluster) -> Succession:
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
    names = {*(group.name for group in config.groups), *(group.name for group in cluster.groups)}
    if _follows(declared.name, other.name, names) and other.version is not None and other.version < config.version:
        return Succession(declared, declared.name, None, other)  # the file is ahead: its group is still to be created
    return Succession(declared, other.name, other, None)  # the file is behind: it is given the live name


def _follows(name: str, live: str, names: Collection[str]) -> bool:
    """Whether a roll of the live group would have written this name into the file."""
    live_letter = split_name(live)[1]
    return split_name(name)[1] > live_letter or live_letter == "z" or successor_name(live, {*names} - {name}) == name


def _by_version(name: str, kin: list[Group]) -> tuple[Group, Group]:
    older, newer = sorted(kin, key=_age)
    if _age(older) == _age(newer):
        raise _ambiguous(name, [group.name for group in kin])
    return older, newer


def _age(group: Group) -> Minor:
    """A stack that is being made or taken down may not tell its version yet or any more: it is the new or the old one."""
    if group.version is None and group.status.startswith(("CREATE", "ROLLBACK")):
        return Minor(99)
    return group.version or Minor(0)


def _ambiguous(name: str, live: list[str]) -> Refused:
    names = " and ".join(sorted(live))
    return Refused(
        f"Live node groups {names} could each be what the configuration calls {name}: "
        "delete the one that is not in use, or declare both."
    )


def unlike(declared: ConfigGroup, live: Group) -> tuple[str, str] | None:
    """In what the two differ, and how: ("labels", "live ones and declared ones"). None if they agree.

    What nobody says agrees with anything: the zones where the file leaves them to eksctl, labels and taints of a group
    that has neither nodes nor the autoscaler's tags, and all of a stack that has no Auto Scaling group yet.
    """
    if live.scaling_group is None and not live.nodes:
        return None
    wanted, found = declared.shape, live.shape
    shown = bool(live.nodes or found.labels or found.taints)
    pairs = {
        "labels": (found.labels, wanted.labels if shown else found.labels),
        "taints": (found.taints, wanted.taints if shown else found.taints),
        "availability zones": (found.zones, wanted.zones or found.zones),
    }
    return next(
        ((what, f"{_words(there)} and {_words(here)}") for what, (there, here) in pairs.items() if there != here), None
    )


def _refuse_unless_same_shape(declared: ConfigGroup, live: Group) -> None:
    if difference := unlike(declared, live):
        what, how = difference
        raise Refused(
            f"Live node group {live.name} and {declared.name} in the configuration share a stem but not their {what} "
            f"({how}): declare {live.name} too, or give the other a name of its own."
        )


def _words(items: Iterable[object]) -> str:
    found = sorted("=".join(item) if isinstance(item, tuple) else str(item) for item in items)
    return ", ".join(found) or "none"
