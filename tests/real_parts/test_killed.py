"""A deploy that is killed at any of its steps, and the same command again: the end is that of an undisturbed run."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.real_parts.hub import Hub
from tests.real_path.rig import Run

APPENDED = "\n\nfrom tasks.dying import dying  # noqa: E402\n\nInvokeRun.__call__ = dying(InvokeRun.__call__)\n"


@pytest.fixture
def mortal(hub: Hub) -> Hub:
    """Deployed, so that the next deploy changes something."""
    shell = hub.tree / "tasks" / "shell.py"
    text = re.sub("^(FIRST_PAUSE, LONGEST_PAUSE) = .*", r"\1 = 0.02, 0.04", shell.read_text(), flags=re.MULTILINE)
    shell.write_text(text + APPENDED)
    (hub.tree / "tasks" / "dying.py").write_text(Path(__file__).with_name("dying.py").read_text())
    hub.deploys(more=commands(hub))
    return hub


def commands(hub: Hub, dies: str = "never 0") -> dict[str, str]:
    file = hub.folder / "commands"
    file.unlink(missing_ok=True)
    return {"COMMANDS": str(file), "DIES_AT": dies}


def ran(hub: Hub) -> list[str]:
    return (hub.folder / "commands").read_text().splitlines()


def undisturbed(hub: Hub) -> tuple[int, dict[str, Any]]:
    """How many commands a deploy runs that changes something, and what it comes to."""
    hub.values(greeting="undisturbed")
    hub.deploys(more=commands(hub))
    return len(ran(hub)), hub.state


def goes_on(hub: Hub, greeting: str, wanted: dict[str, Any], more: Mapping[str, str]) -> int:
    """The same command comes to what it would have come to at once. The number of the last revision."""
    left = [folder for run in hub.runs[-2:] for folder in private_folders(run)]
    hub.deploys(more={**more, **commands(hub)})
    assert hub.state == {**wanted, "ConfigMap greeting": {"data": {"greeting": greeting}}}
    assert hub.holder == ""
    assert not any(folder.exists() for folder in left)
    number, status = hub.revisions[-1]
    assert status == "deployed"
    return number


def private_folders(run: Run) -> list[Path]:
    return list(Path("/dev/shm").glob(f"hub-maintenance-*-{run.process.pid}-*"))


def dies(hub: Hub, at: str, more: Mapping[str, str]) -> bool:
    """Or comes to a good end before."""
    run = hub.run("deploy", more={**more, **commands(hub, at)})
    assert run.exit in (-signal.SIGKILL, 0), f"{at}: {run.out}{run.err}"
    return run.exit != 0


def test_at_every_command(mortal: Hub) -> None:
    """Before it; the same command again dies after it, if it comes so far; and again comes to the end.

    By helm, which is quicker, but for the command that is hubploy's, and its neighbours.
    """
    number, wanted = undisturbed(mortal)
    assert number > 20
    hubploy, last = place_of_hubploy(mortal), mortal.revisions[-1][0]
    for n in range(1, number + 1):
        more = {"INVOKE_DEPLOY_WITH": "hubploy" if abs(n - hubploy) <= 1 else "helm"}
        mortal.values(greeting=f"change {n}")
        assert dies(mortal, f"before {n}", more)
        assert dies(mortal, f"after {n}", more) or n > hubploy  # there is less to do by then
        assert goes_on(mortal, f"change {n}", wanted, more) == last + n, f"one revision for change {n}"


def place_of_hubploy(hub: Hub) -> int:
    return next(n for n, line in enumerate(ran(hub), 1) if line.startswith("hubploy"))


def test_while_hubploy_is_at_work(mortal: Hub) -> None:
    """Its helm may be anywhere: not begun, in the middle, or through."""
    _, wanted = undisturbed(mortal)
    number = place_of_hubploy(mortal)
    for delay in (0.2, 1.5, 1.8, 2.1, 2.4):
        mortal.values(greeting=f"during {delay}")
        assert dies(mortal, f"during {number} {delay}", {})
        goes_on(mortal, f"during {delay}", wanted, {})
