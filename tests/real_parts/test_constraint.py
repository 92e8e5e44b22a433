"""Real helm admits the same Kubernetes versions."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tasks.parts import cache
from tasks.plan.constraint import admits
from tasks.plan.version import Minor

MINORS = (16, 20, 22, 33)
PATCHES = (0, 3, 17)  # one of them is on each side of every patch release named below
CONSTRAINTS = [
    "",
    "*",
    "1.x",
    "1.22.x",
    ">=1.20.0-0",
    ">= 1.20.0-0, < 1.33",
    ">=1.20 <=1.22",
    ">1.20 <1.33.0-0",
    ">1.22.3",
    "<1.22.3",
    "^1.20",
    "^0.20",
    "^*",
    "~1.22.3",
    "~1",
    "~>1.20",
    "1.20 - 1.22",
    "v1.22.3",
    "=1.22.3-0",
    "!=1.22",
    "!=1.22-0",
    "!=1",
    "<=1",
    "<=*",
    ">*",
    "=>1.20 =<1.22.0-0",
    ">=1.33 || ~1.16.0",
    " ",
    ">=1.20.0.0",
    "1.20 -1.22",
    "1|2",
    "xx",
    ">=1.20 ||",
]


@pytest.fixture
def helm(tmp_path: Path, parts: Callable[..., None]) -> Callable[[str, str], bool]:
    parts("helm")
    (tmp_path / "values.yaml").write_text("{}\n")

    def renders(constraint: str, version: str) -> bool:
        head = {"apiVersion": "v2", "name": "small", "version": "0.0.1", "kubeVersion": constraint}
        (tmp_path / "Chart.yaml").write_text(yaml.safe_dump(head))
        words = [str(cache.program("helm")), "template", "x", str(tmp_path), "--kube-version", version]
        ran = subprocess.run(words, capture_output=True, text=True)
        assert ran.returncode == 0 or "chart requires kubeVersion" in ran.stderr, ran.stderr
        return ran.returncode == 0

    return renders


@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_helm_agrees(constraint: str, helm: Callable[[str, str], bool]) -> None:
    for minor in MINORS:
        said = any(helm(constraint, f"{Minor(minor)}.{patch}") for patch in PATCHES)
        try:
            assert admits(constraint, Minor(minor)) == said, minor
        except ValueError:
            assert not said, minor
