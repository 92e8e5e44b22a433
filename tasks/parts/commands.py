"""Runs what gets a part, quietly: what it printed is shown only if it failed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from invoke.context import Context

LAST_LINES = 20


class Failed(Exception):
    """A part could not be got; the text says which command failed, and its last lines."""


@dataclass(frozen=True)
class Commands:
    context: Context

    def __call__(self, words: Sequence[str], folder: Path, **environment: str) -> str:
        """What the command printed. folder: where it runs."""
        line = f"cd {shlex.quote(str(folder))} && {shlex.join(words)} 2>&1"
        done = self.context.run(line, env=environment, warn=True, hide=True, in_stream=False, pty=False)
        assert done is not None
        if done.exited:
            lines = [line for line in done.stdout.splitlines() if not line.startswith("go: downloading ")]
            raise Failed("\n".join([*lines[-LAST_LINES:], f"{shlex.join(words[:2])} ended with {done.exited}"]))
        return done.stdout
