"""The practice data centre as a whole: what is asked for comes up side by side, and ends with the block."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tasks.errors import Refused
from tasks.loopback import aws, charts, gateway, hub, kubernetes, nodes, registry
from tasks.loopback.servers import Servers, private
from tasks.parts import cache

PATIENCE = 10.0  # seconds for what a killed run left to end
STRANGE = ("AWS_", "KUBE", "HELM_", "SOPS_", "BOTO_")  # variables of a person's own, which would lead elsewhere


@dataclass(frozen=True)
class Wanted:
    """What is to be there.

    config: eksctl's ClusterConfig as a mapping: name and region of the cluster, and its nodes. dependencies, charts:
    charts to offer, and the folder with their sources. hub_token: a JupyterHub runs, and knows a service by it.
    gateway: the hub has a Dask gateway.
    """

    account: str
    config: Mapping[str, Any]
    roles: tuple[str, ...] = ()
    key: str = ""
    images: tuple[aws.Repository, ...] = ()
    dependencies: tuple[charts.Dependency, ...] = ()
    charts: Path = charts.CHARTS
    hub_token: str = ""
    registry: bool = False
    gateway: bool = False

    @property
    def parts(self) -> list[str]:
        found = ["kubectl", "sops", *kubernetes.PARTS, *aws.PARTS, *charts.PARTS]
        for parts, asked in (
            (hub.PARTS, self.hub_token),
            (registry.PARTS, self.registry),
            (gateway.PARTS, self.gateway),
        ):
            found += parts if asked else ()
        return found


class Datacentre:
    """A context manager. state: a folder that keeps everything between runs; processes live only while it is open."""

    def __init__(self, state: Path, wanted: Wanted) -> None:
        self.state, self.wanted = state.absolute(), wanted
        self._end = ExitStack()

    def __enter__(self) -> Datacentre:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        if lacking := cache.missing(self.wanted.parts):
            raise Refused(f"The practice data centre needs {', '.join(lacking)}: `invoke parts` gets what is missing.")
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as undo:
            self._start(undo)
            self._end = undo.pop_all()

    def close(self) -> None:
        """Everything that was started ends. It can be opened again, with other ports."""
        self._end.close()

    def _start(self, undo: ExitStack) -> None:
        lock = undo.enter_context(_alone(self.state))
        self.servers = Servers(self.state / "logs", self._quiet(), held=[lock])
        undo.callback(self.servers.close)
        self._aws = aws.Aws(self.servers, self.state / "aws")
        self._kubernetes = kubernetes.Kubernetes(
            self.servers, self.state / "kubernetes", self._aws.review, self.state / "hub"
        )
        undo.callback(self._kubernetes.close)
        self._kubernetes.begin()
        metadata = self.wanted.config["metadata"]
        account = aws.Account(
            self.wanted.account,
            metadata["region"],
            metadata["name"],
            self.wanted.roles,
            self.wanted.key,
            self.wanted.images,
        )
        self._aws.begin(account, kubernetes.MINOR, self._kubernetes.address, self._kubernetes.authority)
        waits = [self._aws.wait, *self._begin_hub(undo), *self._begin_registry()]
        self._charts = charts.Charts(self.state / "charts", self.wanted.dependencies, self._quiet(), self.wanted.charts)
        undo.callback(self._charts.close)
        self._furnish(self.state / "home", metadata["region"])
        self._kubernetes.complete(nodes.declared(self.wanted.config), metadata["name"])
        for wait in waits:
            wait()

    def _furnish(self, home: Path, region: str) -> None:
        """What an earlier run's programs wrote of its addresses goes."""
        (home / "kubeconfig").unlink(missing_ok=True)
        shutil.rmtree(home / "kube-cache", ignore_errors=True)
        private(home / "aws-config", f"[default]\nregion = {region}\n")
        private(home / "aws-credentials", "")

    def _begin_hub(self, undo: ExitStack) -> Iterator[Any]:
        if not self.wanted.hub_token:
            return
        self._hub = hub.Hub(self.servers, self.state / "hub", self.wanted.hub_token)
        undo.callback(self._hub.close)
        if self.wanted.gateway:
            dask = gateway.Gateway(self.servers, self.state / "gateway")
            undo.callback(dask.close)
            dask.begin(self._hub.address)
            self._hub.services = [dask.service]
            yield dask.wait
        self._hub.begin()
        yield self._hub.wait

    def _begin_registry(self) -> Iterator[Any]:
        if self.wanted.registry:
            self._registry = registry.Registry(self.servers, self.state / "registry")
            self._registry.begin()
            yield self._registry.wait

    @property
    def environment(self) -> dict[str, str]:
        """For programs that are to meet this data centre, and nothing else. They find no one's own settings."""
        home, region = self.state / "home", self.wanted.config["metadata"]["region"]
        return {
            "AWS_ENDPOINT_URL": self._aws.address,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ACCESS_KEY_ID": "AKIAPRACTICE00000000",
            "AWS_SECRET_ACCESS_KEY": "practice",
            "AWS_CONFIG_FILE": str(home / "aws-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(home / "aws-credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            "KUBECONFIG": str(home / "kubeconfig"),  # not there at first
            "KUBECACHEDIR": str(home / "kube-cache"),
            "HELM_CACHE_HOME": str(home / "helm-cache"),
            "HELM_CONFIG_HOME": str(home / "helm-config"),
            "HELM_DATA_HOME": str(home / "helm-data"),
            "SOPS_DISABLE_VERSION_CHECK": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "PATH": self._path(),
        }

    def around(self, environ: Mapping[str, str]) -> dict[str, str]:
        """An environment with ours in it, and without what leads elsewhere, such as a profile."""
        return {name: text for name, text in environ.items() if not name.startswith(STRANGE)} | self.environment

    @property
    def kubeconfig(self) -> Path:
        """The administrator's, with a token: for looking in. EKS's own way in is `aws eks update-kubeconfig`."""
        return self._kubernetes.kubeconfig

    @property
    def endpoint(self) -> str:
        """The API server's address."""
        return self._kubernetes.address

    @property
    def repositories(self) -> dict[str, str]:
        """A chart repository's real address → its address here."""
        return self._charts.repositories

    @property
    def chart_address(self) -> str:
        return self._charts.address

    @property
    def downloads(self) -> Counter[str]:
        """How often index.yaml and each archive was asked for, since the start."""
        return self._charts.downloads

    @property
    def hub_address(self) -> str:
        return self._hub.address

    @property
    def registry_name(self) -> str:
        """HOST:PORT, the first part of an image's name."""
        return self._registry.name

    def _path(self) -> str:
        first = (str(cache.folder() / "bin"), str(Path(sys.executable).parent))
        return os.pathsep.join([*first, os.environ.get("PATH", os.defpath)])

    def _quiet(self) -> dict[str, str]:
        """For the servers themselves: next to nothing of the person's."""
        home = self.state / "home"
        home.mkdir(mode=0o700, exist_ok=True)
        return {"PATH": self._path(), "HOME": str(home), "LANG": "C.UTF-8"}


@contextmanager
def _alone(state: Path, patience: float = PATIENCE) -> Iterator[int]:
    """The folder's lock. The keeper of the servers has it too, so that it is free when all of them are gone."""
    descriptor = os.open(state / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + patience
        while not _locked(descriptor):
            if time.monotonic() > deadline:
                raise Refused(f"Another practice data centre runs in {state}: end it, or wait for it.")
            time.sleep(0.1)
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
