"""The practice cluster's Kubernetes half: nodes, pods, budgets, add-ons and leases, behind what kubectl can ask of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from tasks.plan.skew import violation
from tasks.plan.version import Minor

if TYPE_CHECKING:
    from tasks.practice.world import World

State = dict[str, Any]
HUB = ("hub", "proxy")  # while one of them does not run, nobody can log in
MOVES = 170.0  # seconds until an evicted pod runs elsewhere: its volume is detached, attached, mounted
RETRY = 5.0  # seconds until a drain asks for a refused eviction again
ROLLOUT = 50.0  # seconds for an add-on's pods to be exchanged


class PracticeKubernetes:
    """state: nodes, pods, budgets, addons, charts, leases, violations (all that ever broke a policy), breaks (hub's
    absences)."""

    def __init__(self, state: State, world: World) -> None:
        self.state, self.world = state, world
        self.nodes: dict[str, State] = state["nodes"]
        self.pods: dict[str, State] = state["pods"]
        self.budgets: dict[str, State] = state["budgets"]
        self.addons: dict[str, State] = state["addons"]
        self.leases: dict[str, State] = state["leases"]
        self.charts: list[list[str]] = state.setdefault("charts", [])  # name, version; older worlds have none

    @staticmethod
    def empty() -> State:
        return {
            "nodes": {},
            "pods": {},
            "budgets": {},
            "addons": {},
            "leases": {},
            "violations": [],
            "breaks": [],
            "evicted_users": [],
            "core_gaps": [],
        }

    def effects(self) -> dict[str, Callable[..., None]]:
        return {
            "pod runs": self.pod_runs,
            "pod leaves": self.pod_leaves,
            "addon rolled out": self.addon_rolled_out,
            "drain round": self.drain_round,
        }

    # Nodes: EKS's half brings them and takes them

    def join(self, group: str, managed: bool, version: str, labels: State, taints: list[State], zone: str) -> None:
        name = f"ip-192-168-{self.world.serial()}.internal"
        self.nodes[name] = {
            "group": group,
            "managed": managed,
            "version": version,
            "cordoned": False,
            "labels": labels,
            "taints": taints,
            "zone": zone,
        }
        self.schedule()
        self.judge()

    def leave(self, group: str) -> None:
        """The group's nodes are gone, and with them whatever still ran there."""
        gone = self.cordon(group, True)
        for key in [key for key, pod in self.pods.items() if pod["node"] in gone]:
            self.evict(key)
        for name in gone:
            del self.nodes[name]
        self.judge()

    def cordon(self, group: str, cordoned: bool) -> list[str]:
        names = [name for name, node in self.nodes.items() if node["group"] == group]
        for name in names:
            self.nodes[name]["cordoned"] = cordoned
        return names

    def judge(self) -> None:
        """Write down what breaks the version skew policy, and a hub without any core node."""
        api_server = Minor.parse(self.state["version"])
        for node in self.nodes.values():
            broken = violation(Minor.parse(node["version"]), api_server)
            if broken and broken not in self.state["violations"]:
                self.state["violations"].append(broken)
        core = [n for n in self.nodes.values() if n["labels"].get("hub.jupyter.org/node-purpose") == "core"]
        if not core and self.state.get("had_core"):
            self.state["core_gaps"].append(self.world.now)
        self.state["had_core"] = bool(core)

    # Pods

    def add_pod(
        self,
        namespace: str,
        name: str,
        labels: State,
        owner: str | None,
        selector: State,
        node: str | None = None,
        zone: str | None = None,
    ) -> None:
        """owner: the kind of its controller, None if nothing would start it anew. zone: where its disk is."""
        self.pods[f"{namespace}/{name}"] = {
            "namespace": namespace,
            "name": name,
            "labels": labels,
            "owner": owner,
            "selector": selector,
            "node": node,
            "zone": zone,
            "running": node is not None,
        }

    def schedule(self) -> None:
        """Pending pods go where their selector, the taints and the cordons let them."""
        for key, pod in self.pods.items():
            if pod["node"] is None:
                fits = [name for name, node in self.nodes.items() if self._fits(pod, node)]
                if fits:
                    pod.update(node=fits[0], runs_at=self.world.after(MOVES, "pod runs", key))

    @staticmethod
    def _fits(pod: State, node: State) -> bool:
        matches = all(node["labels"].get(key) == value for key, value in pod["selector"].items())
        return matches and pod["zone"] in (None, node["zone"]) and not node["cordoned"] and not node["taints"]

    def pod_runs(self, key: str) -> None:
        """Unless it was sent elsewhere on its way."""
        pod = self.pods.get(key)
        if pod and pod["node"] is not None and pod["runs_at"] <= self.world.now:
            pod["running"] = True
            self._note_break()

    def pod_leaves(self, key: str) -> None:
        """A person stops the server."""
        self.pods.pop(key, None)

    def evict(self, key: str) -> None:
        """A controller starts the pod anew elsewhere; a bare pod is gone."""
        pod = self.pods[key]
        if pod["owner"] is None:
            if pod["labels"].get("component") == "singleuser-server":
                self.state["evicted_users"].append(pod["name"])
            del self.pods[key]
            return
        pod.update(node=None, running=False)
        self._note_break()
        self.schedule()

    def evictable(self, nodes: list[str]) -> dict[str, State]:
        return {key: pod for key, pod in self.pods.items() if pod["node"] in nodes and pod["owner"] != "DaemonSet"}

    def evict_from(self, nodes: list[str]) -> None:
        for key in list(self.evictable(nodes)):
            if key in self.pods and not self.blocking(key):
                self.evict(key)

    def drain_round(self, job: str, nodes: list[str], earliest: float, deadline: float) -> None:
        """A drain tries again until nothing is left or its time is over; it goes on when its parent has died."""
        self.evict_from(nodes)
        left = self.evictable(nodes)
        if not left and self.world.now >= earliest:
            self.world.end_job(job, "".join(f"node/{name} drained\n" for name in nodes))
        elif self.world.now >= deadline:
            self.world.end_job(job, "", f"error: unable to drain node(s): {', '.join(left)}: global timeout reached", 1)
        else:
            self.world.after(RETRY, "drain round", job, nodes, earliest, deadline)

    def allowed(self, budget: State) -> int:
        """Evictions that the budget allows now: its running pods beyond the least it wants."""
        running = sum(self._covers(budget, pod) and pod["running"] for pod in self.pods.values())
        return max(0, running - int(budget["min_available"]))

    def blocking(self, key: str) -> list[str]:
        """Budgets that forbid to evict this pod. One that does not run yet is evicted whatever they say."""
        pod = self.pods[key]
        return [
            name for name, b in self.budgets.items() if pod["running"] and self._covers(b, pod) and not self.allowed(b)
        ]

    @staticmethod
    def _covers(budget: State, pod: State) -> bool:
        return bool(budget["namespace"] == pod["namespace"] and budget["selector"].items() <= pod["labels"].items())

    def _note_break(self) -> None:
        down = any(pod["labels"].get("component") in HUB and not pod["running"] for pod in self.pods.values())
        breaks = self.state["breaks"]
        opened = bool(breaks) and breaks[-1][1] is None
        if down and not opened:
            breaks.append([self.world.now, None])
        elif not down and opened:
            breaks[-1][1] = self.world.now

    # Charts

    def deploy(self, charts: Iterable[tuple[str, str]]) -> None:
        """The hub's release brings these (name, version), and no others any more."""
        self.charts[:] = [[name, version] for name, version in charts]

    # Add-ons that run as workloads in kube-system

    def set_addon_image(self, workload: str, tag: str) -> None:
        addon = self.addons[workload]
        if addon["tag"] != tag:
            addon.update(tag=tag, generation=addon["generation"] + 1, settled=False)
            self.world.after(ROLLOUT, "addon rolled out", workload)

    def addon_rolled_out(self, workload: str) -> None:
        self.addons[workload]["settled"] = True
