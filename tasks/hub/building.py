"""hubploy builds an image: with logins of its own, its progress shown, and its tracebacks read."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

from tasks.amazon import Boto
from tasks.errors import Refused
from tasks.hub import logins
from tasks.hub.registry import Registry
from tasks.observe import READ_LIMIT
from tasks.plan.deployment import Deployment
from tasks.plan.image import Found
from tasks.screen import Screen, duration
from tasks.seams import Clock, Place, Ran, Seams
from tasks.tools import docker, git, hubploy

BUILD_LIMIT = 2 * 3600.0  # seconds
SOCKET = "unix:///var/run/docker.sock"  # where Docker's library looks if DOCKER_HOST is not set


@dataclass
class Progress:
    """Reads what a build prints, while it prints it. folder: whose folders have the files."""

    folder: Path
    screen: Screen
    clock: Clock
    begun: float
    _read: dict[Path, int] = field(default_factory=dict)
    _last: str = ""

    def started(self, number: int, start: str) -> None:
        """A dead run's commands are found by their private folder."""

    def pause(self) -> None:
        for file in (*self.folder.glob("*/out"), *self.folder.glob("*/err")):
            self._look(file)
        self.screen.tick(self.clock.now())

    def ended(self, number: int) -> None:
        self.pause()

    def _look(self, file: Path) -> None:
        """Lines that are whole."""
        with file.open("rb") as stream:
            stream.seek(self._read.get(file, 0))
            fresh = stream.read()
        whole = fresh[: max(fresh.rfind(b"\n"), fresh.rfind(b"\r")) + 1]
        self._read[file] = self._read.get(file, 0) + len(whole)
        for line in re.split(r"[\r\n]+", whole.decode(errors="replace")):
            text = hubploy.progress(line)
            if text and text != self._last:
                self._last = text
                self.screen.says(f"  {duration(self.clock.now() - self.begun)}: {text}")


@dataclass
class Building:
    """seams: every command runs in the private environment of this run."""

    seams: Seams
    place: Place
    private: Path
    boto: Boto
    deployment: Deployment
    screen: Screen

    @property
    def login(self) -> Path:
        return self.private / "ecr-login"

    def command(self, found: Found, push: bool) -> list[str]:
        empty = self.seams.run(git.empty_tree(), limit=READ_LIMIT).stdout.strip()
        return hubploy.build(self.deployment.name, found.name, push, empty)

    def prepare(self, known: Registry | None) -> None:
        """What only a build needs. known: None where nothing is asked of the registry."""
        if not shutil.which("hubploy", path=self.place.environment["PATH"]):
            raise Refused("hubploy is not installed: pip install --requirement requirements.txt.")
        if self.seams.run(docker.version(), limit=READ_LIMIT).exit != 0:
            raise Refused(
                f"An image has to be built, and no Docker daemon answers at {os.environ.get('DOCKER_HOST') or SOCKET}: "
                "start Docker (https://docs.docker.com/engine/install/), or let a workflow do it, whose runners have it."
            )
        if known is not None:
            logins.place(Path(self.place.environment["DOCKER_CONFIG"]), self.login, known)

    def build(self, found: Found, push: bool) -> None:
        screen, clock = self.screen, self.seams.clock
        printed = self.private / "build"
        printed.mkdir(mode=0o700, exist_ok=True)
        where = replace(
            self.place,
            private=str(printed),
            environment=hubploy.build_environment(self.place.environment, self.login),
        )
        argv = self.command(found, push)
        begun = clock.now()
        screen.begins("build", " ".join(argv), begun)
        ran = self.seams.run(
            argv, changes=True, limit=BUILD_LIMIT, watch=Progress(printed, screen, clock, begun), place=where
        )
        screen.rest()
        if ran.exit != 0:
            self._fail(found, ran)

    def _fail(self, found: Found, ran: Ran) -> None:
        failure = hubploy.build_failure(ran)
        for line in failure.lines:
            self.screen.says(f"  | {line}")
        if failure.step:
            raise Refused(
                f"{found.image} can't be built, {failure.step}: {failure.said}; mend {found.folder}/, commit, and start again."
            )
        raise Refused(f"hubploy could not build and push {found.image}: {failure.said}.")
