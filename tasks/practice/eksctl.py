"""The practice cluster's eksctl: it takes, does, prints and exits as the real one was recorded to (version 0.231)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.plan import durations
from tasks.plan.version import Minor
from tasks.practice.commands import Failed, Job, Options
from tasks.seams import AwsError
from tasks.tools.kubectl import ADDON_WORKLOADS

if TYPE_CHECKING:
    from tasks.practice.world import World

STARTS = 1.0  # seconds until eksctl has begun anything
LAST_AMAZON_LINUX_2 = Minor(32)
POLL = 30.0  # eksctl looks that seldom whether an update is over
COMMON = ("region", "timeout", "verbose", "color")
# The options that the practice side understands; any other one is a slip of the tasks.
OPTIONS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("version",): (),
    ("upgrade", "cluster"): ("config-file", "name", "approve"),
    ("create", "nodegroup"): ("config-file", "include", "install-nvidia-plugin"),
    ("delete", "nodegroup"): ("cluster", "name", "drain", "wait", "approve"),
    ("upgrade", "nodegroup"): ("cluster", "name", "kubernetes-version", "wait"),
    ("update", "addon"): ("cluster", "name", "version", "wait"),
    ("utils", "update-kube-proxy"): ("config-file", "approve"),
    ("utils", "update-coredns"): ("config-file", "approve"),
    ("utils", "update-aws-node"): ("config-file", "approve"),
    ("utils", "write-kubeconfig"): ("config-file", "kubeconfig"),
}


@dataclass(frozen=True)
class PracticeEksctl:
    """read: gives the configuration file as a mapping, by the path on the command line."""

    world: World
    read: Callable[[str], dict[str, Any]]

    def start(self, options: Options) -> Job:
        """Begins what the command line asks for. Raises Failed with eksctl's own words."""
        actions: dict[tuple[str, ...], Callable[[Options], Job]] = {
            ("version",): lambda _: Job("0.231.0\n"),
            ("upgrade", "cluster"): self.upgrade_cluster,
            ("create", "nodegroup"): self.create_nodegroup,
            ("delete", "nodegroup"): self.delete_nodegroup,
            ("upgrade", "nodegroup"): self.upgrade_nodegroup,
            ("update", "addon"): self.update_addon,
            ("utils", "update-kube-proxy"): self.update_default_addon,
            ("utils", "update-coredns"): self.update_default_addon,
            ("utils", "update-aws-node"): self.update_default_addon,
            ("utils", "write-kubeconfig"): self.write_kubeconfig,
        }
        if options.words not in actions:
            raise Failed(f'Error: unknown resource type "{options.words[-1]}"')
        for name in (*options.values, *options.flags):
            if name not in (*OPTIONS[options.words], *COMMON):
                raise Failed(f"Error: unknown flag: --{name}")
        return actions[options.words](options)

    def upgrade_cluster(self, options: Options) -> Job:
        if options.get("name"):
            raise Failed("Error: cannot use --name when --config-file/-f is set")
        config, eks = self._config(options), self.world.eks
        _refuse_family(config, Minor.within(str(config["metadata"].get("version"))))
        if eks.cluster["status"] != "ACTIVE":
            raise Failed(
                f'Error: cannot update cluster "{eks.cluster["name"]}" in "{eks.cluster["region"]}" region due to status "{eks.cluster["status"]}"'
            )
        current = eks.version
        wanted = config["metadata"].get("version")
        to = self._wanted(wanted, current)
        if to == current:
            latest = "" if wanted == str(current) else f'[ℹ]  control plane is already on latest version "{current}"\n'
            return Job(f"{latest}[ℹ]  no cluster version update required\n", seconds=STARTS)
        verb = "upgrade" if to > current else "roll back"
        would = f'{verb} cluster "{eks.cluster["name"]}" control plane from current version "{current}" to "{to}"'
        if "approve" not in options.flags:
            return Job(
                f"[ℹ]  (plan) would {would}\n[!]  no changes were applied, run again with '--approve' to apply the changes\n",
                seconds=STARTS,
            )
        try:
            over = eks.raise_control_plane(to)
        except AwsError as refusal:
            raise _aws_refused("UpdateClusterVersion", 400, refusal) from None
        done = f'[✔]  cluster "{eks.cluster["name"]}" control plane has been {"upgraded" if to > current else "rolled back"} to version "{to}"\n'
        return Job(f"[ℹ]  will {would}\n{done}", seconds=over - self.world.now + POLL)

    def _wanted(self, version: str | None, current: Minor) -> Minor:
        """The version that eksctl reads out of a file, with what it refuses."""
        offered = self.world.eks.offered
        if current < min(offered):
            raise Failed(f'Error: control plane version "{current}" has been deprecated')
        if current > max(offered):
            raise Failed(f'Error: control plane version "{current}" is not supported')
        if not version or version == "auto":
            return min(current + 1, max(offered))
        try:
            to = Minor.parse(version)
        except ValueError:
            raise Failed(f'Error: control plane version "{version}" is not supported') from None
        if to < min(offered):
            raise Failed(f'Error: control plane version "{to}" has been deprecated')
        if to > max(offered):
            raise Failed(f'Error: control plane version "{to}" is not supported')
        if to - current > 1:
            raise Failed(
                f'Error: upgrading more than one version at a time is not supported. Found upgrade from "{current}" to "{to}". Please upgrade to "{current + 1}" first'
            )
        if current - to > 1:
            raise Failed(
                f'Error: downgrading more than one version at a time is not supported. Found downgrade from "{current}" to "{to}". Please downgrade to "{current + -1}" first'
            )
        return to

    def create_nodegroup(self, options: Options) -> Job:
        """Leaves out, without a word of error, whatever has a stack, in any state but DELETE_FAILED."""
        config, eks = self._config(options), self.world.eks
        declared = {group["name"]: group for group in config.get("nodeGroups") or []}
        included = options.get("include")
        wanted = included.split(",") if included else list(declared)
        for name in wanted:
            if name not in declared:
                raise Failed(
                    f'Error: couldn\'t create node group filter from command line options: no nodegroups match include glob filter specification: "{included}"'
                )
        version, lines = self._nodes_version(config["metadata"].get("version"))
        _refuse_family(config, version, "could not create cluster provider from options: ")
        failed = {name for name, stack in eks.stacks.items() if stack["status"] == "DELETE_FAILED"}
        if old := sorted({*eks.stacks, *eks.managed} - failed):
            lines.append(f"[ℹ]  {len(old)} existing nodegroup(s) ({','.join(old)}) will be excluded")
        new = [name for name in wanted if name not in eks.stacks]
        ends = [eks.create_stack(name, group_state(declared[name], config), version) for name in new]
        seconds = max(ends, default=self.world.now) - self.world.now + STARTS
        cluster = eks.cluster["name"]
        if failed.intersection(wanted):
            error = f'Error: failed to create nodegroups for cluster "{cluster}"\n'
            return Job("\n".join(lines), error, exit=1, seconds=seconds)
        lines.append(f'[✔]  created {len(new)} nodegroup(s) in cluster "{cluster}"')
        return Job("\n".join(lines) + "\n", seconds=seconds)

    def _nodes_version(self, version: str | None) -> tuple[Minor, list[str]]:
        """The version of new nodes by a file's, and what eksctl says about it."""
        control_plane, offered = self.world.eks.version, self.world.eks.offered
        if version in (None, "auto"):
            return control_plane, [
                f"[ℹ]  will use version {control_plane} for new nodegroup(s) based on control plane version"
            ]
        if version not in map(str, offered):
            raise Failed(
                f"Error: could not create cluster provider from options: invalid version, supported values: {', '.join(map(str, offered))}"
            )
        if version == str(control_plane):
            return control_plane, []
        return Minor.parse(str(version)), [
            f'[!]  will use version {version} for new nodegroup(s), while control plane version is {control_plane}; to automatically inherit the version use "--version=auto"'
        ]

    def delete_nodegroup(self, options: Options) -> Job:
        eks, name = self.world.eks, str(options.get("name"))
        if "approve" in options.flags:
            raise Failed("Error: cannot use --approve unless a config file is specified via --config-file/-f")
        self._cluster_named(options.get("cluster"))
        if name not in eks.stacks:
            raise _not_found("DescribeNodegroup", f"No node group found for name: {name}.")
        over = eks.delete_stack(name)
        waits = over - self.world.now if "wait" in options.flags else STARTS
        return Job(
            f'[ℹ]  will delete stack "eksctl-{eks.cluster["name"]}-nodegroup-{name}"\n[✔]  deleted 1 nodegroup(s) from cluster "{eks.cluster["name"]}"\n',
            seconds=waits,
        )

    def upgrade_nodegroup(self, options: Options) -> Job:
        eks, name = self.world.eks, str(options.get("name"))
        self._cluster_named(options.get("cluster"))
        if name not in eks.managed:
            raise _not_found("DescribeNodegroup", f"No node group found for name: {name}.")
        to = Minor.parse(str(options.get("kubernetes-version")))
        if to > eks.version:
            newer = f"Nodegroup Kubernetes version {to} is newer than the cluster's {eks.version}"
            raise _aws_refused("UpdateNodegroupVersion", 400, AwsError("InvalidParameterException", newer))
        over = eks.raise_managed_group(name, to)
        return Job(
            f"[ℹ]  upgrade of nodegroup {name} in progress\n[✔]  nodegroup successfully upgraded\n",
            seconds=over - self.world.now,
        )

    def update_addon(self, options: Options) -> Job:
        eks, name, version = self.world.eks, str(options.get("name")), str(options.get("version"))
        self._cluster_named(options.get("cluster"))
        if name not in eks.addons:
            missing = f"No addon: {name} found in cluster: {eks.cluster['name']}"
            raise _not_found("DescribeAddon", missing, f'failed to get addon "{name}": ')
        if version not in eks.addon_versions(name, eks.version):
            raise Failed(f'Error: failed to fetch addon version: no version(s) found matching "{version}" for "{name}"')
        over = eks.update_managed_addon(name, version)
        return Job(
            f'[ℹ]  new version provided {version}\n[ℹ]  updating addon\n[ℹ]  addon "{name}" active\n',
            seconds=over - self.world.now,
        )

    def update_default_addon(self, options: Options) -> Job:
        eks, kubernetes = self.world.eks, self.world.kubernetes
        self._config(options)
        workload = options.words[-1].removeprefix("update-")
        addon = ADDON_WORKLOADS[workload]
        if addon in eks.addons:
            raise Failed(
                f"Error: addon {addon} is installed as a managed EKS addon; to update it, use `eksctl update addon` instead"
            )
        if workload not in kubernetes.addons:
            missing = '"kube-dns" service' if workload == "coredns" else f'"{workload}"'
            return Job(f"[!]  {missing} was not found\n", seconds=STARTS)
        if "approve" not in options.flags:
            return Job(f'[✖]  (plan) "{workload}" is not up-to-date\n', seconds=STARTS)
        kubernetes.set_addon_image(workload, eks.addon_versions(addon, eks.version)[-1])
        return Job(f'[ℹ]  "{workload}" is now up-to-date\n', seconds=durations.ADDON * 60)

    def write_kubeconfig(self, options: Options) -> Job:
        self._config(options)
        return Job("[✔]  saved kubeconfig\n", seconds=STARTS)

    def _config(self, options: Options) -> dict[str, Any]:
        path = str(options.get("config-file"))
        try:
            config = self.read(path)
        except FileNotFoundError:
            raise Failed(f'Error: reading config file "{path}": open {path}: no such file or directory') from None
        self._cluster_named(config["metadata"]["name"])
        return config

    def _cluster_named(self, name: str | None) -> None:
        if name != self.world.eks.cluster["name"]:
            missing = f"No cluster found for name: {name}."
            raise _not_found("DescribeCluster", missing, "unable to describe cluster control plane: ")


