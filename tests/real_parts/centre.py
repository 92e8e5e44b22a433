"""What the tests' data centre has, and programs that are run against it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tasks.loopback.aws import Repository
from tasks.loopback.charts import Dependency
from tasks.loopback.datacentre import Datacentre, Wanted

CLUSTER, REGION = "practice", "eu-central-1"
ACCOUNT, KEYS, PUSHING = "111111111111", "222222222222", "333333333333"  # of the cluster, the key, the images
ROLE = f"arn:aws:iam::{ACCOUNT}:role/deployer"
OTHER_ROLE = f"arn:aws:iam::{ACCOUNT}:role/reader"
KEY = f"arn:aws:kms:{REGION}:{KEYS}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
NOTHING: Mapping[str, str] = {}
TOKEN = "0123456789abcdef" * 2
WEB = Dependency("web", "1.2.3", "https://charts.invalid/")
SMALL = Dependency("small", "2.0.0", WEB.repository)
DEFINITIONS = Dependency("definitions", "3.0.0", WEB.repository)
GRAFANA = Dependency("grafana", "6.14.1", WEB.repository)
JUPYTERHUBS = tuple(Dependency("jupyterhub", version, WEB.repository) for version in ("1.1.1", "2.0.0"))
CHARTS = Path(__file__).with_name("charts")
CONFIG = {
    "metadata": {"name": CLUSTER, "region": REGION, "version": "1.33"},
    "nodeGroups": [
        {"name": "core-a", "labels": {"hub.jupyter.org/node-purpose": "core"}},
        {"name": "user-a", "labels": {"hub.jupyter.org/node-purpose": "user"}},
        {"name": "worker", "labels": {"worker": "true"}, "taints": {"worker": "true:NoSchedule"}},
    ],
}
DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}"}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {secret: "{{ sha256sum .Values.secret }}"}}
    spec:
      nodeSelector: {hub.jupyter.org/node-purpose: core}
      containers: [{name: web, image: "{{ .Values.image.name }}:{{ .Values.image.tag }}"}]
"""


def wanted(sources: Path) -> Wanted:
    """sources: where the charts' sources are put."""
    shutil.copytree(CHARTS, sources)
    _chart(sources / WEB.name, WEB.name, "0.0.1", {"secret": "", "image": {"name": "web", "tag": "1"}})
    (sources / WEB.name / "templates").mkdir()
    (sources / WEB.name / "templates" / "deployment.yaml").write_text(DEPLOYMENT)
    return Wanted(
        account=ACCOUNT,
        config=CONFIG,
        roles=(ROLE,),
        key=KEY,
        images=(Repository(PUSHING, REGION, "hub/user", ("abc1234",)),),
        dependencies=(WEB, SMALL, DEFINITIONS, GRAFANA, *JUPYTERHUBS),
        charts=sources,
        hub_token=TOKEN,
        registry=True,
        gateway=True,
    )


def _chart(folder: Path, name: str, version: str, values: dict[str, Any], **more: Any) -> None:
    folder.mkdir(parents=True)
    head = {"apiVersion": "v2", "name": name, "version": version, **more}
    (folder / "Chart.yaml").write_text(yaml.safe_dump(head))
    (folder / "values.yaml").write_text(yaml.safe_dump(values))


@dataclass(frozen=True)
class Programs:
    datacentre: Datacentre

    def run(
        self,
        *words: str,
        folder: Path | None = None,
        fails: bool = False,
        text: str = "",
        more: Mapping[str, str] = NOTHING,
    ) -> str:
        """What it printed: stdout, or stderr if it is to fail. more: of the environment."""
        environment = self.datacentre.around(os.environ) | dict(more)
        ran = subprocess.run(words, cwd=folder, env=environment, input=text, capture_output=True, text=True)
        assert (ran.returncode != 0) == fails, ran.stdout + ran.stderr
        return ran.stderr if fails else ran.stdout

    def kubectl(self, *words: str, text: str = "") -> str:
        """As the administrator."""
        return self.run("kubectl", *words, text=text, more={"KUBECONFIG": str(self.datacentre.kubeconfig)})

    def assume(self, role: str) -> dict[str, str]:
        """The environment of somebody who has that role."""
        said = self.run("aws", "sts", "assume-role", "--role-arn", role, "--role-session-name", "test")
        keys = json.loads(said)["Credentials"]
        names = {
            "AccessKeyId": "ACCESS_KEY_ID",
            "SecretAccessKey": "SECRET_ACCESS_KEY",
            "SessionToken": "SESSION_TOKEN",
        }
        return {f"AWS_{name}": keys[key] for key, name in names.items()}

    def encrypt(self, content: dict[str, Any], file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(content))
        self.run("sops", "encrypt", "--in-place", "--kms", KEY, str(file), folder=file.parent)


def repository(folder: Path, programs: Programs) -> None:
    """A git repository that hubploy deploys: deployments/x, a chart that depends on ours, secrets."""
    place = {"repository": programs.datacentre.repositories[WEB.repository]}
    needed = [{"name": WEB.name, "version": WEB.version} | place]
    _chart(folder / "chart", "hub", "0.0.1", {}, dependencies=needed)
    deployment = folder / "deployments" / "x"
    (deployment / "config").mkdir(parents=True)
    (deployment / "image").mkdir()
    (deployment / "image" / "environment.yml").write_text("dependencies: []\n")
    (deployment / "config" / "common.yaml").write_text("{}\n")
    name = f"{PUSHING}.dkr.ecr.{REGION}.amazonaws.com/hub/user"
    cluster = {"account_id": ACCOUNT, "cluster": CLUSTER, "region": REGION, "role_arn": ROLE}
    registry = {"provider": "aws", "aws": {"account_id": PUSHING, "region": REGION, "role_arn": ROLE}}
    settings = {
        "images": {"image_name": name, "image_config_path": "web.image", "registry": registry},
        "cluster": {"provider": "aws", "aws": cluster},
    }
    (deployment / "hubploy.yaml").write_text(yaml.safe_dump(settings))
    programs.encrypt({"web": {"secret": "xyzzy"}}, deployment / "secrets" / "prod.yaml")
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for words in (["init", "--quiet"], ["add", "."], [*identity, "commit", "--quiet", "--message=all"]):
        programs.run("git", *words, folder=folder)
