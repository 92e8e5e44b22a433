"""Command lines as the practice cluster's programs understand them, and what comes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class Failed(Exception):
    """The program ends at once with exit 1 and these words on stderr."""


@dataclass(frozen=True)
class Job:
    """What a program will have printed when it ends, `seconds` from now.

    then: an effect, with its arguments, that goes on until it ends the job itself (`World.end_job`).
    """

    stdout: str = ""
    stderr: str = ""
    exit: int = 0
    seconds: float = 0.0
    then: tuple[str, tuple[Any, ...]] | None = None


@dataclass(frozen=True)
class Options:
    """`eksctl create nodegroup --config-file=x --approve` is words ("create", "nodegroup") and the rest by name."""

    words: tuple[str, ...]
    values: dict[str, str]
    flags: frozenset[str]

    @classmethod
    def parse(cls, argv: Sequence[str]) -> Options:
        options = [word.removeprefix("--") for word in argv if word.startswith("--")]
        values = dict(option.split("=", 1) for option in options if "=" in option)
        return cls(
            tuple(word for word in argv if not word.startswith("-")),
            values,
            frozenset(option for option in options if "=" not in option),
        )

    def get(self, name: str) -> str | None:
        return self.values.get(name)
