"""The practice data centre is one: what runs on it behaves, what it keeps outlives a restart, nothing is left behind."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import Refused
from tasks.loopback.datacentre import Datacentre, _alone
from tasks.loopback.servers import opener
from tests.real_parts import centre
from tests.real_parts.centre import CLUSTER, OTHER_ROLE, PUSHING, REGION, ROLE, TOKEN, Programs
from tests.rehearsal import ROOT

OBJECTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: store}
spec:
  serviceName: store
  selector: {matchLabels: {app: store}}
  template:
    metadata: {labels: {app: store}}
    spec:
      nodeSelector: {hub.jupyter.org/node-purpose: user}
      containers: [{name: store, image: store}]
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: everywhere}
spec:
  selector: {matchLabels: {app: everywhere}}
  template:
    metadata: {labels: {app: everywhere}}
    spec: {containers: [{name: everywhere, image: everywhere}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: once, image: once}]}
---
apiVersion: v1
kind: Service
metadata: {name: front}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}
"""


def test_nodes_are_those_of_the_groups_for_hub_and_users(programs: Programs) -> None:
    found = json.loads(programs.kubectl("get", "nodes", "--output=json"))["items"]
    purposes = {node["metadata"]["labels"]["hub.jupyter.org/node-purpose"] for node in found}
    assert (len(found), purposes) == (2, {"core", "user"})
    programs.kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=1s")


def test_what_is_applied_becomes_ready(programs: Programs) -> None:
    programs.kubectl("apply", "--filename=-", text=OBJECTS)
    for name in ("deployment/web", "statefulset/store", "daemonset/everywhere"):
        programs.kubectl("rollout", "status", name, "--timeout=60s")
    programs.kubectl("wait", "job/once", "--for=condition=Complete", "--timeout=60s")
    address = "jsonpath={.status.loadBalancer.ingress[0].hostname}"
    programs.kubectl("wait", "service/front", f"--for={address}", "--timeout=60s")
    programs.kubectl("wait", "pvc/data-store-0", "--for=jsonpath={.status.phase}=Bound", "--timeout=60s")


def test_pods_go_when_they_are_deleted(programs: Programs) -> None:
    programs.kubectl("create", "deployment", "short", "--image=short")
    programs.kubectl("rollout", "status", "deployment/short", "--timeout=60s")
    programs.kubectl("delete", "deployment/short")
    programs.kubectl("wait", "pods", "--selector=app=short", "--for=delete", "--timeout=60s")


def test_a_restart_keeps_everything(datacentre: Datacentre, programs: Programs, tmp_path: Path) -> None:
    programs.encrypt({"secret": "xyzzy"}, tmp_path / "secrets.yaml")
    programs.kubectl("create", "deployment", "kept", "--image=kept")
    programs.kubectl("rollout", "status", "deployment/kept", "--timeout=60s")
    pusher = programs.assume(f"arn:aws:iam::{PUSHING}:role/pusher")
    manifest = json.dumps({"schemaVersion": 2, "mediaType": "x", "layers": [{"digest": "sha256:1", "size": 1}]})
    for tag in ("def5678", "gone"):
        _ecr(programs, pusher, "put-image", f"--image-tag={tag}", f"--image-manifest={manifest}")
    _ecr(programs, pusher, "batch-delete-image", "--image-ids", "imageTag=abc1234", "imageTag=gone")

    datacentre.close()
    datacentre.open()

    assert "xyzzy" in programs.run("sops", "decrypt", str(tmp_path / "secrets.yaml"))
    programs.kubectl("rollout", "status", "deployment/kept", "--timeout=60s")
    programs.kubectl("scale", "deployment/kept", "--replicas=3")
    programs.kubectl("rollout", "status", "deployment/kept", "--timeout=60s")
    pusher = programs.assume(f"arn:aws:iam::{PUSHING}:role/pusher")
    images = json.loads(_ecr(programs, pusher, "describe-images"))["imageDetails"]
    tags = {tag for image in images for tag in image["imageTags"]}
    assert {"abc1234", "def5678"} <= tags  # the first is always wanted
    assert "gone" not in tags


def _ecr(programs: Programs, who: Mapping[str, str], operation: str, *words: str) -> str:
    return programs.run("aws", "ecr", operation, "--repository-name=hub/user", *words, more=who)


def test_a_role_gets_in_as_on_eks_and_nobody_else(programs: Programs) -> None:
    assert "core-a" in _nodes(programs, programs.assume(ROLE))
    for stranger in ({}, programs.assume(OTHER_ROLE)):
        assert "nauthorized" in _nodes(programs, stranger, fails=True)


def _nodes(programs: Programs, who: Mapping[str, str], fails: bool = False) -> str:
    """As somebody whose kubeconfig AWS's own program has written."""
    role = programs.assume(ROLE)  # whoever asks EKS for the address: another has no right to
    programs.run("aws", "eks", "update-kubeconfig", "--name", CLUSTER, "--region", REGION, more=role)
    return programs.run("kubectl", "get", "nodes", fails=fails, more=who)


