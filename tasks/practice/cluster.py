"""A practice cluster made from a cluster's configuration file."""

from __future__ import annotations

from typing import Any

from tasks.plan.version import Minor
from tasks.practice.eks import ACCOUNT, PracticeEks
from tasks.practice.eksctl import group_state
from tasks.practice.kubernetes import PracticeKubernetes
from tasks.practice.world import World

OFFERED = ("1.18", "1.36")
ENDPOINT = "https://practice.invalid"
USERS_PER_NODE = 2
STAYS = 45 * 60.0  # seconds: the first person leaves after this time, the next after twice as long, …
ADDONS = {
    "aws-node": ("vpc-cni", "DaemonSet"),
    "coredns": ("coredns", "Deployment"),
    "kube-proxy": ("kube-proxy", "DaemonSet"),
}


def practice_world(
    config: dict[str, Any],
    version: Minor | None = None,
    offered: tuple[str, str] = OFFERED,
    users: int = 0,
    versions: dict[str, Minor] | None = None,
    managed_addons: tuple[str, ...] = (),
    charts: tuple[tuple[str, str], ...] = (),
) -> World:
    """The cluster as the file declares it, everything Ready.

    version: the control plane's and the nodes', instead of the file's. versions: of single groups. users: how many
    people have a server open; they leave one after the other. managed_addons: add-ons that EKS manages, beside those
    that the file lists. charts: (name, version) of what is installed.
    """
    metadata = config["metadata"]
    version = version or Minor.parse(metadata["version"])
    world = World.empty(_eks(metadata, version, offered), {**PracticeKubernetes.empty(), "version": str(version)})
    groups = {group["name"]: group_state(group, config) for group in config.get("nodeGroups") or []}
    managed = {group["name"]: group_state(group, config) for group in config.get("managedNodeGroups") or []}
    _seat_users([*groups.values(), *managed.values()], users)
    for name, group in groups.items():
        at = (versions or {}).get(name, version)
        world.eks.stacks[name] = {
            **group,
            "status": "CREATE_COMPLETE",
            "version": str(at),
            "number": world.serial(),
            "scaling_group": True,
        }
        world.eks.nodes_join(name)
    for name, group in managed.items():
        world.eks.managed[name] = {**group, "status": "ACTIVE", "version": str(version)}
        for _ in range(group["desired"]):
            world.kubernetes.join(name, True, str(version), group["labels"], group["taints"], group["zones"][0])
    _install_addons(world, version, {*managed_addons, *(addon["name"] for addon in config.get("addons") or [])})
    _install_hub(world)
    world.kubernetes.deploy(charts)
    _start_servers(world, users)
    return world


def _eks(metadata: dict[str, Any], version: Minor, offered: tuple[str, str]) -> dict[str, Any]:
    cluster = {
        "name": metadata["name"],
        "region": metadata["region"],
        "version": str(version),
        "status": "ACTIVE",
        "endpoint": ENDPOINT,
    }
    return {
        "cluster": cluster,
        "account": ACCOUNT,
        "offered": list(offered),
        "updates": [],
        "stacks": {},
        "managed": {},
        "addons": {},
        "created_twice": [],
    }


def _seat_users(groups: list[dict[str, Any]], users: int) -> None:
    """The autoscaler has made room for those who are there."""
    for group in groups:
        if users and group["labels"].get("hub.jupyter.org/node-purpose") == "user":
            group["desired"] = max(group["desired"], min(group["maximum"], -(-users // USERS_PER_NODE)))
            return


def _install_addons(world: World, version: Minor, managed: set[str]) -> None:
    for workload, (addon, kind) in ADDONS.items():
        tag = PracticeEks.addon_versions(addon, version)[0]
        if addon in managed:
            world.eks.addons[addon] = {"version": tag, "status": "ACTIVE"}
        else:
            world.kubernetes.addons[workload] = {"kind": kind, "tag": tag, "generation": 1, "settled": True}
    autoscaler = {"kind": "Deployment", "tag": f"v{version}.0", "generation": 1, "settled": True}
    world.kubernetes.addons["cluster-autoscaler"] = autoscaler


def _install_hub(world: World) -> None:
    """One hub on a zonal disk, its proxy, and what a cluster needs to find both."""
    core = {"hub.jupyter.org/node-purpose": "core"}
    nodes = (name for name, node in world.kubernetes.nodes.items() if core.items() <= node["labels"].items())
    home = next(nodes, None)
    for component in ("hub", "proxy", "user-scheduler"):
        labels = {"app": "jupyterhub", "component": component}
        disk = world.kubernetes.nodes[home]["zone"] if home and component == "hub" else None
        world.kubernetes.add_pod("default", component, labels, "ReplicaSet", core, home, disk)
    world.kubernetes.add_pod("kube-system", "coredns-1", {"k8s-app": "kube-dns"}, "ReplicaSet", {}, home)
    world.kubernetes.add_pod(
        "kube-system", "cluster-autoscaler", {"app": "cluster-autoscaler"}, "ReplicaSet", core, home
    )
    scheduler = {"app": "jupyterhub", "component": "user-scheduler"}
    world.kubernetes.budgets["user-scheduler"] = {"namespace": "default", "selector": scheduler, "min_available": 0}


def _start_servers(world: World, users: int) -> None:
    seats = [
        name
        for name, node in world.kubernetes.nodes.items()
        if node["labels"].get("hub.jupyter.org/node-purpose") == "user"
    ]
    for number in range(users if seats else 0):
        name = f"jupyter-user-{number + 1}"
        labels = {"app": "jupyterhub", "component": "singleuser-server"}
        selector = {"hub.jupyter.org/node-purpose": "user"}
        world.kubernetes.add_pod("default", name, labels, None, selector, seats[number // USERS_PER_NODE % len(seats)])
        world.after(STAYS * (number + 1), "pod leaves", f"default/{name}")
