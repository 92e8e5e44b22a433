"""Chart archives by name, version and repository: fetched once, checked always, kept below `.cache/charts/`.

helm believes whatever comes under the right name. Here an archive has to have the digest that its index names, and to
be inside what it is called outside.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Protocol, TypeVar
from urllib.parse import quote

from tasks.charts import address
from tasks.charts.archive import read
from tasks.charts.index import Entry, of_chart
from tasks.charts.mirror import Mirror
from tasks.charts.online import Online
from tasks.charts.together import together
from tasks.errors import Refused
from tasks.seams import Seams

CACHE = ".cache/charts"  # of the deployment's folder
DIGITS = 12  # of a digest: enough to tell it from others, and for a person to read

Wanted = tuple[str, str, str]  # name, version, repository
Progress = Callable[[int, int, str], None]
K = TypeVar("K")
T = TypeVar("T")


class Source(Protocol):
    """Where archives come from. where: what it is called in a sentence."""

    @property
    def where(self) -> str: ...

    @property
    def charts(self) -> Mapping[str, Sequence[Entry]]: ...

    def entry(self, name: str, version: str) -> Entry: ...

    def content(self, entry: Entry) -> bytes: ...


def silent(*_: object) -> None:
    """For whoever wants to know nothing."""


@dataclass
class Repositories:
    """All repositories that charts come from, for one run. It may be used by several threads.

    mirror: a folder that stands in for every one of them; nothing goes over the network then. progress: is told how
    many of how many things have come, and which one was the last (at 0: which comes first). warn: of archives in a
    folder that are passed over.
    """

    seams: Seams
    mirror: Path | None = None
    progress: Progress = silent
    warn: Callable[[str], None] = silent
    _sources: dict[str, Source] = field(default_factory=dict)
    _indexed: set[str] = field(default_factory=set)
    _archives: dict[Wanted, bytes] = field(default_factory=dict)
    _lock: RLock = field(default_factory=RLock)

    def versions(self, name: str, repository: str) -> tuple[Entry, ...]:
        """Those that one would go to, newest first: neither pre-releases nor deprecated. Refused if it has no such chart."""
        with self._lock:
            source = self._ready([repository])[repository]
            return tuple(each for each in of_chart(source.charts, name, source.where) if each.offered)

    def entry(self, name: str, version: str, repository: str) -> Entry:
        """One version, offered or not. Refused if there is no such."""
        with self._lock:
            return self._ready([repository])[repository].entry(name, version)

    def archive(self, name: str, version: str, repository: str) -> bytes:
        return self.archives([(name, version, repository)])[name, version, repository]

    def archives(self, wanted: Iterable[Wanted]) -> dict[Wanted, bytes]:
        """Each as its repository's index means it and with the chart inside that was asked for, in the given order.

        Those that are missing are fetched side by side, first things first. Refused if one doesn't come, or is
        something else; nothing of that one is kept.
        """
        with self._lock:
            asked = list(dict.fromkeys(wanted))
            sources = self._ready([repository for *_, repository in asked])
            keys = {each: (each[0], each[1], self._key(each[2])) for each in asked}
            new = {keys[each]: sources[each[2]] for each in asked if keys[each] not in self._archives}
            entries = {key: (source.entry(*key[:2]), source) for key, source in new.items()}
            self._fetch({key: entries[key] for key in new if not self._is_at_hand(key, *entries[key])})
            return {each: self._archives[keys[each]] for each in asked}

    def _ready(self, repositories: Iterable[str]) -> dict[str, Source]:
        """By their addresses as they are named, with their indexes at hand."""
        found = {each: self._source(each) for each in dict.fromkeys(repositories)}
        online = {each.address: each for each in found.values() if isinstance(each, Online)}
        new = {key: f"index of {each.where}" for key, each in online.items() if key not in self._indexed}
        for key, _ in self._told(new, lambda key: online[key].charts):
            self._indexed.add(key)
        return found

    def _source(self, repository: str) -> Source:
        key = self._key(repository)
        if key not in self._sources:
            self._sources[key] = self._made(key)
        return self._sources[key]

    def _key(self, repository: str) -> str:
        """However its address is written; a mirror is one for all."""
        return "" if self.mirror else address.checked(repository)

    def _made(self, repository: str) -> Source:
        if self.mirror:
            return Mirror(self.mirror, self.warn)
        if address.is_local(repository):
            return Mirror(Path(address.local_path(repository)), self.warn)
        return Online(repository, self.seams.web)

    def _is_at_hand(self, key: Wanted, entry: Entry, source: Source) -> bool:
        """Of a folder everything is, of a repository what the cache has."""
        content = source.content(entry) if isinstance(source, Mirror) else self._cached(entry, source.where)
        if content is None:
            return False
        self._archives[key] = genuine(content, entry, source.where)
        return True

    def _fetch(self, missing: Mapping[Wanted, tuple[Entry, Source]]) -> None:
        def get(key: Wanted) -> bytes:
            entry, source = missing[key]
            return genuine(source.content(entry), entry, source.where)

        for key, content in self._told({each: entry.archive for each, (entry, _) in missing.items()}, get):
            entry, source = missing[key]
            self.seams.folder.write(f"{CACHE}/{_file(entry, source.where, content)}", content)
            self._archives[key] = content

    def _cached(self, entry: Entry, where: str) -> bytes | None:
        """Only if its content is still what its name says, and what the index says now."""
        begin = _file(entry, where)
        for name in self.seams.folder.names(CACHE):
            if not name.startswith(begin):
                continue
            content = self.seams.folder.read(f"{CACHE}/{name}") or b""
            if name == _file(entry, where, content) and entry.digest in ("", _digest(content)):
                return content
        return None

    def _told(self, names: Mapping[K, str], get: Callable[[K], T]) -> Iterator[tuple[K, T]]:
        """get of each, side by side, with its progress told. names: what each is called there."""
        keys, of = list(names), len(names)
        if keys:
            self.progress(0, of, names[keys[0]])
        for done, (number, outcome) in enumerate(together([partial(get, key) for key in keys]), 1):
            yield keys[number], outcome
            self.progress(done, of, names[keys[number]])


def genuine(content: bytes, entry: Entry, where: str) -> bytes:
    """The same. Refused if it is not what the index says, or not the chart that it is called."""
    if entry.digest and (digest := _digest(content)) != entry.digest:
        raise Refused(
            f"{entry.archive} from {where} has the digest {digest[:DIGITS]}…, where the index has "
            f"{entry.digest[:DIGITS]}…: it was changed or cut off on its way or there, so don't use it, and ask whoever "
            "runs that repository."
        )
    chart = read(content, f"{entry.archive} from {where}")
    if (chart.name, chart.version) != (entry.name, entry.version):
        raise Refused(
            f"{entry.archive} from {where} is {chart.name} {chart.version} inside: don't use it, and ask whoever runs "
            "that repository."
        )
    return content


def _file(entry: Entry, where: str, content: bytes | None = None) -> str:
    """In the cache. Without content: what its name begins with. Each repository has its own, in case they differ."""
    begin = f"{quote(f'{entry.name}-{entry.version}', safe='+')}-{_digest(where.encode())[:8]}-"
    return begin if content is None else f"{begin}{_digest(content)[:DIGITS]}.tgz"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