def test_hubploy_deploys(datacentre: Datacentre, programs: Programs, tmp_path: Path) -> None:
    centre.repository(tmp_path, programs)
    before = datacentre.downloads["web-1.2.3.tgz"]
    home = {"HOME": str(tmp_path / "home")}
    programs.run("hubploy", "deploy", "x", "chart", "prod", "--timeout=120s", folder=tmp_path, more=home)
    assert datacentre.downloads["web-1.2.3.tgz"] == before + 1
    pods = json.loads(programs.kubectl("get", "pods", "--namespace=x-prod", "--output=json"))["items"]
    (image,) = [pod["spec"]["containers"][0]["image"] for pod in pods]
    name, _, tag = image.partition("/")[2].partition(":")
    assert name == "hub/user"
    assert len(tag) >= 7  # more where these are all digits
    assert programs.run("git", "rev-parse", "HEAD", folder=tmp_path).startswith(tag)
    secret = hashlib.sha256(b"xyzzy").hexdigest()
    assert pods[0]["metadata"]["annotations"]["secret"] == secret
    listed = programs.run(
        "helm", "list", "--namespace=x-prod", "--output=json", more={"KUBECONFIG": str(datacentre.kubeconfig)}
    )
    assert [release["status"] for release in json.loads(listed)] == ["deployed"]


def test_the_registry_takes_images_and_gives_them_back(datacentre: Datacentre) -> None:
    address = f"http://{datacentre.registry_name}/v2/hub/user"
    blob = b"{}"
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    place = _ask(f"{address}/blobs/uploads/", "POST").headers["Location"]
    _ask(f"{place}&digest={digest}", "PUT", blob, "application/octet-stream")
    kind = "application/vnd.oci.image.manifest.v1+json"
    settings = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": len(blob), "digest": digest}
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": settings, "layers": []}).encode()
    _ask(f"{address}/manifests/abc1234", "PUT", manifest, kind)
    assert _ask(f"{address}/manifests/abc1234", "GET", accepts=kind).read() == manifest
    _ask(f"{address}/manifests/sha256:{hashlib.sha256(manifest).hexdigest()}", "DELETE")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        _ask(f"{address}/manifests/abc1234", "GET", accepts=kind)


def _ask(address: str, method: str, body: bytes | None = None, kind: str = "", accepts: str = "*/*") -> Any:
    request = urllib.request.Request(address, body, {"Accept": accepts, "Content-Type": kind}, method=method)
    return opener().open(request, timeout=10)


def test_the_hub_is_in_good_health(datacentre: Datacentre) -> None:
    assert _ask(f"{datacentre.hub_address}/hub/health", "GET").status == 200
    assert json.load(_ask(f"{datacentre.hub_address}/hub/api/", "GET"))["version"].startswith("5.")


def test_the_hub_starts_a_persons_server(datacentre: Datacentre) -> None:
    address = f"{datacentre.hub_address}/hub/api/users/anna"
    _hub(address, "POST")
    _hub(f"{address}/server", "POST")
    deadline = time.monotonic() + 60
    while not _hub(address, "GET")["servers"].get("", {}).get("ready"):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _hub(address: str, method: str) -> dict[str, Any]:
    request = urllib.request.Request(address, headers={"Authorization": f"token {TOKEN}"}, method=method)
    with opener().open(request, timeout=30) as answer:
        return json.loads(answer.read() or b"{}")  # type: ignore[no-any-return]


def test_it_needs_no_network_and_none_of_the_persons_own_settings(datacentre: Datacentre) -> None:
    theirs = {"AWS_PROFILE": "work", "AWS_SESSION_TOKEN": "x", "KUBECONFIG": "/k", "HELM_NAMESPACE": "x", "LANG": "C"}
    found = datacentre.around(theirs)
    assert not found.keys() & {"AWS_PROFILE", "AWS_SESSION_TOKEN", "HELM_NAMESPACE"}
    assert found["LANG"] == "C"
    state = str(datacentre.state)
    assert all(found[name].startswith(state) for name in ("KUBECONFIG", "AWS_CONFIG_FILE", "HELM_CACHE_HOME"))


def test_a_state_folder_is_for_one_at_a_time(datacentre: Datacentre) -> None:
    with pytest.raises(Refused, match="Another practice data centre"), _alone(datacentre.state, patience=0):
        pass


KILLED = """
import sys, time
from pathlib import Path
from tasks.loopback.datacentre import Datacentre
from tests.real_parts.centre import wanted
with Datacentre(Path(sys.argv[1]) / "state", wanted(Path(sys.argv[1]) / "sources")):
    print("up", flush=True)
    time.sleep(600)
"""


@pytest.mark.usefixtures("datacentre")  # for its parts; the one here is another
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_running(tmp_path: Path, number: signal.Signals) -> None:
    """After it was killed, and after it has ended in order."""
    killed = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
    assert killed.stdout
    assert killed.stdout.readline() == b"up\n"
    assert len(_mentioning(tmp_path)) > 6
    killed.send_signal(number)
    killed.communicate()
    deadline = time.monotonic() + 10
    while left := _mentioning(tmp_path):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
    with _alone(tmp_path / "state"):
        pass


def _mentioning(folder: Path) -> list[str]:
    """The processes that have the folder in their command line, environment or working directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            words += os.readlink(process / "cwd").encode()
        except OSError:
            continue
        if str(folder).encode() in words:
            found.append(f"{process.name} {(process / 'cmdline').read_bytes()!r}")
    return found
