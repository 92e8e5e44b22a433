"""Carries an upgrade out: observe, plan, do the plan's first action, observe again, until the plan is empty.

There is no other memory than the world itself. What an action came to is judged by the next plan: if that begins
with the same action, nothing has happened, whatever the command's exit code was. So a run that was killed at any point
goes on by being started again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tasks import clusterconfig
from tasks.commands import Commands
from tasks.errors import Interrupted, Refused, StoppedForUsers, Terminated
from tasks.journal import Journal
from tasks.lock import Lock
from tasks.observe import Observer
from tasks.perform import GRACE, PATIENCE, Performer
from tasks.plan import steps
from tasks.plan.steps import Action, Plan, Step
from tasks.plan.upgrade import plan_upgrade
from tasks.plan.values import Cluster, Config
from tasks.plan.verdict import nothing_happened, people_stay, what_is_busy
from tasks.plan.version import Minor
from tasks.screen import Screen
from tasks.seams import Ran, Seams

TRIES = 4  # looks that may fail in a row: an API server that is being upgraded drops connections
SLOW_LOOKS = 6  # people take hours: the cluster is looked at that many times more seldom
SETTLE = 90 * 60.0  # seconds for an update or a stack that is in progress


@dataclass(frozen=True)
class Order:
    """What the operator asked for."""

    target: Minor
    strategy: str = "supported"
    users: str = "stop"
    wait_seconds: float = 0.0
    until: str | None = None
    strict: bool = True  # stop before a hop that the installed charts don't survive; otherwise warn of it


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
    under_way: Step | None = None
    complete: bool = False
    _began: float = 0.0
    _busy: str = ""  # what is in progress in AWS without our doing
    _users_since: float | None = None

    @cached_property
    def performer(self) -> Performer:
        return Performer(
            self.seams, self.observer, self.journal, self.lock, self.screen, self.file, self.commands, self.settled
        )

    def plan(self, cluster: Cluster) -> Plan:
        order = self.order
        return plan_upgrade(cluster, self.config(), order.target, order.strategy, order.users, order.strict)

    def config(self) -> Config:
        return clusterconfig.parse(self.seams.folder.read(self.file), self.file)

    def run(self) -> Cluster:
        """The cluster at the end. Raises Refused when it can't go on; fences are given back then."""
        self.lock.take()
        try:
            self._wait_for_survivors()
            cluster = self._walk(self.settled())
            self.journal.write("done", version=str(cluster.control_plane.version))
            return cluster
        except Terminated as signal:
            raise Interrupted(self._what_goes_on(), signal.code) from None
        except KeyboardInterrupt:
            raise Interrupted(self._what_goes_on()) from None
        except Refused as refused:
            self.journal.write("stopped", why=refused.message)
            raise
        finally:
            self._give_back()

    # The walk

    def _walk(self, cluster: Cluster) -> Cluster:
        self.journal.write("begin", version=str(cluster.control_plane.version), target=str(self.order.target))
        plan = self.plan(cluster)
        while self._goes_on(plan):
            step = plan.steps[0]
            self._enter(step)
            action = step.actions[0]
            ran = self.performer.perform(action, cluster)
            cluster, plan = self._moved(action, ran, cluster)
            if not plan.steps or plan.steps[0].id != step.id:
                self._leave(step)
        self.complete = not plan.steps
        return cluster

    def _goes_on(self, plan: Plan) -> bool:
        """Until the plan is empty; or until the step to stop after is none of it any more, whoever has done it."""
        steps = [step.id for step in plan.steps]
        return bool(steps) and self.order.until in (None, *steps)

    def _moved(self, action: Action, ran: Ran | None, before: Cluster) -> tuple[Cluster, Plan]:
        """The world after an action, in which the plan begins with something else. Raises Refused if it never does."""
        cluster = before if isinstance(action, steps.Edit) else self.settled()
        plan = self.plan(cluster)
        deadline = self.seams.clock.now() + self._patience(action, ran)
        while plan.steps and plan.steps[0].actions[0] == action:
            if self.seams.clock.now() >= deadline:
                raise self._stuck(action, ran, cluster)
            for _ in range(SLOW_LOOKS if isinstance(action, steps.AwaitUsers) else 1):
                self.performer.sleep()
            cluster = self.settled()
            plan = self.plan(cluster)
        return cluster, plan

    @staticmethod
    def _stuck(action: Action, ran: Ran | None, cluster: Cluster) -> Refused:
        if isinstance(action, steps.AwaitUsers):
            return StoppedForUsers(people_stay(action.name, cluster))
        said = f" ({ran.argv[0]}, exit {ran.exit}: {ran.last_words})" if ran else ""
        return Refused(nothing_happened(action, said, cluster))

    def _patience(self, action: Action, ran: Ran | None) -> float:
        if isinstance(action, (steps.AwaitGroup, steps.AwaitAddons)):
            return PATIENCE
        if isinstance(action, steps.AwaitUsers):
            self._users_since = self._users_since or self.seams.clock.now()
            return max(0.0, self._users_since + self.order.wait_seconds - self.seams.clock.now())
        return GRACE if ran is None or ran.exit == 0 else 0.0

    def _enter(self, step: Step) -> None:
        if self.under_way and self.under_way.id == step.id:
            return
        self.under_way, self._began = step, self.seams.clock.now()
        self.journal.write("step", step=step.id)
        self.screen.step_begins(step, self._began)

    def _leave(self, step: Step) -> None:
        self.under_way = None
        self.journal.write("step-done", step=step.id)
        self.screen.step_ends(step, self.seams.clock.now() - self._began)

    # Observation

    def settled(self) -> Cluster:
        """The cluster as soon as nothing is in progress in it: an update that somebody began is waited for."""
        deadline = self.seams.clock.now() + SETTLE
        while busy := what_is_busy(cluster := self._look()):
            if self.seams.clock.now() > deadline:
                raise Refused(
                    f"After {round(SETTLE / 60)} minutes {busy} is still in progress: look at it in the AWS console, then start again."
                )
            self._busy = busy
            self.screen.waits_for(busy)
            self.performer.sleep()
        self._busy = ""
        return cluster

    def _look(self) -> Cluster:
        for _ in range(TRIES - 1):
            try:
                return self.observer.observe()
            except Refused:
                self.performer.sleep()
        return self.observer.observe()

    def _wait_for_survivors(self) -> None:
        """Commands of a run that died: they still work, and must not be begun a second time beside themselves."""
        for number, start, command in self.journal.survivors():
            while self.seams.processes.alive(number, start):
                self.screen.waits_for(f"`{command}`, which an earlier run began (process {number}),")
                self.performer.sleep()
            self.performer.ended(number)

    # Endings

    def _what_goes_on(self) -> str:
        step = self.under_way
        if step is None and self._busy:
            return (
                f"Interrupted while waiting for {self._busy}, which goes on in AWS. The same command goes on from here."
            )
        if step is None:
            return "Interrupted: nothing is in progress. The same command goes on from here."
        return f"Interrupted in {step.id}: what AWS has begun goes on there ({step.does}). The same command goes on from here."

    def _give_back(self) -> None:
        self.performer.fences.lift_all()
        self.lock.release()
