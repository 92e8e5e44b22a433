"""Where a secret may have got to: the processes of a session, while they run, and the files that are left of it."""

from __future__ import annotations

import os
import tempfile
import threading
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PAUSE = 0.004  # seconds between two looks at all processes
SESSION = 3  # in /proc/N/stat, counted behind the name; see proc(5)
SHARED = (Path(tempfile.gettempdir()), Path("/tmp"), Path("/dev/shm"))


def forms(secret: str) -> list[bytes]:
    """As it is, and as Kubernetes writes it."""
    return [secret.encode(), b64encode(secret.encode())]


@dataclass
class Watcher:
    """A context manager. seen: names of programs that ran. found: where a secret stood, and what it was in."""

    secrets: list[bytes]
    leader: int = 0
    seen: set[str] = field(default_factory=set)
    found: set[str] = field(default_factory=set)

    def __enter__(self) -> Watcher:
        self._before = set(_entries())
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_again_and_again, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look_again_and_again(self) -> None:
        while not self._over.wait(PAUSE):
            for process in Path("/proc").glob("[0-9]*") if self.leader else ():
                with suppress(OSError, IndexError):  # it has ended meanwhile
                    self._look(process)

    def _look(self, process: Path) -> None:
        """An orphan stays in the session that it was started in."""
        stat = (process / "stat").read_text().rpartition(")")[2].split()
        if int(stat[SESSION]) != self.leader:
            return
        words = (process / "cmdline").read_bytes()
        name = Path(os.fsdecode(words.split(b"\0")[0])).name
        self.seen.update((name, *(Path(os.fsdecode(word)).name for word in words.split(b"\0")[1:2])))
        for place, content in (("argv", words), ("environ", (process / "environ").read_bytes())):
            if any(secret in content for secret in self.secrets):
                self.found.add(f"{place} of {name}")

    def left(self, *folders: Path, but: Iterable[Path] = ()) -> list[str]:
        """Files that have a secret in them: in these folders, and in what is new where everybody may write."""
        new = [entry for entry in _entries() if entry not in self._before]
        return [str(file) for file in _files([*folders, *new], set(but)) if self._is_in(file)]

    def _is_in(self, file: Path) -> bool:
        try:
            content = file.read_bytes()
        except OSError:
            return False
        return any(secret in content for secret in self.secrets)


def _entries() -> Iterator[Path]:
    for folder in SHARED:
        with suppress(OSError):
            yield from folder.iterdir()


def _files(folders: Iterable[Path], but: set[Path]) -> Iterator[Path]:
    for folder in folders:
        if folder.is_file():
            yield folder
        for path, names, files in os.walk(folder):
            names[:] = [name for name in names if Path(path, name) not in but]
            yield from (Path(path, name) for name in files if not Path(path, name).is_fifo())
