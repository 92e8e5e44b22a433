"""A hub of a test's own: a scratch copy of the project with one small deployment, deployed by `invoke` as a process."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tasks.loopback.charts import Dependency
from tasks.loopback.datacentre import Datacentre
from tasks.tools import git, helm
from tests.real_parts.centre import ACCOUNT, CLUSTER, CONFIG, NOTHING, PUSHING, REGION, ROLE, SMALL, Programs
from tests.real_path.rig import Run, copy_tree

USER_IMAGE = f"{PUSHING}.dkr.ecr.{REGION}.amazonaws.com/hub/user"
PUSHER = f"arn:aws:iam::{PUSHING}:role/pusher"
CONFIG_FILE = "infra/small.yaml"
LEASE = ("get", "lease", "cluster-maintenance", "--namespace=kube-system", "--ignore-not-found")


@dataclass
class Hub:
    """name: of the deployment and of the namespace of its release, which no other test has. folder: a test's own."""

    folder: Path
    name: str
    datacentre: Datacentre
    token: str = field(default_factory=lambda: f"t0ken{secrets.token_hex(16)}")
    runs: list[Run] = field(default_factory=list)

    def __post_init__(self) -> None:
        for folder in (self.home, self.temporary):
            folder.mkdir()
        copy_tree(self.tree)
        self._write(CONFIG_FILE, {"apiVersion": "eksctl.io/v1alpha5", "kind": "ClusterConfig", **CONFIG})
        self.depend_on(SMALL)
        self.values()
        self.say()
        self.encrypt()
        image = self.deployment / "image" / "environment.yml"
        image.parent.mkdir()
        image.write_text(f"name: {self.name}\n")
        (self.tree / ".gitignore").write_text("__pycache__/\n.runs/\nchart/charts/\n")
        for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=all"]):
            self.git(*words)
        self.push_image()
        self.programs.kubectl("create", "namespace", self.name)

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    @property
    def deployment(self) -> Path:
        return self.tree / "deployments" / self.name

    @property
    def secrets_file(self) -> Path:
        return self.deployment / "secrets" / "prod.yaml"

    @property
    def programs(self) -> Programs:
        return Programs(self.datacentre)

    @property
    def release(self) -> str:
        return f"{self.name}-prod"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **self.datacentre.around(os.environ),
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "INVOKE_HUB_ADDRESS": self.datacentre.hub_address,
            "INVOKE_CLUSTER_CONFIG": CONFIG_FILE,
            "INVOKE_DEPLOY_NAMESPACE": self.name,
        }

    def _write(self, path: str, document: Mapping[str, Any]) -> None:
        file = self.tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(dict(document), sort_keys=False))

    def depend_on(self, *dependencies: Dependency, repository: str = "") -> None:
        """The chart that is deployed has these, and its lock says so."""
        place = repository or self.datacentre.chart_address
        entries = [{"name": each.name, "version": each.version, "repository": place} for each in dependencies]
        head = {"apiVersion": "v2", "name": "hub", "version": "0.0.1"}
        self._write("chart/Chart.yaml", {**head, "dependencies": entries})
        lock = {"dependencies": entries, "digest": helm.lock_digest(entries, entries)}
        self._write("chart/Chart.lock", {**lock, "generated": "2024-01-01T00:00:00Z"})

    def values(self, **values: Any) -> None:
        """Of the small chart, in config/common.yaml."""
        self._write(f"deployments/{self.name}/config/common.yaml", {"small": values})

    def encrypt(self) -> None:
        """The token is the one secret."""
        self.programs.encrypt({"small": {"token": self.token}}, self.secrets_file)

    def say(self, role: str = ROLE, pusher: str = PUSHER, **cluster: Any) -> None:
        """hubploy.yaml. role, pusher: who deploys, and who may look at images. cluster: instead of EKS."""
        access = {"account_id": ACCOUNT, "cluster": CLUSTER, "region": REGION, "role_arn": role}
        registry = {"account_id": PUSHING, "region": REGION, "role_arn": pusher}
        document = {
            "images": {
                "image_name": USER_IMAGE,
                "image_config_path": "small.image",
                "registry": {"provider": "aws", "aws": registry},
            },
            "cluster": cluster or {"provider": "aws", "aws": access},
        }
        self._write(f"deployments/{self.name}/hubploy.yaml", document)

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        return self.programs.run("git", *who, *words, folder=self.tree)

    @property
    def tag(self) -> str:
        return git.image_tag(self.git(*git.last_commit(f"deployments/{self.name}/image")[1:]).strip())

    def push_image(self) -> None:
        """The registry has the image that the last commit stands for."""
        import boto3

        place = {"region_name": REGION, "endpoint_url": self.datacentre.environment["AWS_ENDPOINT_URL"]}
        anybody = {"aws_access_key_id": "AKIAPRACTICE00000000", "aws_secret_access_key": "practice"}
        keys = boto3.client("sts", **place, **anybody).assume_role(RoleArn=PUSHER, RoleSessionName="test")[
            "Credentials"
        ]
        theirs = {"aws_access_key_id": keys["AccessKeyId"], "aws_secret_access_key": keys["SecretAccessKey"]}
        registry = boto3.client("ecr", **place, **theirs, aws_session_token=keys["SessionToken"])
        manifest = json.dumps({"schemaVersion": 2, "mediaType": "x", "layers": [{"digest": self.name, "size": 1}]})
        registry.put_image(repositoryName="hub/user", imageTag=self.tag, imageManifest=manifest)

    def begin(self, *words: str, more: Mapping[str, str] = NOTHING) -> Run:
        """invoke WORDS, in a session of its own. more: of the environment."""
        output = self.folder / f"run {len(self.runs)}"
        output.mkdir()
        with (output / "out").open("wb") as out, (output / "err").open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "invoke", *words],
                cwd=self.tree,
                env={**self.environment, **more},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self.runs.append(Run(process, output))
        return self.runs[-1]

    def run(self, *words: str, more: Mapping[str, str] = NOTHING) -> Run:
        """To its end."""
        run = self.begin(*words, more=more)
        assert run.exit is not None
        return run

    def deploys(self, *words: str, more: Mapping[str, str] = NOTHING) -> str:
        """To a good end. What it says."""
        run = self.run(*(words or ("deploy",)), more=more)
        assert run.exit == 0, run.out + run.err
        return run.out

    def kubectl(self, *words: str) -> str:
        return self.programs.kubectl(*words, f"--namespace={self.name}")

    @cached_property
    def administrator(self) -> tuple[str, ...]:
        return (f"--kubeconfig={self.datacentre.kubeconfig}", f"--namespace={self.name}")

    def helm(self, *words: str, fails: bool = False) -> str:
        return self.programs.run("helm", *words, *self.administrator, folder=self.tree, fails=fails)

    def upgrade(self, *words: str) -> list[str]:
        """A helm of somebody's own, who gives it the values that a deploy would."""
        image = f"small.image.name={USER_IMAGE},small.image.tag={self.tag},small.token={self.token}"
        options = ("--values", f"deployments/{self.name}/config/common.yaml", "--set-string", image)
        return ["upgrade", "--install", "--wait", self.release, "chart", *options, *words]

    @property
    def revisions(self) -> list[tuple[int, str]]:
        """Number and status, oldest first."""
        rows = json.loads(self.helm("history", self.release, "--output=json"))
        return [(row["revision"], row["status"]) for row in rows]

    @property
    def items(self) -> list[dict[str, Any]]:
        """All objects of the namespace that a release or a person may have made."""
        kinds = "deployments,services,configmaps,secrets,ingresses,jobs,leases"
        found: list[dict[str, Any]] = json.loads(self.kubectl("get", kinds, "--output=json"))["items"]
        return [item for item in found if item["metadata"]["name"] != "kube-root-ca.crt"]

    @property
    def versions(self) -> dict[str, str]:
        """Every object with a version that any write raises. Of a Deployment, what was asked for: its status moves."""
        return {
            f"{item['kind']} {item['metadata']['name']}": str(
                item["metadata"].get("generation") or item["metadata"]["resourceVersion"]
            )
            for item in self.items
        }

    @property
    def state(self) -> dict[str, Any]:
        """What was asked for of every object that the chart makes, but for what is random."""
        return {
            f"{item['kind']} {item['metadata']['name']}": {
                key: value for key, value in item.items() if key in ("data", "spec", "type")
            }
            for item in self.items
            if item["metadata"]["name"] != "random" and not item["metadata"]["name"].startswith("sh.helm.release")
        }

    @property
    def deployed_values(self) -> Any:
        return json.loads(self.helm("get", "values", self.release, "--output=json"))

    @property
    def holder(self) -> str:
        """Who has the lock on the cluster."""
        return self.programs.kubectl(*LEASE, "--output=jsonpath={.spec.holderIdentity}")

    @property
    def files(self) -> dict[str, bytes]:
        """The tree's, but for git's own, compiled modules and the lock's last request."""
        return {
            str(file.relative_to(self.tree)): file.read_bytes()
            for file in sorted(self.tree.rglob("*"))
            if file.is_file() and not {".git", "__pycache__", ".runs"} & set(file.relative_to(self.tree).parts)
        }

    @property
    def node_selector(self) -> Any:
        (item,) = json.loads(self.kubectl("get", "deployments", "--output=json"))["items"]
        return item["spec"]["template"]["spec"].get("nodeSelector", {})

    def close(self) -> None:
        for run in self.runs:
            if run.process.poll() is None:
                os.killpg(run.process.pid, signal.SIGKILL)
                run.process.wait()
        shutil.rmtree(self.tree)
