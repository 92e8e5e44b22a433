"""A real run stops before a hop that the installed charts don't survive, and goes on after they were deployed anew."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.real_path.conftest import SMALL
from tests.real_path.rig import Rig, Run

COMMAND = ("upgrade-k8s", "--to=1.22", "--yes")
FROM_1_20 = SMALL.replace("1.18", "1.20")
OLD = (("jupyterhub", "1.1.1"), ("dask-gateway", "0.9.0"))
BUMPED = (("jupyterhub", "1.2.0"), ("dask-gateway", "2022.6.1"))


def stops(run: Run) -> None:
    assert run.exit == 1
    (sentence,) = run.err.splitlines()
    assert sentence.startswith("dask-gateway 0.9.0 does not survive Kubernetes 1.22 (")
    assert sentence.endswith(
        ": run `invoke bump-daskhub`, commit what it edits, run `invoke deploy`, then the same command again."
    )


def test_a_run_stops_before_the_hop_and_the_same_command_goes_on(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(FROM_1_20, charts=OLD)
    stops(rig.run(*COMMAND))
    assert rig.world.eks.cluster["version"] == "1.21"
    assert 'version: "1.21"' in rig.file.read_text()
    before = rig.lines
    stops(rig.run(*COMMAND))
    assert [line for line in rig.lines[len(before) :] if line[0] == "eksctl"] == []
    assert rig.world.kubernetes.leases["cluster-maintenance"]["spec"]["holderIdentity"] == ""  # for the deploy
    rig.world.kubernetes.deploy(BUMPED)
    run = rig.run(*COMMAND)
    assert (run.exit, run.err) == (0, "")
    assert rig.world.eks.cluster["version"] == "1.22"
    upgrades = [line for line in rig.lines if line[:3] == ("eksctl", "upgrade", "cluster")]
    assert len(upgrades) == 2


def test_dry_and_json_say_before_where_it_will_stop(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(FROM_1_20, charts=OLD)
    run = rig.run("--dry", *COMMAND[:2])
    assert (run.exit, run.err) == (0, "")
    (shown,) = (line for line in run.out.splitlines() if line.startswith("! control-plane-1.22 will stop: "))
    assert "dask-gateway 0.9.0 does not survive Kubernetes 1.22" in shown
    plan = json.loads(rig.run(*COMMAND[:2], "--output=json").out)
    assert [step["id"] for step in plan["steps"] if step["stops_for"]] == ["control-plane-1.22"]
    assert rig.untouched
    looks = [call for call in rig.programs.calls if call[0] == "kubectl"]
    assert len(looks) == 2  # one for each: the charts are in the answer that was asked for anyway
