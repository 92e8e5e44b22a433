"""`invoke upgrade-k8s`: observe, plan, show, ask, carry out, and say what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.carry_out import Order, Upgrade
from tasks.cluster import confirmed
from tasks.commands import Commands
from tasks.errors import Refused
from tasks.journal import Journal
from tasks.lock import Lock
from tasks.plan.differences import autoscaler_behind
from tasks.plan.steps import Plan
from tasks.plan.values import Cluster
from tasks.plan.version import Minor
from tasks.programs import refuse_missing
from tasks.session import Session
from tasks.show import group_table, plan_document


@dataclass(frozen=True)
class Wishes:
    """The command line of `upgrade-k8s`, understood."""

    target: Minor
    strategy: str
    users: str
    wait_seconds: float
    until: str | None
    yes: bool
    told: Mapping[str, Minor]


def upgrade(session: Session, wishes: Wishes) -> None:
    """The whole task. Raises Refused, StoppedForUsers or Interrupted where it ends early."""
    screen, order = (
        session.screen,
        Order(wishes.target, wishes.strategy, wishes.users, wishes.wait_seconds, wishes.until),
    )
    observer = session.observer(wishes.told)
    config = session.config
    commands = Commands(config.name, config.region, session.seams.folder.path(session.file), observer.kubectl)
    run = Upgrade(
        session.seams,
        observer,
        Journal(session.seams, config.name),
        Lock(session.seams, observer.kubectl),
        screen,
        session.file,
        commands,
        order,
    )
    before = observer.observe()
    plan = run.plan(before)
    _refuse_unknown_step(plan, wishes.until)
    if screen.json:
        screen.data(plan_document(plan, before, commands))
        return
    if not plan.steps:
        screen.says(f"{before.name} is at {wishes.target} already: control plane, nodes, add-ons and configuration.")
        _finished(session)
        return
    _show(session, plan, before)
    if session.dry:
        screen.commands(
            [(step.id, line) for step in plan.steps for action in step.actions for line in commands.of(action)]
        )
        return
    refuse_missing(session.seams, observer.kubectl)
    if not (session.rehearsing or wishes.yes or confirmed(f"Carry this out on {before.name}?")):
        raise Refused("Nothing was changed.")
    _carry_out(session, run)


def _refuse_unknown_step(plan: Plan, until: str | None) -> None:
    if until and until not in [step.id for step in plan.steps]:
        steps = ", ".join(step.id for step in plan.steps) or "none, for everything is done"
        raise Refused(f"--until {until!r} is no step of this plan; its steps are: {steps}.")


def _show(session: Session, plan: Plan, cluster: Cluster) -> None:
    session.screen.says(f"{session.identity.arn} on {cluster.name} in {cluster.region}")
    group_table(session.screen, f"Now: control plane {cluster.control_plane.version}", cluster)
    session.screen.plan(plan)
    for warning in autoscaler_behind(cluster):
        session.screen.says(f"! {warning}", "yellow")


def _carry_out(session: Session, run: Upgrade) -> None:
    original = session.seams.folder.read(session.file) or b""
    try:
        after = run.run()
    finally:
        session.screen.rest()
    _say_end(session, run, after, original)
    _finished(session)


def _say_end(session: Session, run: Upgrade, after: Cluster, original: bytes) -> None:
    screen = session.screen
    group_table(screen, f"Now: control plane {after.control_plane.version}", after)
    for warning in autoscaler_behind(after):
        screen.says(f"! {warning}", "yellow")
    edited = session.seams.folder.read(session.file) or b""
    path = session.seams.folder.path(session.file)
    if session.rehearsing:
        screen.says(f"What a real run would have changed in {session.file}:")
        screen.diff(session.file, original, edited)
    elif edited != original:
        screen.says(
            f"Keep the configuration: git commit --message='Upgrade Kubernetes to {after.control_plane.version}' {path}"
        )
    if after.control_plane.version == run.order.target and run.passages[-1].step.id != run.order.until:
        screen.says(
            f"{after.name} is at {run.order.target}: control plane, nodes, add-ons and configuration.", "bold green"
        )
    else:
        screen.says(f"Stopped after {run.order.until}, as asked; the same command without --until goes on.", "bold")


def _finished(session: Session) -> None:
    if session.rehearsing:
        session.settings.rehearsal.finished = True
