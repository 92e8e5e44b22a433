"""What tests of `invoke build-image` do to get an image into a registry, and a registry that wants a login."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tasks.loopback.servers import Servers, free_port
from tasks.parts.cache import program
from tests.real_parts.daemon import Daemon
from tests.real_parts.images import Repository

ROBOT = base64.b64encode(b"robot:xyzzy").decode()
HASHED = "robot:$2b$04$rAN.Ce4hQOEiEuumfXhmr.0D3uy69Fx7l.yHimmOFxJ/wPsH5lxOS\n"  # as htpasswd has it


def push_image(repository: Repository, daemon: Daemon, *words: str, fails: int = 0, **more: str) -> str:
    daemon.push = repository.store.push
    return repository.invoke("--push", *words, fails=fails, more={"DOCKER_HOST": daemon.host, **more})


def log_in(repository: Repository, host: str) -> None:
    file = repository.tree / "deployments" / "x" / "secrets" / "docker.json"
    file.write_text(json.dumps({"auths": {host: {"auth": ROBOT}}}))


def processes_with(text: str) -> list[str]:
    """The numbers of those that others can see it of: in the command line or in the environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if text.encode() in words and int(process.name) != os.getpid():
            found.append(process.name)
    return found


@contextmanager
def guarded_registry(folder: Path) -> Iterator[str]:
    """The host of a registry that wants a login."""
    host = f"127.0.0.1:{free_port()}"
    (folder / "htpasswd").write_text(HASHED)
    settings = {
        "version": "0.1",
        "storage": {"inmemory": {}},
        "http": {"addr": host, "secret": "x"},
        "auth": {"htpasswd": {"realm": "practice", "path": str(folder / "htpasswd")}},
    }
    (folder / "registry.yaml").write_text(yaml.safe_dump(settings))
    servers = Servers(folder / "logs", os.environ)
    server = servers.start("registry", [program("registry"), "serve", folder / "registry.yaml"])
    servers.wait(server, f"http://{host}/")  # the one address that is open to all
    try:
        yield host
    finally:
        servers.close()
