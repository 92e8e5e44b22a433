"""What an upgrade can't begin with: each is refused with its reason and the next step."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.errors import Refused
from tasks.plan.values import Cluster, Group
from tasks.plan.version import Minor, between


def refuse_impossible(cluster: Cluster, target: Minor, undeclared: Sequence[Group]) -> None:
    """Raises Refused for the first thing that no plan gets around."""
    _refuse_failed_stacks(cluster)
    _refuse_unknown_versions(cluster)
    _refuse_direction(cluster, target)
    _refuse_not_offered(cluster, target)
    for group in undeclared:
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
