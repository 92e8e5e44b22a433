"""One AWS on a loopback port for all tests of the real path, and a rig of its own for each."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"  # hundreds that nobody asks for

from werkzeug.serving import WSGIRequestHandler, make_server

from tasks.practice.cluster import practice_world
from tasks.practice.door import Door
from tests.real_path.amazon import Amazon, Start
from tests.real_path.programs import Programs
from tests.real_path.rig import Rig
from tests.rehearsal import FILE

SMALL = """\
apiVersion: eksctl.io/v1alpha5
kind: ClusterConfig
metadata:
  name: l2l
  region: us-west-2
  version: "1.18"
nodeGroups:
  - name: core-a
    availabilityZones: [us-west-2d]
    minSize: 0
    maxSize: 2
    desiredCapacity: 1
    labels:
      hub.jupyter.org/node-purpose: core
"""


class Quiet(WSGIRequestHandler):
    """Says nothing of every request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@dataclass
class Server:
    """AWS and what is behind the stand-ins, at one address; each test puts its own there."""

    address: str = ""
    amazon: Amazon | None = None
    programs: Programs | None = None
    lock: Any = None

    def __call__(self, request: dict[str, Any], start: Start) -> Iterable[bytes]:
        if request["PATH_INFO"] == "/stand-in":
            assert self.programs
            return self.programs(request, start)
        assert self.amazon
        with self.lock:
            return self.amazon(request, start)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    application = Server(lock=threading.RLock())
    http = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet)
    application.address = f"127.0.0.1:{http.server_port}"
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield application
    http.shutdown()


@pytest.fixture
def make_rig(server: Server, tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    """Makes one from a configuration's text. path: where that lies. shape: what `practice_world` takes."""
    opened: list[Rig] = []

    def make(config: str = SMALL, path: str = f"infra/{FILE}", **shape: Any) -> Rig:
        world = practice_world(yaml.safe_load(config), **shape)
        gc.freeze()  # moto's models of AWS stay: to look through them for garbage takes 0.2 s each time
        server.amazon, server.programs = Amazon(world), Programs(Door(world), server.lock)
        opened.append(Rig(tmp_path, world, server.amazon, server.programs, server.address, config, path))
        return opened[-1]

    yield make
    for rig in opened:
        rig.close()


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    """With the small cluster."""
    return make_rig()
