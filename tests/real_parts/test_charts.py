"""Practice charts are packaged once, in the versions that are asked for, and what is downloaded is counted."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tasks.errors import Refused
from tasks.loopback.charts import Charts, Dependency, dependencies
from tests.real_parts.centre import WEB, wanted


@pytest.fixture
def offer(tmp_path: Path, parts: Callable[..., None]) -> Callable[..., Charts]:
    parts("helm")
    wanted(tmp_path / "sources")
    return lambda *asked: Charts(tmp_path / "kept", asked, os.environ, tmp_path / "sources")


def test_they_come_in_the_versions_of_chart_yaml(offer: Callable[..., Charts]) -> None:
    asked = dependencies(yaml.safe_load("dependencies: [{name: web, version: 2.0.0-b1, repository: 'https://x/'}]"))
    charts = offer(*asked)
    entry = yaml.safe_load(_read(charts, "index.yaml"))["entries"]["web"][0]
    archive = _read(charts, entry["urls"][0])
    assert (entry["version"], entry["digest"]) == ("2.0.0-b1", hashlib.sha256(archive).hexdigest())
    assert charts.downloads == {"index.yaml": 1, "web-2.0.0-b1.tgz": 1}
    assert charts.repositories == {"https://x/": charts.address}
    charts.close()


def _read(charts: Charts, name: str) -> bytes:
    with urllib.request.urlopen(f"{charts.address}/{name}") as answer:
        content: bytes = answer.read()
        return content


def test_they_are_packaged_anew_only_when_something_changed(offer: Callable[..., Charts], tmp_path: Path) -> None:
    def made() -> int:
        offer(WEB).close()
        return (tmp_path / "kept" / WEB.archive).stat().st_mtime_ns

    first = made()
    assert made() == first
    (tmp_path / "sources" / "web" / "values.yaml").write_text("secret: x\n")
    assert made() > first


def test_an_earlier_version_goes(offer: Callable[..., Charts], tmp_path: Path) -> None:
    for version in ("1.0.0", "2.0.0"):
        offer(replace(WEB, version=version)).close()
    assert [file.name for file in (tmp_path / "kept").glob("*.tgz")] == ["web-2.0.0.tgz"]


def test_a_chart_that_is_not_there_or_wrong_is_said(offer: Callable[..., Charts]) -> None:
    with pytest.raises(Refused, match="There is no practice chart daskhub"):
        offer(Dependency("daskhub", "1.0.0"))
    with pytest.raises(Refused, match=r"helm can't package web .*: mend the practice chart"):
        offer(replace(WEB, version="no version"))
