"""The chart's folder: its dependencies, their archives, and what lies inside those."""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from tasks.errors import Refused
from tasks.hub.deployment import document, load
from tasks.seams import Folder, Seams
from tasks.tools import helm

FETCH_LIMIT = 300.0  # seconds for all archives


@dataclass(frozen=True)
class Inside:
    """One chart, unpacked. path: of its values, such as daskhub.jupyterhub. crds: the documents of its crds/."""

    path: str
    name: str
    version: str
    app_version: str
    crds: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Chart:
    """The chart that is deployed. folder: of this repository."""

    seams: Seams
    folder: str
    _known: dict[str, list[Inside]] = field(default_factory=dict)

    @property
    def _files(self) -> Folder:
        return self.seams.folder

    def metadata(self) -> dict[str, Any]:
        if self._files.read(f"{self.folder}/Chart.yaml") is None:
            raise Refused(f"There is no chart in {self.folder}/: deploy.chart in invoke.yaml has to name its folder.")
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
        return [name for name in map(_archive, self.locked()) if not self._is_there(name)]

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

    def _is_there(self, archive: str) -> bool:
        content = self._read(archive)
        if content is None:
            return False
        try:
            top = next(iter(_charts(content, "")))
        except (
            tarfile.TarError,
            zlib.error,
            yaml.YAMLError,
            Refused,
            ValueError,
            LookupError,
            TypeError,
            EOFError,
            OSError,
        ):
            return False
        return archive == f"{top.name}-{top.version}.tgz"

    def _read(self, archive: str) -> bytes | None:
        return self._files.read(f"{self.folder}/charts/{archive}")

    def inside(self) -> list[Inside]:
        """Every chart in the archives, subcharts of subcharts included."""
        if not self._known:
            self._known[""] = [
                chart
                for entry, locked in zip(self.metadata().get("dependencies") or [], self.locked(), strict=True)
                for chart in _charts(self._read(_archive(locked)) or b"", "", entry.get("alias"))
            ]
        return self._known[""]

    def version_of(self, name: str) -> str:
        """Of a chart inside; "" if there is no such."""
        return next((chart.version for chart in self.named(name)), "")

    def named(self, name: str) -> list[Inside]:
        return [chart for chart in self.inside() if chart.name == name]


def _archive(entry: Mapping[str, Any]) -> str:
    return f"{entry['name']}-{entry['version']}.tgz"


def _charts(content: bytes, above: str, alias: str | None = None) -> Iterator[Inside]:
    """The chart in an archive, then the charts in it, packed or not."""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        files = {
            PurePosixPath(member.name): archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in archive
            if member.isfile()
        }
    yield from _chart(files, min(files, key=lambda path: len(path.parts)).parts[0], above, alias)


def _chart(files: Mapping[PurePosixPath, bytes], root: str, above: str, alias: str | None) -> Iterator[Inside]:
    base = PurePosixPath(root)
    metadata = load(files[base / "Chart.yaml"], f"{root}/Chart.yaml")
    path = ".".join(filter(None, (above, alias or metadata["name"])))
    yield Inside(
        path,
        metadata["name"],
        str(metadata["version"]),
        str(metadata.get("appVersion", "")),
        tuple(_crds(files, base / "crds")),
    )
    for below in sorted({name.parts[len(base.parts) + 1] for name in files if name.is_relative_to(base / "charts")}):
        inner = base / "charts" / below
        if inner in files and below.endswith(".tgz"):
            yield from _charts(files[inner], path)
        elif inner / "Chart.yaml" in files:
            yield from _chart(files, str(inner), path, None)


def _crds(files: Mapping[PurePosixPath, bytes], folder: PurePosixPath) -> Iterator[Mapping[str, Any]]:
    for name in sorted(files):
        if name.is_relative_to(folder) and name.suffix in (".yaml", ".yml", ".json"):
            for found in yaml.load_all(files[name], getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
                if isinstance(found, dict) and found.get("kind") == "CustomResourceDefinition":
                    yield found
