"""As much of a Docker daemon as hubploy asks for: it builds nothing, but streams and pushes as one would.

What it was asked for, and with which logins, is kept for the tests.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

STEPS = [
    {"stream": "Step 1/2 : FROM scratch\n"},
    {"stream": " ---> 0123456789ab\n"},
    {"stream": "Step 2/2 : RUN make\n"},
    {"stream": "making\n"},
]
DONE = [{"stream": "Successfully built 0123456789ab\n"}]
BROKEN = [
    {"stream": "make: *** No rule to make target 'all'\n"},
    {"error": "The command '/bin/sh -c make' returned a non-zero code: 2"},
]


def nothing(name: str, tag: str) -> None:
    """Pushed, and nowhere to be found."""


@dataclass
class Daemon:
    """A context manager. push: what arrives in the registry: a function of name and tag. parents: images that can be
    pulled. refuses: what it says to a push."""

    push: Callable[[str, str], None] = nothing
    ends: list[dict[str, str]] = field(default_factory=lambda: DONE)
    parents: tuple[str, ...] = ()
    refuses: str = ""
    asked: list[str] = field(default_factory=list)
    builds: list[dict[str, list[str]]] = field(default_factory=list)
    build_logins: Mapping[str, Any] = field(default_factory=dict)
    push_login: Mapping[str, Any] = field(default_factory=dict)

    def __enter__(self) -> Daemon:
        daemon = self

        class Handler(_Handler):
            owner = daemon

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def host(self) -> str:
        """For DOCKER_HOST."""
        return f"tcp://127.0.0.1:{self._server.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: Daemon

    def do_GET(self) -> None:
        path = self._path()
        if path == "/version":
            self._answer(200, {"Version": "27.0.0", "ApiVersion": "1.43"})
        elif path == "/images/json":
            self._answer(200, [])
        else:
            self._answer(200, {"Id": "sha256:1", "RepoTags": []})

    def do_POST(self) -> None:
        path, query = self._path(), parse_qs(urlsplit(self.path).query)
        self._read()
        if path == "/images/create":
            spec = f"{query['fromImage'][0]}:{query['tag'][0]}"
            if spec in self.owner.parents:
                self._stream([{"status": "Pull complete"}])
            else:
                self._answer(404, {"message": "manifest unknown"})
        elif path == "/build":
            self.owner.builds.append(query)
            self.owner.build_logins = _decoded(self.headers.get("X-Registry-Config"))
            self._stream([*STEPS, *self.owner.ends])
        else:
            self._push(path, query["tag"][0])

    def _push(self, path: str, tag: str) -> None:
        found = re.fullmatch(r"/images/(.+)/push", path)
        assert found
        self.owner.push_login = _decoded(self.headers.get("X-Registry-Auth"))
        if self.owner.refuses:
            self._stream([{"error": self.owner.refuses}])
            return
        self.owner.push(unquote(found[1]), tag)
        self._stream([{"status": "Pushed", "id": "0123456789ab"}])

    def _path(self) -> str:
        path = re.sub(r"^/v1\.\d+", "", urlsplit(self.path).path)
        self.owner.asked.append(f"{self.command} {path}")
        return path

    def _read(self) -> None:
        if self.headers.get("Transfer-Encoding") != "chunked":
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            return
        while size := int(self.rfile.readline(), 16):
            self.rfile.read(size + 2)
        self.rfile.readline()

    def _answer(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, documents: list[dict[str, str]]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):  # whoever asked was interrupted
            for document in documents:
                line = json.dumps(document).encode() + b"\r\n"
                self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: Any) -> None:
        pass


def _decoded(header: str | None) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(base64.urlsafe_b64decode(header)) if header else {}
    return found
