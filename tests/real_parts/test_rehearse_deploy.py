"""`invoke rehearse deploy`: the deployment of this repository, in a data centre of its own that stays between rehearsals."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.loopback.datacentre import Wanted
from tests.rehearsal import ROOT

FILES = ("tasks.py", "invoke.yaml", ".sops.yaml", ".gitignore")
FOLDERS = ("tasks", "infra", "chart", "deployments")
DEPLOY = ("rehearse", "deploy")


@pytest.fixture
def clone(tmp_path: Path, parts: Callable[..., None]) -> Path:
    """This repository as somebody has it who has just cloned it."""
    parts(*Wanted("", {}, hub_token="any").parts)
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(folder / "chart" / "charts", ignore_errors=True)
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for words in (["init", "--quiet"], ["add", "."], [*who, "commit", "--quiet", "--message=all"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def invoke(clone: Path, *words: str, fails: bool = False, **more: str) -> str:
    """All that it says. As a person without any AWS account."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("AWS_")} | more
    line = [sys.executable, "-m", "invoke", *words]
    ran = subprocess.run(line, cwd=clone, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert (ran.returncode != 0) == fails, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def test_install_then_nothing_then_a_changed_value(clone: Path) -> None:
    said = invoke(clone, *DEPLOY)
    assert re.search(r"^diff: \d+ added", said, re.MULTILINE)
    assert "-prod is at revision 1." in said
    assert "3 charts downloaded" in said

    again = invoke(clone, *DEPLOY, "status")
    assert "diff: nothing to change" in again
    assert "-prod is at revision 1." in again
    assert "0 charts downloaded" in again
    assert re.search(r"against git +nothing to change", again)

    (values,) = clone.glob("deployments/*/config/common.yaml")
    text = values.read_text()
    values.write_text(text.replace("startTimeout: 900", "startTimeout: 901"))
    assert values.read_text() != text
    trial = invoke(clone, "--dry", *DEPLOY)
    changed = invoke(clone, *DEPLOY)
    for shown in (trial, changed):
        assert re.search(r"singleuser\.startTimeout: 900 → 901", shown)
        found = re.findall(r"^[~+-] (\w+ \S+)", shown, re.MULTILINE)
        assert found == ["Deployment hub", "Secret hub"]  # which have it, and nothing else
    assert "deploy: hubploy deploy --namespace default --cleanup-on-fail" in trial
    assert "-prod is at revision 2." in changed
    assert "0 charts downloaded" in changed

    back = invoke(clone, "rehearse", "rollback", "--yes")
    assert "is at revision 3, which is revision 1 again." in back


def test_without_parts_it_says_which(clone: Path, tmp_path: Path) -> None:
    said = invoke(clone, *DEPLOY, fails=True, INVOKE_PARTS_FOLDER=str(tmp_path / "empty"))
    assert "`invoke parts` gets what is missing" in said
    assert "helm" in said
    assert "Traceback" not in said


def test_lines_that_make_no_sense(clone: Path) -> None:
    for words in (
        ("rehearse", "deploy", "upgrade-k8s"),
        ("deploy", "rehearse"),
        ("rehearse", "--users", "3", "deploy"),
    ):
        said = invoke(clone, *words, fails=True)
        assert "Traceback" not in said
        assert len(said.strip().splitlines()) == 1, said
