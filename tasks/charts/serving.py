"""A chart repository on loopback with exactly what it is given, so that helm fetches nothing from anywhere else."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from urllib.parse import quote, unquote

from tasks.charts.archive import read

HOST = "127.0.0.1"
POLL = 0.02  # seconds: how long the end takes at most


@contextmanager
def serving(archives: Mapping[str, bytes]) -> Iterator[str]:
    """Yields the repository's address. archives: daskhub-2022.8.2 → its archive. Refused for what is no chart.

    A thread of this process serves them until the end of the block.
    """
    files = {f"/{name}.tgz": content for name, content in archives.items()}
    files["/index.yaml"] = index(archives)
    server = _Server((HOST, 0), partial(_Handler, files))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": POLL}, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def index(archives: Mapping[str, bytes]) -> bytes:
    """An index.yaml (in JSON, which is YAML) for a repository with these files beside it, NAME.tgz each."""
    entries: dict[str, list[dict[str, object]]] = {}
    for name, content in archives.items():
        chart = read(content, f"{name}.tgz")
        row: dict[str, object] = {
            "apiVersion": str(chart.metadata.get("apiVersion") or "v1"),
            "name": chart.name,
            "version": chart.version,
            "urls": [quote(f"{name}.tgz", safe="+")],
            "digest": hashlib.sha256(content).hexdigest(),
        }
        entries.setdefault(chart.name, []).append(row)
    return json.dumps({"apiVersion": "v1", "entries": entries}).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Without http.server's question to the name service what this machine is called, which can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, files: Mapping[str, bytes], *arguments: object) -> None:
        self._files = files
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        content = self._files.get(unquote(self.path.partition("?")[0]))
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_: object) -> None:
        pass
