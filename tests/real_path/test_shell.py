"""What real commands do that practice ones don't: print much, hang, ask, leave something behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from invoke.config import Config
from invoke.context import Context

from tasks.seams import Ran
from tasks.shell import InvokeRun, RealProcesses, WallClock, process_start


def python(root: Path, program: str, limit: float, **settings: object) -> Ran:
    context = Context(Config(overrides={"run": {"in_stream": False}, **settings}))
    return InvokeRun(context, WallClock(), root)([sys.executable, "-ISc", program], limit=limit)


def test_the_pods_of_a_large_hub(tmp_path: Path) -> None:
    ran = python(tmp_path, "print('é' * 12_000_000)", limit=5)
    assert (ran.exit, len(ran.stdout)) == (0, 12_000_001)


def test_a_program_that_asks_is_told_that_nobody_is_there(tmp_path: Path) -> None:
    ran = python(tmp_path, "input('MFA code: ')", limit=5)
    assert (ran.exit, ran.last_words) == (1, "EOFError: EOF when reading a line")


def test_what_a_command_has_started_does_not_outlast_its_limit(tmp_path: Path) -> None:
    """As `aws eks get-token` behind kubectl."""
    began = time.monotonic()
    ran = python(tmp_path, "import subprocess; subprocess.run(['/bin/sleep', '3'])", limit=0.2)
    assert ran.exit == -9
    assert time.monotonic() - began < 2


def test_invokes_own_timeout_is_not_ours(tmp_path: Path) -> None:
    """`invoke -T 1` would end eksctl, and then itself with a traceback."""
    ran = python(tmp_path, "import time; time.sleep(1.2); print(1)", limit=5, timeouts={"command": 1})
    assert (ran.exit, ran.stdout) == (0, "1\n")


def test_a_process_that_is_over_is_not_alive() -> None:
    """Also where nobody has collected it, as in a container whose first process does not do that."""
    child = subprocess.Popen([sys.executable, "-ISc", "input()"], stdin=subprocess.PIPE)
    start = process_start(child.pid)
    assert RealProcesses().alive(child.pid, start)
    assert not RealProcesses().alive(child.pid, "1")  # another process of that number
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not RealProcesses().alive(child.pid, start)
    child.communicate()
