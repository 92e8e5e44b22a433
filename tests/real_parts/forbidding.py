"""In front of the practice AWS, which lets everybody do everything: one thing is forbidden, as AWS itself would say it."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tasks.loopback.servers import HOST, opener

MESSAGE = "User: arn:aws:sts::111111111111:user/anna is not authorized to perform this"
QUERY = f"<ErrorResponse><Error><Code>AccessDenied</Code><Message>{MESSAGE}</Message></Error></ErrorResponse>"
JSON = json.dumps({"__type": "AccessDeniedException", "message": MESSAGE})


@contextmanager
def forbidding(address: str, what: str) -> Iterator[str]:
    """The address of the front. what: a word of the requests that are refused, in their body or their target."""

    class Front(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            target = self.headers.get("X-Amz-Target", "")
            if what in target or what.encode() in body:
                self._answer(400 if target else 403, (JSON if target else QUERY).encode())
            else:
                self._forward(body or None)

        def do_GET(self) -> None:
            self._forward(None)

        def _forward(self, body: bytes | None) -> None:
            headers = {name: text for name, text in self.headers.items() if name != "Host"}
            request = urllib.request.Request(address + self.path, body, headers, method=self.command)
            try:
                with opener().open(request, timeout=30) as answer:
                    self._answer(answer.status, answer.read())
            except urllib.error.HTTPError as error:
                self._answer(error.code, error.read())

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Front)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
