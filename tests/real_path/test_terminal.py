"""What a person sees on a terminal, and answers there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import termios
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.real_path.rig import Rig, Run, wait_for
from tests.rehearsal import CONFIG

CONTROL = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07]*\x07)")
COLUMNS = 80


@dataclass
class Terminal:
    """Of 80 columns."""

    shown: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self._near, self._far = pty.openpty()
        fcntl.ioctl(self._far, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))

    def begin(self, rig: Rig, *words: str) -> Run:
        far = self._far
        run = rig.begin(*words, environment={"TERM": "xterm"}, stdin=far, stdout=far, stderr=far)
        os.close(far)
        threading.Thread(target=self._read, daemon=True).start()
        return run

    def _read(self) -> None:
        try:
            while piece := os.read(self._near, 4096):
                self.shown += piece
        except OSError:  # the other side is closed
            pass

    @property
    def text(self) -> str:
        return self.shown.decode(errors="ignore")

    def answers(self, question: str, answer: str) -> None:
        wait_for(lambda: question in self.text, question)
        os.write(self._near, f"{answer}\n".encode())


def test_yes_goes_on(rig: Rig) -> None:
    terminal = Terminal()
    run = terminal.begin(rig, "upgrade-k8s", "--to=1.19", "--until=control-plane-1.19")
    terminal.answers("Carry this out on l2l?", "y")
    assert run.exit == 0
    assert rig.world.eks.cluster["version"] == "1.19"
    assert "so far" not in CONTROL.sub("", terminal.text).splitlines()[-1]


def test_no_is_no_and_eighty_columns_are_enough(make_rig: Callable[..., Rig]) -> None:
    """With the plan of the deployment's own cluster, which is the widest."""
    terminal, rig = Terminal(), make_rig(CONFIG.read_text())
    run = terminal.begin(rig, "upgrade-k8s", "--to=1.22")
    terminal.answers("Carry this out on l2l?", "n")
    assert run.exit == 1
    assert "Nothing was changed." in terminal.text
    assert rig.untouched
    lines = [line.rstrip("\r") for line in CONTROL.sub("", terminal.text).split("\n")]
    assert max(map(len, lines)) <= COLUMNS
    assert any("│" in line and "control-plane-1.21" in line for line in lines)
    assert "\x1b[" in terminal.text
