"""A real Kubernetes control plane with simulated nodes: pods are scheduled and become ready, and run nothing."""

from __future__ import annotations

import json
import re
import secrets
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tasks.errors import Refused
from tasks.loopback import nodes, pods
from tasks.loopback.servers import HOST, LIMIT, PAUSE, Server, Servers, free_port, opener, private
from tasks.parts.cache import program

PARTS = ("etcd", "kube-1.33", "kwok")
MINOR = "1.33"
CERTIFICATE_AGE = 300 * 86400  # seconds; the API server makes its certificate itself, for a year
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
STORAGE_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "gp2", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "kubernetes.io/host-path",
}


@dataclass
class Kubernetes:
    """folder: keeps all of its state. webhook: who is asked about tokens that are not the administrator's own. volume:
    what pods see as the hub's."""

    servers: Servers
    folder: Path
    webhook: str
    volume: Path
    port: int = field(default_factory=free_port)
    _started: dict[str, Server] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"https://{HOST}:{self.port}"

    @property
    def authority(self) -> Path:
        """The certificates that its own is checked against. The API server makes them at its first start."""
        return self.folder / "certificates" / "apiserver.crt"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.folder / "administrator.yaml"

    def begin(self) -> None:
        """etcd and the API server, which come up together."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._renew_certificate()
        private(self.kubeconfig, kubeconfig(self.address, self.authority, self._token()))
        client, peer = (f"http://{HOST}:{free_port()}" for _ in range(2))
        self._start("etcd", program("etcd"), *_etcd(self.folder / "etcd", client, peer))
        self._start("kube-apiserver", program(f"kube-apiserver-{MINOR}"), *self._apiserver(client))

    def complete(self, wanted: Sequence[dict[str, Any]], cluster: str) -> None:
        """Managers and nodes. When this returns, all nodes are ready."""
        api = self.api()
        api.delete(LEASES)  # of another kwok, which would have to run out first
        self._start("kube-controller-manager", program(f"kube-controller-manager-{MINOR}"), *self._managers())
        self._start("kube-scheduler", program(f"kube-scheduler-{MINOR}"), f"--kubeconfig={self.kubeconfig}", *_QUIET)
        kubelet = free_port()
        self._start_kwok(kubelet)
        api.create("/apis/storage.k8s.io/v1/storageclasses", STORAGE_CLASS)
        for node in wanted:
            api.create("/api/v1/nodes", node)
            api.patch(f"/api/v1/nodes/{node['metadata']['name']}/status", nodes.reached_at(HOST, kubelet))
        self._remove_other_nodes(api, {node["metadata"]["name"] for node in wanted}, cluster)
        self._wait_for_nodes(api, len(wanted))

    def _start_kwok(self, port: int) -> None:
        """port: it is every node's kubelet."""
        stages = private(self.folder / "stages.yaml", nodes.STAGE + pods.EXEC)
        words: list[str | Path] = [program("kwok"), f"--kubeconfig={self.kubeconfig}", f"--config={stages}"]
        words += ["--manage-all-nodes=true", "--node-lease-duration-seconds=40", "--v=WARN"]
        words += [f"--node-ip={HOST}", f"--node-port={port}", f"--server-address={HOST}:{port}"]
        path = str(pods.programs(self.folder / "pods", self.volume))
        self._started["kwok"] = self.servers.start("kwok", words, PATH=path)

    def api(self) -> Api:
        """As the administrator; waits until it is up, and its certificate made."""
        server = self._started["kube-apiserver"]
        begun = time.monotonic()
        while not self.authority.exists():
            self.servers.refuse_ended(server)
            if time.monotonic() - begun > LIMIT:
                raise Refused(f"The API server has made no certificate after {LIMIT:.0f} s: see {server.log}.")
            time.sleep(PAUSE)
        context = ssl.create_default_context(cafile=str(self.authority))
        self.servers.wait(server, f"{self.address}/readyz", context)
        return Api(self.address, self._token(), context)

    def close(self) -> None:
        """The volumes that the controller manager has made are empty folders outside of ours, and go."""
        volumes = []
        with suppress(Refused, OSError, KeyError):
            found = self._client().get("/api/v1/persistentvolumes")["items"]
            volumes = [item["spec"].get("hostPath", {}).get("path", "") for item in found]
        self.servers.stop("kwok", "kube-scheduler", "kube-controller-manager", "kube-apiserver")
        self.servers.stop("etcd", grace=5)
        for path in volumes:
            if re.fullmatch(r"/tmp/hostpath_pv/[-0-9a-f]{36}", path):
                with suppress(OSError):  # gone, or somebody put something into it
                    Path(path).rmdir()

    def _client(self) -> Api:
        return Api(self.address, self._token(), ssl.create_default_context(cafile=str(self.authority)))

    def _start(self, name: str, *words: str | Path) -> None:
        self._started[name] = self.servers.start(name, words)

    def _token(self) -> str:
        file = self.folder / "tokens.csv"
        if not file.exists():
            private(file, f'{secrets.token_hex(16)},administrator,administrator,"system:masters"\n')
        return file.read_text().split(",")[0]

    def _renew_certificate(self) -> None:
        with suppress(FileNotFoundError):
            if time.time() - self.authority.stat().st_mtime > CERTIFICATE_AGE:
                for file in self.authority.parent.iterdir():
                    file.unlink()

    def _apiserver(self, etcd: str) -> list[str]:
        key = self.authority.with_suffix(".key")  # the one it serves with: it makes no other
        options = [
            f"--etcd-servers={etcd}",
            f"--bind-address={HOST}",
            f"--advertise-address={HOST}",
            "--endpoint-reconciler-type=none",  # nobody may publish a loopback address as an endpoint
            "--kubelet-preferred-address-types=InternalIP",
            f"--secure-port={self.port}",
            f"--cert-dir={self.authority.parent}",
            "--authorization-mode=Node,RBAC",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--allow-privileged=true",
            "--service-cluster-ip-range=10.100.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
        ]
        if self.webhook:
            asked = private(self.folder / "webhook.yaml", _webhook(self.webhook))
            options += [f"--authentication-token-webhook-config-file={asked}"]
            options += ["--authentication-token-webhook-version=v1", "--authentication-token-webhook-cache-ttl=5s"]
        return options

    def _managers(self) -> list[str]:
        return [
            f"--kubeconfig={self.kubeconfig}",
            f"--service-account-private-key-file={self.authority.with_suffix('.key')}",
            f"--root-ca-file={self.authority}",
            "--enable-hostpath-provisioner=true",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
            *_QUIET,
        ]

    def _remove_other_nodes(self, api: Api, wanted: set[str], cluster: str) -> None:
        """Of groups that were declared in an earlier run."""
        for node in api.get(f"/api/v1/nodes?labelSelector={nodes.CLUSTER}%3D{cluster}")["items"]:
            if node["metadata"]["name"] not in wanted:
                api.delete(f"/api/v1/nodes/{node['metadata']['name']}")

    def _wait_for_nodes(self, api: Api, number: int) -> None:
        begun = time.monotonic()
        while sum(map(_ready, api.get("/api/v1/nodes")["items"])) < number:
            for server in self._started.values():
                self.servers.refuse_ended(server)
            if time.monotonic() - begun > LIMIT:
                raise Refused(f"The simulated nodes are not ready after {LIMIT:.0f} s: see {self.servers.folder}.")
            time.sleep(PAUSE * 2)


