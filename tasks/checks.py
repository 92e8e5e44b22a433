"""The project's own checks, and the real programs that they run."""

from __future__ import annotations

import shlex
import sys
from functools import partial

from invoke.context import Context
from invoke.tasks import task


@task(positional=[], auto_shortflags=False, help={"long": "the same properties with a hundred times the cases"})
def test(c: Context, long: bool = False) -> None:
    """Run linter, type checker and tests. Tests whose parts are missing are skipped, and named."""
    profile = "long" if long else "default"
    for words in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"], ["pytest"]):
        c.run(shlex.join([sys.executable, "-m", *words]), env={"HYPOTHESIS_PROFILE": profile})


@task(
    positional=[],
    auto_shortflags=False,
    iterable=["only"],
    help={"only": "this part and no other, such as kubectl (can be given several times)"},
)
def parts(c: Context, only: list[str] | None = None) -> None:
    """Get the real programs that rehearsals of a deployment and tests run, in pinned versions, into a cache folder.

    It needs Go 1.25, Node.js 20 and a quarter of an hour, once; what is there already is left alone. The folder is
    ~/.cache/hub-parts, or what INVOKE_PARTS_FOLDER says.
    """
    from pathlib import Path

    from tasks.parts.commands import Commands
    from tasks.parts.get import get, show
    from tasks.shell import InterruptibleRunner

    c.config.runners.local = InterruptibleRunner
    folder = Path(c.config.parts.folder).expanduser().absolute()
    say = partial(print, flush=True)
    show(only or [], folder, say) if c.config.run.dry else get(Commands(c), only or [], folder, say)
