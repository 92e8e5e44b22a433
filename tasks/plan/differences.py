"""Where the configuration file and the live cluster disagree."""

from __future__ import annotations

from tasks.plan.addons import stale
from tasks.plan.skew import violation
from tasks.plan.values import Cluster, Config


def differences(config: Config, cluster: Cluster) -> list[str]:
    """One sentence each, none if the file describes the cluster as it is."""
    live = cluster.control_plane.version
    found = []
    if config.version != live:
        found.append(f"The configuration says {config.version}, the control plane is at {live}.")
    declared = {group.name for group in config.groups}
    running = {group.name for group in cluster.groups}
    found += [f"Node group {name} is declared but not live." for name in sorted(declared - running)]
    found += [f"Node group {name} is live but not declared." for name in sorted(running - declared)]
    found += [
        f"Node group {group.name}: {broken}."
        for group in cluster.groups
        if group.version and (broken := violation(group.version, live))
    ]
    found += [
        f"Node group {group.name} is in the state {group.status}."
        for group in cluster.groups
        if group.busy or group.failed
    ]
    found += [f"Add-on {name} is older than the control plane." for name, _ in stale(cluster.addons, live)]
    found += [
        f"Add-on {addon.name} has not rolled out: {addon.trouble}." for addon in cluster.addons if not addon.settled
    ]
    return found + autoscaler_behind(cluster)


def autoscaler_behind(cluster: Cluster) -> list[str]:
    """The autoscaler simulates the scheduler of its own minor: it has to be the cluster's.

    Source: https://github.com/kubernetes/autoscaler/tree/master/cluster-autoscaler#releases
    """
    live, found = cluster.control_plane.version, cluster.autoscaler
    if found is None or found.minor in (None, live):
        return []
    command = (
        f"kubectl --namespace={found.namespace} set image deployment/{found.workload} "
        f"{found.container}=registry.k8s.io/autoscaling/cluster-autoscaler:v{live}.0"
    )
    return [f"cluster-autoscaler is at {found.minor}, the control plane at {live}: `{command}`."]