_QUIET = ("--leader-elect=false", "--secure-port=0")


def _etcd(folder: Path, client: str, peer: str) -> list[str]:
    """Its data outlives a killed process even so; a power cut they need not outlive."""
    options = ["--name=practice", f"--data-dir={folder}", "--unsafe-no-fsync", "--log-level=warn"]
    options += [f"--listen-client-urls={client}", f"--advertise-client-urls={client}"]
    return [*options, f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", _cluster(peer)]


def _cluster(peer: str) -> str:
    return f"--initial-cluster=practice={peer}"


def _ready(node: Mapping[str, Any]) -> bool:
    conditions = {entry["type"]: entry["status"] for entry in node["status"].get("conditions") or []}
    tainted = any(taint["key"].startswith("node.kubernetes.io/not-") for taint in node["spec"].get("taints") or [])
    return conditions.get("Ready") == "True" and not tainted


def kubeconfig(address: str, authority: Path, token: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "practice",
            "contexts": [{"name": "practice", "context": {"cluster": "practice", "user": "practice"}}],
            "clusters": [{"name": "practice", "cluster": {"server": address, "certificate-authority": str(authority)}}],
            "users": [{"name": "practice", "user": {"token": token}}],
        }
    )


def _webhook(address: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "webhook",
            "contexts": [{"name": "webhook", "context": {"cluster": "webhook", "user": "webhook"}}],
            "clusters": [{"name": "webhook", "cluster": {"server": address}}],
            "users": [{"name": "webhook", "user": {}}],
        }
    )


@dataclass(frozen=True)
class Api:
    """Just enough of a client to set up a cluster: for all else there is kubectl."""

    address: str
    token: str
    context: ssl.SSLContext

    def get(self, path: str) -> dict[str, Any]:
        return self._call("GET", path)

    def create(self, path: str, document: Mapping[str, Any]) -> None:
        """Unless it is there."""
        with suppress(FileExistsError):
            self._call("POST", path, document)

    def patch(self, path: str, document: Mapping[str, Any]) -> None:
        self._call("PATCH", path, document)

    def delete(self, path: str) -> None:
        self._call("DELETE", path)

    def _call(self, method: str, path: str, document: Mapping[str, Any] | None = None) -> dict[str, Any]:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        body = json.dumps(document).encode() if document else None
        request = urllib.request.Request(self.address + path, body, headers, method=method)
        try:
            with opener(self.context).open(request, timeout=30) as answer:
                said: dict[str, Any] = json.load(answer)
                return said
        except urllib.error.HTTPError as error:
            if error.code == 409:
                raise FileExistsError(path) from None
            if error.code == 404 and method == "DELETE":
                return {}
            raise Refused(f"The practice API server says no to {method} {path}: {error.read().decode()}") from None