def _aws_refused(operation: str, status: int, refusal: AwsError, prefix: str = "") -> Failed:
    """What eksctl says when EKS has said no."""
    return Failed(
        f"Error: {prefix}operation error EKS: {operation}, https response error StatusCode: {status}, "
        f"RequestID: 00000000-0000-0000-0000-000000000000, {refusal}"
    )


def _not_found(operation: str, words: str, prefix: str = "") -> Failed:
    return _aws_refused(operation, 404, AwsError("ResourceNotFoundException", words), prefix)


def _refuse_family(config: dict[str, Any], version: Minor | None, prefix: str = "") -> None:
    """eksctl looks at all groups of the file, whatever it is to do with it."""
    groups = [*(config.get("nodeGroups") or []), *(config.get("managedNodeGroups") or [])]
    if version and version > LAST_AMAZON_LINUX_2 and any(group.get("amiFamily") == "AmazonLinux2" for group in groups):
        raise Failed(f"Error: {prefix}AmazonLinux2 is not supported for Kubernetes version {version}")


def group_state(group: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """A declared node group as EKS's half keeps it."""
    taints = group.get("taints") or {}
    pairs = (
        taints.items()
        if isinstance(taints, dict)
        else [(t["key"], f"{t.get('value', '')}:{t['effect']}") for t in taints]
    )
    minimum = group.get("minSize") or 0
    return {
        "labels": group.get("labels") or {},
        "taints": [
            dict(zip(("key", "value", "effect"), (key, *value.split(":")), strict=True)) for key, value in pairs
        ],
        "zones": group.get("availabilityZones")
        or config.get("availabilityZones")
        or [f"{config['metadata']['region']}a"],
        "tags": group.get("tags") or {},
        "minimum": minimum,
        "maximum": group.get("maxSize") or 1,
        "desired": group.get("desiredCapacity") or minimum,
        "spot": "instancesDistribution" in group,
    }
