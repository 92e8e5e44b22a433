"""What a person sees: on a terminal, through a pipe, without colours."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tasks.screen import Screen, duration

CONTROL = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")
COLOURS = {*map(str, (*range(30, 39), *range(40, 49), *range(90, 98), *range(100, 108)))}
UPGRADE = ["rehearse", "upgrade-k8s", "--to", "1.22"]


def environment(**variables: str) -> dict[str, str]:
    """This one, without what would decide about width and colours for us."""
    deciding = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
    return {name: value for name, value in os.environ.items() if name not in deciding} | variables


def piped(tree: Path, *words: str, **variables: str) -> str:
    command = [sys.executable, "-m", "invoke", *words]
    run = subprocess.run(command, cwd=tree, env=environment(**variables), capture_output=True, text=True, check=True)
    assert run.stderr == ""
    return run.stdout


def on_a_terminal(tree: Path, *words: str, columns: int = 80, **variables: str) -> str:
    """Everything that a terminal of that width was sent."""
    mine, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "invoke", *words],
        cwd=tree,
        env=environment(**{"TERM": "xterm-256color", **variables}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    sent = b""
    while True:
        try:
            block = os.read(mine, 65536)
        except OSError:  # the other side is closed: it has ended
            break
        if not block:
            break
        sent += block
    os.close(mine)
    assert process.wait() == 0
    return sent.decode()


def lines(sent: str) -> list[str]:
    """What stands in each line in the end, as a terminal that is wide enough shows it."""
    return [line.rstrip("\r").rpartition("\r")[2] for line in CONTROL.sub("", sent).split("\n")]


def styles(sent: str) -> set[str]:
    """The codes of all styles that were sent."""
    return {code for codes, letter in CONTROL.findall(sent) if letter == "m" for code in codes.split(";")}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (40, "40 s"),
        (59, "59 s"),
        (59.7, "1 min"),
        (60, "1 min"),
        (89, "1 min"),
        (25 * 60, "25 min"),
        (59 * 60 + 29, "59 min"),
        (59 * 60 + 31, "1 h 00 min"),
        (3600, "1 h 00 min"),
        (3600 + 5 * 60, "1 h 05 min"),
        (3 * 3600 + 40 * 60, "3 h 40 min"),
        (26 * 3600, "26 h 00 min"),
    ],
)
def test_durations_are_as_exact_as_anybody_wants_to_know(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_piped_text_is_plain_and_never_wrapped(tree: Path) -> None:
    said = piped(tree, *UPGRADE, TERM="xterm-256color", COLUMNS="80")
    assert "\x1b" not in said
    assert "\r" not in said
    (roll,) = (line for line in said.splitlines() if re.match(r" +5 +nodes-1\.20 ", line))
    assert roll.endswith("hub and proxy move: about 3 min without log-in or new servers")
    assert "worker-4xlarge → worker-4xlarge-b" in roll
    (hazard,) = (line for line in said.splitlines() if line.startswith("! control-plane-1.21"))
    assert hazard.endswith("/kubernetes-versions.html]")
    commands = [line for line in said.splitlines() if line.startswith("  $ eksctl create nodegroup")]
    assert [command.endswith("--install-nvidia-plugin=false") for command in commands] == [True, True]


def test_piped_tables_have_their_columns_one_below_the_other(tree: Path) -> None:
    said = piped(tree, "rehearse", "status").splitlines()
    head = said.index("Node groups") + 1
    column = said[head].index("version")
    assert [line[column : column + 6].strip() for line in said[head + 1 : head + 6]] == ["1.18"] * 5


def test_on_a_terminal_tables_fit_its_width_and_nothing_of_them_is_cut_off(tree: Path) -> None:
    sent = on_a_terminal(tree, *UPGRADE)
    drawn = [line for line in lines(sent) if line[:1] in "┃│┏┡└├" and line]
    assert max(map(len, drawn)) == 80
    assert {line[-1] for line in drawn} <= set("┃│┓┩┘┤")
    assert "…" not in "".join(drawn)
    for part in ("control-plane-1.22", "worker-4xlarge-c", "nodes-1.22"):
        assert any(part in line for line in drawn), part
    assert styles(sent) & COLOURS


def test_on_a_terminal_the_running_step_is_shown_with_its_usual_time_and_cleared_away(tree: Path) -> None:
    sent = on_a_terminal(tree, *UPGRADE)
    assert re.search(r"control-plane-1\.19 \(usually 25 min\): \d+ (?:s|min) so far", CONTROL.sub("", sent))
    assert sent.count("\x1b[?25l") == sent.count("\x1b[?25h") > 0  # the cursor is back


def test_on_a_terminal_a_command_that_is_shown_can_be_copied(tree: Path) -> None:
    shown = [line for line in lines(on_a_terminal(tree, *UPGRADE)) if "$ eksctl upgrade cluster" in line]
    assert len(shown) == 4
    assert all(line.endswith("--config-file=.rehearsal/infra/eksctl-cluster-config.yaml --approve") for line in shown)


def test_no_color_is_honoured_on_a_terminal(tree: Path) -> None:
    sent = on_a_terminal(tree, *UPGRADE, NO_COLOR="1")
    assert not styles(sent) & COLOURS
    assert "┃ step" in CONTROL.sub("", sent)


def test_a_dumb_terminal_gets_plain_lines(tree: Path) -> None:
    sent = on_a_terminal(tree, "rehearse", "status", TERM="dumb")
    assert "\x1b" not in sent
    assert "┃" not in sent


def test_words_in_brackets_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().says("[bold]core-a[/bold] :warning: [https://example.org]")
    assert capsys.readouterr().out == "[bold]core-a[/bold] :warning: [https://example.org]\n"


def test_with_json_asked_for_stdout_is_left_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(json=True)
    screen.says("to a person")
    screen.data({"to": "a program"})
    assert capsys.readouterr() == ('{\n  "to": "a program"\n}\n', "to a person\n")
