"""Copies of the deployment in the private folder, before and after, with all their archives: what helm renders.

helm itself would take whatever lies in charts/, and fetch what it lacks from anywhere. Here it gets archives whose
digests were checked, from a loopback address, and what it has made of them is looked at again.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from tasks.charts import archive
from tasks.charts.chartfile import NAME
from tasks.charts.repository import Repositories
from tasks.charts.serving import serving
from tasks.errors import Refused
from tasks.folder import DiskFolder
from tasks.hub.access import placed
from tasks.hub.chart import LOCAL, Chart
from tasks.hub.deployment import FOLDER as DEPLOYMENTS
from tasks.hub.deployment import document
from tasks.plan.charts import Packaged
from tasks.seams import Folder, Place, Seams
from tasks.tools import helm

LIMIT = 120.0  # seconds: everything is on this machine


@dataclass(frozen=True)
class Tree:
    """One copy. outside: seams without a place. where: this run's own environment. chart, local: the folders of the
    deployment's chart, and of the one that takes daskhub's place."""

    root: Path
    outside: Seams
    where: Place
    chart: str
    local: str

    @property
    def seams(self) -> Seams:
        folder = DiskFolder(self.root, seen_from=self.root)
        return placed(replace(self.outside, folder=folder), replace(self.where, folder=str(self.root)))

    def filled(self, source: Path) -> Tree:
        """With the deployment's files, and without fetched archives."""
        for name in (DEPLOYMENTS, self.chart, self.local):
            if (source / name).is_dir():
                shutil.copytree(source / name, self.root / name, ignore=_archives_of(source / name))
        return self

    def write(self, files: Mapping[str, bytes]) -> None:
        for name, content in files.items():
            self.seams.folder.write(name, content)

    def without(self, dropped: Sequence[str]) -> None:
        """Without the dependencies whose archives can't be had: nothing of theirs changes."""
        found = self._read(f"{self.chart}/Chart.yaml")
        entries = [entry for entry in found.get("dependencies") or [] if entry["name"] not in dropped]
        lock = [
            entry for entry in self._read(f"{self.chart}/Chart.lock")["dependencies"] if entry["name"] not in dropped
        ]
        self._dump(f"{self.chart}/Chart.yaml", {**found, "dependencies": entries})
        self._dump(f"{self.chart}/Chart.lock", {"dependencies": lock, "digest": helm.lock_digest(entries, lock)})

    def update(self, folder: str, archives: Mapping[str, bytes]) -> dict[str, Any]:
        """`helm dependency update` with these archives and no others: name-version → content. What Chart.lock says then.

        Refused if helm refuses."""
        with ExitStack() as stack:
            address = stack.enter_context(serving(archives)) if archives else ""
            found = self._read(f"{folder}/Chart.yaml")
            for entry in found["dependencies"]:
                if not str(entry.get("repository") or "").startswith(LOCAL):
                    entry["repository"] = address
            self._dump(f"{folder}/Chart.yaml", found)
            ran = self.seams.run(helm.dependency_update(folder), limit=LIMIT)
        if ran.exit != 0:
            raise Refused(f"`helm dependency update` fails: {ran.last_words.removeprefix('Error: ')}.")
        return self._read(f"{folder}/Chart.lock")

    def hand_over(self, folder: Folder) -> None:
        """Its archives to the deployment's own charts/, so that a deploy need not fetch them again. Those that were there
        for other versions go, as with `helm dependency update`."""
        for chart in (self.chart, self.local):
            mine = [name for name in self.seams.folder.names(f"{chart}/charts") if name.endswith(".tgz")]
            for name in folder.names(f"{chart}/charts"):
                if mine and name.startswith(f"{NAME}-") and name not in mine:
                    folder.remove(f"{chart}/charts/{name}")
            for name in mine:
                folder.write(f"{chart}/charts/{name}", self.seams.folder.read(f"{chart}/charts/{name}") or b"")

    def built(self, version: str) -> Packaged:
        """The hub's chart as it lies in charts/ after that."""
        name = f"{NAME}-{version}.tgz"
        return archive.read(self.seams.folder.read(f"{self.chart}/charts/{name}") or b"", name)

    def _read(self, file: str) -> dict[str, Any]:
        found: dict[str, Any] = document(self.seams.folder, file)
        return found

    def _dump(self, file: str, content: Mapping[str, Any]) -> None:
        self.seams.folder.write(file, yaml.safe_dump(dict(content)).encode())


def _archives_of(folder: Path) -> Any:
    return lambda place, names: ["charts"] if Path(place) == folder and "charts" in names else []


def others(chart: Chart, repositories: Repositories) -> tuple[dict[str, bytes], list[str]]:
    """The archives of the other dependencies, by name-version, as Chart.lock has them; and the names of those that can't
    be had. They don't change, but what is rendered is everything."""
    found, lacking = {}, []
    for entry in chart.locked():
        name, version, repository = entry["name"], str(entry["version"]), str(entry.get("repository") or "")
        if name == NAME:
            continue
        try:
            found[f"{name}-{version}"] = chart.archive(entry) or repositories.archive(name, version, repository)
        except Refused:
            lacking.append(str(name))
    return found, lacking
