"""The private folder of one run: in memory where there is such a place, open to nobody else, gone at the end.

What a killed run has left is found by its name at the next start: its commands are ended, then it is removed.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tasks.endings import end_as_interrupted, undisturbed
from tasks.seams import Processes

MEMORY = Path("/dev/shm")
PREFIX = "hub-maintenance"
GRACE, PAUSE = 30.0, 0.05  # seconds that a left command has after SIGINT; between two looks at it


@contextmanager
def private_folder(processes: Processes) -> Iterator[Path]:
    """Mode 0700. However the run ends, SIGKILL aside, it is removed."""
    end_as_interrupted()
    sweep(processes)
    _, number, start = processes.myself()
    folder = _place() / f"{PREFIX}-{os.getuid()}-{number}-{start}"
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        with undisturbed():
            shutil.rmtree(folder, ignore_errors=True)


def sweep(processes: Processes) -> None:
    """Removes what dead runs of this user have left. A helm that still works with their files is interrupted first:
    its release is then marked as failed, which the next deploy mends."""
    for folder in _place().glob(f"{PREFIX}-{os.getuid()}-*"):
        number, _, start = folder.name.removeprefix(f"{PREFIX}-{os.getuid()}-").partition("-")
        if number.isdecimal() and processes.alive(int(number), start):
            continue
        _end(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _place() -> Path:
    return MEMORY if os.access(MEMORY, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


def _end(folder: Path) -> None:
    end = time.monotonic() + GRACE
    for number in _working_in(folder):
        _signal(number, signal.SIGINT)
    while (left := _working_in(folder)) and time.monotonic() < end:
        time.sleep(PAUSE)
    for number in left:
        _signal(number, signal.SIGKILL)


def _working_in(folder: Path) -> list[int]:
    """Processes whose environment names the folder, as that of every command does that was given it. Linux tells;
    elsewhere nothing is known of them."""
    return [int(file.parent.name) for file in Path("/proc").glob("[0-9]*/environ") if _names(file, folder)]


def _names(environ: Path, folder: Path) -> bool:
    try:
        return re.search(re.escape(os.fsencode(folder)) + b"(?![0-9])", environ.read_bytes()) is not None
    except OSError:
        return False


def _signal(number: int, which: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(number, which)
