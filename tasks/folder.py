"""Files on disk: read whole, written whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import Refused

ROOT = Path(__file__).resolve().parent.parent  # of this deployment


@contextmanager
def _refusing(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Refused(
            f"{path} can't be read or written ({error.strerror}): look at the disk and at who may do that."
        ) from None


@dataclass(frozen=True)
class DiskFolder:
    """Paths are relative to `root`. What runs leave behind (a path that begins with a dot) is private.

    seen_from: where the commands that are told of its files run; None for the current folder.
    """

    root: Path
    seen_from: Path | None = None

    def read(self, path: str) -> bytes | None:
        with _refusing(path):
            try:
                return self._inside(path).read_bytes()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None

    def write(self, path: str, content: bytes) -> None:
        """Beside the file first, then renamed over it: whoever reads sees the old one or the new one."""
        with _refusing(path):
            self._write(path, content)

    def _write(self, path: str, content: bytes) -> None:
        target = self._parent_of(path).resolve()  # through a link, which stays one
        aside = target.with_name(f".{target.name}.new")
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            os.fchmod(file.fileno(), self._mode(path))  # whatever the umask, and whatever an earlier run left there
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, target)

    def append(self, path: str, line: bytes) -> None:
        """A line that a power cut has torn is ended first, so that it spoils no other."""
        with _refusing(path):
            self._append(path, line)

    def _append(self, path: str, line: bytes) -> None:
        target = self._parent_of(path)
        with open(os.open(target, os.O_RDWR | os.O_CREAT | os.O_APPEND, self._mode(path)), "r+b") as file:
            size = file.seek(0, os.SEEK_END)
            if size and (file.seek(size - 1), file.read(1))[1] != b"\n":
                line = b"\n" + line
            file.write(line)

    def tear(self, path: str, content: bytes) -> None:
        """What a power cut in the middle of `write` leaves: half of the file aside, and the old one as it was."""
        target = self._parent_of(path)
        target.with_name(f".{target.name}.new").write_bytes(content[: len(content) // 2])

    def remove(self, path: str) -> None:
        with _refusing(path):
            self._inside(path).unlink(missing_ok=True)

    def names(self, path: str) -> list[str]:
        with _refusing(path):
            folder = self._inside(path)
            return sorted(os.listdir(folder)) if folder.is_dir() else []

    def path(self, path: str) -> str:
        return os.path.relpath(self._inside(path), self.seen_from or Path.cwd())

    def _parent_of(self, path: str) -> Path:
        target = self._inside(path)
        if not target.parent.exists():
            target.parent.mkdir(parents=True, mode=0o700 if path.startswith(".") else 0o777)
        return target

    def _inside(self, path: str) -> Path:
        """Never anything outside: a rehearsal's folder has to keep a rehearsal in."""
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise Refused(
                f"{path} is not a path inside {self.root.name}/: name files of this deployment relative to it."
            )
        return self.root / path

    def _mode(self, path: str) -> int:
        """An edited file keeps its own."""
        if path.startswith("."):
            return 0o600
        target = self.root / path
        return target.stat().st_mode & 0o777 if target.exists() else 0o644
