"""`invoke rollback`: back to an earlier revision, which helm still knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from invoke.context import Context

from tasks.errors import Refused
from tasks.hub import database, show
from tasks.hub.database import Database
from tasks.hub.opened import Hub, opened
from tasks.hub.record import recorded
from tasks.hub.release import Difference, explain_helm
from tasks.hub.repair import Repair
from tasks.hub.values import Source, Values
from tasks.hub.verify import Verification
from tasks.hub.work import Work, interruptible
from tasks.plan import manifest, release, valuesdiff
from tasks.plan.hubstate import at
from tasks.plan.release import Revision
from tasks.screen import Screen


def rollback(
    c: Context, deployment: str, environment: str, to: str, restore_database: bool, yes: bool, screen: Screen
) -> None:
    """The whole task. to: a revision's number, or "" for the good one before the present one."""
    if to and not (to.isascii() and to.isdecimal()):
        raise Refused(f"--to {to!r} is no revision's number: `helm history` lists them.")
    with interruptible(screen), opened(c, deployment, environment, screen, images_needed=False) as hub:
        revisions = hub.release.history()
        target = release.target(revisions, int(to) if to else None)
        if isinstance(target, str):
            raise Refused(f"{hub.release.name}: {target}.")
        hub.values = hub.values.after(hub.release.of(target).values)  # its secrets may be older than the deployed ones
        _show(hub, revisions, target)
        work = Work(hub)
        crossed = _crossed(hub, work, target)
        _refuse_across_migration(target, crossed, restore_database)
        if hub.dry:
            return
        if not (yes or screen.confirms(f"Go back to revision {target.number}?")):
            raise Refused("Nothing was changed.")
        with work.locked():
            if hub.release.history() != revisions:
                raise Refused(
                    "Somebody else has changed the release meanwhile: start again, and look at what is shown."
                )
            with recorded(hub, "rollback"):
                _go_back(hub, work, target, crossed)


def _show(hub: Hub, revisions: Sequence[Revision], target: Revision) -> None:
    show.heading(hub, revisions)
    hub.screen.says(
        f"back to revision {target.number} of {target.updated[:16].replace('T', ' ')} ({target.description})"
    )
    base = release.deployed(revisions)
    before, after = hub.release.of(base) if base else None, hub.release.of(target)
    old = manifest.objects(before.manifest if before else "", hub.release.namespace)
    changes = manifest.changes(old, manifest.objects(after.manifest, hub.release.namespace))
    told = valuesdiff.differences(before.values if before else {}, after.values, hub.values.secret)
    show.difference(hub, Difference(tuple(changes), tuple(told)))


def _crossed(hub: Hub, work: Work, target: Revision) -> tuple[str, str] | None:
    """The jupyterhub chart's versions, of the hub that runs and of the target, where they differ."""
    here, there = Database(hub.release, work).live_version(), database.version(hub.release.objects(target))
    return (here, there) if here and there and here != there and database.is_file(hub.hub_values) else None


def _refuse_across_migration(target: Revision, crossed: tuple[str, str] | None, restore: bool) -> None:
    """An older JupyterHub does not start with a database that a newer one has migrated."""
    if crossed and not restore:
        here, there = crossed
        raise Refused(
            f"Revision {target.number} has jupyterhub {there}, the present one {here}, which may have migrated hub-db: "
            "add --restore-database to put its copy back; what happened on the hub since is lost."
        )


def _go_back(hub: Hub, work: Work, target: Revision, crossed: tuple[str, str] | None) -> None:
    """helm is asked after the database is; what counts is the revision that is there then."""
    if crossed:
        here, there = crossed
        with work.step("database", f"putting back the copy of hub-db that jupyterhub {there} left"):
            Database(hub.release, work).restore(there, hub.release.history()[-1].number, here)
    repair = Repair(hub, work, None)
    revisions = repair.mend()
    with work.step("rollback", f"helm rollback {hub.release.name} {target.number}"):
        ran = repair.roll_back(target)
        last = hub.release.history()[-1]
        if not (last.went_back and last.number > revisions[-1].number):
            raise Refused(
                f"The rollback failed: {hub.values.redacted(explain_helm(ran))}; revision {last.number} is {last.status}."
            )
    with work.step("verify", "workloads, image, and the hub through its proxy"):
        for line in _verification(hub, target).all(work.pause):
            hub.screen.says(f"  {line}")
    hub.screen.says(
        f"{hub.release.name} is at revision {last.number}, which is revision {target.number} again.", "bold green"
    )


def _verification(hub: Hub, target: Revision) -> Verification:
    """Against what that revision had, not against git."""
    deployed = hub.release.of(target)
    values = as_deployed(hub.values, deployed.values)
    wanted = manifest.objects(deployed.manifest, hub.release.namespace)
    return Verification(hub.release, hub.deployment, values, wanted, str(hub.settings.hub.address or ""), "")


def as_deployed(values: Values, deployed: Mapping[str, Any]) -> Values:
    """What a revision had, and all that is secret now or was earlier still is: pods may say it."""
    secrets = (source for source in values.sources if source.secret)
    strings = {path: str(at(deployed, path)) for path in values.strings}
    return replace(values, sources=(*secrets, Source("", "", deployed)), strings=strings)
