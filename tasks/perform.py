"""Does one action of a plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatchmethod

from tasks import clusterconfig
from tasks.commands import Commands
from tasks.errors import Refused, StoppedForUsers
from tasks.fences import Fences
from tasks.journal import Journal
from tasks.lock import Lock
from tasks.observe import Observer
from tasks.plan import steps
from tasks.plan.roll import is_ready
from tasks.plan.steps import Action
from tasks.plan.values import Cluster, Config
from tasks.plan.verdict import charts_in_the_way, people_at_work
from tasks.plan.version import Minor
from tasks.screen import Screen
from tasks.seams import Ran, Seams
from tasks.tools import eksctl

LOOK_EVERY = 20.0  # seconds between two looks at something that takes time
GRACE = 60.0  # seconds until the world shows what a successful command has done
PATIENCE = 20 * 60.0  # seconds for nodes or add-ons to become ready


@dataclass
class Performer:
    """Runs the commands, and watches them: the lock is renewed and the screen moves in their pauses.

    look: the cluster as soon as nothing is in progress in it. file: the configuration's path below the folder.
    """

    seams: Seams
    observer: Observer
    journal: Journal
    lock: Lock
    screen: Screen
    file: str
    commands: Commands
    look: Callable[[], Cluster]
    _command: str = ""

    @property
    def fences(self) -> Fences:
        return Fences(self.seams, self.observer, self.journal, self.screen)

    def _config(self) -> Config:
        return clusterconfig.parse(self.seams.folder.read(self.file), self.file)

    # Watch

    def started(self, number: int, start: str) -> None:
        self.journal.write("child", pid=number, start=start, command=self._command)

    def pause(self) -> None:
        self.lock.renew()
        self.screen.tick(self.seams.clock.now())

    def ended(self, number: int) -> None:
        self.journal.write("child-ended", pid=number)

    def sleep(self) -> None:
        self.seams.clock.sleep(LOOK_EVERY)
        self.pause()

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
        self.observer.told.update(dict.fromkeys(action.names, action.version))  # should their images not tell
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
        raise StoppedForUsers(people_at_work(action))

    @perform.register
    def _(self, action: steps.StopForCharts, cluster: Cluster) -> None:
        raise Refused(charts_in_the_way(action))

    @perform.register
    def _(self, action: steps.FenceGroup, cluster: Cluster) -> Ran:
        group = cluster.group(action.name)
        self.fences.put_up(
            action.name, action.scaling_group, action.maximum, group.maximum if group else action.maximum
        )
        return self._do(action)

    @perform.register
    def _(self, action: steps.AwaitUsers, cluster: Cluster) -> None:
        group = cluster.group(action.name)
        self.screen.waits_for(f"{len(cluster.users_on(group)) if group else 0} people on {action.name}")

    def _update_addon(self, cluster: Cluster, name: str, version: str | None) -> Ran:
        if version is not None:
            return self._run(self.commands.update_addon(name, version))
        if self._config().version < cluster.control_plane.version:
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
            addon = next((addon for addon in self.look().addons if addon.name == name), None)
            if addon is None or (addon.settled and version in (None, addon.version)):
                return
            if self.seams.clock.now() > deadline:
                raise Refused(
                    f"{name} has not rolled out ({addon.trouble or addon.version}; eksctl: {ran.last_words}): "
                    f"look at its pods with `kubectl --namespace=kube-system get pods`, then start again."
                )
            self.sleep()

    def _file_has_to_say(self, version: Minor) -> None:
        """Read again at the last moment: one below is a rollback for eksctl, none at all means one up."""
        if (found := self._config().version) != version:
            raise Refused(
                f"{self.file} says {found} where {version} is needed now: somebody has edited it meanwhile; start again."
            )

    def _do(self, action: Action) -> Ran:
        (line,) = self.commands.of(action)
        return self._run(line)

    def _run(self, argv: list[str]) -> Ran:
        self._command = " ".join(argv)
        self.screen.runs(argv)
        return self.seams.run(argv, changes=True, watch=self)
