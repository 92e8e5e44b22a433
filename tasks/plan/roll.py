"""One roll: what is still to be done until new node groups have taken the old ones' place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tasks.plan.steps import (
    Action,
    AwaitGroup,
    AwaitUsers,
    CreateGroups,
    DeleteGroup,
    DrainGroup,
    Edit,
    FenceGroup,
    RaiseManagedGroup,
    StopForUsers,
)
from tasks.plan.succession import Succession, successor_name
from tasks.plan.users import drain_order, purpose
from tasks.plan.values import Cluster, ConfigGroup, Group, PodKind
from tasks.plan.version import Minor


@dataclass(frozen=True)
class Slot:
    """A group's place in the plan: its name and version, and the predecessor that a roll has not removed yet."""

    declared: ConfigGroup
    name: str
    version: Minor
    current: Group | None
    old: Group | None

    @property
    def pending(self) -> bool:
        return self.old is not None

    @property
    def oldest(self) -> Minor:
        """The oldest kubelet behind this name."""
        return min(self.version, self.old.version) if self.old and self.old.version else self.version

    @property
    def leaving(self) -> str:
        return self.old.name if self.old else self.name


def slots_of(cluster: Cluster, chains: Iterable[Succession]) -> list[Slot]:
    """The live successions. A group that is declared but was never created is no part of an upgrade."""
    slots = []
    for chain in chains:
        known = [group.version for group in (chain.current, chain.old) if group and group.version]
        if chain.live:
            slots.append(
                Slot(
                    chain.declared,
                    chain.name,
                    known[0] if known else cluster.control_plane.version,
                    chain.current,
                    chain.old,
                )
            )
    return slots


def roll_actions(
    cluster: Cluster,
    slots: Sequence[Slot],
    managed: Sequence[str],
    to: Minor,
    managed_to: Minor,
    file_version: Minor,
    taken: Iterable[str],
    users: str,
) -> tuple[tuple[Action, ...], list[Slot]]:
    """The actions that are left of a roll to `to`, and the slots as they are after it, in the same order.

    taken: names that no new group may have. users: one of stop, wait, evict.
    """
    names = set(taken)
    after: list[Slot] = []
    for slot in slots:
        name = slot.name if slot.pending else successor_name(slot.name, names)
        names.add(name)
        desired = _desired(slot) if not (slot.pending and slot.current) else slot.declared.desired
        after.append(
            Slot(replace(slot.declared, name=name, desired=desired), name, to, _foreseen(slot, name, to), None)
        )
    pairs = [(_leaving(slot), new) for slot, new in zip(slots, after, strict=True)]
    awaits = {new.name: _ready(old, new, to) for old, new in pairs}
    successors = {old: new.name for old, new in pairs if old}
    raised = [group for name in managed if (group := cluster.group(name))]
    actions: list[Action] = []
    if edit := _edit(slots, after, to, file_version):
        actions.append(edit)
    missing = tuple(new.name for slot, new in zip(slots, after, strict=True) if not (slot.pending and slot.current))
    if missing:
        actions.append(CreateGroups(missing, to))
    actions += [wait for wait in awaits.values() if wait.name in missing or not is_ready(cluster, wait)]
    for group in sorted([*successors, *raised], key=lambda group: drain_order(cluster, group)):
        if group.managed:
            actions += _raise_managed(cluster, group, managed_to, users)
        else:
            actions += [*_empty(cluster, group, users), DeleteGroup(group.name, awaits[successors[group]])]
    stop = _stop(cluster, [*successors, *raised]) if users == "stop" else []
    return (*stop, *actions), after


def is_ready(cluster: Cluster, wait: AwaitGroup) -> bool:
    """Whether the group has what is awaited. At zero nodes a complete stack with its Auto Scaling group is enough."""
    group = cluster.group(wait.name)
    return (
        group is not None
        and not group.busy
        and not group.failed
        and group.scaling_group is not None
        and group.ready_at(wait.version) >= wait.nodes
    )


def _leaving(slot: Slot) -> Group | None:
    return slot.old if slot.pending else slot.current


def _foreseen(slot: Slot, name: str, to: Minor) -> Group | None:
    """The successor as it will be; the people on the old group are expected back on it."""
    old = _leaving(slot)
    nodes = tuple(replace(node, group=name, version=to, cordoned=False) for node in old.nodes) if old else ()
    return replace(old, name=name, version=to, nodes=nodes) if old else None


def _desired(slot: Slot) -> int:
    """The new group starts as large as the live one is, a core group with one node at least."""
    old = _leaving(slot)
    live = max(old.desired, old.open_nodes) if old else slot.declared.desired
    return max(live, 1) if purpose(slot.declared.shape) == "core" else live


def _ready(old: Group | None, new: Slot, to: Minor) -> AwaitGroup:
    """As many nodes as the old group still offers: a cordoned one is no capacity any more."""
    least = 1 if purpose(new.declared.shape) == "core" else 0
    return AwaitGroup(new.name, to, max(old.open_nodes if old else 0, least))


def _edit(slots: Sequence[Slot], after: Sequence[Slot], to: Minor, file_version: Minor) -> Edit | None:
    pairs = list(zip(slots, after, strict=True))
    renames = tuple((slot.declared.name, new.name) for slot, new in pairs if slot.declared.name != new.name)
    desired = tuple(
        (new.name, new.declared.desired) for slot, new in pairs if slot.declared.desired != new.declared.desired
    )
    creates = any(not (slot.pending and slot.current) for slot in slots)
    version = to if creates and file_version != to else None
    edit = Edit(version, renames, desired)
    return edit if edit else None


def _empty(cluster: Cluster, old: Group, users: str) -> list[Action]:
    """Get the pods off a group that is to go."""
    actions: list[Action] = []
    if cluster.users_on(old) and users == "wait":
        if old.scaling_group and (old.open_nodes or old.maximum > len(old.nodes)):
            actions.append(FenceGroup(old.name, old.scaling_group, len(old.nodes)))
        actions.append(AwaitUsers(old.name))
    if old.open_nodes or cluster.pods_on(old):
        actions.append(DrainGroup(old.name, _force(cluster, old, users)))
    return actions


def _force(cluster: Cluster, old: Group, users: str) -> bool:
    """Bare pods stop a drain unless it is forced. Only people's (once they are granted) and Dask workers may be."""
    granted = {PodKind.DASK_WORKER} | ({PodKind.USER_SERVER, PodKind.DASK_SCHEDULER} if users == "evict" else set())
    bare = [pod for pod in cluster.pods_on(old) if pod.bare]
    return bool(bare) and all(pod.kind in granted for pod in bare)


def _raise_managed(cluster: Cluster, group: Group, to: Minor, users: str) -> list[Action]:
    waits = users == "wait" and bool(cluster.users_on(group))
    return [*([AwaitUsers(group.name)] if waits else []), RaiseManagedGroup(group.name, to)]


def _stop(cluster: Cluster, groups: Iterable[Group]) -> list[Action]:
    users = tuple((pod.name, group.name) for group in groups for pod in cluster.users_on(group))
    return [StopForUsers(users)] if users else []
