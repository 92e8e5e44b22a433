"""The small cluster in the practice world, with its own kubectl."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tasks.practice.behind import POLL, PracticeRun
from tasks.practice.cluster import practice_world
from tasks.practice.door import Door
from tasks.practice.eksctl import group_state
from tasks.practice.world import World
from tasks.seams import Ran
from tasks.tools.kubectl import Kubectl
from tests.real_parts.centre import CONFIG
from tests.real_parts.sides import ADDON, LEAVING, STAYING, pod_labels


@dataclass
class Practice:
    """Time is virtual."""

    namespace: str
    briefly: int = 60
    kubectl: Kubectl = field(default_factory=lambda: Kubectl("kubeconfig", "practice"))

    def __post_init__(self) -> None:
        self.world.kubernetes.pods.clear()
        self.world.kubernetes.budgets.clear()

    @cached_property
    def world(self) -> World:
        return practice_world({**CONFIG, "nodeGroups": [_group(LEAVING)]})

    @cached_property
    def run(self) -> PracticeRun:
        return PracticeRun(Door(self.world))

    def begin(self, argv: Sequence[str]) -> Callable[[], Ran]:
        door = self.run.door
        job = door.start(argv)
        door.pass_time(POLL)

        def end() -> Ran:
            while door.runs(job):
                door.pass_time(POLL)
            return Ran(tuple(argv), *door.collect(job))

        return end

    def group(self, name: str) -> str:
        return name

    def add_pods(self, app: str, owner: str | None, number: int = 1, component: str = "") -> None:
        kubernetes = self.world.kubernetes
        (node,) = (name for name, node in kubernetes.nodes.items() if node["group"] == LEAVING)
        for count in range(number):
            name = f"{app}-{count}" if owner else app
            kubernetes.add_pod(self.namespace, name, pod_labels(app, component), owner, {"drill": "true"}, node)

    def add_another(self, app: str) -> None:
        kubernetes = self.world.kubernetes
        kubernetes.add_pod(self.namespace, f"{app}-new", pod_labels(app, ""), "ReplicaSet", {"drill": "true"})
        kubernetes.schedule()

    def add_budget(self, app: str) -> None:
        budget = {"namespace": self.namespace, "selector": {"app": app}, "min_available": 1}
        self.world.kubernetes.budgets[app] = budget

    def add_staying(self) -> None:
        state = group_state(_group(STAYING), dict(CONFIG))
        self.world.eks.create_stack(STAYING, state, self.world.eks.version)
        self.settle()

    def stop_running(self, app: str) -> None:
        for pod in self.world.kubernetes.pods.values():
            if pod["labels"]["app"] == app:
                pod["running"] = False

    def change_addon(self, tag: str) -> None:
        self.world.kubernetes.set_addon_image(ADDON, tag)

    def settle(self) -> None:
        self.world.pass_time(3600)

    def now(self) -> float:
        return self.world.now

    def sleep(self, seconds: float) -> None:
        self.world.pass_time(seconds)


def _group(name: str) -> dict[str, Any]:
    return {"name": name, "desiredCapacity": 1, "labels": {"drill": "true"}}
