"""Chart.yaml and Chart.lock of the deployment's chart: which version of the hub's chart they name, and their edits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from tasks import valuesfile
from tasks.errors import Refused
from tasks.hub.chart import LOCAL, Chart
from tasks.hub.deployment import load
from tasks.tools import helm
from tasks.yamltree import Path

NAME = "daskhub"  # of the chart that joins jupyterhub and dask-gateway: the released one, and the local one after it
ADDRESS = re.compile(r"[a-z]+://[^\s<>\"')]+")


@dataclass(frozen=True)
class Dependency:
    """The entry for the hub's chart. position: in Chart.yaml's list. wanted: as it stands there. version: the locked one.
    path: of its values."""

    position: int
    wanted: str
    version: str
    repository: str
    path: str

    @property
    def local(self) -> bool:
        return self.repository.startswith(LOCAL)


def dependency(chart: Chart) -> Dependency:
    """Refused where the chart has none of that name, or where Chart.lock is missing or of another Chart.yaml."""
    for name in ("Chart.yaml", "Chart.lock"):
        _refuse_malformed(chart, f"{chart.folder}/{name}")
    entries = chart.metadata().get("dependencies") or []
    for position, entry in enumerate(entries):
        if entry.get("name") == NAME:
            locked = chart.locked()[position]
            path = str(entry.get("alias") or NAME)
            wanted, repository = str(entry.get("version") or ""), str(entry.get("repository") or "")
            return Dependency(position, wanted, str(locked["version"]), repository, path)
    names = ", ".join(str(entry.get("name")) for entry in entries) or "none at all"
    raise Refused(
        f"{chart.folder}/Chart.yaml has no dependency {NAME} (it has {names}), which is what this task raises: "
        "add it, or name the right chart in deploy.chart of invoke.yaml."
    )


def _refuse_malformed(chart: Chart, file: str) -> None:
    found = load(chart.seams.folder.read(file) or b"", file)
    entries = (found.get("dependencies") or []) if isinstance(found, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) and entry.get("name") for entry in entries):
        raise Refused(f"{file} is no mapping with a list of named dependencies, as helm has it: mend it.")


def with_version(content: bytes, at: Dependency, version: str, repository: str, file: str) -> bytes:
    """Chart.yaml with another version, and where that is another one too, another repository.

    The address of a page about the old version, in a comment beside the entry, becomes that of the new one.
    """
    entry = ("dependencies", str(at.position))
    changes: dict[Path, str] = {(*entry, "version"): version}
    if repository != at.repository:
        changes[(*entry, "repository")] = repository
    done = edited(content, changes, file)
    return done if repository != at.repository else _linked(done, entry, at.version, version)


def edited(content: bytes, changes: Mapping[Path, str], file: str) -> bytes:
    """Refused where one of them can't be made in place."""
    done = valuesfile.edit(content, changes, file)
    for path, why in done.left.items():
        raise Refused(f"{'.'.join(path)} in {file} can't be set to {changes[path]} ({why}): do it by hand.")
    return done.content


def _linked(content: bytes, entry: Path, old: str, new: str) -> bytes:
    """Comments directly above the entry, and those inside it."""
    lines = content.decode().splitlines(keepends=True)
    own = [line for path, line in valuesfile.lines(content).items() if path[: len(entry)] == entry]
    first, last = min(own), max(own)
    while first > 1 and lines[first - 2].lstrip().startswith("#"):
        first -= 1
    for number in range(first - 1, last):
        before, sign, comment = lines[number].partition("#")
        lines[number] = before + sign + ADDRESS.sub(lambda found: _exchanged(found[0], old, new), comment)
    return "".join(lines).encode()


def _exchanged(address: str, old: str, new: str) -> str:
    return re.sub(rf"(?<![\d.]){re.escape(old)}(?!\d|\.\d)", new, address)


def with_lock(
    content: bytes, wanted: Sequence[Mapping[str, Any]], at: int, locked: Mapping[str, str], file: str
) -> bytes:
    """Chart.lock for dependencies of which one has changed. wanted: Chart.yaml's. locked: version and repository of the
    one at that position, and when helm found them."""
    entries = list(load(content, file)["dependencies"])
    entries[at] = {**entries[at], "version": locked["version"], "repository": locked["repository"]}
    entry = ("dependencies", str(at))
    changes: dict[Path, str] = {
        (*entry, "version"): locked["version"],
        (*entry, "repository"): locked["repository"],
        ("digest",): helm.lock_digest(wanted, entries),
        ("generated",): locked["generated"],
    }
    return edited(content, changes, file)


def written_lock(wanted: Sequence[Mapping[str, Any]], made: Mapping[str, Any], origins: Mapping[str, str]) -> bytes:
    """A Chart.lock as helm made it, with the repositories' own addresses. origins: chart name → address."""
    entries = [{**entry, "repository": origins[entry["name"]]} for entry in made["dependencies"]]
    lock = {"dependencies": entries, "digest": helm.lock_digest(wanted, entries), "generated": made["generated"]}
    return yaml.safe_dump(lock, sort_keys=False).encode()
