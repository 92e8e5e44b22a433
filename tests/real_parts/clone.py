"""A clone of this repository, in which a person without any AWS account rehearses."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.rehearsal import ROOT

FILES = ("tasks.py", "invoke.yaml", ".sops.yaml", ".gitignore")
FOLDERS = ("tasks", "infra", "chart", "daskhub", "deployments")  # daskhub: the local chart, once there is one


def fresh(folder: Path) -> Path:
    """This repository as somebody has it who has just cloned it."""
    folder.mkdir()
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    for name in FOLDERS:
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for chart in ("chart", "daskhub"):
        shutil.rmtree(folder / chart / "charts", ignore_errors=True)
    git(folder, "init", "--quiet")
    commit(folder)
    return folder


def commit(folder: Path) -> None:
    git(folder, "add", ".")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "--message=all")


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout


def invoke(clone: Path, *words: str, fails: bool = False, **more: str) -> str:
    """All that it says."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("AWS_")} | more
    line = [sys.executable, "-m", "invoke", *words]
    ran = subprocess.run(line, cwd=clone, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert (ran.returncode != 0) == fails, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr
