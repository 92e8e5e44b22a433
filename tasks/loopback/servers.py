"""The only module that starts programs which go on running: by a keeper, which ends them when this process is gone."""

from __future__ import annotations

import json
import os
import random
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import Refused

HOST = "127.0.0.1"
PORTS = range(15000, 32000)  # below those that the system gives to whoever connects, so that nobody takes one meanwhile
LIMIT = 90.0  # seconds that a server has to come up in; it takes few, but machines are shared
PAUSE = 0.05
BETWEEN_LOOKS = 0.5  # seconds between two looks at whether a server that does not answer yet has ended

_given: set[int] = set()


def free_port() -> int:
    """Free now, and not given to anybody here before. Nothing else keeps it free."""
    while True:
        port = random.SystemRandom().choice(PORTS)
        if port in _given:
            continue
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((HOST, port))
            except OSError:
                continue
            _given.add(port)
            return port


@dataclass(frozen=True)
class Server:
    """A program that was started. log: what it has printed."""

    name: str
    number: int
    log: Path

    @property
    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


class Servers:
    """Those of one data centre. folder: takes their logs. held: files that stay open as long as anything runs."""

    def __init__(self, folder: Path, environment: Mapping[str, str], held: Sequence[int] = ()) -> None:
        self.folder, self._environment = folder, dict(environment)
        folder.mkdir(parents=True, exist_ok=True)
        self._turn = threading.Lock()
        self._running: dict[str, Server] = {}
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("keeper.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the task, which closes in order
            pass_fds=held,
        )
        requests, answers = self._keeper.stdin, self._keeper.stdout
        assert requests is not None
        assert answers is not None
        self._requests, self._answers = requests, answers

    @property
    def numbers(self) -> list[int]:
        """The processes, the keeper's too."""
        return [self._keeper.pid, *(server.number for server in self._running.values())]

    def start(self, name: str, words: Sequence[str | Path], **environment: str) -> Server:
        log = self.folder / f"{name}.log"
        log.write_bytes(b"")
        answer = self._ask(
            start=[str(word) for word in words],
            environment={**self._environment, **environment},
            folder=str(self.folder),
            log=str(log),
        )
        if "error" in answer:
            raise Refused(f"{name} can't be started ({answer['error']}): `invoke parts` gets what is missing.")
        self._running[name] = Server(name, answer["number"], log)
        return self._running[name]

    def wait(self, server: Server, address: str, context: ssl.SSLContext | None = None) -> None:
        """Until the address answers, and well."""
        begun = looked = time.monotonic()
        while not answers(address, context):
            now = time.monotonic()
            if now - looked > BETWEEN_LOOKS:
                looked = now
                self.refuse_ended(server)
            if now - begun > LIMIT:
                raise Refused(f"{server.name} does not answer after {LIMIT:.0f} s: see {server.log}.")
            time.sleep(PAUSE)

    def refuse_ended(self, server: Server) -> None:
        code = self._ask(exit=server.number)["exit"]
        if code is not None:
            raise Refused(f"{server.name} ended with {code} ({server.last_words}): see {server.log}.")

    def stop(self, *names: str, grace: float = 1.0) -> None:
        """All at once: asked to end, and killed when they have not. An API server takes a minute if one lets it."""
        stopped = [self._running.pop(name) for name in names if name in self._running]
        with suppress(Refused):  # the keeper is gone, and they with it
            self._ask(stop=[server.number for server in stopped], grace=grace)

    def close(self) -> None:
        """Everything that still runs ends, and so does the keeper."""
        with suppress(BrokenPipeError):
            self._requests.close()
        self._keeper.wait()
        self._answers.close()

    def _ask(self, **request: Any) -> dict[str, Any]:
        with self._turn:
            try:
                self._requests.write(json.dumps(request) + "\n")
                self._requests.flush()
                line = self._answers.readline()
            except BrokenPipeError:
                line = ""
        if not line:
            raise Refused("The practice servers were ended from outside: start again.")
        answer: dict[str, Any] = json.loads(line)
        return answer


def answers(address: str, context: ssl.SSLContext | None = None) -> bool:
    """With a success. No proxy is asked, whatever the environment says."""
    try:
        with opener(context).open(address, timeout=5) as answer:
            return bool(answer.status < 300)
    except (OSError, urllib.error.URLError, ValueError):
        return False


def opener(context: ssl.SSLContext | None = None) -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))


def private(file: Path, content: str) -> Path:
    """A file that nobody else can read, from its first byte on."""
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f".{file.name}.new")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w") as stream:
        stream.write(content)
    aside.replace(file)
    return file
