"""Pods run nothing, and are still asked for a python3: it works on a folder here, which they call the hub's volume."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.loopback.datacentre import Datacentre
from tests.real_parts.centre import Programs

ADDS = "import os, sys; print(sys.argv[1], os.listdir(os.path.dirname(sys.argv[1]))); open(sys.argv[1], 'x')"


@pytest.fixture
def asked(programs: Programs) -> Iterator[tuple[str, ...]]:
    """A pod, as `kubectl exec` is told of it."""
    programs.kubectl("create", "deployment", "asked", "--image=asked")
    programs.kubectl("rollout", "status", "deployment/asked", "--timeout=60s")
    yield ("exec", "deployment/asked", "--")
    programs.kubectl("delete", "deployment/asked")


def test_python_sees_the_volume(datacentre: Datacentre, programs: Programs, asked: tuple[str, ...]) -> None:
    added = datacentre.state / "hub" / "added"
    try:
        said = programs.kubectl(*asked, "python3", "-c", ADDS, "/srv/jupyterhub/added")
        assert said.startswith("/srv/jupyterhub/added [")
        assert "'jupyterhub.sqlite'" in said
        assert added.exists()
    finally:
        added.unlink(missing_ok=True)


def test_what_fails_there_fails_here(programs: Programs, asked: tuple[str, ...]) -> None:
    more = {"KUBECONFIG": str(programs.datacentre.kubeconfig)}
    said = programs.run("kubectl", *asked, "python3", "-c", "import sys; sys.exit('no')", fails=True, more=more)
    assert said.startswith("no\n")


def test_nothing_else_is_found_there(programs: Programs, asked: tuple[str, ...], tmp_path: Path) -> None:
    """This machine's programs are not meant for pods."""
    more = {"KUBECONFIG": str(programs.datacentre.kubeconfig)}
    said = programs.run("kubectl", *asked, "touch", str(tmp_path / "touched"), fails=True, more=more)
    assert "executable file not found" in said
    assert not (tmp_path / "touched").exists()
