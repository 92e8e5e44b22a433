"""Who is on a group, and in which order groups are drained.

The label is zero-to-jupyterhub's own (https://z2jh.jupyter.org/en/stable/administrator/optimization.html).
"""

from __future__ import annotations

from tasks.plan.values import Cluster, Group, PodKind, Shape

PURPOSE = "hub.jupyter.org/node-purpose"


def purpose(shape: Shape) -> str:
    """`core`, `user`, or "" for a group that the hub says nothing about."""
    return dict(shape.labels).get(PURPOSE, "")


def drain_order(cluster: Cluster, group: Group) -> tuple[int, int]:
    """Core first: while the hub moves, everything else still stands. Groups with Dask workers last."""
    workers = any(pod.kind is PodKind.DASK_WORKER for pod in cluster.pods_on(group))
    rank = {"core": 0, "user": 1}.get(purpose(group.shape), 2)
    return int(workers), rank
