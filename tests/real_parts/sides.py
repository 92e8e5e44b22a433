"""One small cluster, of which there are two: in the practice data centre, with kubectl, and in the practice world, with
its own.

A node group `leaving`, whose nodes have pods, and a node group `staying`, which comes later. A pod is known by its label
`app`, and both sides are seen through what the tasks make of kubectl's answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from tasks.seams import Ran, Run
from tasks.tools.kubectl import Kubectl, Workloads, parse_workloads

LEAVING, STAYING, ADDON = "leaving", "staying", "kube-proxy"
SERVER = "singleuser-server"


class Side(Protocol):
    """namespace: for the test's pods. briefly: seconds in which a drain asks twice, and pods have ended. owner: the kind
    of a pod's controller, None for a bare pod."""

    namespace: str
    briefly: int

    @property
    def kubectl(self) -> Kubectl: ...

    @property
    def run(self) -> Run: ...

    def begin(self, argv: Sequence[str]) -> Callable[[], Ran]:
        """A drain, which a budget has refused an eviction when this returns. The function waits for its end."""

    def group(self, name: str) -> str:
        """As the cluster calls it."""

    def add_pods(self, app: str, owner: str | None, number: int = 1, component: str = "") -> None:
        """On the nodes of `leaving`."""

    def add_another(self, app: str) -> None:
        """To one pod, wherever there is room."""

    def add_budget(self, app: str) -> None:
        """One pod at least."""

    def add_staying(self) -> None: ...

    def stop_running(self, app: str) -> None:
        """The pods are Pending, on their nodes."""

    def change_addon(self, tag: str) -> None:
        """Not rolled out before `settle`."""

    def settle(self) -> None: ...

    def now(self) -> float: ...

    def sleep(self, seconds: float) -> None:
        """So that the clock is that much on."""


def pod_labels(app: str, component: str) -> dict[str, str]:
    return {"app": app, **({"component": component} if component else {})}


def workloads(side: Side) -> Workloads:
    ran = side.run(side.kubectl.workloads())
    assert ran.exit == 0, ran.stderr
    return parse_workloads(ran.stdout)


def pods(side: Side) -> list[tuple[str, str]]:
    """(app, group), in order, of those that a drain is about."""
    found = workloads(side)
    groups = {node.name: node.group for node in found.nodes}
    names = {side.group(name): name for name in (LEAVING, STAYING)}
    mine = [pod for pod in found.pods if pod.namespace == side.namespace]
    return sorted((dict(pod.labels)["app"], names[groups[pod.node]]) for pod in mine)


def cordoned(side: Side) -> dict[str, bool]:
    names = {side.group(name): name for name in (LEAVING, STAYING)}
    return {names[node.group]: node.cordoned for node in workloads(side).nodes if node.group in names}
