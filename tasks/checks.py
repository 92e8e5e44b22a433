"""The project's own checks."""

from __future__ import annotations

import shlex
import sys

from invoke.context import Context
from invoke.tasks import task


@task(positional=[], auto_shortflags=False, help={"long": "the same properties with a hundred times the cases"})
def test(c: Context, long: bool = False) -> None:
    """Run linter, type checker and tests. Tests whose parts are missing are skipped, and named."""
    profile = "long" if long else "default"
    for words in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"], ["pytest"]):
        c.run(shlex.join([sys.executable, "-m", *words]), env={"HYPOTHESIS_PROFILE": profile})
