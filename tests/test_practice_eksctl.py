"""The practice eksctl against the real one (0.231), which was recorded against a simulated AWS: exit code and decisive line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.practice.behind import PracticeRun
from tasks.practice.cluster import practice_world
from tasks.practice.door import Door
from tasks.practice.world import World
from tasks.seams import Ran

GROUPS = ("core-a", "user-a", "worker-xlarge-a")
REQUEST = "RequestID: 00000000-0000-0000-0000-000000000000"
EKS_404 = f"https response error StatusCode: 404, {REQUEST}, ResourceNotFoundException"
NO_CLUSTER = f"Error: unable to describe cluster control plane: operation error EKS: DescribeCluster, {EKS_404}: No cluster found for name: nope."
NO_GROUP = f"Error: operation error EKS: DescribeNodegroup, {EKS_404}: No node group found for name: nope."
NOT_INSTALLED = f'Error: failed to get addon "efs": operation error EKS: DescribeAddon, {EKS_404}: No addon: efs found in cluster: l2l'
BEHIND = f"Error: operation error EKS: UpdateClusterVersion, https response error StatusCode: 400, {REQUEST}, InvalidRequestException: Nodegroups managed-a must be updated to match cluster version 1.30 before updating cluster version"
NOTHING_APPLIED = "[!]  no changes were applied, run again with '--approve' to apply the changes"
NOTHING_TO_DO = "[ℹ]  no cluster version update required"
GONE = 'Error: control plane version "1.30" has been deprecated'
TWO_UP = 'Error: upgrading more than one version at a time is not supported. Found upgrade from "1.30" to "1.32". Please upgrade to "1.31" first'
TWO_DOWN = 'Error: downgrading more than one version at a time is not supported. Found downgrade from "1.30" to "1.28". Please downgrade to "1.29" first'
UPDATING = 'Error: cannot update cluster "l2l" in "us-west-2" region due to status "UPDATING"'
CREATED = '[✔]  created {} nodegroup(s) in cluster "l2l"'
WARNING = '[!]  will use version 1.31 for new nodegroup(s), while control plane version is 1.30; to automatically inherit the version use "--version=auto"'
EXCLUDED = "[ℹ]  4 existing nodegroup(s) (core-a,core-b,user-a,worker-xlarge-a) will be excluded"
FAILED = 'Error: failed to create nodegroups for cluster "l2l"'
INVALID = f"Error: could not create cluster provider from options: invalid version, supported values: {', '.join(f'1.{minor}' for minor in range(18, 37))}"
BAD_VERSION = 'Error: failed to fetch addon version: no version(s) found matching "v9.9.9" for "kube-proxy"'


def declared(version: str | None, name: str = "l2l", more: tuple[str, ...] = (), **group: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "region": "us-west-2", **({"version": version} if version else {})},
        "nodeGroups": [{"name": each, "desiredCapacity": 1, **group} for each in (*GROUPS, *more)],
    }


@dataclass
class Rig:
    """A cluster with three node groups, and a file beside it that may say something else."""

    world: World
    file: Path

    def live(self, version: str, **shape: Any) -> None:
        self.world = practice_world(declared(version), **shape)

    def declare(self, version: str | None, **more: Any) -> None:
        self.file.write_text(yaml.safe_dump(declared(version, **more)))

    def eksctl(self, words: str) -> Ran:
        return PracticeRun(Door(self.world))(["eksctl", *words.replace("FILE", str(self.file)).split()])


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    rig = Rig(practice_world(declared("1.30")), tmp_path / "cluster.yaml")
    rig.declare("1.30")
    return rig


def agrees(ran: Ran, code: int, *lines: str) -> None:
    """An error is all that is on stderr; what went well says so in lines of stdout, and stderr is empty."""
    assert (ran.exit, ran.stderr) == (code, f"{lines[0]}\n" if code else "")
    assert code or set(lines) <= set(ran.stdout.splitlines())


def moves(verb: str, start: str, end: str) -> str:
    return f'[ℹ]  (plan) would {verb} cluster "l2l" control plane from current version "{start}" to "{end}"'


# What a plan answers: live version, the file's, the versions on offer, exit code, decisive line.
PLANS = {
    "one up": ("1.30", "1.31", None, 0, moves("upgrade", "1.30", "1.31")),
    "two up": ("1.30", "1.32", None, 1, TWO_UP),
    "one down": ("1.30", "1.29", None, 0, moves("roll back", "1.30", "1.29")),
    "two down": ("1.30", "1.28", None, 1, TWO_DOWN),
    "the same": ("1.30", "1.30", None, 0, NOTHING_TO_DO),
    "none": ("1.30", None, None, 0, moves("upgrade", "1.30", "1.31")),
    "none at the newest": ("1.36", None, None, 0, '[ℹ]  control plane is already on latest version "1.36"'),
    "auto": ("1.30", "auto", None, 0, moves("upgrade", "1.30", "1.31")),
    "latest": ("1.30", "latest", None, 1, 'Error: control plane version "latest" is not supported'),
    "banana": ("1.30", "banana", None, 1, 'Error: control plane version "banana" is not supported'),
    "too new": ("1.30", "1.40", None, 1, 'Error: control plane version "1.40" is not supported'),
    "live one gone": ("1.30", "1.31", ("1.31", "1.36"), 1, GONE),
    "both gone": ("1.30", "1.29", ("1.31", "1.36"), 1, GONE),
    "oldest on offer": ("1.31", "1.32", ("1.31", "1.36"), 0, moves("upgrade", "1.31", "1.32")),
    "newest on offer": ("1.35", "1.36", ("1.31", "1.36"), 0, moves("upgrade", "1.35", "1.36")),
    "wanted one gone": ("1.32", "1.30", ("1.31", "1.36"), 1, GONE),
}


@pytest.mark.parametrize(("live", "wanted", "offered", "code", "line"), PLANS.values(), ids=PLANS)
def test_a_plan_of_an_upgrade_answers_as_recorded_and_changes_nothing(
    rig: Rig, live: str, wanted: str | None, offered: tuple[str, str] | None, code: int, line: str
) -> None:
    rig.live(live, **({"offered": offered} if offered else {}))
    rig.declare(wanted)
    agrees(rig.eksctl("upgrade cluster --config-file=FILE"), code, line)
    assert (rig.world.eks.cluster["version"], rig.world.eks.state["updates"]) == (live, [])
    if "would" in line:
        agrees(rig.eksctl("upgrade cluster --config-file=FILE"), 0, NOTHING_APPLIED)


APPROVED = {
    "one up": ("1.30", "1.31", 0, '[✔]  cluster "l2l" control plane has been upgraded to version "1.31"', "1.31"),
    "one down": ("1.31", "1.30", 0, '[✔]  cluster "l2l" control plane has been rolled back to version "1.30"', "1.30"),
    "two up": ("1.30", "1.32", 1, TWO_UP, "1.30"),
    "the same": ("1.30", "1.30", 0, NOTHING_TO_DO, "1.30"),
}


@pytest.mark.parametrize(("live", "wanted", "code", "line", "after"), APPROVED.values(), ids=APPROVED)
def test_an_approved_upgrade_ends_when_the_control_plane_is_there(
    rig: Rig, live: str, wanted: str, code: int, line: str, after: str
) -> None:
    rig.live(live)
    rig.declare(wanted)
    began = rig.world.now
    agrees(rig.eksctl("upgrade cluster --config-file=FILE --approve"), code, line)
    assert rig.world.eks.cluster["version"] == after
    assert (rig.world.now - began > 20 * 60) == (live != after)


def test_an_update_goes_on_when_its_eksctl_is_gone_and_no_other_one_begins_meanwhile(rig: Rig) -> None:
    rig.declare("1.31")
    Door(rig.world).start(["eksctl", "upgrade", "cluster", f"--config-file={rig.file}", "--approve"])
    rig.world.pass_time(60)
    rig.world = World.load(rig.world.dump())
    agrees(rig.eksctl("upgrade cluster --config-file=FILE"), 1, UPDATING)
    agrees(rig.eksctl("upgrade cluster --config-file=FILE --approve"), 1, UPDATING)
    rig.world.pass_time(3600)
    assert (rig.world.eks.cluster["version"], rig.world.eks.cluster["status"]) == ("1.31", "ACTIVE")


def test_a_managed_group_that_lags_behind_forbids_the_next_version(rig: Rig) -> None:
    rig.world = practice_world({**declared("1.30"), "managedNodeGroups": [{"name": "managed-a"}]})
    rig.world.eks.managed["managed-a"]["version"] = "1.29"
    rig.declare("1.31")
    agrees(rig.eksctl("upgrade cluster --config-file=FILE --approve"), 1, BEHIND)
    assert rig.world.eks.cluster["version"] == "1.30"


def test_a_cluster_that_is_not_there_is_not_found(rig: Rig) -> None:
    rig.declare("1.31", name="nope")
    agrees(rig.eksctl("upgrade cluster --config-file=FILE --approve"), 1, NO_CLUSTER)


def test_amazon_linux_2_ends_before_1_33(rig: Rig) -> None:
    rig.declare("1.33", amiFamily="AmazonLinux2")
    too_old = "AmazonLinux2 is not supported for Kubernetes version 1.33"
    provider = "could not create cluster provider from options"
    agrees(rig.eksctl("upgrade cluster --config-file=FILE"), 1, f"Error: {too_old}")
    agrees(rig.eksctl("create nodegroup --config-file=FILE"), 1, f"Error: {provider}: {too_old}")


WRONG = {
    "upgrade cluster --name=l2l --config-file=FILE": "Error: cannot use --name when --config-file/-f is set",
    "upgrade everything": 'Error: unknown resource type "everything"',
    "upgrade cluster --config-file=FILE --nope": "Error: unknown flag: --nope",
    "upgrade cluster --config-file=missing.yaml": 'Error: reading config file "missing.yaml": open missing.yaml: no such file or directory',
    "create nodegroup --config-file=FILE --include=nope-*": 'Error: couldn\'t create node group filter from command line options: no nodegroups match include glob filter specification: "nope-*"',
    "delete nodegroup --cluster=l2l --name=core-a --approve": "Error: cannot use --approve unless a config file is specified via --config-file/-f",
    "delete nodegroup --cluster=l2l --name=nope": NO_GROUP,
    "delete nodegroup --cluster=nope --name=core-a": NO_CLUSTER,
}


@pytest.mark.parametrize(("words", "line"), WRONG.items())
def test_a_wrong_command_line_fails_as_recorded_and_changes_nothing(rig: Rig, words: str, line: str) -> None:
    before = {name: dict(stack) for name, stack in rig.world.eks.stacks.items()}
    agrees(rig.eksctl(words), 1, line)
    assert rig.world.eks.stacks == before


# What creating core-b answers: its stack's state before (None: no stack), the file's version, exit code, lines.
CREATIONS = {
    "new": (None, "1.30", 0, [CREATED.format(1)]),
    "complete": ("CREATE_COMPLETE", "1.30", 0, [CREATED.format(0), EXCLUDED]),
    "on its way": ("CREATE_IN_PROGRESS", "1.30", 0, [CREATED.format(0), EXCLUDED]),
    "rolled back": ("ROLLBACK_COMPLETE", "1.30", 0, [CREATED.format(0), EXCLUDED]),
    "on its way out": ("DELETE_IN_PROGRESS", "1.30", 0, [CREATED.format(0), EXCLUDED]),
    "not deletable": ("DELETE_FAILED", "1.30", 1, [FAILED]),
    "newer than the control plane": (None, "1.31", 0, [CREATED.format(1), WARNING]),
    "not offered": (None, "1.40", 1, [INVALID]),
}


@pytest.mark.parametrize(("state", "version", "code", "lines"), CREATIONS.values(), ids=CREATIONS)
def test_a_group_is_created_only_where_no_stack_is_in_the_way_and_its_version_is_not_checked(
    rig: Rig, state: str | None, version: str, code: int, lines: list[str]
) -> None:
    rig.declare(version, more=("core-b",))
    if state:
        rig.world.eks.stacks["core-b"] = {**rig.world.eks.stacks["core-a"], "status": state}
    agrees(rig.eksctl("create nodegroup --config-file=FILE --include=core-b"), code, *lines)
    nodes = [node["version"] for node in rig.world.kubernetes.nodes.values() if node["group"] == "core-b"]
    assert nodes == ([version] if CREATED.format(1) in lines else [])


@pytest.mark.parametrize(("wait", "left"), [("", ["DELETE_IN_PROGRESS"]), (" --wait", [])])
def test_a_deletion_without_a_file_is_never_a_plan_and_waits_only_if_told_to(
    rig: Rig, wait: str, left: list[str]
) -> None:
    deleted = '[✔]  deleted 1 nodegroup(s) from cluster "l2l"'
    agrees(rig.eksctl(f"delete nodegroup --cluster=l2l --name=user-a{wait}"), 0, deleted)
    assert [stack["status"] for name, stack in rig.world.eks.stacks.items() if name == "user-a"] == left


ADDONS = {
    "exact": ("kube-proxy", "v1.30.9-eksbuild.1", 0, '[ℹ]  addon "kube-proxy" active'),
    "bad version": ("kube-proxy", "v9.9.9", 1, BAD_VERSION),
    "not installed": ("efs", "v1.0.0-eksbuild.1", 1, NOT_INSTALLED),
}


@pytest.mark.parametrize(("name", "version", "code", "line"), ADDONS.values(), ids=ADDONS)
def test_an_addon_that_eks_manages_gets_exactly_the_version_named(
    rig: Rig, name: str, version: str, code: int, line: str
) -> None:
    rig.live("1.30", managed_addons=("kube-proxy",))
    agrees(rig.eksctl(f"update addon --cluster=l2l --name={name} --version={version} --wait"), code, line)
    assert rig.world.eks.addons["kube-proxy"]["version"] == ("v1.30.7-eksbuild.2" if code else version)


DEFAULTS = {"kube-proxy": '"kube-proxy"', "aws-node": '"aws-node"', "coredns": '"kube-dns" service'}


@pytest.mark.parametrize(("workload", "missing"), DEFAULTS.items())
def test_a_default_addon_is_refused_where_eks_manages_it_not_where_it_is_absent(
    rig: Rig, workload: str, missing: str
) -> None:
    addon = {"aws-node": "vpc-cni"}.get(workload, workload)
    rig.live("1.30", managed_addons=(addon,))
    update = f"utils update-{workload} --config-file=FILE --approve"
    agrees(
        rig.eksctl(update),
        1,
        f"Error: addon {addon} is installed as a managed EKS addon; to update it, use `eksctl update addon` instead",
    )
    del rig.world.eks.addons[addon]
    agrees(rig.eksctl(update), 0, f"[!]  {missing} was not found")
