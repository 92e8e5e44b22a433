"""The programs that a task needs: there, and new enough."""

from __future__ import annotations

import json

from tasks.errors import Refused
from tasks.observe import READ_LIMIT
from tasks.seams import Seams
from tasks.tools import eksctl
from tasks.tools.kubectl import Kubectl

OLDEST_EKSCTL = (0, 200)  # plans and refusals as they were recorded; older ones lack the guards against lost updates


def refuse_missing(seams: Seams, kubectl: Kubectl | None = None) -> None:
    """eksctl, and kubectl too where its file and context are known."""
    ran = seams.run(eksctl.version(), limit=READ_LIMIT)
    version = eksctl.parse_version(ran.stdout)
    if ran.exit != 0 or version is None:
        raise Refused("eksctl is not installed: https://eksctl.io/installation/ tells how.")
    if version < OLDEST_EKSCTL:
        wanted = ".".join(map(str, OLDEST_EKSCTL))
        raise Refused(f"eksctl {ran.stdout.strip()} is too old: install {wanted} or later.")
    if kubectl:
        _refuse_old_kubectl(seams, kubectl)


def _refuse_old_kubectl(seams: Seams, kubectl: Kubectl) -> None:
    """kubectl supports API servers one minor away from it; `--output=json` and selectors are older than that."""
    ran = seams.run(kubectl.server_version(), limit=READ_LIMIT)
    if ran.exit == 127:
        raise Refused("kubectl is not installed: install a version within one minor of the cluster's.")
    try:
        json.loads(ran.stdout)["clientVersion"]["gitVersion"]
    except (ValueError, KeyError):
        raise Refused(f"kubectl does not tell its version ({ran.last_words}): install a current one.") from None
