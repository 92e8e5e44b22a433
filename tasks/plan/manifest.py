"""Kubernetes objects as charts render them, and what differs between two sets of them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from tasks.plan.redact import WIDTH

Object = dict[str, Any]
Key = tuple[str, str, str]  # kind, namespace, name: an object stays the same one in another API version
Path = tuple[str | int, ...]

CHANGED, SAME = "(changed)", "(same)"
DIFFERS = "(differs at each rendering)"


@dataclass(frozen=True)
class Change:
    """One object. what: added, removed or changed. lines: of a unified diff; of a Secret, keys alone."""

    what: str
    key: Key
    lines: tuple[str, ...]

    @property
    def name(self) -> str:
        kind, _, name = self.key
        return f"{kind} {name}"


def objects(text: str, namespace: str) -> dict[Key, Object]:
    """The documents of a manifest, hooks included. namespace: of those that name none."""
    found: dict[Key, Object] = {}
    for document in yaml.load_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        for item in _items(document):
            metadata = item.get("metadata") or {}
            found[(item.get("kind", "?"), metadata.get("namespace") or namespace, metadata.get("name", "?"))] = item
    return found


def _items(document: Any) -> Iterable[Object]:
    if not isinstance(document, dict):
        return []
    is_list = str(document.get("kind", "")).endswith("List") and "items" in document
    return document["items"] or [] if is_list else [document]


def is_hook(item: Object) -> bool:
    """It comes and goes with a deploy, and is not there in between."""
    return "helm.sh/hook" in ((item.get("metadata") or {}).get("annotations") or {})


def random_places(first: Mapping[Key, Object], second: Mapping[Key, Object]) -> dict[Key, set[Path]]:
    """What two renderings of the same chart with the same values don't agree on."""
    return {key: set(_differences(first[key], second[key], ())) for key in first.keys() & second.keys()}


def settled(found: Mapping[Key, Object], places: Mapping[Key, set[Path]]) -> dict[Key, Object]:
    """With the random places made equal."""
    return {key: _with(item, places.get(key, set()), ()) for key, item in found.items()}


def changes(before: Mapping[Key, Object], after: Mapping[Key, Object]) -> list[Change]:
    """In the order of kinds and names."""
    found = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old != new:
            what = "added" if old is None else "removed" if new is None else "changed"
            found.append(Change(what, key, tuple(_diff(*_shown(old, new)))))
    return found


def lasting_changes(
    before: Mapping[Key, Object],
    after: Mapping[Key, Object],
    renderings: Iterable[tuple[Mapping[Key, Object], Callable[[], Mapping[Key, Object]]]],
) -> list[Change]:
    """What changes apart from the places that differ at each rendering.

    renderings: objects as they were rendered, with what renders the same once more: it is called only while something
    differs, because a rendering takes seconds.
    """
    found = changes(before, after)
    for first, again in renderings:
        if found:
            random = random_places(first, again())
            before, after = settled(before, random), settled(after, random)
            found = changes(before, after)
    return found


def _diff(old: Object | None, new: Object | None) -> list[str]:
    texts = [_text(item) if item is not None else [] for item in (old, new)]
    return list(difflib.unified_diff(texts[0], texts[1], lineterm="", n=2))[2:]


def _text(item: Object) -> list[str]:
    return yaml.safe_dump(item, default_flow_style=False, width=WIDTH, allow_unicode=True).splitlines()


def _shown(old: Object | None, new: Object | None) -> tuple[Object | None, Object | None]:
    """As a person may see them: of a Secret, which keys are there and which of them change."""
    if (old or new or {}).get("kind") != "Secret":
        return old, new
    return _without_data(old, new, SAME), _without_data(new, old, CHANGED)


def _without_data(item: Object | None, other: Object | None, word: str) -> Object | None:
    """word: what stands for a value that is different on the other side."""
    if item is None:
        return None
    shown = dict(item)
    for section in ("data", "stringData"):
        values, others = item.get(section) or {}, (other or {}).get(section) or {}
        if values:
            shown[section] = {
                key: SAME
                if key in others and others[key] == value
                else CHANGED
                if key in others and word == CHANGED
                else "(secret)"
                for key, value in values.items()
            }
    return shown


def _differences(one: Any, other: Any, place: Path) -> Iterable[Path]:
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from _differences(one[key], other[key], (*place, key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            yield from _differences(mine, theirs, (*place, number))
    elif one != other:
        yield place


def _with(value: Any, places: set[Path], place: Path) -> Any:
    if place in places:
        return DIFFERS
    if not any(known[: len(place)] == place for known in places):
        return value
    if isinstance(value, dict):
        return {key: _with(item, places, (*place, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_with(item, places, (*place, number)) for number, item in enumerate(value)]
    return value


def merged(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Values files as helm merges them: later ones win, mappings key by key."""
    result: dict[str, Any] = {}
    for document in documents:
        for key, value in document.items():
            mine = result.get(key)
            result[key] = merged([mine, value]) if isinstance(mine, dict) and isinstance(value, dict) else value
    return result


def overlap(document: Any, pattern: Any) -> Any:
    """What of a document stands at the places that the pattern has."""
    if not isinstance(document, Mapping) or not isinstance(pattern, Mapping):
        return document
    return {key: overlap(document[key], pattern[key]) for key in pattern if key in document}


def nested(path: str, value: str) -> dict[str, Any]:
    """`a.b.c` and a value as a values file would say it."""
    for key in reversed(path.split(".")):
        value = {key: value}  # type: ignore[assignment]
    return value  # type: ignore[return-value]
