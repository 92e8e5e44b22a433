"""A copy of this deployment, whose charts are raised by `invoke bump-daskhub` as a process; its charts are practice ones."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tasks.loopback import family
from tests.real_path.rig import copy_tree
from tests.rehearsal import ROOT

COMMON = "deployments/l2l/config/common.yaml"
VALUES = ("chart/values.yaml", COMMON, "deployments/l2l/secrets/prod.example.yaml")
NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True)
class Ran:
    exit: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


@dataclass
class Site:
    """folder: a test's own. mirror: where all charts are."""

    folder: Path
    mirror: Path

    @classmethod
    def begin(cls, folder: Path) -> Site:
        site = cls(folder, folder / "mirror")
        copy_tree(site.tree)
        for name in ("deployments", "chart"):
            shutil.copytree(ROOT / name, site.tree / name, ignore=shutil.ignore_patterns("charts"))
        site.mirror.mkdir()
        (folder / "home").mkdir()
        family.write(site.mirror, family.everything())
        return site

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    def environment(self, more: Mapping[str, str] = NOTHING) -> dict[str, str]:
        """Nobody's AWS keys, nobody's helm."""
        kept = ("PATH", "LANG", "INVOKE_PARTS_FOLDER", "PYTHONPATH")
        mine = {name: os.environ[name] for name in kept if name in os.environ}
        parts = os.environ.get("INVOKE_PARTS_FOLDER") or str(Path("~/.cache/hub-parts").expanduser())
        return {**mine, "HOME": str(self.folder / "home"), "INVOKE_PARTS_FOLDER": parts, **more}

    def run(self, *words: str, more: Mapping[str, str] = NOTHING) -> Ran:
        """invoke WORDS."""
        done = subprocess.run(
            [sys.executable, "-m", "invoke", *words],
            cwd=self.tree,
            env=self.environment(more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def bump(self, *words: str, kubernetes: str = "1.21", more: Mapping[str, str] = NOTHING) -> Ran:
        return self.run("bump-daskhub", f"--kubernetes={kubernetes}", f"--mirror={self.mirror}", *words, more=more)

    def raised(self, *words: str, kubernetes: str = "1.21") -> Ran:
        """To a good end."""
        ran = self.bump(*words, kubernetes=kubernetes)
        assert ran.exit == 0, ran.said
        return ran

    def document(self, *words: str, kubernetes: str = "1.21") -> Any:
        """What --output=json has."""
        ran = self.raised("--output=json", *words, kubernetes=kubernetes)
        return json.loads(ran.out)

    def read(self, file: str) -> bytes:
        return (self.tree / file).read_bytes()

    def write(self, file: str, content: bytes) -> None:
        target = self.tree / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def loaded(self, file: str) -> Any:
        return yaml.safe_load(self.read(file))

    @property
    def version(self) -> str:
        """Of the hub's chart, as Chart.yaml has it."""
        return str(self.loaded("chart/Chart.yaml")["dependencies"][0]["version"])

    @property
    def files(self) -> dict[str, bytes]:
        """The deployment's, but for what a run leaves behind."""
        left = {"__pycache__", ".runs", ".cache", "reports", "tasks", "charts"}
        return {
            str(file.relative_to(self.tree)): file.read_bytes()
            for file in sorted(self.tree.rglob("*"))
            if file.is_file() and not left & set(file.relative_to(self.tree).parts)
        }
