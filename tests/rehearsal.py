"""A rehearsal inside the test's own process, with accidents, resumption and a look at what it came to."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tasks import clusterconfig
from tasks.carry_out import Order, Upgrade
from tasks.commands import Commands
from tasks.errors import Refused
from tasks.journal import Journal
from tasks.lock import Lock
from tasks.observe import Observer
from tasks.plan.values import Cluster
from tasks.plan.version import Minor
from tasks.practice.behind import practice_seams
from tasks.practice.cluster import practice_world
from tasks.practice.door import Accident, Door, PowerCut
from tasks.practice.world import World
from tasks.screen import Silence
from tasks.tools.kubectl import Kubectl

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "infra" / "eksctl-cluster-config.yaml"
FILE = "cluster.yaml"


def die() -> None:
    raise PowerCut


@dataclass
class Rehearsal:
    """A folder with a configuration, and a world that goes on when the runs in it are killed.

    runs: how many were started so far; each is a process of its own as far as the lock can tell.
    """

    folder: Path
    world: World
    runs: int = 0
    lines: list[tuple[str, ...]] = field(default_factory=list)  # every command line that changes something, of all runs
    events: int = 0  # of the last run

    @classmethod
    def begin(cls, folder: Path, config: Path | str = CONFIG, **shape: Any) -> Rehearsal:
        """config: a file, or YAML text. shape: what `practice_world` takes."""
        text = config if isinstance(config, str) else config.read_text()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_text(text)
        return cls(folder, practice_world(yaml.safe_load(text), **shape))

    def run(self, target: str, *accidents: Accident, **order: Any) -> str:
        """One run of the upgrade: "done", "killed", or the sentence of its refusal. order: what `Order` takes."""
        self.runs += 1
        door = Door(self.world, accidents, die=die)
        try:
            self._upgrade(door, target, order).run()
        except PowerCut:
            return "killed"
        except Refused as refused:
            return str(refused.message)
        finally:
            self.lines += door.lines
            self.events = door.events
        return "done"

    def run_to_the_end(self, target: str, tries: int = 4, **order: Any) -> str:
        """Start again until it is done, as an operator would."""
        said = ""
        for _ in range(tries):
            if (said := self.run(target, **order)) == "done":
                break
        return said

    def _upgrade(self, door: Door, target: str, order: dict[str, Any]) -> Upgrade:
        seams = practice_seams(door, self.folder, self.runs)
        config = clusterconfig.parse(seams.folder.read(FILE), FILE)
        kubectl = Kubectl("kubeconfig", "practice")
        observer = Observer(seams, config, "000000000000", kubectl)
        commands = Commands(config.name, config.region, seams.folder.path(FILE), kubectl)
        journal, lock = Journal(seams, config.name), Lock(seams, kubectl)
        return Upgrade(seams, observer, journal, lock, Silence(), FILE, commands, Order(Minor.parse(target), **order))

    def observe(self) -> Cluster:
        """The cluster, seen as a task sees it; its events are nobody's."""
        return self._upgrade(Door(self.world, die=die), "1.99", {}).observer.observe()

    @property
    def config(self) -> bytes:
        return (self.folder / FILE).read_bytes()

    def end(self) -> dict[str, Any]:
        """What has to be the same however often a run was killed on the way."""
        eks, kubernetes = self.world.eks, self.world.kubernetes
        return {
            "config": self.config.decode(),
            "control plane": (eks.cluster["version"], eks.cluster["status"]),
            "groups": {
                name: (stack["version"], stack["status"], stack["desired"], stack["maximum"])
                for name, stack in eks.stacks.items()
            },
            "managed": {name: (group["version"], group["status"]) for name, group in eks.managed.items()},
            "addons": {name: addon["tag"] for name, addon in kubernetes.addons.items()}
            | {name: addon["version"] for name, addon in eks.addons.items()},
            "nodes": sorted((node["group"], node["version"], node["cordoned"]) for node in kubernetes.nodes.values()),
        }

    def copy(self, folder: Path) -> Rehearsal:
        """The same moment again, to try something else from it."""
        shutil.copytree(self.folder, folder)
        return Rehearsal(folder, World.load(self.world.dump()), self.runs, list(self.lines))

    def wrongs(self) -> dict[str, Sequence[Any]]:
        """What must never have happened, by kind; empty lists if all is well."""
        state = self.world.kubernetes.state
        return {
            "skew violations": state["violations"],
            "created twice": self.world.eks.state["created_twice"],
            "moments without a core node": state["core_gaps"],
            "people evicted": state["evicted_users"],
        }
