"""The tools that parts are made with: there, and new enough."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from tasks.parts.commands import Commands, Failed

# name → how it is called, its oldest version, what to do
TOOLS: dict[str, tuple[Sequence[str], tuple[int, ...], str]] = {
    "go": (["go", "version"], (1, 25), "install Go 1.25 or later (https://go.dev/dl/)"),
    "pip": ([sys.executable, "-m", "pip", "--version"], (20,), "install pip for this Python"),
    "npm": (["node", "--version"], (20,), "install Node.js 20 or later with npm (https://nodejs.org/)"),
}


def complaint(tool: str, run: Commands) -> str:
    """What is so and what to do, without a full stop; empty if the tool is as it should be."""
    words, oldest, remedy = TOOLS[tool]
    if shutil.which(words[0]) is None or (tool == "npm" and shutil.which("npm") is None):
        return f"{tool} is not installed: {remedy}"
    try:
        said = run(words, Path.cwd())
    except Failed:
        return f"{tool} does not run: {remedy}"
    found = re.search(r"\d+(?:\.\d+)+", said)
    if found and tuple(map(int, found[0].split("."))) < oldest:
        return f"{tool} is too old ({found[0]}): {remedy}"
    return ""
