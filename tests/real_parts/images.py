"""A repository with an image to build, and registries that are looked into from outside."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

from tasks.loopback.datacentre import Datacentre
from tasks.loopback.servers import opener
from tests.real_parts.centre import ACCOUNT, CLUSTER, NOTHING, PUSHING, REGION, ROLE
from tests.rehearsal import ROOT

KIND = "application/vnd.docker.distribution.manifest.v2+json"
NOWHERE = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}
LAYER = b"x" * 3000
PUSHER = f"arn:aws:iam::{PUSHING}:role/hubploy-ecr"


class Store(Protocol):
    """A registry with one image. section: what hubploy.yaml says of it."""

    @property
    def name(self) -> str: ...

    @property
    def section(self) -> dict[str, Any]: ...

    def push(self, name: str, tag: str) -> None: ...

    def tags(self) -> dict[str, str]:
        """Tag → digest."""


@dataclass
class Ecr:
    """In another account: only hubploy's role finds it."""

    datacentre: Datacentre
    repository: str

    def __post_init__(self) -> None:
        self._client().create_repository(repositoryName=self.repository)

    @property
    def host(self) -> str:
        return f"{PUSHING}.dkr.ecr.{REGION}.amazonaws.com"

    @property
    def name(self) -> str:
        return f"{self.host}/{self.repository}"

    @property
    def section(self) -> dict[str, Any]:
        return {"provider": "aws", "aws": {"account_id": PUSHING, "region": REGION, "role_arn": PUSHER}}

    def push(self, name: str, tag: str) -> None:
        manifest = json.dumps(_manifest(tag))
        self._client().put_image(
            repositoryName=name.partition("/")[2], imageManifest=manifest, imageManifestMediaType=KIND, imageTag=tag
        )

    def tags(self) -> dict[str, str]:
        found = self._client().describe_images(repositoryName=self.repository)["imageDetails"]
        return {tag: image["imageDigest"] for image in found for tag in image["imageTags"]}

    def _client(self) -> Any:
        import boto3

        keys = {"aws_access_key_id": "AKIAPRACTICE00000000", "aws_secret_access_key": "practice"}
        where = {"region_name": REGION, "endpoint_url": self.datacentre.environment["AWS_ENDPOINT_URL"]}
        role = boto3.client("sts", **where, **keys).assume_role(RoleArn=PUSHER, RoleSessionName="test")["Credentials"]
        names = {
            "aws_access_key_id": "AccessKeyId",
            "aws_secret_access_key": "SecretAccessKey",
            "aws_session_token": "SessionToken",
        }
        return boto3.client("ecr", **where, **{name: role[key] for name, key in names.items()})


@dataclass
class Local:
    """A registry on loopback. login: as a header has it, if it wants one."""

    host: str
    repository: str
    login: str = ""

    @property
    def name(self) -> str:
        return f"{self.host}/{self.repository}"

    @property
    def section(self) -> dict[str, Any]:
        return {"provider": "dockerconfig", "dockerconfig": {"filename": "docker.json"}}

    def push(self, name: str, tag: str) -> None:
        base = f"http://{self.host}/v2/{name.partition('/')[2]}"
        for blob in (b"{}", LAYER):
            place = self._ask(f"{base}/blobs/uploads/", "POST").headers["Location"]
            mark = "&" if "?" in place else "?"
            self._ask(f"{place}{mark}digest={_digest(blob)}", "PUT", blob, "application/octet-stream")
        self._ask(f"{base}/manifests/{tag}", "PUT", json.dumps(_manifest(tag)).encode(), KIND)

    def tags(self) -> dict[str, str]:
        base = f"http://{self.host}/v2/{self.repository}"
        try:
            names = json.load(self._ask(f"{base}/tags/list"))["tags"]
        except urllib.error.HTTPError:
            return {}
        return {tag: _digest(self._ask(f"{base}/manifests/{tag}", kind=KIND).read()) for tag in names}

    def _ask(self, url: str, method: str = "GET", body: bytes | None = None, kind: str = "*/*") -> Any:
        headers = {"Content-Type": kind} if body is not None else {"Accept": kind}
        headers |= {"Authorization": self.login} if self.login else {}
        return opener().open(urllib.request.Request(url, body, headers, method=method), timeout=10)


