"""The smoke test starts what people start, says in one sentence what does not start, and leaves nothing of itself."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import Refused
from tasks.hub import smoke
from tasks.hub.smoke import USER, SmokeTest
from tasks.loopback import gateway, hub
from tasks.loopback.datacentre import Datacentre
from tasks.loopback.servers import HOST, Servers, free_port, opener
from tasks.shell import WallClock
from tasks.web import ask
from tests.real_parts.centre import TOKEN
from tests.real_path.rig import wait_for
from tests.rehearsal import ROOT

RUN = """
import sys
from contextlib import closing
from tasks.endings import end_as_interrupted
from tasks.hub.smoke import SmokeTest
from tasks.shell import WallClock
from tasks.web import ask
end_as_interrupted()
with closing(SmokeTest(ask, WallClock(), *sys.argv[1:], lambda: None).run()) as lines:
    for line in lines:
        print(line, flush=True)
        sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke, "PAUSE", 0.2)


def smoke_test(address: str, dask: str, token: str = TOKEN) -> list[str]:
    with closing(SmokeTest(ask, WallClock(), f"{address}/", token, dask, lambda: None).run()) as lines:
        return list(lines)


def dask(datacentre: Datacentre) -> str:
    return f"{datacentre.hub_address}{gateway.PREFIX}"


def call(address: str, path: str, method: str = "GET", token: str = TOKEN) -> Any:
    headers = {"Authorization": f"token {token}"}
    request = urllib.request.Request(f"{address}/hub/api/{path}", headers=headers, method=method)
    with opener().open(request, timeout=30) as answer:
        return json.loads(answer.read() or b"{}")


def has_user(address: str) -> bool:
    return USER in [user["name"] for user in call(address, "users")]


def clusters(datacentre: Datacentre) -> list[str]:
    """Each has a folder as long as it runs."""
    folder = datacentre.state / "gateway" / "clusters"
    return [found.name for found in folder.iterdir() if (found / "logs").exists()] if folder.exists() else []


def servers() -> list[str]:
    """Processes that were started for the test's user."""
    return [file.parent.name for file in Path("/proc").glob("[0-9]*/environ") if is_of_user(file)]


def is_of_user(environ: Path) -> bool:
    try:
        return f"\0JUPYTERHUB_USER={USER}\0".encode() in b"\0" + environ.read_bytes()
    except OSError:
        return False


def leaves_nothing(datacentre: Datacentre) -> None:
    assert not has_user(datacentre.hub_address)
    wait_for(lambda: not servers() and not clusters(datacentre), "the end of the server and of the cluster")


def test_a_server_and_a_cluster(datacentre: Datacentre) -> None:
    lines = smoke_test(datacentre.hub_address, dask(datacentre))
    assert re.fullmatch(r"a server was started in \d+ s", lines[0])
    assert re.fullmatch(r"the Dask cluster [0-9a-f]{32} was started in \d+ s", lines[1])
    assert len(lines) == 2
    leaves_nothing(datacentre)


def test_a_hub_without_dask(datacentre: Datacentre) -> None:
    assert len(smoke_test(datacentre.hub_address, "")) == 1
    leaves_nothing(datacentre)


SCOPES = (
    "give the service `admin: true`, or since JupyterHub 2 a role with the scopes admin:users, admin:servers and tokens"
)


