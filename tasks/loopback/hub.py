"""A real JupyterHub behind its proxy, on loopback: what pods that run nothing can't be, something to ask for health."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tasks.loopback.servers import HOST, Server, Servers, free_port, private
from tasks.parts.cache import place, program

PARTS = ("jupyterhub",)
DATABASE = "jupyterhub.sqlite"  # as Zero to JupyterHub calls it
SCOPES = ["admin:users", "admin:servers", "tokens", "list:users", "read:hub", "access:servers"]

SETTINGS = """# Made anew at every start.
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r}
c.Spawner.cmd = [{single!r}, "--allow-root"]
c.JupyterHub.bind_url = {address!r}
c.JupyterHub.hub_bind_url = {hub!r}
c.JupyterHub.db_url = {database!r}
c.JupyterHub.cookie_secret_file = {cookies!r}
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = {proxy!r}
c.ConfigurableHTTPProxy.auth_token = {secret!r}
c.JupyterHub.services = {services!r}
c.JupyterHub.load_roles = [{{"name": "practice", "services": ["practice"], "scopes": {scopes!r}}}]
"""


@dataclass
class Hub:
    """folder: its database and people's homes. token: of a service that may do what an administrator may. services:
    others, as JupyterHub's settings have them."""

    servers: Servers
    folder: Path
    token: str
    services: Sequence[Mapping[str, str]] = ()
    port: int = field(default_factory=free_port)
    _started: Sequence[Server] = ()

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}"

    def begin(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        hub, proxy, secret = (f"http://{HOST}:{free_port()}", f"http://{HOST}:{free_port()}", secrets.token_hex(16))
        content = SETTINGS.format(
            homes=str(self.folder / "homes" / "{username}"),
            single=str(place("jupyterhub") / "bin" / "jupyterhub-singleuser"),
            address=self.address,
            hub=hub,
            database=f"sqlite:///{self.folder / DATABASE}",
            cookies=str(self.folder / "cookies"),
            proxy=proxy,
            secret=secret,
            services=[{"name": "practice", "api_token": self.token}, *self.services],
            scopes=SCOPES,
        )
        settings = private(self.folder / "jupyterhub_config.py", content)
        self._begin_proxy(hub, proxy, secret)
        self._started = [self.servers.start("jupyterhub", [program("jupyterhub"), f"--config={settings}"])]

    def _begin_proxy(self, hub: str, proxy: str, secret: str) -> None:
        """Of our own, and not the hub's: it would outlive a killed hub."""
        _, _, port = proxy.rpartition(":")
        words: list[str | Path] = [program("configurable-http-proxy"), f"--default-target={hub}"]
        words += [f"--ip={HOST}", f"--port={self.port}"]
        words += [f"--api-ip={HOST}", f"--api-port={port}", f"--error-target={hub}/hub/error"]
        self.servers.start("proxy", words, CONFIGPROXY_AUTH_TOKEN=secret)

    def wait(self) -> None:
        for server in self._started:
            self.servers.wait(server, f"{self.address}/hub/health")

    def close(self) -> None:
        """The hub first: it ends people's servers."""
        self.servers.stop("jupyterhub", grace=5)
        self.servers.stop("proxy")
