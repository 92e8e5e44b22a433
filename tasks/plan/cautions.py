"""What to know before an upgrade's first step, beside what its steps say themselves."""

from __future__ import annotations

from tasks.plan.skew import violation
from tasks.plan.survival import Ceiling, hindering
from tasks.plan.values import Cluster
from tasks.plan.version import Minor


def already_so(cluster: Cluster) -> list[str]:
    """What the live cluster breaks without any upgrade."""
    version = cluster.control_plane.version
    lagging = [
        f"Already so: {text} ({group.name})."
        for group in cluster.groups
        if group.version and (text := violation(group.version, version))
    ]
    return lagging + [
        f"Already so: {each.past(each.last + 1)}; `invoke bump-daskhub` and `invoke deploy` mend it ({each.source})"
        for each in hindering(cluster.charts, version)
    ]


def unfenced(cluster: Cluster, users: str) -> list[str]:
    """Groups on which people are waited for while others may come."""
    names = [group.name for group in cluster.groups if group.managed and users == "wait" and cluster.users_on(group)]
    return [f"New servers can still start on {name}, which EKS manages: waiting may take long." for name in names]


def real_run_stops(step: str, ceiling: Ceiling, to: Minor) -> str:
    """What a rehearsal goes past."""
    return f"{step}: {ceiling.past(to)}: a real run stops there, and so does --strict ({ceiling.source})"
