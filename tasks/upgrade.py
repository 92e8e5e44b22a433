"""`invoke upgrade-k8s`: observe, plan, show, ask, carry out, and say what became of it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from tasks import report
from tasks.carry_out import Order, Upgrade
from tasks.commands import Commands
from tasks.endings import end_as_interrupted
from tasks.errors import Refused
from tasks.journal import Journal
from tasks.lock import Lock
from tasks.plan.differences import autoscaler_behind
from tasks.plan.steps import Plan
from tasks.plan.upgrade import STRATEGIES
from tasks.plan.values import Cluster
from tasks.plan.version import Minor
from tasks.programs import refuse_missing
from tasks.session import Session
from tasks.show import command_lines, group_table, plan_document


@dataclass(frozen=True)
class Wishes:
    """The command line of `upgrade-k8s`, understood."""

    target: Minor
    strategy: str
    users: str
    wait_seconds: float
    until: str | None
    yes: bool
    told: dict[str, Minor]
    strict: bool

    def command(self, rehearsing: bool) -> str:
        """The line that goes on with it."""
        words = ["invoke", *(["rehearse", "--resume"] if rehearsing else []), "upgrade-k8s", f"--to={self.target}"]
        words += [f"--strategy={self.strategy}"] if self.strategy != STRATEGIES[0] else []
        words += [f"--until={self.until}"] if self.until else []
        words += [f"--wait-for-users={round(self.wait_seconds / 60)}m"] if self.users == "wait" else []
        words += ["--evict-users"] if self.users == "evict" else []
        words += ["--strict"] if self.strict else []
        return shlex.join(words + [f"--group-version={name}={version}" for name, version in self.told.items()])


def upgrade(session: Session, wishes: Wishes) -> None:
    """The whole task. Raises Refused, StoppedForUsers or Interrupted where it ends early."""
    if not (session.dry or session.screen.json):
        refuse_missing(session.seams)
    run = _run(session, wishes)
    before = run.observer.observe()
    plan = run.plan(before)
    done = _is_done(plan, wishes.until) or not plan.steps
    if session.screen.json:
        session.screen.data(plan_document(plan, before, run.commands))
    elif done:
        what = "control plane, nodes, add-ons and configuration" if not plan.steps else f"{wishes.until} is done"
        session.screen.says(f"{before.name} is at {before.control_plane.version} already: {what}.")
        _finished(session)
    else:
        _show(session, plan, before)
        if session.dry:
            session.screen.commands(command_lines(plan, run.commands))
            return
        if not (session.rehearsing or wishes.yes or session.screen.confirms(f"Carry this out on {before.name}?")):
            raise Refused("Nothing was changed.")
        _carry_out(session, wishes, run, plan, before)


def _run(session: Session, wishes: Wishes) -> Upgrade:
    observer, config, seams = session.observer(wishes.told), session.config, session.seams
    return Upgrade(
        seams,
        observer,
        Journal(seams, config.name),
        Lock(seams, observer.kubectl),
        session.screen,
        session.file,
        Commands(config.name, config.region, seams.folder.path(session.file), observer.kubectl),
        Order(
            wishes.target,
            wishes.strategy,
            wishes.users,
            wishes.wait_seconds,
            wishes.until,
            wishes.strict or not session.rehearsing,
        ),
    )


def _is_done(plan: Plan, until: str | None) -> bool:
    """Whether the step to stop after is behind us. Refused if there never is such a step."""
    if not until or until in [step.id for step in plan.steps]:
        return False
    kind, _, version = until.rpartition("-")
    minor = Minor.within(version)
    if kind in ("control-plane", "addons", "nodes", "managed-nodes", "config") and minor and minor <= plan.start:
        return True
    steps = ", ".join(step.id for step in plan.steps) or "none, for everything is done"
    raise Refused(f"--until {until!r} is no step of this plan; its steps are: {steps}.")


def _show(session: Session, plan: Plan, cluster: Cluster) -> None:
    session.screen.says(f"{session.identity.arn} on {cluster.name} in {cluster.region}")
    group_table(session.screen, f"Now: control plane {cluster.control_plane.version}", cluster)
    session.screen.plan(plan)
    for warning in autoscaler_behind(cluster):
        session.screen.says(f"! {warning}", "yellow")


def _carry_out(session: Session, wishes: Wishes, run: Upgrade, plan: Plan, before: Cluster) -> None:
    original = session.seams.folder.read(session.file) or b""
    after, trouble = None, ""
    end_as_interrupted()
    try:
        after = run.run()
    except Refused as refused:
        trouble = str(refused.message)
        raise
    finally:
        session.screen.rest()
        _report(session, wishes, run, plan, before, after, trouble)
    _say_end(session, run, after, original)
    _finished(session)


def _report(
    session: Session, wishes: Wishes, run: Upgrade, plan: Plan, before: Cluster, after: Cluster | None, trouble: str
) -> None:
    next_steps = [f"Go on with the same command: `{wishes.command(session.rehearsing)}`."] if trouble else []
    next_steps += autoscaler_behind(after) if after else []
    next_steps += ["Commit the configuration file, which the upgrade has edited."] if after else []
    hazards = [f"{step.id}: {hazard.text} ({hazard.source})" for step in plan.steps for hazard in step.hazards]
    breaks = [f"{step.id}: {text}" for step in plan.steps for text in step.breaks]
    entries = report.since_the_last_end(run.journal)
    story = report.Story(
        report.start(entries, str(plan.start)),
        plan,
        report.passages(entries),
        before,
        after,
        trouble,
        [*plan.warnings, *breaks, *hazards],
        next_steps,
    )
    path = report.write(session.seams, story)
    session.screen.says(f"Report: {path}" if path else "The report could not be written.")


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
            f"Keep the configuration: git commit --message='Upgrade Kubernetes to {after.control_plane.version}' {shlex.quote(path)}"
        )
    if run.complete:
        screen.says(
            f"{after.name} is at {run.order.target}: control plane, nodes, add-ons and configuration.", "bold green"
        )
    else:
        screen.says(f"Stopped after {run.order.until}, as asked; the same command without --until goes on.", "bold")


def _finished(session: Session) -> None:
    if session.rehearsing:
        session.settings.rehearsal.finished = True
