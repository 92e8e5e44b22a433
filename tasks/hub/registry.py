"""The image registry that hubploy.yaml names: which images it has, and further tags for them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tasks.amazon import Boto
from tasks.errors import Refused
from tasks.hub.access import assume
from tasks.hub.deployment import load
from tasks.hub.distribution import Distribution
from tasks.observe import READ_LIMIT, explain
from tasks.plan.deployment import Access, Deployment
from tasks.plan.image import KINDS, Manifest
from tasks.seams import AwsError, Seams
from tasks.tools import sops

THERE = ("ImageAlreadyExistsException", "ImageTagAlreadyExistsException")


class Registry(Protocol):
    """image: a name with its registry's host. Everything is refused if nobody can say."""

    def has(self, image: str, tag: str) -> bool: ...

    def manifest(self, image: str, reference: str) -> Manifest | None:
        """reference: a tag or a digest. None if there is no such image."""

    def put(self, image: str, tag: str, manifest: Manifest) -> None:
        """A tag for an image that is there, whose layers are neither pulled nor pushed."""


@dataclass(frozen=True)
class Ecr:
    """Amazon's. access: hubploy.yaml's images.registry. aws: as its role."""

    access: Access
    aws: Boto

    def has(self, image: str, tag: str) -> bool:
        return self.manifest(image, tag) is not None

    def manifest(self, image: str, reference: str) -> Manifest | None:
        key = "imageDigest" if reference.startswith("sha256:") else "imageTag"
        answer = self._ask("batch_get_image", image, imageIds=[{key: reference}], acceptedMediaTypes=list(KINDS))
        for found in answer.get("images", ()):
            return Manifest(found["imageManifest"], found.get("imageManifestMediaType", KINDS[0]))
        for failure in answer.get("failures", ()):
            if failure["failureCode"] != "ImageNotFound":
                raise Refused(
                    f"ECR can't say whether {image}:{reference} is there ({failure.get('failureReason')}): look at it in the console."
                )
        return None

    def put(self, image: str, tag: str, manifest: Manifest) -> None:
        content = {"imageManifest": manifest.content, "imageManifestMediaType": manifest.kind}
        self._ask("put_image", image, imageTag=tag, **content)

    def _ask(self, operation: str, image: str, **parameters: Any) -> Mapping[str, Any]:
        name = image.partition("/")[2]
        try:
            return self.aws("ecr", operation, registryId=self.access.account, repositoryName=name, **parameters)
        except AwsError as error:
            if error.code in THERE:  # somebody was quicker, and it is there
                return {}
            if error.code == "RepositoryNotFoundException":
                raise Refused(
                    f"There is no repository {name} in {self.access.account}, {self.access.region}: look at images in hubploy.yaml."
                ) from None
            if error.code == "AccessDeniedException":
                right = "write to" if operation == "put_image" else "look at"
                raise Refused(
                    f"This AWS identity may not {right} {name} ({error.message}): give its role the right to do it."
                ) from None
            raise Refused(explain(error, self.access)) from None


def registry(seams: Seams, boto: Boto, deployment: Deployment, private: Path) -> Registry:
    """private: takes what is decrypted."""
    access = deployment.registry
    if access is None:
        raise Refused(
            f"{deployment.folder('hubploy.yaml')} has no images.registry: add it, or images can't be looked for."
        )
    if access.provider == "aws":
        return Ecr(access, assume(Boto(access.region, boto.dry), access))
    return Distribution(seams.web, docker_config(seams, deployment, access, private))


def docker_config(seams: Seams, deployment: Deployment, access: Access, private: Path) -> Mapping[str, Any]:
    """The Docker config file that hubploy.yaml names, encrypted or not."""
    source = deployment.folder("secrets", access.file)
    content = seams.folder.read(source)
    if content is None:
        raise Refused(
            f"{source} is missing, the Docker config file that hubploy.yaml names: add it, encrypted by sops."
        )
    found = load(content, source)
    if sops.encrypted(found):
        target = private / "docker-config"
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT, 0o600))
        if seams.run(sops.decrypt(source, str(target)), limit=READ_LIMIT).exit != 0:
            raise Refused(
                f"{source} can't be decrypted: look at .sops.yaml, at the identity in use, and whether sops is there."
            )
        found = load(target.read_bytes(), source)
    if not isinstance(found, Mapping):
        raise Refused(f'{source} is no Docker config file: it is {{"auths": …}}, as `docker login` writes it.')
    return found
