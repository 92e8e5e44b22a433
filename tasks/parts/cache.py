"""The cache folder of parts: what is there, and where.

FOLDER/store/NAME-DIGEST has a part; the digest is that of its pin. The file `complete` in it is written last.
FOLDER/bin has links to the programs of all parts.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from tasks.errors import Refused
from tasks.parts.pins import ENVIRONMENTS, PINS, Environment

DEFAULT = "~/.cache/hub-parts"
COMPLETE = "complete"


def folder() -> Path:
    """As Invoke's setting parts.folder has it, for those who run without Invoke."""
    return Path(os.environ.get("INVOKE_PARTS_FOLDER") or DEFAULT).expanduser().absolute()


def digest(name: str) -> str:
    """Of everything that the part is made from."""
    pin = PINS[name]
    content = [repr(pin).encode()]
    if isinstance(pin, Environment):
        content.append((ENVIRONMENTS / pin.requirements).read_bytes())
        content += [file.read_bytes() for file in sorted((ENVIRONMENTS / pin.npm).iterdir()) if pin.npm]
    return hashlib.sha256(b"\0".join(content)).hexdigest()[:12]


def place(name: str, cache: Path | None = None) -> Path:
    """The folder that the part lies in, or will."""
    return (cache or folder()) / "store" / f"{name}-{digest(name)}"


def is_there(name: str, cache: Path | None = None) -> bool:
    """Complete, and its programs can be started: an environment whose Python is gone is not there."""
    part = place(name, cache)
    bin_folder = (cache or folder()) / "bin"
    if isinstance(PINS[name], Environment) and not (part / "bin" / "python").exists():
        return False
    return (part / COMPLETE).exists() and all(
        file.exists() and (bin_folder / file.name).resolve() == file.resolve() for file in programs_in(part)
    )


def programs_in(part: Path) -> list[Path]:
    """What the file `complete` names: the programs that get a link."""
    return [part / line for line in (part / COMPLETE).read_text().splitlines()]


def missing(names: Iterable[str]) -> list[str]:
    """Those parts that are not there in their pinned version."""
    return [name for name in names if not is_there(name)]


def program(name: str) -> Path:
    """A program by its name, such as kubectl or kube-apiserver-1.33."""
    found = folder() / "bin" / name
    if not found.exists():
        raise Refused(f"{name} is missing: `invoke parts` gets it.")
    return found


def python(name: str) -> Path:
    """The Python of an environment."""
    if missing([name]):
        raise Refused(f"{name} is missing: `invoke parts` gets it.")
    return place(name) / "bin" / "python"
