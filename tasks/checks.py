"""The project's own checks."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task


@task(positional=[], help={"long": "the same properties with a hundred times the cases"})
def test(c: Context, long: bool = False) -> None:
    """Run linters, type checks and tests. Tests whose parts are missing are skipped, and named."""
    c.run("ruff check .")
    c.run("mypy")
    c.run("pytest", env={"HYPOTHESIS_PROFILE": "long" if long else "default"})
