"""The programs that a task needs: there, and new enough."""

from __future__ import annotations

from tasks.errors import Refused
from tasks.observe import READ_LIMIT
from tasks.seams import Seams
from tasks.tools import eksctl

OLDEST_EKSCTL = (0, 200, 0)  # what it answers was recorded; older ones know no Kubernetes version that EKS still offers


def refuse_missing(seams: Seams) -> None:
    """eksctl. Whether kubectl is there is told by the first thing that it is asked."""
    ran = seams.run(eksctl.version(), limit=READ_LIMIT)
    version = eksctl.parse_version(ran.stdout)
    if ran.exit != 0 or version is None:
        raise Refused("eksctl is not installed: https://eksctl.io/installation/ tells how.")
    if version.release < OLDEST_EKSCTL:
        wanted = ".".join(map(str, OLDEST_EKSCTL))
        raise Refused(f"eksctl {ran.stdout.strip()} is too old: install {wanted} or later.")
