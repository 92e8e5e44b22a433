"""kubectl: its command lines, and the API objects in its JSON as values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.plan.hubstate import chart_versions
from tasks.plan.manifest import Change, Key
from tasks.plan.values import Addon, Autoscaler, Budget, Node, Pairs, Pod, PodKind
from tasks.plan.version import Minor

AT_ONCE = 8  # objects that are compared at the same time
GROUP_LABELS = ("alpha.eksctl.io/nodegroup-name", "eks.amazonaws.com/nodegroup")

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Kubectl:
    """Builds command lines that all name the same file and context, whatever becomes the current one meanwhile."""

    kubeconfig: str
    context: str

    def line(self, *words: str) -> list[str]:
        return ["kubectl", f"--kubeconfig={self.kubeconfig}", f"--context={self.context}", *words]

    def workloads(self) -> list[str]:
        """One answer, so that nodes, pods and budgets are of the same moment."""
        return self.line(
            "get", "nodes,pods,poddisruptionbudgets,daemonsets,deployments", "--all-namespaces", "--output=json"
        )

    def namespaces(self) -> list[str]:
        return self.line("get", "namespaces", "--output=json")

    def server_version(self) -> list[str]:
        return self.line("version", "--output=json")

    def cordon(self, group: str) -> list[str]:
        return self.line("cordon", f"--selector={GROUP_LABELS[0]}={group}")

    def uncordon(self, group: str) -> list[str]:
        return self.line("uncordon", f"--selector={GROUP_LABELS[0]}={group}")

    def drain(self, group: str, force: bool, seconds: int) -> list[str]:
        """Budgets are honoured: it evicts, again every 5 s, until `seconds` are over."""
        options = [
            "--ignore-daemonsets",
            "--delete-emptydir-data",
            f"--timeout={seconds}s",
            *(["--force"] if force else []),
        ]
        return self.line("drain", f"--selector={GROUP_LABELS[0]}={group}", *options)

    def api_versions(self) -> list[str]:
        return self.line("api-versions")

    def api_resources(self) -> list[str]:
        """The columns of a line: name, short names (may be missing), API version, namespaced, kind."""
        return self.line("api-resources", "--no-headers")

    def diff(self, file: str, namespace: str, server_side: bool) -> list[str]:
        """Exit 0: all objects are as the file has them; 1: not. The data of Secrets is masked by kubectl itself.

        server_side: the API server merges, ten times as fast; it refuses objects with a list entry twice, which a
        client lets through.
        """
        merge = ["--server-side", "--force-conflicts", "--field-manager=helm"] if server_side else []
        options = (f"--filename={file}", f"--namespace={namespace}", f"--concurrency={AT_ONCE}")
        return self.line("diff", *options, *merge)

    def apply_server_side(self, file: str) -> list[str]:
        """Without force the first field that somebody else has set ends it half way."""
        return self.line("apply", "--server-side", "--force-conflicts", f"--filename={file}")

    def get(self, what: str, namespace: str) -> list[str]:
        return self.line("get", what, f"--namespace={namespace}", "--output=json", "--ignore-not-found")

    def delete_secret(self, name: str, namespace: str) -> list[str]:
        return self.line("delete", "secret", name, f"--namespace={namespace}", "--ignore-not-found")

    def exec(self, target: str, namespace: str, words: Sequence[str]) -> list[str]:
        return self.line("exec", target, f"--namespace={namespace}", "--", *words)

    def scale(self, target: str, namespace: str, replicas: int) -> list[str]:
        return self.line("scale", target, f"--namespace={namespace}", f"--replicas={replicas}")

    def wait_deleted(self, selector: str, namespace: str, seconds: int) -> list[str]:
        words = ("wait", "pods", "--for=delete", f"--selector={selector}", f"--timeout={seconds}s")
        return self.line(*words, f"--namespace={namespace}")

    def create(self, file: str, namespace: str) -> list[str]:
        return self.line("create", f"--filename={file}", f"--namespace={namespace}")

    def replace(self, file: str, namespace: str) -> list[str]:
        """Refused by the API server if somebody has changed the object since."""
        return self.line("replace", f"--filename={file}", f"--namespace={namespace}")

    def delete_job(self, name: str, namespace: str) -> list[str]:
        return self.line("delete", "job", name, f"--namespace={namespace}", "--ignore-not-found", "--wait")

    def logs(self, pod: str, namespace: str, lines: int) -> list[str]:
        return self.line("logs", pod, f"--namespace={namespace}", "--all-containers", f"--tail={lines}", "--prefix")

    def get_lease(self, namespace: str, name: str) -> list[str]:
        return self.line("get", "lease", name, f"--namespace={namespace}", "--output=json", "--ignore-not-found")

    def create_lease(self, file: str) -> list[str]:
        return self.line("create", f"--filename={file}")

    def patch_lease(self, namespace: str, name: str, patch: Sequence[Object]) -> list[str]:
        """A JSON patch: its `test` entries make the API server refuse it when somebody else was faster."""
        words = ("patch", "lease", name, f"--namespace={namespace}", "--type=json", f"--patch={json.dumps(patch)}")
        return self.line(*words)


@dataclass(frozen=True)
class Workloads:
    """What one `kubectl get` told."""

    nodes: tuple[Node, ...]
    labels: Mapping[str, Mapping[str, str]]  # node name -> its labels
    taints: Mapping[str, frozenset[str]]
    pods: tuple[Pod, ...]
    budgets: tuple[Budget, ...]
    addons: tuple[Addon, ...]  # self-managed ones, as far as the cluster has them
    autoscaler: Autoscaler | None
    charts: tuple[tuple[str, str], ...]  # (name, version) of those that a controller's labels name


# Daemon set or deployment in kube-system -> the add-on's name in EKS.
ADDON_WORKLOADS = {"aws-node": "vpc-cni", "coredns": "coredns", "kube-proxy": "kube-proxy"}


# Lines of an object that differ whenever anything does, or that only the API server sets.
_NOISE = re.compile(r"[+-] *(?:generation|resourceVersion|creationTimestamp|uid|observedGeneration): ")


def parse_diff(text: str, namespace: str) -> list[Change]:
    """The answer to `Kubectl.diff`: the lines with - are the cluster's. namespace: of objects that name none."""
    found = []
    for part in re.split(r"^diff -u -N .*\n", text, flags=re.MULTILINE)[1:]:
        head, *lines = part.splitlines()
        found_name = re.search(r"/LIVE-\d+/(\S+)", head)
        kept = tuple(line for line in lines[1:] if not _NOISE.match(line))
        if found_name and any(line.startswith(("+", "-")) for line in kept):
            found.append(Change("removed" if _all_new(kept) else "changed", _key(found_name[1], namespace), kept))
    return found


