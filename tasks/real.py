"""The real world behind the seams."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from invoke.config import Config as Settings
from invoke.context import Context

from tasks.amazon import Boto
from tasks.folder import DiskFolder
from tasks.seams import Folder, Seams
from tasks.shell import InterruptibleRunner, InvokeRun, RealProcesses, WallClock
from tasks.web import ask


@dataclass(frozen=True)
class ShownFolder:
    """Under --dry: what would be written is named, and nothing is."""

    folder: Folder

    def read(self, path: str) -> bytes | None:
        return self.folder.read(path)

    def write(self, path: str, content: bytes) -> None:
        print(f"write {self.path(path)} ({len(content)} bytes)")

    def append(self, path: str, line: bytes) -> None:
        print(f"append to {self.path(path)}: {line.decode(errors='replace').rstrip()}")

    def remove(self, path: str) -> None:
        print(f"remove {self.path(path)}")

    def names(self, path: str) -> list[str]:
        return self.folder.names(path)

    def path(self, path: str) -> str:
        return self.folder.path(path)


def seams(settings: Settings, region: str) -> Seams:
    """AWS by boto3, programs by Invoke, this machine's clock, disk and processes. `--dry` reaches all that can change."""
    root = Path(settings.root)
    clock, disk, dry = WallClock(), DiskFolder(root), bool(settings.run.dry)
    settings.runners.local = InterruptibleRunner
    run = InvokeRun(Context(settings), clock, root)
    return Seams(run, Boto(region, dry), clock, ShownFolder(disk) if dry else disk, RealProcesses(), ask)
