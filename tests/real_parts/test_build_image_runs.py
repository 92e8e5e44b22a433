"""`invoke build-image`: how a build goes and ends. A push is believed when the registry has it.

Docker's daemon is a stand-in, but in the last test.
"""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest

from tasks.loopback.datacentre import Datacentre
from tasks.private import PREFIX, _place
from tests.conftest import NO_DAEMON
from tests.real_parts.building import ROBOT, log_in, processes_with, push_image
from tests.real_parts.daemon import Daemon, nothing
from tests.real_parts.images import NOWHERE, Local, Repository
from tests.rehearsal import ROOT


def test_a_push_is_believed_when_the_registry_has_it(ecr: Repository, daemon: Daemon) -> None:
    daemon.push = nothing
    said = ecr.invoke("--push", more={"DOCKER_HOST": daemon.host}, fails=1)
    assert f"{ecr.store.name}:{ecr.tag} is not in the registry, though nothing has failed" in said
    assert ecr.store.tags() == {}


def test_a_push_that_fails_says_why(ecr: Repository, daemon: Daemon) -> None:
    daemon.refuses = "denied: the repository is full"
    assert "hubploy could not build and push" in (said := push_image(ecr, daemon, fails=1))
    assert "denied: the repository is full" in said


def test_without_docker_it_is_said_how_to_get_it(ecr: Repository) -> None:
    said = ecr.invoke("--push", fails=1)
    assert f"no Docker daemon answers at {NOWHERE['DOCKER_HOST']}: start Docker" in said


def test_ctrl_c_ends_the_build_and_leaves_nothing(ecr: Repository, daemon: Daemon) -> None:
    begun, over = Event(), Event()

    def push(name: str, tag: str) -> None:
        begun.set()
        assert over.wait(60), f"{name}:{tag} was never let go"

    daemon.push = push
    environment = ecr.environment({"DOCKER_HOST": daemon.host})
    words = [sys.executable, "-m", "invoke", "build-image", "--push"]
    with subprocess.Popen(words, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert begun.wait(60)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    over.set()
    assert (process.returncode, "Traceback" in said) == (130, False)
    assert "Interrupted: the same command begins again" in said
    assert not list(_place().glob(f"{PREFIX}-{os.getuid()}-{process.pid}-*"))
    assert not processes_with(f"{PREFIX}-{os.getuid()}-{process.pid}-")


def test_a_terminal_shows_the_time(ecr: Repository, daemon: Daemon) -> None:
    def push(name: str, tag: str) -> None:
        time.sleep(2.5)
        ecr.store.push(name, tag)

    daemon.push = push
    ours, theirs = pty.openpty()
    environment = ecr.environment({"DOCKER_HOST": daemon.host, "TERM": "xterm"})
    words = [sys.executable, "-m", "invoke", "build-image", "--push"]
    with subprocess.Popen(words, cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        said = _all_of(ours)
    assert process.returncode == 0, said
    assert re.search(r"build: \d+ s so far", said)


def _all_of(terminal: int) -> str:
    said = b""
    with suppress(OSError):  # Linux's way to say that nobody is at the other end any more
        while piece := os.read(terminal, 65536):
            said += piece
    os.close(terminal)
    return said.decode(errors="replace")


def test_the_real_docker_builds_it(guarded: str, datacentre: Datacentre, tmp_path: Path) -> None:
    host = os.environ.get("DOCKER_HOST", "")
    ask = [sys.executable, "-c", "import docker; docker.from_env().version()"]
    if subprocess.run(ask, capture_output=True).returncode != 0:
        pytest.skip(NO_DAEMON)
    local = Repository(tmp_path, datacentre, Local(guarded, "hub/user", f"Basic {ROBOT}"))
    log_in(local, guarded)
    local.commit("real", Dockerfile="FROM scratch\nCOPY Dockerfile /\n")
    said = local.invoke("--push", more={"DOCKER_HOST": host})
    assert re.search(r"Step 2/\d : COPY Dockerfile /", said)
    assert local.store.tags().keys() == {local.tag, local.content}
    local.commit("broken", Dockerfile="FROM scratch\nCOPY absent /\n")
    said = local.invoke("--push", more={"DOCKER_HOST": host}, fails=1)
    assert re.search(r"can't be built, Step 2/\d : COPY absent /: COPY failed", said)
