"""Gets the parts that are not there, one after the other."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tasks.errors import Refused
from tasks.parts import cache, recipes, tools
from tasks.parts.commands import Commands, Failed
from tasks.parts.pins import PINS

Say = Callable[[str], None]


def get(run: Commands, names: Sequence[str], folder: Path, say: Say) -> None:
    """Refused at the end if some could not be got; all others are there then. names: none means all."""
    wanted = _known(names)
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    (folder / "store").mkdir(exist_ok=True)
    with _alone(folder):
        _remove_leftovers(folder)
        missing = _missing(wanted, folder, say)
        possible, complaints = _possible(run, missing)
        for complaint in complaints:
            say(complaint)
        failed = [name for name in possible if not _one(run, name, folder, say)]
    if lacking := [name for name in missing if name not in possible or name in failed]:
        raise Refused(f"{', '.join(lacking)} could not be got: mend what is said above, and run this again.")


def show(names: Sequence[str], folder: Path, say: Say) -> None:
    """What `get` would do."""
    for name in _missing(_known(names), folder, say):
        say(f"{name} {PINS[name].version}: to be got")


def _known(names: Sequence[str]) -> list[str]:
    if unknown := [name for name in names if name not in PINS]:
        raise Refused(f"There is no part {' or '.join(unknown)}: name some of {', '.join(PINS)}.")
    return [name for name in PINS if name in (names or PINS)]


def _missing(names: Sequence[str], folder: Path, say: Say) -> list[str]:
    there = [name for name in names if cache.is_there(name, folder)]
    for name in there:
        say(f"{name} {PINS[name].version}: there")
    return [name for name in names if name not in there]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """A second one would take what the first is making for something left over."""
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(f"Another `invoke parts` is at work in {folder}: wait for it.") from None
        yield


def _remove_leftovers(folder: Path) -> None:
    for part in (folder / "store").iterdir():
        if not (part / cache.COMPLETE).exists():
            shutil.rmtree(part)


def _possible(run: Commands, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Those parts whose tools are there, and a sentence for each tool that is not."""
    needed = {tool: [name for name in names if tool in PINS[name].needs] for tool in tools.TOOLS}
    said = {tool: tools.complaint(tool, run) for tool, needing in needed.items() if needing}
    sentences = [f"{text} ({', '.join(needed[tool])} can't be got without)." for tool, text in said.items() if text]
    return [name for name in names if not any(said.get(tool) for tool in PINS[name].needs)], sentences


def _one(run: Commands, name: str, folder: Path, say: Say) -> bool:
    """Made where it stays, as an environment can't be moved; it counts only when it is complete."""
    begun, place = time.monotonic(), cache.place(name, folder)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    try:
        programs = recipes.make(name, PINS[name], run, place)
        _complete(place, programs)
    except (Failed, OSError) as failure:
        say(f"{name} {PINS[name].version}: failed\n{failure}")
        return False
    finally:
        if not (place / cache.COMPLETE).exists():
            shutil.rmtree(place)
    _link(place, folder / "bin")
    _remove_older(name, place)
    say(f"{name} {PINS[name].version}: got in {time.monotonic() - begun:.0f} s, {_megabytes(place)} MB")
    return True


def _complete(place: Path, programs: Sequence[str]) -> None:
    for program in programs:
        if not os.access(place / program, os.X_OK):
            raise Failed(f"{program} is not there, or no program")
    (place / "incomplete").write_text("".join(f"{program}\n" for program in programs))
    (place / "incomplete").replace(place / cache.COMPLETE)


def _link(place: Path, bin_folder: Path) -> None:
    for program in cache.programs_in(place):
        aside = place / "link"
        aside.unlink(missing_ok=True)
        aside.symlink_to(Path("..") / "store" / place.name / program.relative_to(place))
        aside.replace(bin_folder / program.name)


def _remove_older(name: str, place: Path) -> None:
    digest = len(place.name) - len(name)
    for other in place.parent.iterdir():
        if other != place and other.name.startswith(f"{name}-") and len(other.name) == len(name) + digest:
            shutil.rmtree(other)


def _megabytes(folder: Path) -> int:
    files = (file for file in folder.rglob("*") if not file.is_symlink())
    return round(sum(file.stat().st_size for file in files) / 1e6)
