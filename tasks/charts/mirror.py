"""A folder of chart archives that stands in for repositories, with an index.yaml or without.

People make them in many ways: `helm pull` into one folder, a copy of a repository with its index, one subfolder a
repository. So an index is believed in what it says of an archive and in nothing else: which host the archive came from
does not matter, an entry whose archive is not in the folder is not offered, and an archive that no index names is.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import yaml

from tasks.charts.index import Entry, Loader, entry, find, newest_first, parse_index
from tasks.errors import Refused


@dataclass
class Mirror:
    """Nothing is read before it is asked for, and then once. warn: is told of what is passed over."""

    folder: Path
    warn: Callable[[str], None]
    _broken: list[Path] = field(default_factory=list)

    @property
    def where(self) -> str:
        return str(self.folder)

    @cached_property
    def charts(self) -> Mapping[str, tuple[Entry, ...]]:
        """A chart's name → its entries, newest first. Refused if there is no archive at all."""
        if not self._archives:
            missing = "has no archive of a chart in it" if self.folder.is_dir() else "is no folder"
            raise Refused(
                f"{self.where} {missing}: --mirror, charts.mirror in invoke.yaml or Chart.yaml has to name a folder "
                "with archives NAME-VERSION.tgz."
            )
        found: dict[str, list[Entry]] = {}
        for each, _ in self._places.values():
            found.setdefault(each.name, []).append(each)
        return {name: newest_first(entries) for name, entries in found.items()}

    def entry(self, name: str, version: str) -> Entry:
        """Refused if it is not there, or can't be read."""
        charts = self.charts
        broken = next((file for file in self._broken if file.name == f"{name}-{version}.tgz"), None)
        if broken and (name, version) not in self._places:
            raise Refused(f"{broken} is no chart's archive, or was cut off: put it there again.")
        return find(charts, name, version, self.where)

    def content(self, entry: Entry) -> bytes:
        """The archive as it lies there."""
        file = self._places[entry.name, entry.version][1]
        try:
            return file.read_bytes()
        except OSError as error:
            raise Refused(f"{file} can't be read ({error.strerror}): put it there again.") from None

    @cached_property
    def _folders(self) -> list[Path]:
        """It, and those in it."""
        try:
            below = sorted(self.folder.iterdir())
        except OSError:
            return []
        return [self.folder, *(each for each in below if each.is_dir())]

    @cached_property
    def _archives(self) -> list[Path]:
        return [file for folder in self._folders for file in sorted(folder.glob("*.tgz")) if file.is_file()]

    @cached_property
    def _places(self) -> dict[tuple[str, str], tuple[Entry, Path]]:
        """By name and version. What comes first counts: indexes, and what lies further up."""
        found: dict[tuple[str, str], tuple[Entry, Path]] = {}
        for each, file in self._indexed():
            found.setdefault((each.name, each.version), (each, file))
        named = {file for _, file in found.values()}
        for file in self._archives:
            if file in named:
                continue
            if own := _own(file):
                found.setdefault((own.name, own.version), (own, file))
            else:
                self._broken.append(file)
                self.warn(f"{file} is no chart's archive: it is passed over.")
        return found

    def _indexed(self) -> Iterator[tuple[Entry, Path]]:
        """Beside its index an archive is looked for first, then everywhere."""
        places: dict[str, list[Path]] = {}
        for file in self._archives:
            places.setdefault(file.name, []).append(file)
        for index in (folder / "index.yaml" for folder in self._folders):
            for each in self._index(index):
                name = _name(each.urls[0]) if each.urls else each.archive
                if there := places.get(name):
                    yield each, min(there, key=lambda file: file.parent != index.parent)

    def _index(self, file: Path) -> list[Entry]:
        if not file.is_file():
            return []
        try:
            return [each for entries in parse_index(file.read_bytes(), str(file)).values() for each in entries]
        except (Refused, OSError):
            self.warn(f"{file} can't be read as an index: the archives are taken for what they say themselves.")
            return []


def _name(url: str) -> str:
    """Of the file, whatever host has it."""
    return PurePosixPath(unquote(urlsplit(url).path)).name


def _own(file: Path) -> Entry | None:
    """What an archive says of itself; None if nothing. Its first Chart.yaml, without unpacking the rest: there can be
    thousands."""
    try:
        content = file.read_bytes()
        # Not r|gz: tarfile's streams don't read gzip's extra field, which helm writes.
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            for member in archive:
                path = PurePosixPath(member.name)
                if len(path.parts) == 2 and path.name == "Chart.yaml" and (opened := archive.extractfile(member)):
                    row = yaml.load(opened.read(), Loader)
                    digest = hashlib.sha256(content).hexdigest()
                    return entry(row["name"], {**row, "digest": digest, "urls": []}) if row["name"] else None
    except (tarfile.TarError, zlib.error, yaml.YAMLError, ValueError, TypeError, LookupError, OSError, EOFError):
        pass
    return None
