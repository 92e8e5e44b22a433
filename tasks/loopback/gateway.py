"""A real Dask gateway behind the practice hub's proxy; its clusters are processes here, and not pods."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tasks.loopback.servers import HOST, Server, Servers, free_port, private
from tasks.parts.cache import place, program

PARTS = ("dask-gateway",)
NAME = "dask-gateway"
PREFIX = f"/services/{NAME}"  # where the hub's proxy routes a service of that name

SETTINGS = """# Made anew at every start.
c.DaskGateway.authenticator_class = "dask_gateway_server.auth.JupyterHubAuthenticator"
c.JupyterHubAuthenticator.jupyterhub_api_url = {hub!r}
c.JupyterHubAuthenticator.jupyterhub_api_token = {token!r}
c.Proxy.address = {address!r}
c.Proxy.prefix = {prefix!r}
c.DaskGateway.backend_class = "dask_gateway_server.backends.local.UnsafeLocalBackend"
c.LocalBackend.clusters_directory = {clusters!r}
c.LocalBackend.inherited_environment = ["PATH", "HOME", "LANG"]  # Dask writes its settings to somebody's home
c.ClusterConfig.environment = {{"DASK_TEMPORARY_DIRECTORY": {clusters!r}}}  # instead of /tmp
c.ClusterConfig.scheduler_cmd = [{dask!r}, "scheduler"]
c.ClusterConfig.worker_cmd = [{dask!r}, "worker"]
"""


@dataclass
class Gateway:
    """folder: its clusters' files. It forgets its clusters when it ends, and ends them too."""

    servers: Servers
    folder: Path
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    port: int = field(default_factory=free_port)
    _started: Sequence[Server] = ()

    @property
    def service(self) -> Mapping[str, str]:
        """What the hub has to know of it."""
        return {"name": NAME, "url": f"http://{HOST}:{self.port}", "api_token": self.token}

    def begin(self, hub: str) -> None:
        """hub: the address of the one that knows whose a token is. It need not be up yet."""
        content = SETTINGS.format(
            hub=f"{hub}/hub/api",
            token=self.token,
            address=f"{HOST}:{self.port}",
            prefix=PREFIX,
            clusters=str(self.folder / "clusters"),
            dask=str(place("dask-gateway") / "bin" / "dask"),
        )
        settings = private(self.folder / "dask_gateway_config.py", content)
        words: list[str | Path] = [program("dask-gateway-server"), f"--config={settings}"]
        self._started = [self.servers.start(NAME, words)]

    def wait(self) -> None:
        for server in self._started:
            self.servers.wait(server, f"http://{HOST}:{self.port}{PREFIX}/api/health")

    def close(self) -> None:
        """It ends its clusters first."""
        self.servers.stop(NAME, grace=5)
