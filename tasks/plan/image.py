"""What becomes of a deployment's image: decided from what git and the registry say; and what a manifest tells."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

# What a tag may stand for, in both vocabularies: an image, or an index of images for several platforms.
IMAGES = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)
INDEXES = (
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)
KINDS = (*IMAGES, *INDEXES)
PLATFORM = {"os": "linux", "architecture": "amd64"}  # whose size is told, of several

Todo = Literal["nothing", "mark", "retag", "build"]


@dataclass(frozen=True)
class Found:
    """tag: hubploy's, by the last commit. content: ours, by what is in the folder. dirty: files that no commit has.

    tagged, marked: whether the registry has an image under the first, under the second.
    """

    name: str
    folder: str
    tag: str
    content: str
    dirty: tuple[str, ...] = ()
    tagged: bool = False
    marked: bool = False

    @property
    def image(self) -> str:
        return f"{self.name}:{self.tag}"


def content_tag(tree: str) -> str:
    """tree: git's hash of the image's folder, the same for the same files whatever commits led to them."""
    return f"content-{tree}"


def decide(found: Found, push: bool) -> Todo:
    """A dirty folder is only ever tried out: what the registry has says nothing about it."""
    if found.dirty:
        return "build"
    if found.tagged:
        return "mark" if push and not found.marked else "nothing"
    if found.marked:
        return "retag" if push else "nothing"
    return "build"


def because(found: Found, push: bool) -> str:
    """What was found, and what is done about it."""
    if found.dirty:
        return f"{found.folder}/ has what no commit has ({some(found.dirty)}): it will be built, to try it out"
    return {
        "build": "the registry has neither this tag nor this content: "
        + ("it will be built and pushed" if push else "it will be built"),
        "retag": "the registry has this content under another tag: it gets this one too, nothing is built",
        "mark": "it is in the registry; the tag for its content is added",
        "nothing": "it is in the registry"
        if found.tagged
        else "the registry has this content under another tag: with --push it gets this one too, nothing is built",
    }[decide(found, push)]


def some(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


@dataclass(frozen=True)
class Manifest:
    """What a registry keeps under a tag. content: byte for byte, for its digest is made from it."""

    content: str
    kind: str

    @property
    def document(self) -> dict[str, Any]:
        found = json.loads(self.content)
        return found if isinstance(found, dict) else {}

    @property
    def size(self) -> int | None:
        """Bytes of all layers, as they are pulled; None of an index."""
        layers = self.document.get("layers")
        return sum(int(layer.get("size", 0)) for layer in layers) if isinstance(layers, list) else None

    @property
    def inside(self) -> str:
        """Of an index: the digest of the image for our platform, else of the first; "" of an image."""
        entries = [entry for entry in self.document.get("manifests") or [] if "digest" in entry]
        ours = [entry for entry in entries if PLATFORM.items() <= (entry.get("platform") or {}).items()]
        return str((ours or entries)[0]["digest"]) if entries else ""


def amount(size: int) -> str:
    """`1.9 GB`, `215 MB`, `1 kB`: in thousands, as Docker counts."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6)):
        if size >= factor:
            return f"{size / factor:.{1 if unit == 'GB' else 0}f} {unit}"
    return f"{max(1, round(size / 1000))} kB"
