"""A rehearsal in a folder of its own: the practice world's file, and the copies that are edited."""

from __future__ import annotations

import os
import shlex
import shutil
from functools import cache
from pathlib import Path
from typing import Any

from invoke.config import Config as Settings
from invoke.context import Context
from invoke.runners import Runner

from tasks.errors import Refused
from tasks.folder import DiskFolder
from tasks.practice.behind import POLL, PracticeClock, PracticeFolder, PracticeProcesses
from tasks.practice.cluster import ENDPOINT
from tasks.practice.door import Accident, Door
from tasks.practice.world import START, World
from tasks.screen import duration
from tasks.seams import Seams
from tasks.shell import InvokeRun

FOLDER = ".rehearsal"
WORLD = "world.json"
HUB = "hub"  # a deploy's rehearsals, which go on with one another
CLOSED_PORT = "http://127.0.0.1:9"  # nothing listens on the discard port: a call that got past the seams fails at once


@cache
def door(folder: Path) -> Door:
    """The one door of this process to the world in that folder."""
    disk = DiskFolder(folder)
    content = disk.read(WORLD)
    assert content is not None
    try:
        world = World.load(content)
    except (ValueError, KeyError):
        raise Refused(f"The rehearsal in {folder.name} is broken: leave out --resume to begin a new one.") from None
    return Door(world, keep=lambda world: keep(folder, world))


def keep(folder: Path, world: World) -> None:
    """Written aside and renamed, but not waited for: a rehearsal survives a killed process, not a power cut."""
    aside = folder / f".{WORLD}.new"
    aside.write_bytes(world.dump())
    os.replace(aside, folder / WORLD)


def begin(folder: Path, world: World) -> None:
    """Anew: whatever an earlier rehearsal left is gone."""
    if folder.is_symlink():
        raise Refused(f"{folder.name} is a link, and what it leads to would be emptied: remove the link.")
    (folder / WORLD).unlink(missing_ok=True)  # first: without it there is nothing to resume
    for path in [path for path in folder.iterdir() if path.name != HUB] if folder.exists() else ():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "bin").mkdir()
    kubeconfig = {
        "current-context": "practice",
        "contexts": [{"name": "practice", "context": {"cluster": "practice", "user": "practice"}}],
        "clusters": [{"name": "practice", "cluster": {"server": ENDPOINT}}],
    }
    DiskFolder(folder).write("kubeconfig", _yaml(kubeconfig))
    keep(folder, world)


def _yaml(document: dict[str, Any]) -> bytes:
    import yaml

    text: str = yaml.safe_dump(document)
    return text.encode()


def shut_the_world_out(folder: Path) -> None:
    """For the rest of this process: no credentials, no profile, no instance metadata, no programs but the practice ones."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(
        AWS_EC2_METADATA_DISABLED="true",
        AWS_ENDPOINT_URL=CLOSED_PORT,
        AWS_CONFIG_FILE=str(folder / "no-config"),
        AWS_SHARED_CREDENTIALS_FILE=str(folder / "no-credentials"),
        KUBECONFIG=str(folder / "kubeconfig"),
        PATH=str(folder / "bin"),
    )


class PracticeRunner(Runner):
    """Invoke's runner for commands that run in the practice world. `run` stays Invoke's own: it knows --dry."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._door = door(Path(context.config.rehearsal.folder))
        self._exit = 0
        self._collected: list[str] = []

    def start(self, command: str, shell: str, env: dict[str, Any]) -> None:
        self.pid = int(self._door.start(shlex.split(command.removeprefix("exec "))))

    @property
    def process_is_finished(self) -> bool:
        return not self._door.runs(str(self.pid))

    def create_io_threads(self) -> tuple[Any, list[str], list[str]]:
        """None: what a practice command prints is known as a whole when it ends."""
        self._out: list[str] = []
        self._err: list[str] = []
        return {}, self._out, self._err

    def wait(self) -> None:
        while not self.process_is_finished:
            self._door.pass_time(POLL)
        self._exit, out, err = self._door.collect(str(self.pid))
        self._out.append(out)
        self._err.append(err)

    def send_interrupt(self, interrupt: KeyboardInterrupt) -> None:
        """Ctrl-C ends the task, and is not for the program alone."""
        raise interrupt

    def returncode(self) -> int:
        return self._exit

    def kill(self) -> None:
        self._door.world.end_job(str(self.pid), "", "", -9)


def seams(settings: Settings, _region: str) -> Seams:
    """As the real ones are made; a practice world needs no region to be found."""
    folder = Path(settings.rehearsal.folder)
    entrance = door(folder)
    clock = PracticeClock(entrance)
    context = Context(settings)
    disk = PracticeFolder(entrance, DiskFolder(folder))
    return Seams(InvokeRun(context, clock, None, POLL), entrance.aws, clock, disk, PracticeProcesses(entrance))


def accidents(given: dict[str, str]) -> list[Accident]:
    return [Accident.parse(kind, text) for kind, text in given.items() if text]


def closing_words(world: World) -> str:
    """What the rehearsal says about a real run: its length to ten minutes, and when people notice it."""
    spans = [end - begin for begin, end in world.kubernetes.state["breaks"] if end is not None]
    length = duration(round((world.now - START) / 600) * 600)
    if not spans:
        return f"A real run takes about {length}; nobody is disturbed."
    each = max(1, round(sum(spans) / len(spans) / 60))
    breaks = f"{len(spans)} short break{'s' * (len(spans) > 1)} of about {each} min"
    return f"A real run takes about {length}; in {breaks} (hub and proxy move) users can't log in or start servers."
