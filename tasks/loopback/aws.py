"""AWS in a process of its own (amazon.py), as seen from here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tasks.loopback.servers import HOST, Server, Servers, free_port, private
from tasks.parts.cache import python

PARTS = ("moto",)
REVIEW, HEALTH = "/practice/token-review", "/practice/health"  # amazon.py's


@dataclass(frozen=True)
class Repository:
    """One of ECR. tags: those that it has images for at every start; what else is pushed is kept over restarts."""

    account: str
    region: str
    repository: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Account:
    """What there is. account: of whoever has assumed no role. roles: those that are let into the cluster, as its
    masters. key: the ARN of the KMS key, or nothing."""

    account: str
    region: str
    cluster: str
    roles: tuple[str, ...] = ()
    key: str = ""
    images: tuple[Repository, ...] = ()


@dataclass
class Aws:
    servers: Servers
    folder: Path
    port: int = field(default_factory=free_port)
    _started: Sequence[Server] = ()

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def review(self) -> str:
        """Whom the API server asks about tokens."""
        return self.address + REVIEW

    def begin(self, account: Account, version: str, endpoint: str, authority: Path) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        wanted = asdict(account) | {"port": self.port, "state": str(self.folder)}
        wanted |= {"version": version, "endpoint": endpoint, "authority": str(authority)}
        file = private(self.folder / "wanted.json", json.dumps(wanted))
        script = Path(__file__).with_name("amazon.py")
        self._started = [self.servers.start("aws", [python("moto"), "-I", script, file])]

    def wait(self) -> None:
        for server in self._started:
            self.servers.wait(server, self.address + HEALTH)
