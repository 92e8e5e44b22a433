"""`invoke deploy`: preflight, difference, and step by step whatever is needed, looking again after each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from invoke.context import Context

from tasks.errors import Interrupted, Refused, Terminated
from tasks.hub import show
from tasks.hub.opened import Hub, opened
from tasks.hub.release import explain_helm
from tasks.hub.verify import Verification
from tasks.lock import Lock
from tasks.plan import release
from tasks.plan.crds import servable
from tasks.plan.manifest import Key, Object
from tasks.plan.release import Forget, GoBack
from tasks.screen import Screen
from tasks.seams import Ran
from tasks.tools import git, hubploy

MOST_REPAIRS = 8
WAIT = 300  # seconds that helm waits for pods, its own default
DEPLOY_LIMIT = 3600.0  # seconds: hubploy ends by itself long before


@dataclass
class Pauses:
    """What goes on while helm waits: the lock is renewed, the token too, and the time is shown."""

    hub: Hub
    lock: Lock

    def started(self, number: int, start: str) -> None:
        """A dead run's commands are found by their private folder."""

    def pause(self) -> None:
        self.lock.renew()
        self.hub.way.keep_fresh()
        self.hub.screen.tick(self.hub.seams.clock.now())

    def ended(self, number: int) -> None: ...


def deploy(c: Context, deployment: str, environment: str, screen: Screen) -> None:
    """The whole task. Raises Refused or Interrupted where it ends early."""
    try:
        with opened(c, deployment, environment, screen) as hub:
            Deploy(hub).run()
    except Terminated as signal:
        raise Interrupted("Ended from outside: the same command goes on from here.", signal.code) from None
    except KeyboardInterrupt:
        raise Interrupted("Interrupted: the same command mends what is half done, and goes on.") from None
    finally:
        screen.rest()


def diff(c: Context, deployment: str, environment: str, screen: Screen) -> None:
    """What a deploy would change, and nothing else."""
    with opened(c, deployment, environment, screen) as hub:
        revisions = hub.release.history()
        show.heading(hub, revisions)
        show.repair(hub, release.mend(revisions))
        show.difference(hub, hub.release.difference(hub.values, revisions))


