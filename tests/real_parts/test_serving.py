"""helm is given by a repository on loopback what was fetched and checked, and asks nobody else."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from tasks.charts.repository import Repositories
from tasks.charts.serving import serving
from tasks.errors import Refused
from tasks.parts.cache import program
from tests.repositories import archive, seams


def helm(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """With files of its own only, and no way to the network but loopback."""
    own = {f"HELM_{kind}_HOME": str(folder / "helm" / kind) for kind in ("CACHE", "CONFIG", "DATA")}
    dead = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    return subprocess.run(
        [program("helm"), *words], env={"PATH": os.environ["PATH"], **own, **dead}, capture_output=True, text=True
    )


def chart(folder: Path, dependencies: Mapping[str, str], repository: str) -> Path:
    entries = [{"name": name, "version": version, "repository": repository} for name, version in dependencies.items()]
    metadata = {"apiVersion": "v2", "name": "own", "version": "0.1.0", "dependencies": entries}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Chart.yaml").write_text(yaml.safe_dump(metadata))
    return folder


def test_helm_takes_its_dependencies_from_there(tmp_path: Path, parts: Callable[..., None]) -> None:
    parts("helm")
    wanted = {
        "daskhub": "2024.1.1+jupyterhub.4.4.0.dask-gateway.2026.3.0",
        "grafana": "6.14.1",
        "jupyterhub": "4.4.0-0.dev.git.1.h2",
    }
    archives = {f"{name}-{version}": archive(name, version) for name, version in wanted.items()}
    with serving({**archives, "daskhub-2021.7.2": archive("daskhub", "2021.7.2")}) as address:
        own = chart(tmp_path / "chart", wanted, address)
        ran = helm(tmp_path, "dependency", "update", str(own))
    assert ran.returncode == 0, ran.stderr
    fetched = {file.name: file.read_bytes() for file in (own / "charts").iterdir()}
    assert fetched == {f"{name}.tgz": content for name, content in archives.items()}
    lock = yaml.safe_load((own / "Chart.lock").read_text())["dependencies"]
    assert {entry["name"]: entry["version"] for entry in lock} == wanted


def test_what_it_was_not_given_is_not_there(tmp_path: Path, parts: Callable[..., None]) -> None:
    parts("helm")
    with serving({"daskhub-2021.7.2": archive("daskhub", "2021.7.2")}) as address:
        ran = helm(tmp_path, "dependency", "update", str(chart(tmp_path / "chart", {"daskhub": "2022.8.2"}, address)))
    assert ran.returncode != 0
    assert "daskhub" in ran.stderr


def test_archives_as_helm_packages_them_are_a_mirror(tmp_path: Path, parts: Callable[..., None]) -> None:
    """With a chart in it, with an index of helm's and without."""
    parts("helm")
    inner = {"jupyterhub-1.1.1": archive("jupyterhub", "1.1.1")}
    with serving(inner) as address:
        own = chart(tmp_path / "own", {"jupyterhub": "1.1.1"}, address)
        assert helm(tmp_path, "dependency", "update", str(own)).returncode == 0
    mirror = tmp_path / "mirror"
    for version in ("1.0.0", "2.0.0-beta.1", "2.0.0"):
        line = ("package", str(own), f"--version={version}", f"--destination={mirror}")
        assert helm(tmp_path, *line).returncode == 0

    def found() -> tuple[list[str], bytes]:
        repositories = Repositories(seams(tmp_path), mirror)
        entries = repositories.versions("own", "https://charts.example.org")
        assert [each.name for each in entries[0].dependencies] == ["jupyterhub"]
        content = repositories.archive("own", "2.0.0-beta.1", "https://charts.example.org")
        return [each.version for each in entries], content

    without = found()
    assert helm(tmp_path, "repo", "index", str(mirror), "--url=https://charts.example.org/deep").returncode == 0
    assert without == found() == (["2.0.0", "1.0.0"], (mirror / "own-2.0.0-beta.1.tgz").read_bytes())


def test_it_and_repositories_agree(tmp_path: Path) -> None:
    archives = {f"daskhub-{version}": archive("daskhub", version) for version in ("2021.7.2", "2026.3.0+a.1")}
    with serving(archives) as address:
        repositories = Repositories(seams(tmp_path))
        assert [each.version for each in repositories.versions("daskhub", address)] == ["2026.3.0+a.1", "2021.7.2"]
        assert repositories.archive("daskhub", "2026.3.0+a.1", address) == archives["daskhub-2026.3.0+a.1"]
        with pytest.raises(Refused, match="There is no chart x"):
            repositories.versions("x", address)
    with pytest.raises(Refused, match="doesn't answer"):
        Repositories(seams(tmp_path)).versions("daskhub", address)


def test_no_name_is_looked_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the name service hangs, that would take seconds at each start and each request."""

    def asked(*names: object) -> str:
        raise AssertionError(names)

    for name in ("getfqdn", "gethostbyaddr", "gethostname"):
        monkeypatch.setattr(socket, name, asked)
    with serving({"daskhub-2021.7.2": archive("daskhub", "2021.7.2")}) as address:
        assert Repositories(seams(tmp_path)).versions("daskhub", address)
    with pytest.raises(Refused, match=r"daskhub-2021\.7\.2\.tgz is no chart"), serving({"daskhub-2021.7.2": b""}):
        pass
