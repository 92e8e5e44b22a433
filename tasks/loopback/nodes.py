"""The simulated nodes, and what kwok plays on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.parts.pins import PINS

PURPOSE = "hub.jupyter.org/node-purpose"  # Zero to JupyterHub's label, on the groups for hub and users
CLUSTER, GROUP = "alpha.eksctl.io/cluster-name", "alpha.eksctl.io/nodegroup-name"
KUBELET = f"v{PINS['kube-1.33'].version}"  # the API server's; kwok would name itself
ROOM = {"cpu": "64", "memory": "512Gi", "pods": "500", "ephemeral-storage": "2Ti"}

# kwok has stages of its own for nodes and pods, and leaves them away if any stage here is for nodes or pods.
STAGE = """apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata:
  name: load-balancer
spec:
  resourceRef:
    apiGroup: v1
    kind: Service
  selector:
    matchExpressions:
      - key: .spec.type
        operator: In
        values: [LoadBalancer]
      - key: .status.loadBalancer.ingress
        operator: DoesNotExist
  next:
    statusTemplate: |
      loadBalancer:
        ingress:
          - hostname: {{ .metadata.name }}.{{ .metadata.namespace }}.elb.invalid
"""


_INFO = {
    "machineID": "",
    "systemUUID": "",
    "bootID": "",
    "kernelVersion": "",
    "osImage": "",
    "containerRuntimeVersion": "",
    "kubeletVersion": KUBELET,
    "kubeProxyVersion": "",
    "operatingSystem": "linux",
    "architecture": "amd64",
}


def declared(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One node for each group of eksctl's ClusterConfig that is for hub or users; without such, one for each group."""
    groups = [*(document.get("nodeGroups") or []), *(document.get("managedNodeGroups") or [])]
    chosen = [group for group in groups if (group.get("labels") or {}).get(PURPOSE) in ("core", "user")]
    cluster, region = document["metadata"]["name"], document["metadata"]["region"]
    return [_node(group, cluster, region) for group in chosen or groups]


def reached_at(host: str, port: int) -> dict[str, Any]:
    """A node's status where it says how its kubelet is reached, which is another one at each start."""
    addresses = [{"type": "InternalIP", "address": host}]
    return {"status": {"addresses": addresses, "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}}


def _node(group: Mapping[str, Any], cluster: str, region: str) -> dict[str, Any]:
    name = f"{group['name'].lower()}.{region}.compute.internal"
    zone = next(iter(group.get("availabilityZones") or []), f"{region}a")
    labels = {
        CLUSTER: cluster,
        GROUP: group["name"],
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": group.get("instanceType") or "m5.large",
        "topology.kubernetes.io/region": region,
        "topology.kubernetes.io/zone": zone,
        **(group.get("labels") or {}),
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "spec": {"providerID": f"aws:///{zone}/i-{group['name']}"},
        "status": {"capacity": ROOM, "allocatable": ROOM, "nodeInfo": _INFO},
    }
