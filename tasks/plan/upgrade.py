"""The plan of a Kubernetes upgrade, from what the live system reports now to the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tasks.plan import cautions, durations, hazards
from tasks.plan.addons import Updates, following, stale
from tasks.plan.refusals import refuse_impossible
from tasks.plan.roll import Slot, roll_actions, slots_of
from tasks.plan.rolls import plan_rolls
from tasks.plan.skew import newest_api_server, violation
from tasks.plan.steps import Action, AwaitAddons, Edit, Plan, RaiseControlPlane, Step, StopForCharts, UpdateAddons
from tasks.plan.succession import successions
from tasks.plan.survival import broken_by_hop
from tasks.plan.users import purpose
from tasks.plan.values import Cluster, Config
from tasks.plan.version import Minor

STRATEGIES = ("supported", "documented")
USERS = ("stop", "wait", "evict")


def plan_upgrade(
    cluster: Cluster,
    config: Config,
    target: Minor,
    strategy: str = "supported",
    users: str = "stop",
    strict: bool = True,
) -> Plan:
    """Steps from the live state to the target; none when everything is there.

    strategy: `supported` keeps every policy; `documented` is the order of the hub's documentation, in which nodes lead
    the control plane. users: what to do with people on nodes that have to go (one of USERS). strict: stop before a hop
    that the installed charts don't survive, not just warn of it. Refused says why not.
    """
    chains = successions(config, cluster)
    refuse_impossible(cluster, target, chains)
    walk = _Walk(cluster, config, target, users, slots_of(cluster, chains), strict)
    walk.adopt_live_state()
    (walk.go_supported if strategy == "supported" else walk.go_documented)()
    walk.finish()
    known = (*cautions.already_so(cluster), *cautions.unfenced(cluster, users), *walk.warnings)
    return Plan(cluster.control_plane.version, target, strategy, _with_breaks(walk), known)


class _Walk:
    """Walks through the versions and notes the steps. Holds the state as it will be after the steps so far."""

    def __init__(
        self, cluster: Cluster, config: Config, target: Minor, users: str, slots: Sequence[Slot], strict: bool
    ) -> None:
        self.cluster, self.config, self.target, self.users, self.strict = cluster, config, target, users, strict
        self.control_plane = cluster.control_plane.version
        self.file_version = config.version
        self.slots = list(slots)
        self.managed = {group.name: group.version for group in cluster.groups if group.managed and group.version}
        self.steps: list[Step] = []
        self.warnings: list[str] = []
        self.kubelets_after: list[tuple[Minor, list[tuple[str, Minor]]]] = []

    def adopt_live_state(self) -> None:
        """What an earlier run or EKS itself left: the file is brought up to it, add-ons that lag are updated."""
        renames = tuple((slot.declared.name, slot.name) for slot in self.slots if slot.declared.name != slot.name)
        version = self.control_plane if self.file_version < self.control_plane else None
        if version or renames:
            self._config_step(Edit(version, renames), "the live cluster is ahead of the configuration file")
        unsettled = tuple(addon.name for addon in self.cluster.addons if not addon.settled)
        self._addons_step(stale(self.cluster.addons, self.control_plane), unsettled)

    def go_supported(self) -> None:
        """A hop whenever every kubelet survives it, a roll where the cheapest path has one."""
        now = self.control_plane
        versions = {n: max(slot.version, now) if slot.pending else slot.version for n, slot in enumerate(self.slots)}
        rolls = plan_rolls(now, self.target, versions, bool(self.managed))
        while True:
            due = rolls.get(self.control_plane, frozenset())
            rolled = [slot for n, slot in enumerate(self.slots) if slot.pending or n in due]
            self._nodes_step(rolled, self.control_plane)
            if self.control_plane >= self.target:
                return
            self._hop()

    def go_documented(self) -> None:
        """Nodes behind the control plane go to one minor ahead of it; otherwise the control plane goes up."""
        while True:
            self._nodes_step([], self.control_plane, "managed-nodes")  # they can't lead: a step of their own
            lagging = min((slot.oldest for slot in self.slots), default=self.control_plane)
            too_old = newest_api_server(lagging) < self.control_plane + 1 and self.control_plane < self.target
            nodes_to = min(self.control_plane + 1, self.target)
            if lagging < self.control_plane or too_old:
                self._nodes_step([slot for slot in self.slots if slot.pending or slot.oldest < nodes_to], nodes_to)
            else:
                self._nodes_step([slot for slot in self.slots if slot.pending], self.control_plane)
            if self.control_plane >= self.target:
                return
            self._hop()

    def finish(self) -> None:
        """The file ends at the live version, also where it was ahead of it."""
        if self.file_version != self.control_plane:
            self._config_step(Edit(self.control_plane), "the configuration file is ahead of the live cluster")

    def _hop(self) -> None:
        to = self.control_plane + 1
        edit = (Edit(to),) if self.file_version != to else ()
        stop = self._stop(f"control-plane-{to}", to)
        actions: tuple[Action, ...] = (*stop, *edit, RaiseControlPlane(self.control_plane, to))
        self.control_plane = self.file_version = to
        self._add(
            Step(
                f"control-plane-{to}",
                f"raise the control plane to {to}",
                "EKS goes up one minor at a time",
                f"EKS reports version {to}, status ACTIVE, and no update in flight",
                durations.CONTROL_PLANE,
                "nobody: the API server answers with short gaps",
                actions,
                hazards.entering(to),
            )
        )
        self._addons_step(following(self.cluster.addons, to))

    def _stop(self, step: str, to: Minor) -> tuple[Action, ...]:
        """For charts that `to` breaks, before the first step that leads there: nodes that are there already, with the
        control plane behind them, would have to wait so for a deploy."""
        broken = () if to in self._reached else broken_by_hop(self.cluster.charts, to)
        self._reached |= {to}
        if not self.strict:
            self.warnings += [cautions.real_run_stops(step, each, to) for each in broken]
        return (StopForCharts(to, broken),) if broken and self.strict else ()

    def _addons_step(self, updates: Updates, unsettled: tuple[str, ...] = ()) -> None:
        if not updates and not unsettled:
            return
        names = ", ".join(dict.fromkeys([*dict(updates), *unsettled]))
        waits = (AwaitAddons(unsettled),) if unsettled else ()
        self._add(
            Step(
                f"addons-{self.control_plane}",
                f"update {names}" if updates else f"wait for {names}",
                f"add-ons follow the control plane, which is at {self.control_plane}",
                "each add-on runs in its new version on every node",
                round(durations.ADDON * len(updates)),
                "nobody: pods are exchanged one by one",
                (UpdateAddons(updates), *waits) if updates else waits,
            )
        )

    def _nodes_step(self, slots: Sequence[Slot], to: Minor, kind: str = "nodes") -> None:
        at_hop = min(to, self.control_plane)
        managed = [name for name, version in self.managed.items() if version < at_hop]
        if not slots and not managed:
            return
        taken = {slot.name for slot in self.slots} | {
            group.name for group in self.cluster.groups if group.name not in self._replaced
        }
        actions, after = roll_actions(self.cluster, slots, managed, to, at_hop, self.file_version, taken, self.users)
        shapes = [slot.declared.shape for slot in slots] + [g.shape for g in self.cluster.groups if g.name in managed]
        moved = any(purpose(shape) == "core" for shape in shapes)
        names = [f"{slot.leaving} → {new.name}" for slot, new in zip(slots, after, strict=True)] + managed
        stop = self._stop(f"{kind}-{to}", to) if to > self.control_plane else ()
        self._replaced |= {slot.leaving for slot in slots}
        by_name = {slot.declared.name: new for slot, new in zip(slots, after, strict=True)}
        self.slots = [by_name.get(slot.declared.name, slot) for slot in self.slots]
        self.managed.update(dict.fromkeys(managed, at_hop))
        if slots:
            self.file_version = to
        self._add(
            Step(
                f"{kind}-{to}",
                f"roll node groups to {to}: {', '.join(names)}",
                "kubelets would be too old for the next hop"
                if self.control_plane < self.target
                else "nodes follow the control plane",
                f"the new groups' nodes are Ready at {to} and the old groups' stacks are gone",
                _minutes(actions),
                "hub and proxy move: about 3 min without log-in or new servers"
                if moved
                else "running Dask workers, if any",
                (*stop, *actions),
            )
        )

    def _config_step(self, edit: Edit, why: str) -> None:
        self.file_version = edit.version or self.file_version
        names = dict(edit.renames)
        self.slots = [
            replace(slot, declared=replace(slot.declared, name=names.get(slot.declared.name, slot.declared.name)))
            for slot in self.slots
        ]
        does = " and ".join(
            [f"set the version to {edit.version}"] * bool(edit.version)
            + [f"call {old} {new}" for old, new in edit.renames]
        )
        self._add(
            Step(
                f"config-{self.file_version}",
                f"configuration file: {does}",
                why,
                "the file, read again, says so",
                durations.EDIT,
                "nobody",
                (edit,),
            )
        )

    def _add(self, step: Step) -> None:
        self.steps.append(step)
        kubelets = [(slot.name, slot.version) for slot in self.slots] + list(self.managed.items())
        self.kubelets_after.append((self.control_plane, kubelets))

    _replaced: frozenset[str] = frozenset()
    _reached: frozenset[Minor] = frozenset()  # minors that some step leads to


def _minutes(actions: Sequence[Action]) -> int:
    usual = {
        "CreateGroups": durations.CREATE_GROUPS,
        "DrainGroup": durations.DRAIN_GROUP,
        "DeleteGroup": durations.DELETE_GROUP,
        "RaiseManagedGroup": durations.RAISE_MANAGED_GROUP,
    }
    return sum(usual.get(type(action).__name__, 0) for action in actions)


def _with_breaks(walk: _Walk) -> tuple[Step, ...]:
    """Each step with the policies that are broken from it on, and the step that mends them."""
    broken = [
        {text: f"{name}: {text}" for name, kubelet in kubelets if (text := violation(kubelet, control_plane))}
        for control_plane, kubelets in walk.kubelets_after
    ]
    steps = []
    for index, step in enumerate(walk.steps):
        before = broken[index - 1] if index else {}
        texts = []
        for text in broken[index].keys() - before.keys():
            mended = next(
                (s.id for s, b in zip(walk.steps[index:], broken[index:], strict=True) if text not in b), "the end"
            )
            texts.append(f"{text}, until {mended}")
        steps.append(replace(step, breaks=tuple(sorted(texts))))
    return tuple(steps)
