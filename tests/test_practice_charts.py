"""Which charts the practice hub has: those that a repository's own chart brings, as far as its files tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.folder import DiskFolder
from tasks.practice.charts import brought
from tests.rehearsal import ROOT


def repository(folder: Path, **files: str) -> DiskFolder:
    """files: the content of Chart.yaml, by the name of its folder."""
    for name, content in files.items():
        (folder / name).mkdir()
        (folder / name / "Chart.yaml").write_text(content)
    return DiskFolder(folder)


def test_it_has_what_this_repositorys_chart_brings() -> None:
    names = {name for name, _ in brought(DiskFolder(ROOT), "chart")}
    assert names >= {"jupyterhub", "dask-gateway", "prometheus", "grafana"}


@pytest.mark.parametrize(
    ("daskhub", "hub", "gateway"),
    [
        ("2021.3.0", "0.9.1", "0.8.0"),
        ("2021.7.3", "1.1.1", "0.9.0"),
        ("2022.4.1", "1.2.0", "0.9.0"),
        ("2022.8.2", "1.2.0", "2022.6.1"),
        ("2023.1.0", "2.0.0", "2023.1.1"),
        ("2024.1.1", "3.2.1", "2024.1.0"),
    ],
)
def test_what_a_daskhub_has_inside(tmp_path: Path, daskhub: str, hub: str, gateway: str) -> None:
    chart = f"dependencies: [{{name: daskhub, version: {daskhub}, repository: https://helm.dask.org}}]"
    assert brought(repository(tmp_path, chart=chart), "chart") == [
        ("daskhub", daskhub),
        ("jupyterhub", hub),
        ("dask-gateway", gateway),
    ]


def test_a_local_daskhub_is_what_its_own_file_says(tmp_path: Path) -> None:
    chart = "dependencies: [{name: daskhub, version: 2026.3.0+jupyterhub.4.4.0, repository: file://../daskhub}]"
    local = "dependencies: [{name: jupyterhub, version: 4.4.0}, {name: dask-gateway, version: 2026.3.0}]"
    folder = repository(tmp_path, chart=chart, daskhub=local)
    assert brought(folder, "chart") == [("jupyterhub", "4.4.0"), ("dask-gateway", "2026.3.0")]


@pytest.mark.parametrize(
    "content",
    [
        "dependencies: [{name: daskhub, version: 4.5.7}]",
        "dependencies: [{name: daskhub, version: 2022.6.1}]",  # there never was one
        "dependencies: [{name: jupyterhub, version: '>=1'}, {name: x}, words, {name: y, repository: file://../../y}]",
        "dependencies: words",
        "dependencies:",
        "words",
        "a: [",
        "",
        "\x00",
    ],
)
def test_what_cannot_be_told_is_left_out(tmp_path: Path, content: str) -> None:
    assert [name for name, _ in brought(repository(tmp_path, chart=content), "chart") if name != "daskhub"] == []
    assert brought(DiskFolder(tmp_path), "nowhere") == []