def test_a_token_that_may_not(datacentre: Datacentre) -> None:
    address = datacentre.hub_address
    call(address, "users/berta", "POST")
    token = call(address, "users/berta/tokens", "POST")["token"]
    with pytest.raises(Refused, match=rf"^The smoke test failed: the hub can't make a user \(403: .*\): {SCOPES}\.$"):
        smoke_test(address, dask(datacentre), token)
    with pytest.raises(Refused, match=rf"^The smoke test failed: the hub tells nothing of users \(403: .*\): {SCOPES}"):
        smoke_test(address, dask(datacentre), "nobody's")
    leaves_nothing(datacentre)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Servers]:
    servers = Servers(tmp_path / "logs", {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"})
    yield servers
    servers.close()


FAILING = """c.Spawner.cmd = ["false"]
c.Spawner.http_timeout = %s
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": %s}}  # then the hub answers, whatever it knows; 10 if not set
"""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (10, r"the hub can't start a server \(500: .*\)"),
        (0, "its server did not start: look at the hub's log and at the events of its pod"),
    ],
)
def test_a_server_that_does_not_start(
    started: Servers,
    tmp_path: Path,
    parts: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    seconds: int,
    said: str,
) -> None:
    parts(*hub.PARTS)
    monkeypatch.setattr(hub, "SETTINGS", hub.SETTINGS + FAILING % (seconds + 3, seconds))
    broken = hub.Hub(started, tmp_path / "hub", TOKEN)
    broken.begin()
    broken.wait()
    with pytest.raises(Refused, match=rf"^The smoke test failed: {said}\.$"):
        smoke_test(broken.address, "")
    assert not has_user(broken.address)


def test_a_gateway_that_is_not_there(datacentre: Datacentre) -> None:
    nothing = f"http://{HOST}:{free_port()}"
    with pytest.raises(Refused, match=rf"^The smoke test failed: {nothing}/.* does not answer \(.*refused\)\.$"):
        smoke_test(datacentre.hub_address, nothing)
    leaves_nothing(datacentre)
    said = r"^The smoke test failed: the Dask gateway starts no cluster \(403.*\): look at its pods\.$"
    with pytest.raises(Refused, match=said):
        smoke_test(datacentre.hub_address, f"{datacentre.hub_address}/services/nothing")
    leaves_nothing(datacentre)


def test_a_cluster_that_does_not_start(
    datacentre: Datacentre, started: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = """c.ClusterConfig.scheduler_cmd = ["false"]\nc.LocalBackend.cluster_status_period = 0.5\n"""
    monkeypatch.setattr(gateway, "SETTINGS", gateway.SETTINGS + more)
    broken = gateway.Gateway(started, tmp_path / "gateway")
    broken.begin(datacentre.hub_address)
    broken.wait()
    said = r"^The smoke test failed: the Dask cluster [0-9a-f]{32} is FAILED: look at the gateway's pods\.$"
    with pytest.raises(Refused, match=said):
        smoke_test(datacentre.hub_address, f"http://{HOST}:{broken.port}{gateway.PREFIX}")
    leaves_nothing(datacentre)


@pytest.fixture
def running(datacentre: Datacentre) -> Iterator[subprocess.Popen[bytes]]:
    """A smoke test as a process, which waits for a line after each of its own."""
    words = [sys.executable, "-c", RUN, f"{datacentre.hub_address}/", TOKEN, dask(datacentre)]
    process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def goes_on_to_the_cluster(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin
    assert process.stdout
    assert process.stdout.readline().startswith(b"a server was started")
    process.stdin.write(b"\n")
    process.stdin.flush()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("what", ["server", "cluster"])
def test_interrupted_while_something_starts(
    datacentre: Datacentre, running: subprocess.Popen[bytes], number: signal.Signals, what: str
) -> None:
    if what == "server":
        wait_for(lambda: bool(servers()), "the server")
    else:
        goes_on_to_the_cluster(running)
        wait_for(lambda: bool(clusters(datacentre)), "the cluster")
    running.send_signal(number)
    _, said = running.communicate(timeout=60)
    assert (b"KeyboardInterrupt" if number == signal.SIGINT else b"Terminated") in said
    leaves_nothing(datacentre)


def test_what_a_killed_one_has_left_goes_with_the_next(
    datacentre: Datacentre, running: subprocess.Popen[bytes]
) -> None:
    goes_on_to_the_cluster(running)
    assert running.stdout
    assert running.stdout.readline().startswith(b"the Dask cluster")
    running.kill()
    running.wait()
    left = clusters(datacentre)
    assert left
    assert servers()
    assert has_user(datacentre.hub_address)
    assert len(smoke_test(datacentre.hub_address, dask(datacentre))) == 2
    leaves_nothing(datacentre)