def _all_new(lines: Sequence[str]) -> bool:
    return lines[0].startswith("@@ -0,0 ")


def _key(name: str, namespace: str) -> Key:
    """apps.v1.Deployment.default.hub: group, version, kind, namespace (empty for what has none) and name."""
    words = name.split(".")
    kind = next(number for number, word in enumerate(words) if word[:1].isupper())
    return words[kind], words[kind + 1] or namespace, ".".join(words[kind + 2 :])


def parse_workloads(text: str) -> Workloads:
    """The answer to `Kubectl.workloads`."""
    kinds: dict[str, list[Object]] = {}
    for item in json.loads(text)["items"]:
        kinds.setdefault(item["kind"], []).append(item)
    nodes, controllers = kinds.get("Node", []), [*kinds.get("DaemonSet", []), *kinds.get("Deployment", [])]
    return Workloads(
        tuple(sorted(map(_node, nodes), key=lambda node: node.name)),
        {item["metadata"]["name"]: item["metadata"].get("labels", {}) for item in nodes},
        {item["metadata"]["name"]: _taints(item) for item in nodes},
        tuple(
            sorted(
                (_pod(item) for item in kinds.get("Pod", []) if _evictable(item)),
                key=lambda pod: (pod.namespace, pod.name),
            )
        ),
        tuple(_budget(item) for item in kinds.get("PodDisruptionBudget", [])),
        tuple(_addon(item, ADDON_WORKLOADS[_name(item)]) for item in controllers if _is_addon(item)),
        next((_autoscaler(item) for item in controllers if "/cluster-autoscaler" in _image(item)), None),
        chart_versions(controllers),
    )


