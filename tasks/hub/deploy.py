"""`invoke deploy`: preflight, difference, and step by step whatever is needed, looking again after each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from invoke.context import Context

from tasks.errors import Refused
from tasks.hub import database, show
from tasks.hub.database import Database
from tasks.hub.opened import Hub, opened
from tasks.hub.record import describe, recorded
from tasks.hub.repair import LIMIT, Repair
from tasks.hub.smoke import SmokeTest, token_of
from tasks.hub.verify import Verification
from tasks.hub.work import Work, interruptible
from tasks.plan import release
from tasks.plan.hubstate import at
from tasks.plan.manifest import Change, Key, Object
from tasks.plan.release import Revision
from tasks.screen import Screen
from tasks.tools import hubploy


def deploy(c: Context, deployment: str, environment: str, smoke_test: bool, screen: Screen) -> None:
    """The whole task. Raises Refused or Interrupted where it ends early."""
    with interruptible(screen), opened(c, deployment, environment, screen) as hub:
        token = token_of(hub.hub_values, str(hub.settings.hub.smoke_test_service)) if smoke_test else ""
        Deploy(hub, token).run()


def diff(c: Context, deployment: str, environment: str, screen: Screen) -> None:
    """What a deploy would change, and nothing else."""
    with interruptible(screen), opened(c, deployment, environment, screen, images_needed=False) as hub:
        revisions = hub.release.history()
        show.heading(hub, revisions)
        show.repair(hub, release.mend(revisions))
        show.difference(hub, hub.release.difference(hub.values, revisions))


class Deploy:
    """One run over an open hub. smoke_token: of the service that the smoke test is done as; "" for no such test."""

    def __init__(self, hub: Hub, smoke_token: str) -> None:
        self.hub, self.work, self.smoke_token = hub, Work(hub), smoke_token

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
        with self.work.locked():
            self._carry_out()

    def _carry_out(self) -> None:
        hub = self.hub
        revisions = Repair(hub, self.work, hub.chart.version_of("jupyterhub")).mend()
        difference = hub.release.difference(hub.values, revisions)
        show.difference(hub, difference)
        if difference.nothing and not difference.crds:
            self._verify()
            return
        begun = hub.seams.clock.now()
        with recorded(hub, "deploy"):
            self._copy_database(revisions)
            if difference.crds:
                self._apply_crds(difference.crds)
            if difference.nothing:
                self._verify()
                return
            with self.work.step("deploy", " ".join(self.command())):
                self._upgrade(revisions[-1].number if revisions else 0)
            self._verify()
            describe(hub, hub.release.history()[-1].number, begun)

    def _verify(self) -> None:
        hub = self.hub
        with self.work.step("verify", "workloads, image, and the hub through its proxy"):
            verification = self._verification(hub.release.rendered(hub.values))
            for line in verification.all(self.work.pause):
                hub.screen.says(f"  {line}")
        if self.smoke_token:
            test = self._smoke_test(verification.hub_address())
            does = "a server and a Dask cluster, as a user would start them"
            with self.work.step("smoke-test", does), closing(test.run()) as lines:  # and so it cleans up here
                for line in lines:
                    hub.screen.says(f"  {line}")
        last = hub.release.history()[-1]
        hub.screen.says(f"{hub.release.name} is at revision {last.number}.", "bold green")

    def _apply_crds(self, outdated: Sequence[Change]) -> None:
        """By the API server, over whatever anybody else has set: half a definition is worse than either."""
        hub = self.hub
        names = {change.key[2] for change in outdated}
        with self.work.step("crds", f"kubectl apply --server-side {' '.join(sorted(names))}"):
            file = hub.release.keep(
                [crd for crd in hub.release.crds() if crd["metadata"]["name"] in names], "crds.json"
            )
            ran = hub.seams.run(hub.way.kubectl.apply_server_side(file), changes=True, limit=LIMIT, watch=self.work)
            if left := hub.release.outdated_crds():
                raise Refused(
                    f"CRDs could not be brought up to date ({ran.last_words}), {left[0].key[2]} among them: apply them by hand."
                )

    def _copy_database(self, revisions: Sequence[Revision]) -> None:
        """Before JupyterHub becomes another version, and with it perhaps the form of its database."""
        hub, base = self.hub, release.deployed(revisions)
        if base is None:
            return
        old = database.version(hub.release.objects(base))
        new = hub.chart.version_of("jupyterhub")
        if not old or old == new:
            return
        if not database.is_file(hub.hub_values):
            hub.screen.says(
                f"! jupyterhub {old} becomes {new}, and its database is not on the hub's volume: copy it yourself",
                "yellow",
            )
            return
        with self.work.step("database", f"copying hub-db before jupyterhub {old} becomes {new}"):
            kept = Database(hub.release, self.work).copy(base.number, old)
            hub.screen.says(f"  {kept} on the hub's volume")

    def command(self) -> list[str]:
        hub = self.hub
        settings = hub.settings.deploy
        namespace, chart, timeout = hub.release.namespace, hub.chart.folder, str(settings.timeout or "")
        if settings["with"] == "hubploy":
            return hubploy.deploy(hub.deployment.name, namespace, chart, hub.environment, timeout)
        line = hub.way.helm(namespace)
        return line.upgrade(hub.release.name, f"./{chart}", hub.values.options, self._description(), timeout)

    def _upgrade(self, before: int) -> None:
        """before: the last revision's number. What counts is whether there is a good one after it."""
        hub = self.hub
        before_ours = hub.place.environment
        ours = hubploy.environment(self._description(), hub.way.kubectl.kubeconfig, before_ours["PATH"])
        where = replace(hub.place, environment={**before_ours, **ours})
        ran = hub.seams.run(self.command(), changes=True, limit=LIMIT, watch=self.work, place=where)
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
        return f"{self.hub.who} deployed {self.hub.commit}{'+changes' if self.hub.uncommitted else ''}"

    def _smoke_test(self, address: str) -> SmokeTest:
        hub = self.hub
        dask = hub.chart.path_of("dask-gateway") if hub.chart.named("dask-gateway") else ""
        prefix = str(at(hub.values.document, f"{dask}.gateway.prefix") or "/services/dask-gateway").strip("/")
        gateway = f"{address}{prefix}" if dask else ""
        return SmokeTest(hub.seams.web, hub.seams.clock, address, self.smoke_token, gateway, self.work.pause)

    def _verification(self, wanted: dict[Key, Object]) -> Verification:
        hub = self.hub
        version = next((chart.app_version for chart in hub.chart.named("jupyterhub")), "")
        address = str(hub.settings.hub.address or "")
        return Verification(hub.release, hub.deployment, hub.values, wanted, address, version)
