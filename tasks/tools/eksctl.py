"""eksctl: its command lines and its answers. Checked against recordings of eksctl 0.231."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.plan.version import Minor

if TYPE_CHECKING:
    from packaging.version import Version


def upgrade_cluster(config: str) -> list[str]:
    """Takes the version from the file, which has to say exactly one more than the cluster has."""
    return ["eksctl", "upgrade", "cluster", f"--config-file={config}", "--approve"]


def create_nodegroups(config: str, names: Sequence[str]) -> list[str]:
    """--install-nvidia-plugin=false: eksctl would put its own daemon set, without tolerations, over an edited one."""
    return [
        "eksctl",
        "create",
        "nodegroup",
        f"--config-file={config}",
        f"--include={','.join(names)}",
        "--install-nvidia-plugin=false",
    ]


def delete_nodegroup(cluster: str, region: str, name: str) -> list[str]:
    """By exact name, at once, and waits until its stack is gone. It is drained before, with kubectl."""
    return [
        "eksctl",
        "delete",
        "nodegroup",
        f"--cluster={cluster}",
        f"--region={region}",
        f"--name={name}",
        "--drain=false",
        "--wait",
    ]


def upgrade_nodegroup(cluster: str, region: str, name: str, to: Minor) -> list[str]:
    """Managed groups only; EKS drains and replaces the nodes and honours budgets."""
    return [
        "eksctl",
        "upgrade",
        "nodegroup",
        f"--cluster={cluster}",
        f"--region={region}",
        f"--name={name}",
        f"--kubernetes-version={to}",
        "--wait",
    ]


def update_addon(cluster: str, region: str, name: str, version: str) -> list[str]:
    return [
        "eksctl",
        "update",
        "addon",
        f"--cluster={cluster}",
        f"--region={region}",
        f"--name={name}",
        f"--version={version}",
        "--wait",
    ]


def update_default_addon(config: str, name: str) -> list[str]:
    """name: kube-proxy, coredns or aws-node, as long as EKS does not manage it."""
    return ["eksctl", "utils", f"update-{name}", f"--config-file={config}", "--approve"]


def write_kubeconfig(config: str) -> list[str]:
    return ["eksctl", "utils", "write-kubeconfig", f"--config-file={config}"]


def version() -> list[str]:
    return ["eksctl", "version"]


def parse_version(text: str) -> Version | None:
    """Of `eksctl version`, such as `0.231.0-dev`; None if that is no version."""
    from packaging.version import InvalidVersion, Version

    try:
        return Version(text.strip())
    except InvalidVersion:
        return None


def default_addon_updated(stdout: str) -> bool:
    """Whether an `update-…` says that it has done its work; its exit code is 0 also where it found nothing to update."""
    return "is now up-to-date" in stdout or "already up-to-date" in stdout
