"""What the rules of breaks.yaml look at: a deployment's files, its releases and its image, beside two packaged charts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tasks import valuesfile
from tasks.plan.charts import Packaged
from tasks.plan.manifest import merged

Path = tuple[str, ...]


class Encrypted:
    """Stands for a value of a secrets file: that it is there is known, and nothing else."""

    def __repr__(self) -> str:
        return "encrypted"


ENCRYPTED = Encrypted()


@dataclass(frozen=True)
class Source:
    """A values file. content: its bytes, as the repository has them. document: the same, loaded. secret: encrypted with
    sops, or the example that stands for such a file; its keys count, its values never do."""

    file: str
    content: bytes
    document: Mapping[str, Any]
    secret: bool = False

    @cached_property
    def lines(self) -> Mapping[Path, int]:
        """Where each key stands, counted from 1."""
        return valuesfile.lines(self.content)

    @cached_property
    def known(self) -> Any:
        """What may be looked at of it."""
        return _hidden(self.document) if self.secret else self.document


@dataclass(frozen=True)
class Where:
    """A place of the repository: line from 1; file "" and line 0 if there is none. path: of a key, from the file's root."""

    file: str = ""
    line: int = 0
    path: Path = ()


@dataclass(frozen=True)
class Image:
    """The user image. version: of the JupyterHub in it, "" if nothing tells. source: what tells it, in words.
    dockerfile: its path, with its text; "" if the image is made elsewhere."""

    version: str = ""
    source: str = ""
    dockerfile: str = ""
    text: str = ""

    def lines(self, pattern: str) -> list[int]:
        """Which lines of the Dockerfile have this, comments apart."""
        found = enumerate(self.text.splitlines(), 1)
        return [number for number, line in found if not line.lstrip().startswith("#") and re.search(pattern, line)]


@dataclass(frozen=True)
class Facts:
    """sources: each values file once, the deployment's chart's own among them if it has one. releases: name → the files
    that it is made of, in helm's order. chart_files: those below files/ of the deployment's chart, path → content.
    dependency: where the deployment's chart says which version it wants, for what is of no key."""

    sources: tuple[Source, ...]
    releases: Mapping[str, tuple[str, ...]]
    image: Image = Image()
    chart_files: Mapping[str, bytes] = field(default_factory=dict)
    dependency: Where = Where()


@dataclass(frozen=True)
class Place(Where):
    """With the value that stands there."""

    value: Any = None


@dataclass(frozen=True)
class View:
    """One release before and after one step. prefix: of the chart's values in the deployment's."""

    release: str
    old: Packaged
    new: Packaged
    prefix: Path
    facts: Facts

    @cached_property
    def sources(self) -> list[Source]:
        named = {source.file: source for source in self.facts.sources}
        return [named[file] for file in self.facts.releases[self.release] if file in named]

    @cached_property
    def values(self) -> Any:
        """What the files say together, from the chart's level down."""
        return at(merged([source.known for source in self.sources]), self.prefix)

    @cached_property
    def effective(self) -> Any:
        """The same over the defaults of the new charts."""
        inside = {chart.name: chart.values for chart in self.new.charts}
        own = self.values if isinstance(self.values, dict) else {}
        return merged([inside, self.new.values, own])

    def stands(self, path: Path) -> bool:
        """Whether the files say something here, be it false; nothing, or an empty list or map, is nothing said."""
        return said(at(self.values, path))

    def places(self, pattern: str) -> Iterator[Place]:
        """What stands at these keys. `*` is any key, `**` whatever is below and has nothing below itself."""
        for path, value in _matches(self.values, tuple(pattern.split(".")), ()):
            yield self.place(path, value)

    def place(self, path: Path, value: Any) -> Place:
        """Of several files that say it, the one that counts: the last; of a map, all have a part in it, and it is the first."""
        full = (*self.prefix, *path)
        saying = [source for source in self.sources if said(at(source.document, full))]
        source = saying[0] if isinstance(value, Mapping) else saying[-1]
        return Place(source.file, source.lines.get(full, 1), full, value)


def at(document: Any, path: Sequence[str]) -> Any:
    """What stands at a path, positions in lists as decimal text; None if nothing does."""
    for key in path:
        document = dict(_entries(document)).get(key)
    return document


def said(value: Any) -> bool:
    return value is not None and value != [] and value != {}


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from ((str(key), item) for key, item in value.items())
    elif isinstance(value, list):
        yield from ((str(number), item) for number, item in enumerate(value))


def _matches(value: Any, pattern: Path, path: Path) -> Iterator[tuple[Path, Any]]:
    if not pattern:
        if said(value):
            yield path, value
        return
    key, *rest = pattern
    below = list(_entries(value))
    if key == "**" and not below and said(value):
        yield path, value
    for name, item in below:
        if key == "**":
            yield from _matches(item, pattern, (*path, name))
        elif key in ("*", name):
            yield from _matches(item, tuple(rest), (*path, name))


def _hidden(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _hidden(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_hidden(item) for item in value]
    return value if value is None else ENCRYPTED
