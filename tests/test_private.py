"""The private folder of a run: who may read it, when it goes, and what becomes of one that a killed run has left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tasks import private
from tasks.endings import ENDINGS
from tasks.errors import Terminated
from tasks.private import PREFIX, private_folder, sweep
from tasks.shell import RealProcesses, process_start
from tests.rehearsal import ROOT

# A run: its folder, a command of its own that is given the folder, and then it waits. Prints both once they are there.
RUN = """
import os, subprocess, sys, time
from pathlib import Path
from tasks import private
from tasks.shell import RealProcesses
private.MEMORY = Path(sys.argv[1])
with private.private_folder(RealProcesses()) as folder:
    (folder / "secrets.yaml").write_text("plain")
    child = subprocess.Popen(["sleep", "60"], env={"TMPDIR": str(folder / "tmp")}, process_group=0)
    print(folder, child.pid, flush=True)
    time.sleep(60)
"""


@dataclass
class Memory:
    """The place of private folders, and the runs that were started in it."""

    path: Path
    begun: list[int] = field(default_factory=list)

    def start(self) -> tuple[subprocess.Popen[str], Path, int]:
        words = [sys.executable, "-c", RUN, str(self.path)]
        run = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert run.stdout
        folder, child = run.stdout.readline().split()
        self.begun += [run.pid, int(child)]
        return run, Path(folder), int(child)

    @property
    def folders(self) -> list[str]:
        return sorted(folder.name for folder in self.path.iterdir())

    def leave(self, name: str) -> Path:
        """As a killed run does."""
        folder = self.path / name
        folder.mkdir()
        (folder / "secrets.yaml").write_text("plain")
        return folder


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Memory]:
    """What ends us has its old handlers again afterwards."""
    monkeypatch.setattr(private, "MEMORY", tmp_path)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *ENDINGS)}
    found = Memory(tmp_path)
    yield found
    for number, handler in before.items():
        signal.signal(number, handler)
    for process in found.begun:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue


def gone(number: int) -> bool:
    """Soon, at least. One that nobody waits for counts as gone."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def test_nobody_else_may_look_into_it(memory: Memory) -> None:
    before = os.umask(0)
    try:
        with private_folder(RealProcesses()) as folder:
            assert folder.stat().st_mode & 0o777 == 0o700
            assert folder.parent == memory.path
    finally:
        os.umask(before)


def test_its_name_tells_whose_it_is(memory: Memory) -> None:
    with private_folder(RealProcesses()) as folder:
        assert folder.parent == memory.path
        number = os.getpid()
        assert folder.name == f"{PREFIX}-{os.getuid()}-{number}-{process_start(number)}"


def test_it_goes_when_the_run_is_over(memory: Memory) -> None:
    with private_folder(RealProcesses()) as folder:
        (folder / "deep" / "er").mkdir(parents=True)
        (folder / "deep" / "er" / "secrets.yaml").write_text("plain")
    assert memory.folders == []


def end(number: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def fail() -> None:
    raise RuntimeError


@pytest.mark.parametrize(
    ("ending", "raised"),
    [
        (fail, RuntimeError),
        (sys.exit, SystemExit),
        (end(signal.SIGINT), KeyboardInterrupt),
        (end(signal.SIGTERM), Terminated),
        (end(signal.SIGHUP), Terminated),
    ],
    ids=["exception", "exit", "SIGINT", "SIGTERM", "SIGHUP"],
)
def test_it_goes_however_the_run_ends(memory: Memory, ending: Callable[[], None], raised: type[BaseException]) -> None:
    def run() -> None:
        with private_folder(RealProcesses()) as folder:
            (folder / "secrets.yaml").write_text("plain")
            ending()

    with pytest.raises(raised):
        run()
    assert memory.folders == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_goes_when_a_run_of_its_own_is_ended(memory: Memory, number: signal.Signals) -> None:
    run, folder, _ = memory.start()
    assert folder.exists()
    run.send_signal(number)
    run.wait(10)
    assert memory.folders == []


def test_what_a_killed_run_left_goes_at_the_next_start_with_the_commands_it_left(memory: Memory) -> None:
    run, folder, child = memory.start()
    run.kill()
    run.wait(10)
    assert (folder / "secrets.yaml").exists()
    with private_folder(RealProcesses()) as ours:
        assert memory.folders == [ours.name]
        assert gone(child)


def test_a_command_that_does_not_hear_it_is_killed(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private, "GRACE", 0.2)
    folder = memory.leave(f"{PREFIX}-{os.getuid()}-999999999-1")
    words = [
        sys.executable,
        "-c",
        "import signal, time; signal.signal(2, signal.SIG_IGN); print(flush=True); time.sleep(60)",
    ]
    deaf = subprocess.Popen(words, env={"TMPDIR": str(folder / "tmp")}, stdout=subprocess.PIPE)
    memory.begun.append(deaf.pid)
    assert deaf.stdout
    deaf.stdout.readline()
    sweep(RealProcesses())
    assert deaf.wait(10) == -signal.SIGKILL
    assert memory.folders == []


def test_a_living_other_run_is_left_alone_with_its_commands(memory: Memory) -> None:
    run, folder, child = memory.start()
    with private_folder(RealProcesses()):
        assert (folder / "secrets.yaml").exists()
    assert run.poll() is None
    assert Path(f"/proc/{child}").exists()


def test_a_number_that_another_process_has_by_now_protects_nothing(memory: Memory) -> None:
    memory.leave(f"{PREFIX}-{os.getuid()}-{os.getpid()}-1")
    sweep(RealProcesses())
    assert memory.folders == []


def test_commands_of_a_folder_whose_name_begins_the_same_are_left_alone(memory: Memory) -> None:
    dead = memory.leave(f"{PREFIX}-{os.getuid()}-999999999-12")
    other = subprocess.Popen(["sleep", "60"], env={"TMPDIR": f"{dead}3/tmp"})
    memory.begun.append(other.pid)
    sweep(RealProcesses())
    assert other.poll() is None
    assert memory.folders == []


def test_nobody_elses_folder_is_touched(memory: Memory) -> None:
    others = [f"{PREFIX}-{os.getuid() + 1}-999999999-1", f"{PREFIX}-{os.getuid()}1-999999999-1", "other-tool-1", PREFIX]
    for name in others:
        memory.leave(name)
    with private_folder(RealProcesses()):
        pass
    assert memory.folders == sorted(others)
    assert all((memory.path / name / "secrets.yaml").exists() for name in others)


def test_a_link_in_it_is_not_followed(memory: Memory, tmp_path_factory: pytest.TempPathFactory) -> None:
    kept = tmp_path_factory.mktemp("kept")
    (kept / "file").touch()
    with private_folder(RealProcesses()) as folder:
        (folder / "link").symlink_to(kept)
    assert memory.folders == []
    assert (kept / "file").exists()


def test_without_a_place_in_memory_it_is_a_temporary_folder(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private, "MEMORY", memory.path / "missing")
    monkeypatch.setattr("tempfile.tempdir", str(memory.path))
    with private_folder(RealProcesses()) as folder:
        assert folder.parent == memory.path
