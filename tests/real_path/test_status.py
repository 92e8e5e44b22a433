"""`invoke status`: what the processes see is what the world is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from tasks import clusterconfig
from tasks.plan.version import Minor
from tasks.show import status_document
from tests.real_path.amazon import ACCOUNT
from tests.real_path.conftest import SMALL
from tests.real_path.rig import Rig
from tests.rehearsal import CONFIG, FILE, Rehearsal

MANAGED = """\
managedNodeGroups:
  - name: jobs
    minSize: 0
    maxSize: 3
    desiredCapacity: 2
    labels: {purpose: jobs}
"""


def status(rig: Rig) -> dict[str, object]:
    run = rig.run("status", "--output=json")
    assert (run.exit, run.err) == (0, "")
    document: dict[str, object] = json.loads(run.out)
    return document


def test_the_json_agrees_with_the_world(make_rig: Callable[..., Rig]) -> None:
    versions = {"worker-xlarge": Minor.parse("1.17")}
    config = CONFIG.read_text() + MANAGED
    rig = make_rig(config, versions=versions, managed_addons=("coredns",))
    seen = Rehearsal(rig.file.parent, rig.world).observe()
    parsed = clusterconfig.parse(config.encode(), FILE)
    expected = status_document(parsed, seen, [])
    (rig.home / ".invoke.yaml").write_text("run: {pty: true, echo: true}")  # a person's own habits
    assert status(rig) == {**expected, "cluster": {"name": "l2l", "region": "us-west-2", "account": ACCOUNT}}
    assert rig.untouched


def test_the_tables(rig: Rig) -> None:
    run = rig.run("status")
    assert (run.exit, run.err) == (0, "")
    assert re.search(r"core-a +1\.18 +1/1 +0 +CREATE_COMPLETE", run.out)
    assert "The configuration describes the cluster as it is." in run.out


def versions_of(rig: Rig) -> dict[str, str | None]:
    groups = status(rig)["node_groups"]
    assert isinstance(groups, list)
    return {group["name"]: group["version"] for group in groups}


def test_a_group_at_zero_is_known_by_its_image(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(CONFIG.read_text())
    rig.amazon.images = {
        "user-a": "amazon-eks-node-al2023-x86_64-standard-1.17-v20240605",
        "worker-xlarge": "bottlerocket-aws-k8s-1.16-x86_64-v1.20.0-fcf71a47",
        "worker-2xlarge": "ubuntu-eks/k8s_1.15/images/hvm-ssd/ubuntu-focal-20.04-amd64-server-20240605",
        "worker-4xlarge": "somebodys-own-image",
    }
    found = versions_of(rig)
    assert found == {
        "core-a": "1.18",  # by its node
        "user-a": "1.17",
        "worker-xlarge": "1.16",
        "worker-2xlarge": "1.15",
        "worker-4xlarge": None,
    }


def test_an_unknown_version_can_be_told(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(SMALL.replace("desiredCapacity: 1", "desiredCapacity: 0"))
    rig.amazon.images = {"core-a": "somebodys-own-image"}
    run = rig.run("upgrade-k8s", "--to=1.19", "--output=json", "--group-version=core-a=1.18")
    assert run.exit == 0
    assert json.loads(run.out)["steps"]
