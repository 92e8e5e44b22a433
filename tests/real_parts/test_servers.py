"""Servers are waited for, say why they did not come up, and never outlive whoever started them. No part is needed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.errors import Refused
from tasks.loopback import servers as subject
from tasks.loopback.servers import Servers, free_port
from tests.rehearsal import ROOT

SERVE = "import http.server, sys; http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind='127.0.0.1')"
STUBBORN = "trap '' TERM; while true; do sleep 0.1; done"
ABANDONING = "(setsid sleep 600 & echo $! >daemon); sleep 600"  # it leaves a process to whoever takes it
KILLED = """
import os, signal, sys
from pathlib import Path
from tasks.loopback.servers import Servers
servers = Servers(Path(sys.argv[1]), os.environ)
servers.start("server", ["sh", "-c", sys.argv[2]])
print(*servers.numbers, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    started = Servers(tmp_path, os.environ)
    yield started
    started.close()


def test_a_server_is_waited_for(servers: Servers) -> None:
    port = free_port()
    server = servers.start("web", [sys.executable, "-c", SERVE, str(port)])
    servers.wait(server, f"http://127.0.0.1:{port}/")
    servers.refuse_ended(server)


def test_a_server_that_ends_says_why(servers: Servers) -> None:
    server = servers.start("web", ["sh", "-c", "echo no room left; exit 3"])
    with pytest.raises(Refused, match=r"web ended with 3 \(no room left\): see .*web.log\."):
        servers.wait(server, f"http://127.0.0.1:{free_port()}/")


def test_a_server_that_never_answers_is_given_up(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "LIMIT", 0.2)
    server = servers.start("web", ["sleep", "600"])
    with pytest.raises(Refused, match="web does not answer"):
        servers.wait(server, f"http://127.0.0.1:{free_port()}/")


def test_a_program_that_is_not_there_is_refused(servers: Servers) -> None:
    with pytest.raises(Refused, match=r"web can't be started .*`invoke parts`"):
        servers.start("web", ["/no/such/program"])


def test_whoever_does_not_end_is_killed(servers: Servers) -> None:
    server = servers.start("stubborn", ["sh", "-c", STUBBORN])
    time.sleep(0.1)
    servers.stop("stubborn", grace=0.1)
    assert not alive(server.number)


def test_a_killed_keeper_is_said(servers: Servers) -> None:
    server = servers.start("web", ["sleep", "600"])
    os.kill(servers.numbers[0], signal.SIGKILL)
    with pytest.raises(Refused, match="ended from outside"):
        servers.start("other", ["sleep", "600"])
    if sys.platform == "linux":
        wait_until(lambda: not alive(server.number))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives the keeper what its programs leave behind")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_a_killed_process(tmp_path: Path, number: signal.Signals) -> None:
    words = [sys.executable, "-c", KILLED, str(tmp_path), ABANDONING]
    killed = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert killed.stdout
    running = [int(word) for word in killed.stdout.readline().split()]
    wait_until(lambda: (tmp_path / "daemon").exists() and (tmp_path / "daemon").read_text() != "")
    running.append(int((tmp_path / "daemon").read_text()))
    assert all(map(alive, running))
    killed.send_signal(number)
    killed.communicate()
    wait_until(lambda: not any(map(alive, running)))


def alive(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