def _name(item: Object) -> str:
    return str(item["metadata"]["name"])


def _node(item: Object) -> Node:
    labels = item["metadata"].get("labels", {})
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in item["status"].get("conditions", []))
    version = Minor.within(item["status"]["nodeInfo"]["kubeletVersion"])
    if version is None:
        raise ValueError(
            f"node {_name(item)} reports the kubelet version {item['status']['nodeInfo']['kubeletVersion']!r}"
        )
    group = next((labels[label] for label in GROUP_LABELS if label in labels), "")
    return Node(_name(item), group, version, ready, bool(item["spec"].get("unschedulable")))


def _taints(item: Object) -> frozenset[str]:
    taints = item["spec"].get("taints") or []
    return frozenset(f"{taint['key']}={taint.get('value', '')}:{taint['effect']}" for taint in taints)


def _evictable(item: Object) -> bool:
    """A drain leaves daemon sets' pods, mirror pods and finished ones alone, and so do we."""
    owners = item["metadata"].get("ownerReferences", [])
    return (
        bool(item["spec"].get("nodeName"))
        and not any(owner["kind"] in ("DaemonSet", "Node") for owner in owners)
        and item["status"].get("phase") not in ("Succeeded", "Failed")
    )


def _pod(item: Object) -> Pod:
    metadata = item["metadata"]
    labels = metadata.get("labels", {})
    bare = not any(owner.get("controller") for owner in metadata.get("ownerReferences", []))
    return Pod(
        metadata["namespace"],
        metadata["name"],
        item["spec"]["nodeName"],
        pod_kind(metadata["namespace"], labels),
        bare,
        _pairs(labels),
    )


def pod_kind(namespace: str, labels: Mapping[str, str]) -> PodKind:
    """zero-to-jupyterhub labels its pods with `component`, dask-gateway with `app.kubernetes.io/component`."""
    component = labels.get("component") or labels.get("app.kubernetes.io/component", "")
    kinds = {
        "singleuser-server": PodKind.USER_SERVER,
        "dask-scheduler": PodKind.DASK_SCHEDULER,
        "dask-worker": PodKind.DASK_WORKER,
        "hub": PodKind.SYSTEM,
        "proxy": PodKind.SYSTEM,
        "autohttps": PodKind.SYSTEM,
    }
    return kinds.get(component, PodKind.SYSTEM if namespace == "kube-system" else PodKind.OTHER)


def _budget(item: Object) -> Budget:
    selector = item["spec"].get("selector", {}).get("matchLabels", {})
    allowed = item.get("status", {}).get("disruptionsAllowed", 0)
    return Budget(item["metadata"]["namespace"], _name(item), _pairs(selector), allowed)


def _pairs(labels: Mapping[str, str]) -> Pairs:
    return frozenset(labels.items())


def _is_addon(item: Object) -> bool:
    return item["metadata"]["namespace"] == "kube-system" and _name(item) in ADDON_WORKLOADS


def _image(item: Object) -> str:
    return str(item["spec"]["template"]["spec"]["containers"][0]["image"])


def _autoscaler(item: Object) -> Autoscaler:
    container = item["spec"]["template"]["spec"]["containers"][0]["name"]
    return Autoscaler(
        item["metadata"]["namespace"], _name(item), container, Minor.within(_image(item).rpartition(":")[2])
    )


def _addon(item: Object, name: str) -> Addon:
    """Rolled out: the controller has seen the newest template and all its pods run it."""
    status = item.get("status", {})
    if item["kind"] == "DaemonSet":
        wanted, updated, ready = (
            status.get(key, 0) for key in ("desiredNumberScheduled", "updatedNumberScheduled", "numberReady")
        )
    else:
        wanted = item["spec"].get("replicas", 1)
        updated, ready = status.get("updatedReplicas", 0), status.get("readyReplicas", 0)
    seen = status.get("observedGeneration", 0) >= item["metadata"].get("generation", 0)
    settled = seen and updated >= wanted and ready >= wanted
    trouble = "" if settled else f"{ready} of {wanted} pods are ready, {updated} are of the new version"
    return Addon(name, _image(item).rpartition(":")[2], False, settled, trouble)
