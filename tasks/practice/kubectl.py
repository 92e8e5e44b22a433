"""The practice cluster's kubectl: as much of the real one as the tasks use, with its words and exit codes."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.practice.commands import Failed, Job, Options

if TYPE_CHECKING:
    from tasks.practice.world import World

State = dict[str, Any]
TERMINATES = 30.0  # seconds that an evicted pod takes to end


@dataclass(frozen=True)
class PracticeKubectl:
    """read: gives a file's content as JSON, by the path on the command line."""

    world: World
    read: Callable[[str], State]

    def start(self, options: Options) -> Job:
        """Does or begins what the command line asks for. Raises Failed with kubectl's own words."""
        verb = options.words[0]
        actions: dict[str, Callable[[Options], Job]] = {
            "get": self.get,
            "version": self.version,
            "cordon": lambda found: self.cordon(found, True),
            "uncordon": lambda found: self.cordon(found, False),
            "drain": self.drain,
            "create": self.create,
            "patch": self.patch,
        }
        if verb not in actions:
            raise Failed(f'error: unknown command "{verb}" for "kubectl"')
        return actions[verb](options)

    def get(self, options: Options) -> Job:
        kubernetes = self.world.kubernetes
        kinds = options.words[1]
        if kinds == "lease":
            lease = kubernetes.leases.get(options.words[2])
            return Job(json.dumps(lease) if lease else "")
        if kinds == "namespaces":
            return Job(
                json.dumps(
                    {
                        "kind": "List",
                        "items": [
                            {"kind": "Namespace", "metadata": {"name": name}} for name in ("default", "kube-system")
                        ],
                    }
                )
            )
        items = [
            *(self._node(name, node) for name, node in kubernetes.nodes.items()),
            *(self._pod(pod) for pod in kubernetes.pods.values()),
            *(self._budget(name, budget) for name, budget in kubernetes.budgets.items()),
            *(self._workload(name, addon) for name, addon in kubernetes.addons.items()),
            *(self._release(name, version) for name, version in kubernetes.charts),
        ]
        return Job(json.dumps({"kind": "List", "apiVersion": "v1", "items": items}))

    def version(self, _: Options) -> Job:
        version = self.world.kubernetes.state["version"]
        return Job(
            json.dumps(
                {
                    "clientVersion": {"gitVersion": f"v{version}.0"},
                    "serverVersion": {"gitVersion": f"v{version}.7-eks-practice"},
                }
            )
        )

    def cordon(self, options: Options, cordoned: bool) -> Job:
        names = self.world.kubernetes.cordon(self._group(options), cordoned)
        word = "cordoned" if cordoned else "uncordoned"
        return Job("".join(f"node/{name} {word}\n" for name in names))

    def drain(self, options: Options) -> Job:
        """Cordons, then evicts until nothing is left or the time is over. Bare pods stop it before the first eviction."""
        kubernetes, group = self.world.kubernetes, self._group(options)
        nodes = kubernetes.cordon(group, True)
        bare = [key for key, pod in kubernetes.evictable(nodes).items() if pod["owner"] is None]
        if bare and "force" not in options.flags:
            raise Failed(
                f"error: unable to drain node(s), aborting command: cannot delete Pods that declare no controller (use --force to override): {', '.join(bare)}"
            )
        deadline = self.world.now + float(str(options.get("timeout")).removesuffix("s"))
        kubernetes.evict_from(nodes)
        return Job(then=("drain round", (nodes, self.world.now + TERMINATES, deadline)))

    @staticmethod
    def _group(options: Options) -> str:
        return str(options.get("selector")).partition("=")[2]

    def create(self, options: Options) -> Job:
        file = str(options.get("filename"))
        try:
            lease = self.read(file)
        except FileNotFoundError:
            raise Failed(f'error: the path "{file}" does not exist') from None
        name = lease["metadata"]["name"]
        if name in self.world.kubernetes.leases:
            raise Failed(
                f'Error from server (AlreadyExists): error when creating: leases.coordination.k8s.io "{name}" already exists'
            )
        lease["metadata"]["resourceVersion"] = str(self.world.serial())
        self.world.kubernetes.leases[name] = lease
        return Job(f"lease.coordination.k8s.io/{name} created\n")

    def patch(self, options: Options) -> Job:
        name = options.words[2]
        lease = self.world.kubernetes.leases.get(name)
        if lease is None:
            raise Failed(f'Error from server (NotFound): leases.coordination.k8s.io "{name}" not found')
        patched = copy.deepcopy(lease)
        for operation in json.loads(str(options.get("patch"))):
            section, key = operation["path"].strip("/").split("/")
            if operation["op"] != "test":
                patched[section][key] = operation["value"]
            elif patched[section].get(key) != operation["value"]:
                raise Failed(
                    f"The request is invalid: the server rejected our request due to an error in our request: testing value {operation['path']} failed"
                )
        patched["metadata"]["resourceVersion"] = str(self.world.serial())
        self.world.kubernetes.leases[name] = patched
        return Job(f"lease.coordination.k8s.io/{name} patched\n")

    # API objects

    @staticmethod
    def _node(name: str, node: State) -> State:
        label = "eks.amazonaws.com/nodegroup" if node["managed"] else "alpha.eksctl.io/nodegroup-name"
        labels = {
            "kubernetes.io/hostname": name,
            "topology.kubernetes.io/zone": node["zone"],
            label: node["group"],
            **node["labels"],
        }
        return {
            "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "spec": {"taints": node["taints"], **({"unschedulable": True} if node["cordoned"] else {})},
            "status": {
                "nodeInfo": {"kubeletVersion": f"v{node['version']}.7-eks-practice"},
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        }

    @staticmethod
    def _pod(pod: State) -> State:
        owners = [{"kind": pod["owner"], "controller": True}] if pod["owner"] else []
        return {
            "kind": "Pod",
            "metadata": {
                "namespace": pod["namespace"],
                "name": pod["name"],
                "labels": pod["labels"],
                "ownerReferences": owners,
            },
            "spec": {"nodeName": pod["node"]} if pod["node"] else {},
            "status": {"phase": "Running" if pod["running"] else "Pending"},
        }

    def _budget(self, name: str, budget: State) -> State:
        return {
            "kind": "PodDisruptionBudget",
            "metadata": {"namespace": budget["namespace"], "name": name},
            "spec": {"selector": {"matchLabels": budget["selector"]}},
            "status": {"disruptionsAllowed": self.world.kubernetes.allowed(budget)},
        }

    @staticmethod
    def _workload(name: str, addon: State) -> State:
        image = f"registry.invalid/{name}:{addon['tag']}"
        ready = 1 if addon["settled"] else 0
        daemon = {"desiredNumberScheduled": 1, "updatedNumberScheduled": ready, "numberReady": ready}
        deployment = {"updatedReplicas": ready, "readyReplicas": ready}
        return {
            "kind": addon["kind"],
            "metadata": {"namespace": "kube-system", "name": name, "generation": addon["generation"]},
            "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": name, "image": image}]}}},
            "status": {
                "observedGeneration": addon["generation"],
                **(daemon if addon["kind"] == "DaemonSet" else deployment),
            },
        }

    @staticmethod
    def _release(name: str, version: str) -> State:
        """One deployment a chart, with the label that says so: jupyterhub's has kept the old one."""
        label = "chart" if name == "jupyterhub" else "helm.sh/chart"
        tag = version.replace("+", "_")
        container = {"name": name, "image": f"registry.invalid/{name}:{tag}"}
        return {
            "kind": "Deployment",
            "metadata": {"namespace": "default", "name": name, "labels": {label: f"{name}-{tag}"}, "generation": 1},
            "spec": {"replicas": 1, "template": {"spec": {"containers": [container]}}},
            "status": {"observedGeneration": 1, "updatedReplicas": 1, "readyReplicas": 1},
        }
