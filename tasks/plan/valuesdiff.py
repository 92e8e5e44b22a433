"""What differs between two sets of values, path by path: what a person has changed, where objects hide it in a Secret."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from tasks.plan.redact import SHORTEST

Path = tuple[str, ...]


def differences(before: Any, after: Any, secret: Any) -> list[str]:
    """Lines for people. secret: the decrypted documents as one; of what they name, and of what is gone, no value is told."""
    return [line for path, old, new in _changed(before, after, ()) for line in _told(path, old, new, secret)]


_NOTHING = object()


def _changed(old: Any, new: Any, path: Path) -> Iterator[tuple[Path, Any, Any]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}, key=str):
            yield from _changed(old.get(key, _NOTHING), new.get(key, _NOTHING), (*path, str(key)))
    elif old != new:
        yield path, old, new


def _told(path: Path, old: Any, new: Any, secret: Any) -> Iterator[str]:
    name = ".".join(path)
    if new is _NOTHING:
        yield f"{name}: no longer set"
    elif _names(secret, path):
        yield f"{name}: {'set' if old is _NOTHING else 'changed'} (secret)"
    elif isinstance(old, str) and isinstance(new, str) and "\n" in old + new:
        yield f"{name}:"
        lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=1)
        yield from (f"  {line}" for line in list(lines)[2:])
    elif old is _NOTHING:
        yield f"{name}: {_text(new)}"
    else:
        yield f"{name}: {_before(old)}{_text(new)}"


def _names(secret: Any, path: Path) -> bool:
    """Whether the secrets say something at this path, or below it."""
    for key in path:
        if not isinstance(secret, Mapping) or key not in secret:
            return False
        secret = secret[key]
    return True


def _before(old: Any) -> str:
    """Not what may have been a secret until now: a longer text, or all that stood below this place."""
    told = isinstance(old, (bool, int, float)) or old is None or (isinstance(old, str) and len(old) < SHORTEST)
    return f"{_text(old)} → " if told else "now "


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
