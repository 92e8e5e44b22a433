"""Upgrades with charts that don't survive them: a run stops before the hop, and goes on after the deploy."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.plan.version import Minor
from tasks.practice.door import ACCIDENTS, Accident
from tests.rehearsal import Rehearsal
from tests.test_plan_charts import BUMPED, OLD, SIX

SENTENCE = re.compile(
    r"dask-gateway 0\.9\.0 does not survive Kubernetes 1\.22 \(.+\): run `invoke bump-daskhub`, commit what it edits, "
    r"run `invoke deploy`, then the same command again\."
)


def begin(folder: Path, **shape: Any) -> Rehearsal:
    return Rehearsal.begin(folder, **{"charts": OLD, **shape})


def test_a_run_does_all_before_the_hop_and_goes_on_after_the_deploy(tmp_path: Path) -> None:
    run = begin(tmp_path / "practice")
    for _ in range(2):
        assert SENTENCE.fullmatch(run.run("1.22"))
        assert run.end()["control plane"] == ("1.21", "ACTIVE")
        assert {version for version, *_ in run.end()["groups"].values()} == {"1.20"}
    done = len([line for line in run.lines if line[0] == "eksctl"])
    run.world.kubernetes.deploy(BUMPED)
    assert run.run("1.22") == "done"
    whole = begin(tmp_path / "whole", charts=BUMPED)
    assert whole.run("1.22") == "done"
    assert run.end() == whole.end()
    eksctl = [line for line in run.lines if line[0] == "eksctl"]
    assert 0 < done < len(eksctl)
    assert [line[1:3] for line in eksctl] == [line[1:3] for line in whole.lines if line[0] == "eksctl"]
    assert not any(run.wrongs().values())


@pytest.mark.parametrize("kind", ACCIDENTS)
def test_whatever_happens_on_the_way_it_stops_at_the_same_place(tmp_path: Path, kind: str) -> None:
    start = begin(tmp_path / "start", version=Minor(20))
    calm = start.copy(tmp_path / "calm")
    assert SENTENCE.fullmatch(calm.run("1.22"))
    for number, event in enumerate(range(1, calm.events + 1, max(1, calm.events // 6))):
        run = start.copy(tmp_path / f"{kind}-{number}")
        run.run("1.22", Accident(kind, event))
        assert SENTENCE.fullmatch(run.run("1.22")), event
        assert run.end() == calm.end()


def test_without_strict_it_goes_past(tmp_path: Path) -> None:
    run = begin(tmp_path / "practice")
    assert run.run("1.22", strict=False) == "done"
    assert run.end()["control plane"] == ("1.22", "ACTIVE")


# As a process


@pytest.fixture
def deployment(tree: Path) -> Path:
    """A copy of the deployment, with a chart that brings OLD."""
    (tree / "chart").mkdir()
    (tree / "chart" / "Chart.yaml").write_text("dependencies:\n  - {name: daskhub, version: 2021.7.2}\n")
    return tree


def invoke(tree: Path, line: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "invoke", *shlex.split(line)]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


def ids(document: dict[str, Any]) -> str:
    return " ".join(step["id"] for step in document["steps"] if not step["id"].startswith("addons-"))


def test_a_rehearsal_warns_in_plan_and_report_and_goes_on(deployment: Path) -> None:
    run = invoke(deployment, "rehearse upgrade-k8s --to 1.22")
    assert (run.returncode, run.stderr) == (0, "")
    (shown,) = (line for line in run.stdout.splitlines() if line.startswith("! control-plane-1.22: dask-gateway 0.9.0"))
    (report,) = (deployment / ".rehearsal" / "reports").iterdir()
    assert f"- {shown.removeprefix('! ')}" in report.read_text().splitlines()
    plan = json.loads(invoke(deployment, "rehearse upgrade-k8s --to 1.22 --output=json").stdout)
    assert ids(plan) == SIX
    assert {tuple(step["stops_for"]) for step in plan["steps"]} == {()}
    assert [warning.partition(" (")[0] for warning in plan["warnings"]] == [
        "control-plane-1.22: dask-gateway 0.9.0 does not survive Kubernetes 1.22"
    ]


def test_a_strict_rehearsal_stops_and_goes_on_as_soon_as_the_charts_are_others(deployment: Path) -> None:
    run = invoke(deployment, "rehearse upgrade-k8s --to 1.22 --strict")
    assert run.returncode == 1
    assert SENTENCE.fullmatch(run.stderr.rstrip("\n"))
    (shown,) = (line for line in run.stdout.splitlines() if line.startswith("! control-plane-1.22 will stop: "))
    assert "run `invoke bump-daskhub`" in shown
    (report,) = (deployment / ".rehearsal" / "reports").iterdir()
    assert run.stderr.strip() in report.read_text()
    (command,) = re.findall(r"`(invoke rehearse .+)`", report.read_text())
    assert command == "invoke rehearse --resume upgrade-k8s --to=1.22 --strict"
    assert invoke(deployment, command.removeprefix("invoke ")).returncode == 1  # nothing was deployed yet
    chart = deployment / "chart" / "Chart.yaml"
    chart.write_text(chart.read_text().replace("version: 2021.7.2", "version: 2022.8.2"))
    again = invoke(deployment, command.removeprefix("invoke "))
    assert (again.returncode, again.stderr) == (0, "")
    assert "l2l is at 1.22: control plane, nodes, add-ons and configuration." in again.stdout


def test_the_json_says_what_a_run_will_stop_for(deployment: Path) -> None:
    plan = json.loads(invoke(deployment, "--dry rehearse upgrade-k8s --to 1.22 --strict --output=json").stdout)
    (stop,) = {step["id"]: step["stops_for"] for step in plan["steps"]}["control-plane-1.22"]
    assert (stop["chart"], stop["version"], stop["last"]) == ("dask-gateway", "0.9.0", "1.21")
    assert stop["because"]
    assert stop["source"].startswith("https://")
    assert [step["id"] for step in plan["steps"] if step["stops_for"]] == ["control-plane-1.22"]
    assert ids(plan) == SIX