def _manifest(tag: str) -> dict[str, Any]:
    """One that no other tag has."""
    settings = {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 2, "digest": _digest(b"{}")}
    layer = {
        "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "size": len(LAYER),
        "digest": _digest(LAYER),
    }
    return {"schemaVersion": 2, "mediaType": KIND, "config": settings, "layers": [layer], "annotations": {"of": tag}}


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


@dataclass
class Repository:
    """tree: a git repository with the deployment x. home: the person's."""

    folder: Path
    datacentre: Datacentre
    store: Store

    def __post_init__(self) -> None:
        self.write("Dockerfile", "FROM scratch\nRUN make\n")
        self.say(self.store.section)
        self.write("../secrets/docker.json", "{}")
        self.docker_config.parent.mkdir(parents=True)
        self.docker_config.write_text('{"auths": {"base.example.org": {"auth": "YTpi"}}, "credsStore": "desktop"}')
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("first")

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    @property
    def image(self) -> Path:
        return self.tree / "deployments" / "x" / "image"

    @property
    def docker_config(self) -> Path:
        return self.folder / "home" / ".docker" / "config.json"

    @property
    def tag(self) -> str:
        """As hubploy makes it."""
        found = self.git("log", "-n1", "--format=%H", "--", "deployments/x/image").strip()
        end = next(end for end in range(7, 41) if not found[:end].isdecimal())
        return found[:end]

    @property
    def content(self) -> str:
        return "content-" + self.git("rev-parse", "HEAD:deployments/x/image").strip()

    def write(self, name: str, text: str) -> None:
        """Below the image's folder."""
        file = self.image / name
        self.image.mkdir(parents=True, exist_ok=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def say(self, registry: Mapping[str, Any], **more: Any) -> None:
        """In hubploy.yaml. name: of the image, if not the store's; images: several instead of it."""
        cluster = {"account_id": ACCOUNT, "cluster": CLUSTER, "region": REGION, "role_arn": ROLE}
        named = {"images": more["images"]} if "images" in more else {"image_name": more.get("name", self.store.name)}
        images = {**named, "registry": dict(registry)}
        document = {"images": images, "cluster": {"provider": "aws", "aws": cluster}}
        self.write("../hubploy.yaml", yaml.safe_dump(document))

    def git(self, *words: str, folder: Path | None = None) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        ran = subprocess.run(
            ["git", *identity, *words], cwd=folder or self.tree, capture_output=True, text=True, check=True
        )
        return ran.stdout

    def commit(self, message: str, **files: str) -> str:
        """The hash of a commit with these files of the image's folder."""
        for name, text in files.items():
            self.write(name, text)
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}")
        return self.git("rev-parse", "HEAD").strip()

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        found = {
            **self.datacentre.around(os.environ),
            **NOWHERE,
            "HOME": str(self.folder / "home"),
            "INVOKE_ROOT": str(self.tree),
            **more,
        }
        return {name: text for name, text in found.items() if text}

    def invoke(
        self, *words: str, fails: int = 0, more: Mapping[str, str] = NOTHING, tree: Path | None = None, before: str = ""
    ) -> str:
        """What `invoke build-image` printed. more: of the environment; DOCKER_HOST is nowhere if it is not in it."""
        flags = before.split()
        ran = subprocess.run(
            [sys.executable, "-m", "invoke", *flags, "build-image", *words],
            cwd=ROOT,
            env=self.environment({"INVOKE_ROOT": str(tree or self.tree), **more}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        said = ran.stdout + ran.stderr
        assert ran.returncode == fails, said
        assert "Traceback" not in said, said
        return said
