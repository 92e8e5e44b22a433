"""The blanks of an example secrets file: values with a comment behind them that says where the real value comes from.

`key: PLACEHOLDER # generated: hex 32` is made up, of so many bytes; `# asked: …` is a question for a person. The same
placeholder in two places is the same secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

BEHIND = re.compile(r"\s+# (?:generated: hex (?P<size>[1-9]\d*)|asked: (?P<question>.+?))\s*$")


@dataclass(frozen=True)
class Blank:
    """size: bytes of a generated value, 0 for one that is asked for."""

    placeholder: str
    size: int
    question: str


def blanks(text: str) -> list[Blank]:
    """In the order of the file, each placeholder once. Raises ValueError for a value without such a comment."""
    lines = text.splitlines()
    found: dict[str, Blank] = {}
    for node in _scalars(yaml.compose(text, Loader=yaml.SafeLoader)):
        mark = node.end_mark
        told = BEHIND.match(lines[mark.line][mark.column :]) if mark.line < len(lines) else None
        if not told:
            raise ValueError(f"line {mark.line + 1} does not say whether its value is generated or asked for")
        blank = Blank(node.value, int(told["size"] or 0), told["question"] or "")
        if found.setdefault(node.value, blank) != blank:
            raise ValueError(f"line {mark.line + 1} says otherwise of its placeholder than an earlier line")
    return list(found.values())


def filled(text: str, answers: Mapping[str, str]) -> dict[str, Any]:
    """The file's document with the answers, by placeholder, in place of the blanks."""
    # As they are written: a placeholder such as 0123 or yes is text too.
    document: dict[str, Any] = _filled(yaml.load(text, Loader=yaml.BaseLoader), answers)
    return document


def _filled(value: Any, answers: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, answers) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, answers) for item in value]
    return answers[value]


def _scalars(node: yaml.Node | None) -> list[yaml.ScalarNode]:
    """Values only, no keys."""
    if isinstance(node, yaml.ScalarNode):
        return [node]
    if isinstance(node, yaml.MappingNode):
        return [scalar for _, value in node.value for scalar in _scalars(value)]
    return [scalar for value in node.value for scalar in _scalars(value)] if isinstance(node, yaml.SequenceNode) else []
