"""The chart's folder: its dependencies, their archives, and what lies inside those."""

from __future__ import annotations

import posixpath
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tasks.charts import archive
from tasks.errors import Refused
from tasks.hub.deployment import document
from tasks.plan.charts import Packaged
from tasks.seams import Folder, Seams
from tasks.tools import helm

FETCH_LIMIT = 300.0  # seconds for all archives
LOCAL = "file://"


@dataclass(frozen=True)
class Chart:
    """The chart that is deployed. folder: of this repository. named_in: what says so."""

    seams: Seams
    folder: str
    named_in: str = "deploy.chart in invoke.yaml"
    _known: dict[str, list[Packaged]] = field(default_factory=dict)

    @property
    def _files(self) -> Folder:
        return self.seams.folder

    def metadata(self) -> dict[str, Any]:
        if self._files.read(f"{self.folder}/Chart.yaml") is None:
            raise Refused(f"There is no chart in {self.folder}/: {self.named_in} has to name its folder.")
        found: dict[str, Any] = document(self._files, f"{self.folder}/Chart.yaml")
        return found

    def locked(self) -> list[dict[str, Any]]:
        """Chart.lock's entries. Refused if it is missing or of another Chart.yaml."""
        wanted = self.metadata().get("dependencies") or []
        if not wanted:
            return []
        file = f"{self.folder}/Chart.lock"
        if self._files.read(file) is None:
            raise Refused(f"{file} is missing: `helm dependency update {self.folder}` makes it; commit it.")
        lock = document(self._files, file)
        entries: list[dict[str, Any]] = lock.get("dependencies") or []
        if lock.get("digest") != helm.lock_digest(wanted, entries):
            raise Refused(
                f"{file} is out of step with Chart.yaml: run `helm dependency update {self.folder}` and commit it."
            )
        return entries

    def missing(self) -> list[str]:
        """Archives that Chart.lock names and that are not there, or are something else under that name."""
        return [_archive(entry) for entry in self.locked() if not self._is_there(entry)]

    def strangers(self) -> list[str]:
        """Archives that no dependency names: helm would render them too."""
        there = [name for name in self._files.names(f"{self.folder}/charts") if name.endswith(".tgz")]
        return sorted(set(there) - set(map(_archive, self.locked())))

    def fetch(self, private: Path) -> None:
        """The missing archives, from where Chart.yaml says, and no others. Refused if they don't come."""
        for name in self.strangers():
            self._files.remove(f"{self.folder}/charts/{name}")
        missing = self.missing()
        for entry in self.locked():
            if _archive(entry) in missing:
                self._pull(entry, private)
        if missing := self.missing():
            raise Refused(
                f"{', '.join(missing)} came, but is not what Chart.lock names: ask whoever runs that chart repository."
            )
        self._known.clear()

    def _pull(self, entry: Mapping[str, Any], private: Path) -> None:
        name, repository = _archive(entry), str(entry.get("repository") or "")
        if repository.startswith(LOCAL):
            self.local(repository).fetch(private)  # helm packages what is in its charts/, be that nothing
        line = helm.pull(entry["name"], str(entry["version"]), repository, self.folder, str(private))
        ran = self.seams.run(line, limit=FETCH_LIMIT)
        if ran.exit != 0 or not (private / name).exists():
            raise Refused(
                f"The chart {name} can't be fetched from {repository} ({ran.last_words.removeprefix('Error: ')}): "
                f"look at the network, and at {self.folder}/Chart.yaml."
            )
        self._files.write(f"{self.folder}/charts/{name}", (private / name).read_bytes())

    def borrow(self, other: Chart) -> None:
        """The other chart's archives, where both locks say the same of them: they need not be fetched twice."""
        for name in [_archive(entry) for entry in self.locked() if entry in other.locked()]:
            if (content := other._read(name)) is not None:
                self._files.write(f"{self.folder}/charts/{name}", content)
        for mine, theirs in zip(self._local_ones(), other._local_ones(), strict=False):
            mine.borrow(theirs)

    def archive(self, entry: Mapping[str, Any]) -> bytes | None:
        """Of an entry of Chart.lock; None if it is not there, or something else under that name."""
        return self._read(_archive(entry)) if self._is_there(entry) else None

    def _is_there(self, entry: Mapping[str, Any]) -> bool:
        name, repository = _archive(entry), str(entry.get("repository") or "")
        content = self._read(name) or b""
        try:
            found = archive.read(content, name)
            _ = [crd.documents for chart in found.all() for crd in chart.crds]
        except (Refused, yaml.YAMLError):
            return False
        same = name == f"{found.name}-{found.version}.tgz"
        return same and not (repository.startswith(LOCAL) and self.local(repository).differs_from(found))

    def local(self, repository: str) -> Chart:
        """The chart of a file:// dependency."""
        folder = posixpath.normpath(posixpath.join(self.folder, repository.removeprefix(LOCAL)))
        return Chart(self.seams, folder, f"{self.folder}/Chart.yaml")

    def _local_ones(self) -> list[Chart]:
        named = [str(entry.get("repository") or "") for entry in self.locked()]
        return [self.local(repository) for repository in named if repository.startswith(LOCAL)]

    def differs_from(self, packed: Packaged) -> bool:
        """Whether this folder would be packaged as something else: a local chart is changed without a new version."""
        if self.missing():
            return True
        inside = sorted(f"{chart.name}-{chart.version}.tgz" for chart in packed.charts)
        if inside != sorted(map(_archive, self.locked())):
            return True
        own = {
            path: content.removeprefix(BOM_UTF8)
            for path, content in self._own_files()
            if path not in ("Chart.yaml", "Chart.lock")
        }
        if ".helmignore" in own:  # what it names is not in the archive
            own = {path: own.get(path, b"") for path in packed.files}
        mine, theirs = (
            helm.lock_digest(each.get("dependencies") or [], []) for each in (self.metadata(), packed.metadata)
        )
        return own != packed.files or mine != theirs

    def _own_files(self, below: str = "") -> Iterator[tuple[str, bytes]]:
        """Those that helm packages: it passes over what is hidden among templates."""
        for name in self._files.names(f"{self.folder}/{below}"):
            path = f"{below}{name}"
            if path.startswith("templates/."):
                continue
            content = self._files.read(f"{self.folder}/{path}")
            if content is not None:
                yield path, content
            elif path != "charts":
                yield from self._own_files(f"{path}/")

    def _read(self, archive: str) -> bytes | None:
        return self._files.read(f"{self.folder}/charts/{archive}")

    def inside(self) -> list[Packaged]:
        """Every chart in the archives, subcharts of subcharts included, with the path of its values."""
        if not self._known:
            self._known[""] = [
                chart
                for entry, locked in zip(self.metadata().get("dependencies") or [], self.locked(), strict=True)
                for chart in self._packaged(entry, locked).all()
            ]
        return self._known[""]

    def _packaged(self, entry: Mapping[str, Any], locked: Mapping[str, Any]) -> Packaged:
        name = _archive(locked)
        return archive.read(self._read(name) or b"", name, str(entry.get("alias") or entry["name"]))

    def crds(self) -> list[Mapping[str, Any]]:
        """The documents of all their crds/."""
        return [document for chart in self.inside() for file in chart.crds for document in file.documents]

    def version_of(self, name: str) -> str:
        """Of a chart inside; "" if there is no such."""
        return next((chart.version for chart in self.named(name)), "")

    def path_of(self, name: str) -> str:
        """Of its values; the name itself if there is no such."""
        return next((chart.path for chart in self.named(name)), name)

    def named(self, name: str) -> list[Packaged]:
        return [chart for chart in self.inside() if chart.name == name]


def _archive(entry: Mapping[str, Any]) -> str:
    return f"{entry['name']}-{entry['version']}.tgz"
