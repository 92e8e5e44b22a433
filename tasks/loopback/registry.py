"""A container registry on loopback."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tasks.loopback.servers import HOST, Server, Servers, free_port, private
from tasks.parts.cache import program

PARTS = ("registry",)


@dataclass
class Registry:
    """folder: keeps what is pushed."""

    servers: Servers
    folder: Path
    port: int = field(default_factory=free_port)
    _started: Sequence[Server] = ()

    @property
    def name(self) -> str:
        """As the first part of an image's name."""
        return f"{HOST}:{self.port}"

    def begin(self) -> None:
        content = {
            "version": "0.1",
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(self.folder / "images")}, "delete": {"enabled": True}},
            "http": {"addr": self.name, "secret": secrets.token_hex(16)},
        }
        settings = private(self.folder / "registry.yaml", yaml.safe_dump(content))
        words: list[str | Path] = [program("registry"), "serve", settings]
        self._started = [self.servers.start("registry", words, OTEL_TRACES_EXPORTER="none")]

    def wait(self) -> None:
        for server in self._started:
            self.servers.wait(server, f"http://{self.name}/v2/")
