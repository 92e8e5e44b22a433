"""What an upgrade can't begin with: each is refused with its reason and the next step."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.errors import Refused
from tasks.plan.succession import Succession, split_name, undeclared, unlike
from tasks.plan.values import Cluster
from tasks.plan.version import Minor, between


def refuse_impossible(cluster: Cluster, target: Minor, chains: Sequence[Succession]) -> None:
    """Raises Refused for the first thing that no plan gets around."""
    _refuse_failed_stacks(cluster)
    _refuse_unknown_versions(cluster)
    _refuse_direction(cluster, target)
    _refuse_not_offered(cluster, target)
    _refuse_unrecognisable(chains, target)
    for group in undeclared(cluster, chains):
        if group.version and group.version < target:
            raise Refused(
                f"Node group {group.name} (at {group.version}) is live but not in the configuration, so that nothing says how "
                "its successor should look: declare it there, or delete it."
            )


def _refuse_failed_stacks(cluster: Cluster) -> None:
    for group in cluster.groups:
        if group.failed:
            because = f" ({group.reason})" if group.reason else ""
            raise Refused(
                f"Node group {group.name} is in the state {group.status}{because}; eksctl would take it for an existing group "
                "and do nothing without an error: mend the cause, delete it with "
                f"`eksctl delete nodegroup --cluster={cluster.name} --region={cluster.region} --name={group.name} --wait`, "
                "and start again."
            )


def _refuse_unknown_versions(cluster: Cluster) -> None:
    unknown = [group.name for group in cluster.groups if group.version is None and not group.busy]
    if unknown:
        raise Refused(
            f"The Kubernetes version of {' and '.join(unknown)} is unknown (no nodes, and the image's name does not tell): "
            f"say it with --group-version {unknown[0]}={cluster.control_plane.version}."
        )


def _refuse_direction(cluster: Cluster, target: Minor) -> None:
    live = cluster.control_plane.version
    if target < live:
        raise Refused(
            f"The control plane is at {live} already, and this task only goes up: name {live} or a later version."
        )
    newer = [group for group in cluster.groups if group.version and group.version > target]
    if newer:
        raise Refused(
            f"Node group {newer[0].name} is at {newer[0].version}, which is newer than {target}: "
            f"name {newer[0].version} or a later version."
        )


def _refuse_not_offered(cluster: Cluster, target: Minor) -> None:
    missing = [minor for minor in between(cluster.control_plane.version, target) if minor not in cluster.offered]
    if missing:
        offered = f"{min(cluster.offered)} to {max(cluster.offered)}" if cluster.offered else "nothing"
        raise Refused(
            f"EKS does not offer {', '.join(map(str, missing))} (it offers {offered}): "
            + (
                f"name a version up to {max(cluster.offered)}."
                if cluster.offered and missing[0] > max(cluster.offered)
                else "EKS itself raises clusters that old, so wait for it and start again."
            )
        )


def _refuse_unrecognisable(chains: Sequence[Succession], target: Minor) -> None:
    """A group is known by its name until it is replaced, from then on by its stem and shape: they have to be its own."""
    for chain in chains:
        live, declared = chain.current, chain.declared
        if chain.pending or live is None or live.version is None or live.version >= target:
            continue
        if difference := unlike(declared, live):
            what, how = difference
            raise Refused(
                f"Node group {live.name} is live with other {what} than the configuration says ({how}), so that it would not "
                "be known as its successor's predecessor: declare it as it is and change it after the upgrade."
            )
        for other in (other.declared for other in chains if other is not chain):
            if split_name(other.name)[0] == split_name(declared.name)[0] and not unlike(other, live):
                raise Refused(
                    f"Node group {live.name} could be {declared.name} as well as {other.name} of the configuration by stem, labels, "
                    "taints and zones, so that its successor could not be told: replace one of the two by a group of another stem."
                )
