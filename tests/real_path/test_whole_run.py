"""Upgrades from their first look to their last, as processes: the commands are those of the rehearsal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.plan.version import Minor
from tests.real_path.conftest import SMALL
from tests.real_path.rig import Rig, normal
from tests.rehearsal import CONFIG, Rehearsal

MANAGED = SMALL.replace("nodeGroups", "managedNodeGroups")
USERS = f"""{SMALL.replace("1.18", "1.19")}\
  - name: user-a
    availabilityZones: [us-west-2d]
    minSize: 0
    maxSize: 20
    desiredCapacity: 0
    labels:
      hub.jupyter.org/node-purpose: user
"""
BEHIND = dict.fromkeys(("core-a", "user-a"), Minor.parse("1.18"))


def test_the_clusters_own_upgrade(make_rig: Callable[..., Rig], rehearsal: Rehearsal) -> None:
    rig = make_rig(CONFIG.read_text())
    run = rig.run("upgrade-k8s", "--to=1.22", "--yes")
    assert (run.exit, run.err) == (0, "")
    assert rehearsal.run("1.22") == "done"
    assert rig.lines == normal(rehearsal.lines)
    assert {call[1:3] for call in rig.programs.calls if call[0] == "kubectl"} == {
        (f"--kubeconfig={rig.kubeconfig}", "--context=operator@practice")
    }
    assert rig.file.read_bytes() == rehearsal.config
    assert Rehearsal(rig.file.parent, rig.world).end() == rehearsal.end()
    assert_private(rig.tree / ".runs")


def assert_private(folder: Path) -> None:
    """What a run leaves behind is for its user alone."""
    modes = {path: path.stat().st_mode & 0o777 for path in [folder, *folder.rglob("*")]}
    assert all(mode == (0o700 if path.is_dir() else 0o600) for path, mode in modes.items()), modes
    events = [json.loads(line)["event"] for line in (folder / "journal.jsonl").read_text().splitlines()]
    assert (events.count("begin"), events.count("done")) == (1, 1)


@pytest.mark.parametrize(
    ("config", "shape", "flags", "order"),
    [
        (MANAGED, {"managed_addons": ("vpc-cni", "coredns", "kube-proxy")}, [], {}),
        (
            USERS,
            {"users": 2, "versions": BEHIND},
            ["--wait-for-users=8h"],
            {"users": "wait", "wait_seconds": 8 * 3600.0},
        ),
    ],
    ids=["managed by EKS", "people are waited for"],
)
def test_other_clusters_and_orders(
    make_rig: Callable[..., Rig],
    tmp_path: Path,
    config: str,
    shape: dict[str, object],
    flags: list[str],
    order: dict[str, object],
) -> None:
    rig, rehearsal = make_rig(config, **shape), Rehearsal.begin(tmp_path / "practice", config, **shape)
    rig.programs.pace = 300  # the second one leaves after 90 minutes, while the run looks at the fenced group
    run = rig.run("upgrade-k8s", "--to=1.19", "--yes", *flags)
    assert (run.exit, run.err) == (0, "")
    assert rehearsal.run("1.19", **order) == "done"
    assert rig.lines == normal(rehearsal.lines)
    assert rig.amazon.maxima == ([("user-a", 1)] if "users" in shape else [])
    assert not rig.world.kubernetes.state["evicted_users"]


def test_a_path_is_one_argument_whatever_it_is_called(make_rig: Callable[..., Rig]) -> None:
    """And it is right in whatever folder of the tree the task is started."""
    name = """it's a "cluster" & more.yaml"""
    rig = make_rig(path=f"infra/{name}")
    run = rig.begin("upgrade-k8s", "--to=1.19", "--until=control-plane-1.19", "--yes", cwd=rig.tree / "infra")
    assert (run.exit, run.err) == (0, "")
    assert ("eksctl", "upgrade", "cluster", f"--config-file={name}", "--approve") in rig.programs.lines
    assert rig.world.eks.cluster["version"] == "1.19"