class Deploy:
    """One run over an open hub."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        seams = hub.seams
        self.lock = Lock(seams, hub.way.kubectl)
        self.pauses = Pauses(hub, self.lock)

    def run(self) -> None:
        hub = self.hub
        revisions = hub.release.history()
        show.heading(hub, revisions)
        if hub.dry:
            show.repair(hub, release.mend(revisions))
            difference = hub.release.difference(hub.values, revisions)
            show.difference(hub, difference)
            if not difference.nothing:
                hub.screen.commands([("deploy", self.command())])
            return
        self.lock.take()
        try:
            self._carry_out()
        finally:
            self.lock.release()

    def _carry_out(self) -> None:
        hub = self.hub
        self._mend()
        revisions = hub.release.history()
        difference = hub.release.difference(hub.values, revisions)
        show.difference(hub, difference)
        self._apply_crds()
        if not difference.nothing or not revisions or not revisions[-1].good:
            before = revisions[-1].number if revisions else 0
            with self._step("deploy", " ".join(self.command())):
                self._upgrade(before)
        with self._step("verify", "workloads, image, and the hub through its proxy"):
            for line in self._verify():
                hub.screen.says(f"  {line}")
        last = hub.release.history()[-1]
        hub.screen.says(f"{hub.release.name} is at revision {last.number}.", "bold green")

    @contextmanager
    def _step(self, name: str, does: str) -> Iterator[None]:
        """Shown while it works, with the time it took."""
        clock, screen = self.hub.seams.clock, self.hub.screen
        begun = clock.now()
        screen.begins(name, does, begun)
        try:
            yield
        except BaseException:
            screen.rest()
            raise
        screen.ends(name, clock.now() - begun)

    def _mend(self) -> None:
        """Until nothing is left of dead and failed runs. Each repair is planned from what is there after the last."""
        hub = self.hub
        for _ in range(MOST_REPAIRS):
            todo = release.mend(hub.release.history())
            if todo is None:
                return
            show.repair(hub, todo)
            ran = self._go_back(todo) if isinstance(todo, GoBack) else self._forget(todo)
            if ran.exit != 0:
                hub.screen.says(f"  {hub.values.redacted(explain_helm(ran))}", "yellow")
        raise Refused(
            f"{hub.release.name} stays broken after {MOST_REPAIRS} repairs: look at `helm history {hub.release.name}` and at its pods."
        )

    def _go_back(self, todo: GoBack) -> Ran:
        hub = self.hub
        line = hub.way.helm(hub.release.namespace).rollback(hub.release.name, todo.to.number, todo.wait, WAIT)
        return hub.seams.run(line, changes=True, limit=DEPLOY_LIMIT, watch=self.pauses)

    def _forget(self, todo: Forget) -> Ran:
        hub = self.hub
        for number in reversed(todo.numbers):
            name = f"sh.helm.release.v1.{hub.release.name}.v{number}"
            ran = hub.seams.run(
                hub.way.kubectl.delete_secret(name, hub.release.namespace), changes=True, limit=DEPLOY_LIMIT
            )
        return ran

    def _apply_crds(self) -> None:
        """helm installs CRDs once and never looks at them again."""
        hub = self.hub
        served, gone = servable([crd for chart in hub.chart.inside() for crd in chart.crds], hub.release.apis)
        for name in gone:
            hub.screen.says(
                f"! {name} is in a form that Kubernetes gave up at 1.22: the cluster's own is kept", "yellow"
            )
        if not served:
            return
        changes = hub.release.compare(served, "crds.json")
        if not changes:
            return
        hub.screen.says(f"crds: not as the charts have them: {', '.join(change.key[2] for change in changes)}", "bold")
        names = {change.key[2] for change in changes}
        file = hub.release.keep([crd for crd in served if crd["metadata"]["name"] in names], "crds.json")
        ran = hub.seams.run(
            hub.way.kubectl.apply_server_side(file), changes=True, limit=DEPLOY_LIMIT, watch=self.pauses
        )
        if left := hub.release.compare(served, "crds.json"):
            raise Refused(
                f"CRDs could not be brought up to date ({ran.last_words}), {left[0].key[2]} among them: apply them by hand."
            )

    def command(self) -> list[str]:
        hub = self.hub
        settings = hub.settings.deploy
        if settings["with"] == "hubploy":
            return hubploy.deploy(hub.deployment.name, hub.release.namespace, hub.chart.folder, hub.environment)
        line = hub.way.helm(hub.release.namespace)
        return line.upgrade(hub.release.name, f"./{hub.chart.folder}", hub.values.options, self._description())

    def _upgrade(self, before: int) -> None:
        """before: the last revision's number. What counts is whether there is a good one after it."""
        hub = self.hub
        where = replace(hub.place, environment={**hub.place.environment, **hubploy.environment(self._description())})
        ran = hub.seams.run(self.command(), changes=True, limit=DEPLOY_LIMIT, watch=self.pauses, place=where)
        revisions = hub.release.history()
        if revisions and revisions[-1].good and revisions[-1].number > before:
            return
        last = f"revision {revisions[-1].number} is {revisions[-1].status}" if revisions else "there is no release"
        said = hub.values.redacted(hubploy.why(ran))
        wanted = hub.release.rendered(hub.values)
        words = self._verification(wanted).pods_words() if revisions else ""
        raise Refused(
            f"The deploy failed, {last}: {said}. The same command goes back to the last good revision first.{words}"
        )

    def _description(self) -> str:
        hub = self.hub
        commit = hub.seams.run(git.head(), limit=DEPLOY_LIMIT).stdout.strip()
        return f"{hub.way.who.arn.rpartition('/')[2] or 'somebody'} deployed {commit}"

    def _verify(self) -> Iterator[str]:
        hub = self.hub
        verification = self._verification(hub.release.rendered(hub.values))
        tick = self.pauses.pause
        yield verification.rolled_out(tick)
        yield verification.right_image()
        yield verification.healthy(tick)

    def _verification(self, wanted: dict[Key, Object]) -> Verification:
        hub = self.hub
        return Verification(hub.release, hub.deployment, hub.values, wanted, str(hub.settings.hub.address or ""))
