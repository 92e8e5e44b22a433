"""Which charts the practice hub has: those that the deployment's own chart brings, as far as its files tell it."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Any

import yaml
from packaging.version import InvalidVersion, Version

from tasks.errors import Refused
from tasks.seams import Folder

FAMILY = Path(__file__).parent.parent / "loopback" / "family.yaml"  # what the practice data centre makes charts of
LOCAL = "file://"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Charts = list[tuple[str, str]]  # (name, version)


def brought(folder: Folder, chart: str) -> Charts:
    """By the chart in that folder, those of its local dependencies included. No network and no archive is needed; what
    can't be told so, such as the version that a range comes to, is left out."""
    found: Charts = []
    for entry in _dependencies(folder, f"{chart}/Chart.yaml"):
        name, version = str(entry.get("name")), str(entry.get("version"))
        repository = str(entry.get("repository") or "")
        if repository.startswith(LOCAL):
            found += brought(folder, posixpath.normpath(f"{chart}/{repository.removeprefix(LOCAL)}"))
        elif _is_one(version):
            found += [(name, version), *(_inside_daskhub(version) if name == "daskhub" else [])]
    return found


def _dependencies(folder: Folder, file: str) -> list[dict[str, Any]]:
    """Empty where the file is missing, broken, or outside: a deploy says so, and this is about a cluster."""
    try:
        document = yaml.load(folder.read(file) or b"", LOADER)
    except (Refused, yaml.YAMLError):
        return []
    entries = document.get("dependencies") if isinstance(document, dict) else None
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _inside_daskhub(version: str) -> Charts:
    """What its archive has inside; its dependency list may say otherwise."""
    rows = yaml.load(FAMILY.read_bytes(), LOADER)["daskhub"]
    return next((list(row["contains"].items()) for row in rows if version in row["versions"]), [])


def _is_one(version: str) -> bool:
    """And not a range of them."""
    try:
        return bool(Version(version))
    except InvalidVersion:
        return False
