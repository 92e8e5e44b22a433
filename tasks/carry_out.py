"""Carries an upgrade out: observe, plan, do the plan's first action, observe again, until the plan is empty.

There is no other memory than the world itself. What an action came to is judged by the next plan: if that begins
with the same action, nothing has happened, whatever the command's exit code was. So a run that was killed at any point
goes on by being started again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial, singledispatchmethod

from tasks import clusterconfig
from tasks.commands import Commands
from tasks.errors import Interrupted, Refused, StoppedForUsers
from tasks.journal import Journal
from tasks.lock import Lock
from tasks.observe import Observer
from tasks.plan import steps
from tasks.plan.roll import is_ready
from tasks.plan.steps import Action, Plan, Step
from tasks.plan.upgrade import plan_upgrade
from tasks.plan.values import Cluster, Config, Group
from tasks.plan.version import Minor
from tasks.screen import Screen
from tasks.seams import AwsError, Ran, Seams
from tasks.tools import eksctl

LOOK_EVERY = 20.0  # seconds between two looks at something that takes time
TRIES = 4  # looks that may fail in a row: an API server that is being upgraded drops connections
GRACE = 60.0  # seconds until the world shows what a successful command has done
PATIENCE = 20 * 60.0  # seconds for nodes or add-ons to become ready
SETTLE = 90 * 60.0  # seconds for an update or a stack that is in progress


@dataclass(frozen=True)
class Order:
    """What the operator asked for."""

    target: Minor
    strategy: str = "supported"
    users: str = "stop"
    wait_seconds: float = 0.0
    until: str | None = None


@dataclass
class Passage:
    """One step as it really went. Times in seconds since 1970; ended is None for the step that did not end."""

    step: Step
    began: float
    ended: float | None = None


@dataclass
class Upgrade:
    """One run of `upgrade-k8s`, from the lock to the last observation."""

    seams: Seams
    observer: Observer
    journal: Journal
    lock: Lock
    screen: Screen
    file: str  # the configuration's path below the folder
    commands: Commands
    order: Order
    passages: list[Passage] = field(default_factory=list)
    _users_since: float | None = None

    def plan(self, cluster: Cluster) -> Plan:
        return plan_upgrade(cluster, self.config(), self.order.target, self.order.strategy, self.order.users)

    def config(self) -> Config:
        return clusterconfig.parse(self.seams.folder.read(self.file), self.file)

    def run(self) -> Cluster:
        """The cluster at the end. Raises Refused when it can't go on; fences are given back then."""
        self.lock.take()
        try:
            self.journal.write("begin", target=str(self.order.target), strategy=self.order.strategy)
            self._wait_for_survivors()
            cluster = self._walk()
            self.journal.write("done", version=str(cluster.control_plane.version))
            return cluster
        except KeyboardInterrupt:
            raise Interrupted(self._what_goes_on()) from None
        except Refused as refused:
            self.journal.write("stopped", why=refused.message)
            raise
        finally:
            self._give_back()

    # The walk

    def _walk(self) -> Cluster:
        cluster = self.settled()
        plan = self.plan(cluster)
        while plan.steps:
            step = plan.steps[0]
            self._enter(step)
            action = step.actions[0]
            ran = self.perform(action, cluster)
            cluster, plan = self._moved(action, ran, cluster)
            if not plan.steps or plan.steps[0].id != step.id:
                self._leave(step)
                if step.id == self.order.until:
                    break
        return cluster

    def _moved(self, action: Action, ran: Ran | None, before: Cluster) -> tuple[Cluster, Plan]:
        """The world after an action, in which the plan begins with something else. Raises Refused if it never does."""
        cluster = before if isinstance(action, steps.Edit) else self.settled()
        plan = self.plan(cluster)
        deadline = self.seams.clock.now() + self._patience(action, ran)
        while plan.steps and plan.steps[0].actions[0] == action:
            if self.seams.clock.now() >= deadline:
                raise Refused(self._nothing_happened(action, ran, cluster))
            self._sleep()
            cluster = self.settled()
            plan = self.plan(cluster)
        return cluster, plan

    def _patience(self, action: Action, ran: Ran | None) -> float:
        if isinstance(action, (steps.AwaitGroup, steps.AwaitAddons)):
            return PATIENCE
        if isinstance(action, steps.AwaitUsers):
            self._users_since = self._users_since or self.seams.clock.now()
            return max(0.0, self._users_since + self.order.wait_seconds - self.seams.clock.now())
        return GRACE if ran is None or ran.exit == 0 else 0.0

    def _enter(self, step: Step) -> None:
        if self.passages and self.passages[-1].step.id == step.id:
            return
        self.passages.append(Passage(step, self.seams.clock.now()))
        self.journal.write("step", step=step.id)
        self.screen.step_begins(step)

    def _leave(self, step: Step) -> None:
        passage = self.passages[-1]
        passage.ended = self.seams.clock.now()
        self.journal.write("step-done", step=step.id)
        self.screen.step_ends(step, passage.ended - passage.began)

    # Observation

    def settled(self) -> Cluster:
        """The cluster as soon as nothing is in progress in it: an update that somebody began is waited for."""
        deadline = self.seams.clock.now() + SETTLE
        while busy := what_is_busy(cluster := self._look()):
            if self.seams.clock.now() > deadline:
                raise Refused(
                    f"After {round(SETTLE / 60)} minutes {busy} is still in progress: look at it in the AWS console, then start again."
                )
            self.screen.waits_for(busy)
            self._sleep()
        return cluster

    def _look(self) -> Cluster:
        for _ in range(TRIES - 1):
            try:
                return self.observer.observe()
            except Refused:
                self._sleep()
        return self.observer.observe()

    def _sleep(self) -> None:
        self.seams.clock.sleep(LOOK_EVERY)
        self.pause()

    def _wait_for_survivors(self) -> None:
        """Commands of a run that died: they still work, and must not be begun a second time beside themselves."""
        for number, start, command in self.journal.survivors():
            while self.seams.processes.alive(number, start):
                self.screen.waits_for(f"`{command}`, which an earlier run began (process {number}),")
                self._sleep()
            self.ended(number)

    # Watch

    def started(self, number: int, start: str) -> None:
        self.journal.write("child", pid=number, start=start, command=self._command)

    def pause(self) -> None:
        self.lock.renew()
        self.screen.tick(
            self.seams.clock.now() - (self.passages[-1].began if self.passages else self.seams.clock.now())
        )

    def ended(self, number: int) -> None:
        self.journal.write("child-ended", pid=number)

    _command: str = ""

    def _do(self, action: Action) -> Ran:
        (line,) = self.commands.of(action)
        return self._run(line)

    def _run(self, argv: list[str]) -> Ran:
        self._command = " ".join(argv)
        self.screen.runs(argv)
        return self.seams.run(argv, changes=True, watch=self)

    # Actions

    @singledispatchmethod
    def perform(self, action: Action, cluster: Cluster) -> Ran | None:
        """What the command said; None where there was none. Whether it worked is for the next plan to say."""
        return None  # the awaits: there is nothing to do but to look again

    @perform.register
    def _(self, action: steps.Edit, cluster: Cluster) -> None:
        before = self.seams.folder.read(self.file) or b""
        after = clusterconfig.edit(before, action, self.file)
        self.seams.folder.write(self.file, after)
        if self.seams.folder.read(self.file) != after:
            raise Refused(
                f"{self.file} does not contain what was just written to it: look at the disk, then start again."
            )
        self.screen.diff(self.file, before, after)

    @perform.register
    def _(self, action: steps.RaiseControlPlane, cluster: Cluster) -> Ran:
        self._file_has_to_say(action.to)
        return self._do(action)

    @perform.register
    def _(self, action: steps.CreateGroups, cluster: Cluster) -> Ran:
        self._file_has_to_say(action.version)
        return self._do(action)

    @perform.register
    def _(self, action: steps.DeleteGroup, cluster: Cluster) -> Ran:
        if not is_ready(cluster, action.successor):
            raise Refused(
                f"{action.name} is not deleted: its successor {action.successor.name} is not Ready. Start again when it is."
            )
        return self._do(action)

    @perform.register
    def _(self, action: steps.RaiseManagedGroup, cluster: Cluster) -> Ran:
        return self._do(action)

    @perform.register
    def _(self, action: steps.DrainGroup, cluster: Cluster) -> Ran:
        return self._do(action)

    @perform.register
    def _(self, action: steps.UpdateAddons, cluster: Cluster) -> Ran | None:
        ran = None
        for name, version in action.updates:
            ran = self._update_addon(cluster, name, version)
            self._addon_settles(name, version, ran)
        return ran

    @perform.register
    def _(self, action: steps.StopForUsers, cluster: Cluster) -> None:
        names = ", ".join(f"{pod} on {group}" for pod, group in action.users)
        raise StoppedForUsers(
            f"{len(action.users)} people are at work where nodes have to go ({names}): start again when they have gone, "
            "with --wait-for-users 8h to wait for them here, or with --evict-users to end their servers."
        )

    @perform.register
    def _(self, action: steps.FenceGroup, cluster: Cluster) -> Ran:
        group = cluster.group(action.name)
        self.journal.write(
            "fence", group=action.name, scaling_group=action.scaling_group, maximum=group.maximum if group else 0
        )
        self._set_maximum(action.scaling_group, action.maximum)
        return self._do(action)

    @perform.register
    def _(self, action: steps.AwaitUsers, cluster: Cluster) -> None:
        group = cluster.group(action.name)
        self.screen.waits_for(f"{len(cluster.users_on(group)) if group else 0} people on {action.name}")

    def _update_addon(self, cluster: Cluster, name: str, version: str | None) -> Ran:
        if version is not None:
            return self._run(self.commands.update_addon(name, version))
        if self.config().version < cluster.control_plane.version:
            raise Refused(
                f"{self.file} is behind the live cluster, which eksctl would take for a rollback: start again."
            )
        ran = self._run(self.commands.update_addon(name, version))
        if not eksctl.default_addon_updated(ran.stdout):
            raise Refused(
                f"{name} was not updated (eksctl: {ran.last_words}): look at it in kube-system, then start again."
            )
        return ran

    def _addon_settles(self, name: str, version: str | None, ran: Ran) -> None:
        deadline = self.seams.clock.now() + (PATIENCE if ran.exit == 0 else GRACE)
        while True:
            addon = next((addon for addon in self.settled().addons if addon.name == name), None)
            if addon is None or (addon.settled and version in (None, addon.version)):
                return
            if self.seams.clock.now() > deadline:
                raise Refused(
                    f"{name} has not rolled out ({addon.trouble or addon.version}; eksctl: {ran.last_words}): "
                    f"look at its pods with `kubectl --namespace=kube-system get pods`, then start again."
                )
            self._sleep()

    def _file_has_to_say(self, version: Minor) -> None:
        """Read again at the last moment: one below is a rollback for eksctl, none at all means one up."""
        if (found := self.config().version) != version:
            raise Refused(
                f"{self.file} says {found} where {version} is needed now: somebody has edited it meanwhile; start again."
            )

    # Fences and endings

    def _set_maximum(self, scaling_group: str, maximum: int) -> None:
        try:
            self.seams.aws(
                "autoscaling", "update_auto_scaling_group", AutoScalingGroupName=scaling_group, MaxSize=maximum
            )
        except AwsError as error:
            raise Refused(
                f"The maximum of {scaling_group} could not be set to {maximum} ({error.message}): set it by hand, then start again."
            ) from None

    def _give_back(self) -> None:
        """At every end that is not sudden death: what was fenced and is still there gets its size back."""
        for name, fence in self.journal.fences().items():
            self._best_effort(partial(self._lift, name, fence["scaling_group"], fence["maximum"]))
        self._best_effort(self.lock.release)

    def _lift(self, name: str, scaling_group: str, maximum: int) -> None:
        if self.observer.observe().group(name) is not None:
            self._set_maximum(scaling_group, maximum)
            self.seams.run(self.observer.kubectl.uncordon(name), changes=True, limit=GRACE)
            self.screen.says(f"{name} takes new servers again (maximum {maximum}).")
        self.journal.write("fence-lifted", group=name)

    def _best_effort(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Refused as refused:
            self.screen.says(f"Left undone: {refused.message}")

    def _what_goes_on(self) -> str:
        step = self.passages[-1].step if self.passages else None
        if step is None or self.passages[-1].ended is not None:
            return "Interrupted: nothing is in progress. The same command goes on from here."
        return f"Interrupted in {step.id}: what AWS has begun goes on there ({step.does}). The same command goes on from here."

    def _nothing_happened(self, action: Action, ran: Ran | None, cluster: Cluster) -> str:
        said = f" ({ran.argv[0]}, exit {ran.exit}: {ran.last_words})" if ran else ""
        match action:
            case steps.RaiseControlPlane():
                return (
                    f"The control plane is still at {cluster.control_plane.version}{said}: mend that, then start again."
                )
            case steps.CreateGroups(names):
                return f"{', '.join(names)} was not created{said}: mend that, then start again."
            case steps.DeleteGroup(name):
                return f"{name} is still there{said}: mend that, then start again."
            case steps.DrainGroup(name):
                return f"{name} could not be drained{said}: {_blockers(cluster, cluster.group(name))}."
            case steps.AwaitGroup(name, version, nodes):
                group = cluster.group(name)
                ready = group.ready_at(version) if group else 0
                return (
                    f"{name} has {ready} of {nodes} nodes Ready at {version} after {round(PATIENCE / 60)} minutes: look at its "
                    "instances (quota, image, role in aws-auth), then start again."
                )
            case steps.AwaitUsers(name):
                group = cluster.group(name)
                left = ", ".join(pod.name for pod in cluster.users_on(group)) if group else ""
                raise StoppedForUsers(
                    f"The time is over and {left} still work on {name}: start again later, or with --evict-users."
                )
            case steps.AwaitAddons(names):
                troubles = "; ".join(
                    f"{addon.name}: {addon.trouble}" for addon in cluster.addons if addon.name in names
                )
                return f"Add-ons have not rolled out ({troubles}): look at them with `kubectl --namespace=kube-system get pods`, then start again."
            case _:
                return f"Nothing has changed{said}: look at the cluster, then start again."


def what_is_busy(cluster: Cluster) -> str:
    """What is in progress in AWS, in words; "" if nothing is."""
    if cluster.control_plane.status in ("UPDATING", "CREATING"):
        to = cluster.control_plane.updating_to
        return f"an update of the control plane{f' to {to}' if to else ''}"
    busy = [f"{group.name} ({group.status})" for group in cluster.groups if group.busy]
    return ", ".join(busy)


def _blockers(cluster: Cluster, group: Group | None) -> str:
    """Which pods stay, and which budgets say so."""
    pods = cluster.pods_on(group) if group else []
    reasons = []
    for pod in pods:
        budgets = [
            b.name
            for b in cluster.budgets
            if b.namespace == pod.namespace and not b.allowed and b.selector <= pod.labels
        ]
        because = (
            f"its budget {', '.join(budgets)} allows no disruption"
            if budgets
            else "nothing would start it anew"
            if pod.bare
            else ""
        )
        reasons.append(f"{pod.namespace}/{pod.name}" + (f" ({because})" if because else ""))
    stay = ", ".join(reasons) or "its nodes are not cordoned"
    return f"what is left is {stay}; raise the budget, or end the pod, then start again"
