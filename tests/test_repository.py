"""The repository agrees with itself: what stands in two places because a format demands it says the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.rehearsal import CONFIG, ROOT

README = (ROOT / "README.md").read_text()


def test_ci_runs_the_readmes_test_command() -> None:
    command = next(line for line in README.splitlines() if line.endswith("invoke test"))
    assert command in (ROOT / ".ci" / "run").read_text().splitlines()
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yaml").read_text())
    assert [step.get("run") for step in workflow["jobs"]["test"]["steps"]][-1] == ".ci/run"


def test_every_action_is_pinned_by_its_commit() -> None:
    for file in (ROOT / ".github" / "workflows").iterdir():
        for used in re.findall(r"uses: (\S+)", file.read_text()):
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", used), used


def test_name_and_region_are_nowhere_said_otherwise() -> None:
    metadata = yaml.safe_load(CONFIG.read_text())["metadata"]
    settings = yaml.safe_load((ROOT / "invoke.yaml").read_text())
    assert settings["cluster"] == {"config": str(CONFIG.relative_to(ROOT))}
    for zone in re.findall(r"\b[a-z]{2}-[a-z]+-\d[a-z]\b", CONFIG.read_text()):
        assert zone.startswith(metadata["region"])


def test_labels_and_taints_are_repeated_as_tags_for_the_autoscaler() -> None:
    template = "k8s.io/cluster-autoscaler/node-template/"
    for group in yaml.safe_load(CONFIG.read_text())["nodeGroups"]:
        tags = {f"{template}label/{key}": value for key, value in group["labels"].items()}
        tags |= {f"{template}taint/{key}": value for key, value in group.get("taints", {}).items()}
        assert group["tags"] == tags, group["name"]


def test_the_code_names_no_deployment() -> None:
    names = re.compile(r"l2l|learning-2-learn|423786577274|us-west-2\b(?!a)", re.IGNORECASE)
    for file in (ROOT / "tasks").rglob("*.py"):
        assert not names.search(file.read_text()), file


@pytest.mark.parametrize("folder", [".", "tasks/plan"])
def test_invoke_finds_the_tasks_from_any_folder(folder: str) -> None:
    listing = subprocess.run(
        [sys.executable, "-m", "invoke", "--list"], cwd=ROOT / folder, capture_output=True, text=True, check=True
    ).stdout
    cluster = ("upgrade-k8s", "rehearse", "status", "write-kubeconfig", "test", "parts")
    for name in (*cluster, "deploy", "diff", "build-image", "rollback", "secrets.init"):
        assert name in listing
        assert name in README


def test_decisions_touch_nothing_outside_themselves() -> None:
    forbidden = re.compile(r"^\s*(?:import|from) (?:os|subprocess|time|invoke|socket|boto3)\b|\bopen\(", re.MULTILINE)
    allowed = {"hazards.py"}  # reads the constants that lie beside it
    for file in (ROOT / "tasks" / "plan").glob("*.py"):
        assert file.name in allowed or not forbidden.search(file.read_text()), file


def test_what_runs_leave_behind_is_ignored_by_git() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {".runs/", "reports/", ".rehearsal/"} <= set(ignored)


def test_requirements_are_exact_pins() -> None:
    for file in (ROOT / "requirements.txt", ROOT / "tests" / "requirements.txt"):
        pins = [line for line in file.read_text().splitlines() if line and not line.lstrip().startswith(("#", "--"))]
        assert pins
        assert all(re.match(r"[\w.\[\],-]+==[\w.]+", pin) for pin in pins), file


def test_a_second_hub_is_a_second_set_of_files(tree: Path) -> None:
    (tree / "hubs").mkdir()
    (tree / "hubs" / "other.yaml").write_text("cluster:\n  config: infra/other.yaml\n")
    (tree / "infra" / "other.yaml").write_text(CONFIG.read_text().replace("name: l2l", "name: other"))
    line = ["-f", "hubs/other.yaml", "rehearse", "status", "--output=json"]
    said = subprocess.run([sys.executable, "-m", "invoke", *line], cwd=tree, capture_output=True, check=True)
    assert json.loads(said.stdout)["cluster"]["name"] == "other"
