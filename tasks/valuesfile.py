"""A person's values file: where each key stands, and texts changed in place with every other byte as it was."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.errors import Refused
from tasks.yamltext import fresh, ways
from tasks.yamltree import TOO_DEEP, Entry, Node, Place, compose, starts, walk
from tasks.yamltree import Path as Path

NO_KEY = "there is no such key"
NO_TEXT = "it is not a text"
ODD_KEY = "it is below a key that is not text to YAML: put that key into quotation marks"
UNWRITABLE = "it can't be changed without changing more than that: change it by hand"

# What PyYAML ends with where a tag such as !!int, !!bool or !!timestamp stands before a text that is none.
NONSENSE = (ValueError, LookupError, AttributeError)


@dataclass(frozen=True)
class Edited:
    """left: what could not be changed safely, and why."""

    content: bytes
    left: Mapping[Path, str]


@dataclass(frozen=True)
class _Target:
    """A place where a text is to be written, and all the paths that get it from there."""

    place: Place
    text: str
    paths: Sequence[Path]


def lines(content: bytes) -> dict[Path, int]:
    """The line, from 1, of every key and list item that a file has; of what comes by an alias or a merge key too: where
    it really is written. Of a key that stands twice the one that counts. yaml.YAMLError if it is no YAML.

    A file that contains itself is followed until it does.
    """
    root = compose(content)
    return {path: entry.line for path, entry in walk(root)[0].items()} if root else {}


def edit(content: bytes, changes: Mapping[Path, str], file: str) -> Edited:
    """The same file with these texts changed, path → new text, and not a byte more. What is to be as it is already
    counts as done.

    Each change is made for itself, the last in the file first, and what comes out is read as helm reads it: where more
    differs than the change, it is left.
    """
    mark, text, entries, document = _read(content, file)
    left = {path: why for path in changes if (why := _unchangeable(path, entries, document, file))}
    wanted = {path: new for path, new in changes.items() if path not in left and document[path] != new}
    targets, shared = _targets(wanted, entries)
    begins = starts(text)
    for target in sorted(targets, key=lambda target: target.place.end, reverse=True):
        expected = document | dict.fromkeys(target.paths, target.text)
        tried = next((tried for tried in _tried(text, target, begins) if _reads_as(tried, expected)), None)
        if tried is None:
            left |= dict.fromkeys(target.paths, UNWRITABLE)
        else:
            text, document = tried, expected
    return Edited(mark + text.encode(), left | shared)


def _read(content: bytes, file: str) -> tuple[bytes, str, dict[Path, Entry], dict[Any, Any]]:
    """The byte order mark, the text without it, where everything stands, and what it says."""
    from tasks.hub.deployment import load

    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    try:
        text = content.removeprefix(mark).decode()
        entries = _entries(text, file)
        loaded = load(text.encode(), file)
    except UnicodeDecodeError:
        raise Refused(f"{file} is not UTF-8 text: save it as such.") from None
    except NONSENSE:
        raise Refused(f"{file} is no YAML: mend it.") from None
    if not isinstance(loaded, Mapping):
        raise Refused(f"{file} is no mapping of keys to values: mend it.")
    return mark, text, entries, _flat(loaded)


def _entries(text: str, file: str) -> dict[Path, Entry]:
    import yaml

    try:
        root = compose(text)
        entries, trouble = walk(root) if root else ({}, "")
    except yaml.YAMLError as error:
        entries, trouble = {}, TOO_DEEP if getattr(error, "problem", "") == TOO_DEEP else ""  # else refused when loaded
    if trouble:
        raise Refused(f"{file} {trouble}: mend it.")
    return entries


def _unchangeable(path: Path, entries: Mapping[Path, Entry], document: Mapping[Any, Any], file: str) -> str:
    if ("sops",) in document:
        return f"the file is encrypted, with a checksum over all of it: change it with `sops {file}`"
    if path not in entries:
        return NO_KEY
    if entries[path].unclear:
        return entries[path].unclear
    if path not in document:
        return ODD_KEY
    return "" if isinstance(document[path], str) else NO_TEXT


def _targets(wanted: Mapping[Path, str], entries: Mapping[Path, Entry]) -> tuple[list[_Target], dict[Path, str]]:
    """What to write where; and which paths can't be changed without changing others.

    A text is changed where it stands if all that get it from there want a change. An alias of it is replaced by a text
    of its own where what it stands for stays, or becomes another one.
    """
    users: dict[Node, dict[Place, list[Path]]] = {entries[path].value.node: {} for path in wanted}
    for path, entry in entries.items():
        if entry.value.node in users:
            users[entry.value.node].setdefault(entry.value, []).append(path)
    targets: list[_Target] = []
    left: dict[Path, str] = {}
    for places in users.values():
        texts = {place: _text(wanted, paths) for place, paths in places.items()}
        origin = next((place for place in places if not place.alias), None)
        moved = texts[origin] if origin and None not in texts.values() else None
        if origin and moved is not None:
            same = [path for place, paths in places.items() if texts[place] == moved for path in paths]
            targets.append(_Target(origin, moved, same))
        for place, paths in places.items():
            text = texts[place]
            if text is None or (place is origin and moved is None):
                others = [path for place in places for path in places[place]] if place is origin else paths
                left |= {path: _shared(others, wanted) for path in paths if path in wanted}
            elif text != moved:
                targets.append(_Target(place, text, paths))
    return targets, left


def _text(wanted: Mapping[Path, str], paths: Sequence[Path]) -> str | None:
    """What all of them are to become. None if some are to stay, or to differ."""
    texts = {wanted.get(path) for path in paths}
    return texts.pop() if len(texts) == 1 else None


def _shared(paths: Sequence[Path], wanted: Mapping[Path, str]) -> str:
    stays = next((path for path in paths if path not in wanted), None)
    if stays is None:
        return "several keys get it by an alias or a merge key, and are to become different: change it by hand"
    return f"{'.'.join(stays)} gets it too, by an alias or a merge key, and is to stay: change it by hand"


def _tried(text: str, target: _Target, begins: Mapping[int, int]) -> Iterator[str]:
    """The whole file, in each of the ways to write the text there."""
    place, node = target.place, target.place.node
    start, end = begins.get(place.end, place.end), place.end
    if place.alias:
        start, found = place.start, fresh(target.text, node.style if node.style == "'" else "")
    elif start == end:  # nothing but a tag, `!!str`
        found = (f" {written}" for written in fresh(target.text, ""))
    else:
        found = ways(text[start:end], node.style, node.text, target.text)
    return (text[:start] + written + text[end:] for written in found)


def _reads_as(text: str, document: Mapping[Any, Any]) -> bool:
    from tasks.hub.deployment import load

    try:
        return _flat(load(text.encode(), "it")) == document
    except (Refused, *NONSENSE, RecursionError):
        return False


def _flat(document: Any) -> dict[Any, Any]:
    """Path → text, and (type, what it is) for all else, so that 1 is not true. A number as a key is text to helm."""
    flat: dict[Any, Any] = {}
    rest: list[tuple[Any, Any]] = [((), document)]
    while rest:
        path, value = rest.pop()
        flat[path] = value if isinstance(value, str) else (type(value), repr(value))
        if isinstance(value, Mapping | list):
            flat[path] = type(value)
            pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
            rest += [((*path, str(key) if type(key) is int else key), item) for key, item in pairs]
    return flat
