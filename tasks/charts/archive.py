"""A chart's archive, read without being unpacked: nothing in it reaches the disk."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

from tasks.errors import Refused
from tasks.plan.charts import CrdFile, Loader, Packaged

LARGEST = 64 * 2**20  # bytes when unpacked: a hundred times what charts have
Files = Mapping[PurePosixPath, bytes]


def read(content: bytes, file: str, path: str = "") -> Packaged:
    """The chart of an archive, with all that are inside it, packed again or not.

    file: what to call it in an error. path: of its values. Refused where it is no chart, climbs out of its folder, or
    unpacks to more than any chart does.
    """
    try:
        return _chart(_files(content, file), PurePosixPath(), file, path)
    except (tarfile.TarError, zlib.error, EOFError, OSError):
        raise Refused(f"{file} is no chart's archive, or was cut off: fetch it again.") from None


def _files(content: bytes, file: str) -> Files:
    """What lies below the archive's one folder, whatever that is called."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(_unzipped(content, file)), mode="r:") as archive:
        for member in archive:
            place = _inside(member, file)
            if member.isfile() and (opened := archive.extractfile(member)):
                found[PurePosixPath(*place.parts[1:])] = opened.read()
    return found


def _unzipped(content: bytes, file: str) -> bytes:
    """To its end, where gzip has its checksum: tar's own end comes before that."""
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as unzipped:
        found = unzipped.read(LARGEST + 1)
    if len(found) > LARGEST:
        raise Refused(f"{file} unpacks to more than {LARGEST // 2**20} MB, which no chart does: don't use it.")
    return found


def _inside(member: tarfile.TarInfo, file: str) -> PurePosixPath:
    """Refused where unpacking it would write outside of the chart's folder."""
    name = member.name.replace("\\", "/")
    place = PurePosixPath(name)
    target = PurePosixPath(member.linkname.replace("\\", "/")) if member.issym() or member.islnk() else None
    if target is not None and member.issym():
        target = place.parent / target
    for path in filter(None, (place, target)):
        depth = 0
        for part in path.parts:
            depth += -1 if part == ".." else 1
            if depth <= 0 or path.is_absolute() or ":" in path.parts[0]:
                raise Refused(f"{file} has {member.name!r} in it, which climbs out of its folder: don't use it.")
    return place


def _chart(files: Files, base: PurePosixPath, file: str, path: str) -> Packaged:
    metadata = _metadata(files, base, file)
    aliases = {entry["name"]: entry["alias"] for entry in metadata["dependencies"] if entry.get("alias")}
    return Packaged(
        path,
        metadata,
        files.get(base / "values.yaml", b""),
        files.get(base / "values.schema.json", b""),
        tuple(_crds(files, base / "crds")),
        tuple(_below(files, base / "charts", file, path, aliases)),
        dict(_own(files, base)),
    )


def _own(files: Files, base: PurePosixPath) -> Iterator[tuple[str, bytes]]:
    for place, content in files.items():
        name = place.relative_to(base).parts if place.is_relative_to(base) else ("charts",)
        if name[0] not in ("charts", "Chart.yaml", "Chart.lock"):
            yield "/".join(name), content


def _metadata(files: Files, base: PurePosixPath, file: str) -> dict[str, Any]:
    """Chart.yaml, with what charts of Helm 2's form have in requirements.yaml instead."""
    found = _mapping(files, base / "Chart.yaml", file)
    if not (isinstance(found.get("name"), str) and found.get("version")):
        raise Refused(f"{file} is no chart: there is no Chart.yaml with name and version in it.")
    dependencies = found.get("dependencies")
    if dependencies is None:
        dependencies = _mapping(files, base / "requirements.yaml", file).get("dependencies")
    entries = [entry for entry in dependencies or [] if isinstance(entry, dict) and entry.get("name")]
    return {**found, "dependencies": entries}


def _mapping(files: Files, place: PurePosixPath, file: str) -> dict[str, Any]:
    try:
        found = yaml.load(files.get(place, b""), Loader)
    except (yaml.YAMLError, UnicodeDecodeError):
        raise Refused(f"{file} is no chart: its {place} is no YAML.") from None
    return found if isinstance(found, dict) else {}


def _crds(files: Files, folder: PurePosixPath) -> Iterator[CrdFile]:
    for place in sorted(files):
        if place.is_relative_to(folder) and place.suffix in (".yaml", ".yml", ".json"):
            yield CrdFile(str(place.relative_to(folder)), files[place])


def _below(files: Files, folder: PurePosixPath, file: str, path: str, aliases: Mapping[str, str]) -> Iterator[Packaged]:
    names = {place.parts[len(folder.parts)] for place in files if place.is_relative_to(folder)}
    for name in sorted(names):
        packed = folder / name
        if packed in files and name.endswith(".tgz"):
            inner, base = _files(files[packed], f"{name} in {file}"), PurePosixPath()
        elif packed / "Chart.yaml" in files:
            inner, base = files, packed
        else:
            continue
        own = _mapping(inner, base / "Chart.yaml", file).get("name", name)
        yield _chart(inner, base, file, ".".join(filter(None, (path, aliases.get(own, str(own))))))
