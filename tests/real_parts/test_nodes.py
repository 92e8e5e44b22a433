"""The simulated nodes are those that eksctl's ClusterConfig declares for the hub and for users."""

from __future__ import annotations

from typing import Any

from tasks.loopback.nodes import declared
from tests.real_parts.centre import CONFIG


def _config(*groups: dict[str, Any], managed: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"metadata": CONFIG["metadata"], "nodeGroups": list(groups), "managedNodeGroups": list(managed)}


def test_groups_for_hub_and_users_have_a_node_each() -> None:
    labels = {"hub.jupyter.org/node-purpose": "core"}
    zone = "eu-central-1c"
    core = {"name": "core-a", "labels": labels, "instanceType": "m5.large", "availabilityZones": [zone]}
    user = {"name": "User-A", "labels": {"hub.jupyter.org/node-purpose": "user"}}
    found = declared(_config(core, {"name": "worker"}, managed=(user,)))
    assert [node["metadata"]["name"] for node in found] == [
        "core-a.eu-central-1.compute.internal",
        "user-a.eu-central-1.compute.internal",
    ]
    said = found[0]["metadata"]["labels"]
    assert said["topology.kubernetes.io/zone"] == zone
    assert said["node.kubernetes.io/instance-type"] == "m5.large"
    assert said.items() >= labels.items()


def test_without_such_groups_every_group_has_one() -> None:
    assert len(declared(_config({"name": "a"}, {"name": "b", "labels": None}))) == 2
