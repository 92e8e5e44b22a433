"""`invoke secrets.init` makes a first secrets file that only the key's holders can read."""

from __future__ import annotations

import os
import pty
import re
import sys
import time

import pytest
import yaml

from tests.real_parts.centre import KEY
from tests.real_parts.hub import Hub

EXAMPLE = """# What it holds.
small:
  token: CHANGE-ME-token # generated: hex 24
  again: CHANGE-ME-token # generated: hex 24
  mail: CHANGE-ME-mail # asked: Which address?
"""
PATIENCE = 60.0  # seconds


@pytest.fixture
def blank(hub: Hub) -> Hub:
    """A deployment with an example in place of its secrets."""
    hub.secrets_file.unlink()
    hub.secrets_file.with_name("prod.example.yaml").write_text(EXAMPLE)
    (hub.tree / ".sops.yaml").write_text(f"creation_rules:\n  - path_regex: secrets/.*\n    kms: {KEY}\n")
    return hub


def on_a_terminal(hub: Hub, *answers: str) -> tuple[int, str]:
    """invoke secrets.init with somebody at the keyboard: exit code, and all that the terminal showed."""
    environment = hub.environment  # before the fork: after it, nothing but exec may be done
    number, terminal = pty.fork()
    if number == 0:
        os.chdir(hub.tree)
        os.execve(sys.executable, [sys.executable, "-m", "invoke", "secrets.init"], environment)
    shown, left, end = "", list(answers), time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            shown += os.read(terminal, 4096).decode()
        except OSError:  # it has ended
            break
        if left and shown.count("(not shown)") > len(answers) - len(left):
            os.write(terminal, left.pop(0).encode() + b"\n")
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]), shown


def test_what_is_asked_for_and_what_is_generated(blank: Hub) -> None:
    exit_code, shown = on_a_terminal(blank, "somebody@example.org")
    assert exit_code == 0, shown
    assert "Which address?" in shown
    assert "as you said, encrypted" in shown
    text = blank.secrets_file.read_text()
    assert "somebody@example.org" not in text + shown
    found = yaml.safe_load(blank.programs.run("sops", "--decrypt", str(blank.secrets_file), folder=blank.tree))["small"]
    assert found["mail"] == "somebody@example.org"
    assert re.fullmatch(r"[0-9a-f]{48}", found["token"])
    assert found["again"] == found["token"]
    assert found["token"] not in text + shown
    blank.deploys()  # and a deploy takes it


def test_a_file_that_is_there_is_left_alone(hub: Hub) -> None:
    before = hub.secrets_file.read_bytes()
    run = hub.run("secrets.init")
    assert (run.exit, hub.secrets_file.read_bytes()) == (1, before)
    assert "is there already" in run.err


def test_nothing_is_written_where_it_can_not_be_encrypted(blank: Hub) -> None:
    other = KEY.replace("1234abcd", "ffffffff")
    (blank.tree / ".sops.yaml").write_text(f"creation_rules:\n  - path_regex: secrets/.*\n    kms: {other}\n")
    exit_code, shown = on_a_terminal(blank, "somebody@example.org")
    assert exit_code == 1
    assert "can't encrypt" in shown
    assert "Traceback" not in shown
    assert not blank.secrets_file.exists()


def test_nobody_there_and_a_trial(blank: Hub) -> None:
    run = blank.run("secrets.init")
    assert run.exit == 1
    assert "nobody is there to answer" in run.err
    trial = blank.run("--dry", "secrets.init")
    assert trial.exit == 0
    assert "24 random bytes" in trial.out
    assert not blank.secrets_file.exists()
