"""Secret values, taken out of whatever is shown."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote, quote_plus

import yaml

SHORTEST = 8  # characters: what is shorter turns up everywhere by chance
MASK = "(secret)"
WIDTH = 1 << 30  # of a line of YAML: none is folded


@dataclass(frozen=True)
class Redactor:
    """secrets: decrypted values. Shorter ones than SHORTEST are let through."""

    secrets: frozenset[str] = frozenset()

    @classmethod
    def of(cls, *documents: Any) -> Redactor:
        """All leaves of decrypted YAML; of a value of several lines, each line too."""
        return cls(frozenset(part for document in documents for leaf in _leaves(document) for part in _parts(leaf)))

    def __call__(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern else text

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        forms = {form for secret in self.secrets for form in _forms(secret)}
        # The longest first: a value that contains another one goes as a whole.
        return re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True)))) if forms else None


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _parts(leaf: str) -> Iterable[str]:
    return {part for part in (leaf.strip(), *map(str.strip, leaf.splitlines())) if len(part) >= SHORTEST}


def _forms(secret: str) -> Iterator[str]:
    """As it stands, as JSON, YAML and URLs write it, and as base64 has any of these wherever in a longer text it begins."""
    yield from (quote(secret), quote(secret, safe=""), quote_plus(secret))
    for text in {secret, *_escaped(secret)}:
        yield text
        for encode in (b64encode, urlsafe_b64encode):
            for before in range(3):
                # Only the characters that depend on the secret alone, not on its neighbours.
                content = b"\0" * before + text.encode()
                first, last = -(-before * 4 // 3), len(content) * 8 // 6
                yield encode(content).decode()[first:last]


def _escaped(secret: str) -> Iterator[str]:
    yield secret.replace("'", "''")
    for ascii_only in (False, True):
        text = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield text
        yield "".join(f"\\u{ord(sign):04x}" if sign in "<>&" else sign for sign in text)  # as Go writes JSON
        yield yaml.safe_dump(secret, default_style='"', width=WIDTH, allow_unicode=not ascii_only).strip()[1:-1]
