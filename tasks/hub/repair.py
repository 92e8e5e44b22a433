"""Mending what dead and failed runs have left of a release, before anything new is sent."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tasks.errors import Refused
from tasks.hub import database, show
from tasks.hub.database import Database
from tasks.hub.opened import Hub
from tasks.hub.release import explain_helm
from tasks.plan import release
from tasks.plan.release import CallFailed, Forget, GoBack, Revision
from tasks.seams import Ran, Watch
from tasks.tools import helm

MOST_REPAIRS = 20  # two for each of the 9 bad revisions that helm keeps beside a good one, and some that fail
WAIT = 300  # seconds that helm waits for pods, its own default
LIMIT = 3600.0  # seconds: helm ends by itself long before


@dataclass(frozen=True)
class Repair:
    """Of one hub's release. watch: told of everything that takes long. then: the jupyterhub chart's version that comes
    after the repair; None where the database was put back already."""

    hub: Hub
    watch: Watch
    then: str | None

    def mend(self) -> list[Revision]:
        """Until nothing is left to mend; each repair is planned from what is there after the last. The history then."""
        hub = self.hub
        for _ in range(MOST_REPAIRS):
            revisions = hub.release.history()
            todo = release.mend(revisions)
            if todo is None:
                return revisions
            show.repair(hub, todo)
            ran = self._carry_out(todo)
            if ran.exit != 0:
                hub.screen.says(f"  {hub.values.redacted(explain_helm(ran))}", "yellow")
        raise Refused(
            f"{hub.release.name} stays broken after {MOST_REPAIRS} repairs: look at `helm history {hub.release.name}` and at its pods."
        )

    def _carry_out(self, todo: GoBack | Forget | CallFailed) -> Ran:
        if isinstance(todo, GoBack):
            return self._go_back(todo)
        return self._forget(todo) if isinstance(todo, Forget) else self._call_failed(todo)

    def _go_back(self, todo: GoBack) -> Ran:
        """An older hub does not start with a database that a newer one has migrated: where the newer one comes again
        right after, nobody waits for the older; else it is a person who decides about the database."""
        hub = self.hub
        old = database.version(hub.release.objects(todo.to))
        live = Database(hub.release, self.watch).live_version() if database.is_file(hub.hub_values) else ""
        migrated = bool(old and live) and live != old and self.then is not None
        if migrated and self.then != live:
            raise Refused(
                f"Revision {todo.bad.number} brought jupyterhub {live}, which may have migrated hub-db, so that {self.then} would not start: "
                f"`invoke rollback --to {todo.to.number} --restore-database` puts back the copy from before."
            )
        return self.roll_back(todo.to, todo.wait and not migrated)

    def roll_back(self, to: Revision, wait: bool = True) -> Ran:
        hub = self.hub
        line = hub.way.helm(hub.release.namespace).rollback(hub.release.name, to.number, wait, WAIT)
        return hub.seams.run(line, changes=True, limit=LIMIT, watch=self.watch)

    def _forget(self, todo: Forget) -> Ran:
        hub = self.hub
        for number in reversed(todo.numbers):
            line = hub.way.kubectl.delete_secret(hub.release.record(number), hub.release.namespace)
            ran = hub.seams.run(line, changes=True, limit=LIMIT)
        return ran

    def _call_failed(self, todo: CallFailed) -> Ran:
        hub = self.hub
        kubectl, namespace, file = hub.way.kubectl, hub.release.namespace, hub.private / "record.json"
        for number in todo.numbers:
            record = hub.way.ask(kubectl.get(f"secret/{hub.release.record(number)}", namespace)).stdout
            file.write_text(json.dumps(helm.failed(json.loads(record))))
            ran = hub.seams.run(kubectl.replace(str(file), namespace), changes=True, limit=LIMIT)
        return ran
