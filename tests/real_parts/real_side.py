"""The small cluster in the practice data centre, with kubectl."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.loopback import nodes
from tasks.seams import Place, Ran, Watch
from tasks.tools.kubectl import Kubectl
from tests.real_parts.centre import REGION, Programs
from tests.real_parts.sides import ADDON, LEAVING, STAYING, pod_labels, workloads

WAITS = "--timeout=60s"


@dataclass
class Real:
    """namespace: the test's own, and part of the names of its nodes, so that no other test's pods are on them."""

    namespace: str
    programs: Programs
    briefly: int = 7
    ahead: float = 0.0  # seconds

    def __post_init__(self) -> None:
        self._kubectl("create", "namespace", self.namespace)
        self._create_node(LEAVING)

    @property
    def kubectl(self) -> Kubectl:
        return Kubectl(str(self.programs.datacentre.kubeconfig), "practice")

    def run(
        self,
        argv: Sequence[str],
        *,
        changes: bool = False,
        limit: float | None = None,
        watch: Watch | None = None,
        place: Place | None = None,
    ) -> Ran:
        environment = self.programs.datacentre.around(os.environ)
        ran = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=limit)
        return Ran(tuple(argv), ran.returncode, ran.stdout, ran.stderr)

    def begin(self, argv: Sequence[str]) -> Callable[[], Ran]:
        environment = self.programs.datacentre.around(os.environ)
        process = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stderr
        assert any("will retry" in line for line in process.stderr)

        def end() -> Ran:
            out, err = process.communicate(timeout=60)
            return Ran(tuple(argv), process.returncode, out, err)

        return end

    def group(self, name: str) -> str:
        return f"{self.namespace}-{name}"

    def add_pods(self, app: str, owner: str | None, number: int = 1, component: str = "") -> None:
        """With a volume that a drain may delete."""
        labels = pod_labels(app, component)
        container = {"name": "main", "image": "main", "volumeMounts": [{"name": "empty", "mountPath": "/empty"}]}
        spec = {
            "nodeSelector": {"drill": self.namespace},
            "containers": [container],
            "volumes": [{"name": "empty", "emptyDir": {}}],
            "terminationGracePeriodSeconds": 0,
        }
        if owner is None:
            self._create("v1", "Pod", app, spec, labels)
        else:
            more = {"replicas": number} if owner == "ReplicaSet" else {}
            template = {"metadata": {"labels": labels}, "spec": spec}
            self._create("apps/v1", owner, app, {"selector": {"matchLabels": labels}, "template": template, **more})
        self._wait(lambda: len(self._pods(app)) == number)
        self._kubectl("wait", "pods", f"--selector=app={app}", "--for=condition=Ready", WAITS)

    def add_another(self, app: str) -> None:
        self._kubectl("scale", f"replicaset/{app}", "--replicas=2")

    def add_budget(self, app: str) -> None:
        selector = {"matchLabels": {"app": app}}
        self._create("policy/v1", "PodDisruptionBudget", app, {"minAvailable": 1, "selector": selector})
        words = ("wait", f"poddisruptionbudget/{app}", "--for=jsonpath={.status.desiredHealthy}=1", WAITS)
        self._kubectl(*words)

    def add_staying(self) -> None:
        self._create_node(STAYING)

    def stop_running(self, app: str) -> None:
        patch = json.dumps({"status": {"phase": "Pending", "conditions": [{"type": "Ready", "status": "False"}]}})
        for name in self._pods(app):
            self._kubectl("patch", "pod", name, "--subresource=status", f"--patch={patch}")

    def change_addon(self, tag: str) -> None:
        """Its pods stay the old ones until `settle`."""
        labels = {"app": ADDON}
        spec = {"nodeSelector": {"drill": self.namespace}, "containers": [{"name": "main", "image": "main:v1.0.0"}]}
        self._create(
            "apps/v1",
            "DaemonSet",
            ADDON,
            {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": spec},
                "updateStrategy": {"type": "OnDelete"},
            },
            namespace="kube-system",
        )
        self._wait(lambda: any(addon.settled for addon in workloads(self).addons))
        self._kubectl("set", "image", f"daemonset/{ADDON}", f"main=main:{tag}", namespace="kube-system")
        self._wait(lambda: any(not addon.settled for addon in workloads(self).addons))

    def settle(self) -> None:
        if workloads(self).addons:
            self._kubectl("delete", "pods", f"--selector=app={ADDON}", namespace="kube-system")
            self._wait(lambda: all(addon.settled for addon in workloads(self).addons))
        self._wait(self._complete)

    def now(self) -> float:
        return time.time() + self.ahead

    def sleep(self, seconds: float) -> None:
        self.ahead += seconds

    def close(self) -> None:
        self._kubectl("delete", "nodes", f"--selector=drill={self.namespace}")
        self._kubectl("delete", "namespace", self.namespace, "--wait=false")
        self._kubectl("delete", "daemonset", ADDON, "--ignore-not-found", namespace="kube-system")

    def _complete(self) -> bool:
        """Every controller has its pods, and they run."""
        items = json.loads(self._kubectl("get", "replicasets,pods", "--output=json"))["items"]
        wanted = sum(item["spec"]["replicas"] for item in items if item["kind"] == "ReplicaSet")
        owned = [item for item in items if item["kind"] == "Pod" and "ReplicaSet" in str(item["metadata"])]
        return [item["status"]["phase"] for item in owned] == ["Running"] * wanted

    def _create_node(self, name: str) -> None:
        group = {"name": self.group(name), "labels": {"drill": self.namespace}}
        metadata = {"name": self.namespace, "region": REGION}
        (node,) = nodes.declared({"metadata": metadata, "nodeGroups": [group]})
        self._kubectl("create", "--filename=-", text=json.dumps(node))
        self._kubectl("wait", f"node/{node['metadata']['name']}", "--for=condition=Ready", WAITS)

    def _create(self, api: str, kind: str, name: str, spec: Any, labels: Any = None, namespace: str = "") -> None:
        metadata = {"name": name, "labels": labels or {}}
        document = {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}
        self._kubectl("create", "--filename=-", text=json.dumps(document), namespace=namespace)

    def _pods(self, app: str) -> list[str]:
        words = ("get", "pods", f"--selector=app={app}", "--output=jsonpath={.items[*].metadata.name}")
        return self._kubectl(*words).split()

    def _kubectl(self, *words: str, text: str = "", namespace: str = "") -> str:
        return self.programs.kubectl(*words, f"--namespace={namespace or self.namespace}", text=text)

    @staticmethod
    def _wait(true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not true():
            assert time.monotonic() < deadline
            time.sleep(0.1)
