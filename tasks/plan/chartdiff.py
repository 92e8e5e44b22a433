"""What another version of the charts makes of a release: objects, images, and what the cluster will not take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.plan.apis import unserved
from tasks.plan.immutable import immutables
from tasks.plan.manifest import Change, Key, Object, changes
from tasks.plan.version import Minor

# What says nothing but that the chart has another version. A checksum follows what it sums up, which is seen itself.
NOISE = ("helm.sh/chart", "chart", "app.kubernetes.io/version")
NOISY = "checksum/"


@dataclass(frozen=True)
class Image:
    """name: without tag. before, after: its tags, comma-separated; "" where it isn't used."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class ChartDiff:
    """Of one release. relabelled: how many objects differ in nothing but their chart's version. immutable: object and the
    fields whose change Kubernetes refuses, so that the upgrade would fail. unserved: sentences on objects whose API the
    cluster lacks. trouble: why it does not render with the new charts; "" if it does."""

    release: str
    changes: tuple[Change, ...] = ()
    relabelled: int = 0
    images: tuple[Image, ...] = ()
    immutable: tuple[tuple[str, tuple[str, ...]], ...] = ()
    unserved: tuple[str, ...] = ()
    trouble: str = ""

    def count(self, what: str) -> int:
        return sum(change.what == what for change in self.changes)


def chart_diff(
    release: str,
    before: Mapping[Key, Object],
    after: Mapping[Key, Object],
    kubernetes: Minor,
    crds: Sequence[Mapping[str, Any]],
) -> ChartDiff:
    """kubernetes: the version of the cluster that takes it. crds: those of the new charts."""
    all_changes = changes(before, after)
    telling = {change.key for change in changes(_plain(before), _plain(after))}
    return ChartDiff(
        release,
        tuple(change for change in all_changes if change.key in telling),
        sum(change.key not in telling for change in all_changes),
        tuple(_images(before.values(), after.values())),
        tuple((f"{kind} {name}", tuple(fields)) for (kind, _, name), fields in immutables(before, after, kubernetes)),
        tuple(unserved(after.values(), kubernetes, crds)),
    )


def _plain(found: Mapping[Key, Object]) -> dict[Key, Any]:
    return {key: _quiet(item) for key, item in found.items()}


def _quiet(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _quiet_names(item) if key in ("labels", "annotations", "matchLabels") else _quiet(item)
            for key, item in value.items()
        }
    return [_quiet(item) for item in value] if isinstance(value, list) else value


def _quiet_names(found: Any) -> Any:
    if not isinstance(found, Mapping):
        return found
    return {key: text for key, text in found.items() if key not in NOISE and not str(key).startswith(NOISY)}


def _images(before: Iterable[Object], after: Iterable[Object]) -> Iterator[Image]:
    old, new = (_tags(found) for found in (before, after))
    for name in sorted(old.keys() | new.keys()):
        image = Image(name, ", ".join(sorted(old.get(name, ()))), ", ".join(sorted(new.get(name, ()))))
        if image.before != image.after:
            yield image


def _tags(found: Iterable[Object]) -> dict[str, set[str]]:
    tags: dict[str, set[str]] = {}
    for item in found:
        for image in _named(item):
            place, _, last = image.rpartition("/")
            name, sign, tag = last.partition("@" if "@" in last else ":")
            tags.setdefault("/".join(filter(None, (place, name))), set()).add(tag if sign else "latest")
    return tags


def _named(value: Any) -> Iterator[str]:
    """What stands as the image of a container, wherever in an object."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "image" and isinstance(item, str) and item:
                yield item
            else:
                yield from _named(item)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item)
