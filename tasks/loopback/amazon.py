"""Run as a script by the Python of the part moto, with a file that says what to serve: AWS, in a process of its own.

moto, with four things more: EKS names the practice cluster's API server, roles have tokens for it, a KMS key keeps its
material over restarts, and so does ECR its images. Imports nothing of ours.

Signatures are checked by nobody, as with moto itself. Whoever has not assumed a role is in the default account.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from moto.backends import get_backend
from moto.iam.models import get_account_id_from
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

HOST = "127.0.0.1"
REVIEW = "/practice/token-review"  # what the API server asks
HEALTH = "/practice/health"
TOKEN = "k8s-aws-v1."
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"

Start = Callable[[str, list[tuple[str, str]]], Any]


class Amazon:
    """A WSGI application."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        self.wanted = wanted
        self.account, self.region = wanted["account"], wanted["region"]
        self.state = Path(wanted["state"])
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.roles: list[str] = wanted["roles"]
        self._nobody = get_account_id_from("")  # moto's own default
        self._make_cluster()
        if wanted["key"]:
            self._make_key(wanted["key"])
        self.images = Images(self.state / "images.json", wanted["images"])

    def __call__(self, request: dict[str, Any], start: Start) -> Iterable[bytes]:
        if request["PATH_INFO"] == REVIEW:
            body = request["wsgi.input"].read(int(request["CONTENT_LENGTH"]))
            return _answer(start, self.review(json.loads(body)))
        if request["PATH_INFO"] == HEALTH:
            return _answer(start, {})
        if request["PATH_INFO"] == "/cluster-versions":  # EKS's, which moto lacks, as it does the next
            return _answer(start, {"clusterVersions": [{"clusterVersion": self.wanted["version"]}]})
        if re.fullmatch(r"/clusters/[^/]+/addons", request["PATH_INFO"]):
            return _answer(start, {"addons": []})
        key = re.search(r"Credential=([^/,]+)/", request.get("HTTP_AUTHORIZATION", ""))
        if get_account_id_from(key[1] if key else "") == self._nobody:
            request["HTTP_X_MOTO_ACCOUNT_ID"] = self.account
        answer: Iterable[bytes] = self.moto(request, start)
        if "ContainerRegistry" in request.get("HTTP_X_AMZ_TARGET", ""):
            answer = [b"".join(answer)]  # it is carried out when it is read
            self.images.keep()
        return answer

    def accounts(self) -> set[str]:
        """Those that anything given is in."""
        arns = [*self.roles, *([self.wanted["key"]] if self.wanted["key"] else [])]
        return {self.account, *(arn.split(":")[4] for arn in arns)}

    def _make_cluster(self) -> None:
        """The same one in the account of every role that may use it."""
        name = self.wanted["cluster"]
        role = f"arn:aws:iam::{self.account}:role/cluster"
        cluster = get_backend("eks")[self.account][self.region].create_cluster(name, role, {"subnetIds": ["subnet-1"]})
        cluster.version, cluster.endpoint = self.wanted["version"], self.wanted["endpoint"]
        cluster.certificate_authority = Authority(Path(self.wanted["authority"]))
        for account in {arn.split(":")[4] for arn in self.roles}:
            get_backend("eks")[account][self.region].clusters[name] = cluster

    def _make_key(self, arn: str) -> None:
        """Whoever is let in by its policy can name it, from whatever account."""
        _, _, _, region, account, path = arn.split(":")
        key = get_backend("kms")[account][region].create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "", [])
        get_backend("kms")[account][region].keys.pop(key.id)
        key.arn, key.id = arn, path.removeprefix("key/")
        key.key_material = _material(self.state / "key")
        for each in self.accounts():
            get_backend("kms")[each][region].keys[key.id] = key

    def review(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Kubernetes' TokenReview. Like EKS, it knows roles by their last name only, and nobody who is not mapped."""
        role = self._role_of(asked["spec"].get("token", ""))
        status: dict[str, Any] = {"authenticated": False, "error": "not mapped"}
        if role in self.roles:
            status = {"authenticated": True, "user": {"username": role, "groups": ["system:masters"]}}
        return {"apiVersion": asked["apiVersion"], "kind": "TokenReview", "status": status}

    def _role_of(self, token: str) -> str:
        if not token.startswith(TOKEN):
            return ""
        try:
            text = token.removeprefix(TOKEN)
            query = parse_qs(urlsplit(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()).query)
            key = query["X-Amz-Credential"][0].split("/")[0]
        except (ValueError, KeyError):
            return ""
        if query.get("Action") != ["GetCallerIdentity"] or "x-k8s-aws-id" not in query["X-Amz-SignedHeaders"][0]:
            return ""
        for account in list(get_backend("sts").values()):
            for backend in list(account.values()):
                if found := backend.get_assumed_role_from_access_key(key):
                    return str(found.role_arn)
        return ""


class Authority(dict[str, str]):
    """The API server makes its certificate at its first start, which may be after ours."""

    def __init__(self, file: Path) -> None:
        super().__init__(data="")
        self._file = file

    def __getitem__(self, key: str) -> str:
        return base64.b64encode(self._file.read_bytes()).decode()


class Images:
    """ECR's repositories and images, in a file over restarts: what was pushed stays, what was deleted stays away.

    But the tags that are wanted are there at every start: those that are not get an image of their own.
    """

    def __init__(self, file: Path, wanted: Iterable[dict[str, Any]]) -> None:
        self._file = file
        self._places: list[tuple[str, str, str]] = []
        self._kept: dict[str, list[Any]] = json.loads(file.read_text()) if file.exists() else {}
        for place in self._kept:
            self._make(*place.split(" "))
        for entry in wanted:
            place = (entry["account"], entry["region"], entry["repository"])
            if place not in self._places:
                self._make(*place)
            for tag in set(entry["tags"]) - self._tags(place):
                self._put(place, _manifest(*place, tag), MANIFEST, tag)
        self.keep()

    def _make(self, account: str, region: str, name: str) -> None:
        backend = get_backend("ecr")[account][region]
        backend.create_repository(name, account, {}, None, "MUTABLE", [])
        self._places.append((account, region, name))
        for manifest, kind, tags in self._kept.get(f"{account} {region} {name}", ()):
            for tag in tags:
                self._put((account, region, name), manifest, kind, tag)

    def _tags(self, place: tuple[str, str, str]) -> set[str]:
        account, region, name = place
        images = get_backend("ecr")[account][region].repositories[name].images
        return {tag for image in images for tag in image.image_tags}

    def _put(self, place: tuple[str, str, str], manifest: str, kind: str, tag: str) -> None:
        account, region, name = place
        get_backend("ecr")[account][region].put_image(name, manifest, tag, kind)

    def keep(self) -> None:
        content = {
            f"{account} {region} {name}": [
                [image.image_manifest, image.image_manifest_media_type, image.image_tags]
                for image in repository.images
                if image.image_tags
            ]
            for account, backends in list(get_backend("ecr").items())
            for region, backend in list(backends.items())
            for name, repository in list(backend.repositories.items())
        }
        aside = self._file.with_suffix(".new")
        aside.write_text(json.dumps(content))
        aside.replace(self._file)


def _manifest(*names: str) -> str:
    """Of an image of one empty layer, which differs from every other."""
    digest = hashlib.sha256(" ".join(names).encode()).hexdigest()
    layer = {"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": 32, "digest": f"sha256:{digest}"}
    settings = {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 2, "digest": f"sha256:{digest}"}
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": settings, "layers": [layer]})


def _material(file: Path) -> bytes:
    if not file.exists():
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as stream:
            stream.write(os.urandom(32))
    return file.read_bytes()


def _answer(start: Start, content: dict[str, Any]) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(content).encode()]


if __name__ == "__main__":
    settings = json.loads(Path(sys.argv[1]).read_text())
    run_simple(HOST, settings["port"], Amazon(settings), threaded=True)
