"""Chart archives and repositories for tests."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tasks.folder import DiskFolder
from tasks.seams import Seams
from tasks.web import ask


def archive(name: str, version: str, **more: Any) -> bytes:
    """As helm packages it. more: of Chart.yaml."""
    metadata = {"apiVersion": "v2", "name": name, "version": version, **more}
    chart = {"Chart.yaml": yaml.safe_dump(metadata).encode(), "values.yaml": b"some: value\n" * 50}
    return packed({f"{name}/{file}": content for file, content in chart.items()})


def packed(files: Mapping[str, bytes]) -> bytes:
    """In their order; the same bytes each time."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as opened:
        for file, content in files.items():
            member = tarfile.TarInfo(file)
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    return gzip.compress(out.getvalue(), mtime=0)


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def row(name: str, version: str, content: bytes, url: str = "", **more: Any) -> dict[str, Any]:
    """Of an index."""
    digest = {"digest": sha(content)}
    return {"name": name, "version": version, "urls": [url or f"{name}-{version}.tgz"], **digest, **more}


def index(*rows: Mapping[str, Any]) -> bytes:
    entries: dict[str, list[Mapping[str, Any]]] = {}
    for each in rows:
        entries.setdefault(each["name"], []).append(each)
    return yaml.safe_dump({"apiVersion": "v1", "entries": entries}).encode()


class Repository:
    """A real server. answers: path → content, or a status. asked: how often each was asked for.

    headers: of the last request for each. gate: if there is one, archives are answered only when as many requests for
    archives are under way as it wants.
    """

    def __init__(self, *versions: str, name: str = "daskhub") -> None:
        self.archives = {version: archive(name, version) for version in versions}
        self.answers: dict[str, bytes | int | tuple[int, str]] = {
            f"/{name}-{version}.tgz": content for version, content in self.archives.items()
        }
        self.answers["/index.yaml"] = index(*(row(name, *each) for each in self.archives.items()))
        self.asked: Counter[str] = Counter()
        self.headers: dict[str, Mapping[str, str]] = {}
        self.gate: threading.Barrier | None = None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self.server.daemon_threads = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @contextmanager
    def running(self) -> Iterator[Repository]:
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            self.server.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, repository: Repository, *arguments: Any) -> None:
        self.repository = repository
        super().__init__(*arguments)

    def do_GET(self) -> None:
        repository = self.repository
        repository.asked[self.path] += 1
        repository.headers[self.path] = dict(self.headers)
        if repository.gate and self.path.endswith(".tgz"):
            repository.gate.wait(timeout=20)
        answer = repository.answers.get(self.path, 404)
        status, content = (200, answer) if isinstance(answer, bytes) else (answer, b"")
        if isinstance(status, tuple):
            status, target = status
            self.send_response(status)
            self.send_header("Location", target)
        else:
            self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def seams(folder: Path, **more: Any) -> Seams:
    """Disk and web, and nothing else."""
    nothing: Any = None
    return Seams(nothing, nothing, nothing, DiskFolder(folder), nothing, **{"web": ask, **more})
