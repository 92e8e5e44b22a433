"""A deployment as its hubploy.yaml describes it: https://hubploy.readthedocs.io/en/latest/deployment.html."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ENVIRONMENTS = ("develop", "staging", "prod")  # hubploy's command line takes no others


@dataclass(frozen=True)
class Image:
    """name: with its registry, without a tag. folder: below the deployment's. values_path: where the chart takes it."""

    name: str
    folder: str
    values_path: str


@dataclass(frozen=True)
class Access:
    """How to reach a registry or a cluster. role: "" for one's own identity. name: the cluster's. file: below secrets/."""

    provider: str
    account: str = ""
    region: str = ""
    role: str = ""
    name: str = ""
    file: str = ""


@dataclass(frozen=True)
class Deployment:
    name: str
    images: tuple[Image, ...]
    registry: Access | None
    cluster: Access

    def release(self, environment: str) -> str:
        """hubploy's name for it."""
        return f"{self.name}-{environment}"

    def folder(self, *parts: str) -> str:
        return "/".join(("deployments", self.name, *parts))

    def values_files(self, environment: str) -> tuple[str, str]:
        """In the order in which helm takes them; either may be absent. The secrets come after."""
        return self.folder("config", "common.yaml"), self.folder("config", f"{environment}.yaml")

    def secrets_file(self, environment: str) -> str:
        return self.folder("secrets", f"{environment}.yaml")


def parse(name: str, document: object) -> Deployment:
    """Raises ValueError naming the key that is wrong."""
    if not isinstance(document, dict):
        raise ValueError("it is no mapping")
    images = document.get("images") or {}
    if not isinstance(images, dict):
        raise ValueError("`images` is no mapping")
    registry = _access(images["registry"], "images.registry") if images.get("registry") else None
    if "cluster" not in document:
        raise ValueError("it has no `cluster`")
    return Deployment(name, _images(images), registry, _access(document["cluster"], "cluster"))


def _images(section: Mapping[str, Any]) -> tuple[Image, ...]:
    default = "jupyterhub.singleuser.image"
    if "image_name" in section:
        return (_image(section["image_name"], "image", section.get("image_config_path", default)),)
    entries = section.get("images") or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("`images.images` is no list of mappings")
    return tuple(
        _image(entry.get("name"), entry.get("path"), entry.get("helm_substitution_path", default)) for entry in entries
    )


def _image(name: Any, folder: Any, values_path: Any) -> Image:
    if not all(isinstance(text, str) and text.strip() for text in (name, folder, values_path)):
        raise ValueError("an image in `images` needs a name, and a path if it is one of a list, as texts")
    return Image(name, folder, values_path)


def _access(section: Any, where: str) -> Access:
    provider = section.get("provider") if isinstance(section, dict) else None
    details = section.get(provider) if provider else None
    if provider == "aws" and isinstance(details, dict):
        account, region = (
            details.get(new) or details.get(old) for new, old in (("account_id", "project"), ("region", "zone"))
        )
        if not account or not region:
            raise ValueError(f"`{where}.aws` needs project and zone")
        if where == "cluster" and not details.get("cluster"):
            raise ValueError("`cluster.aws` needs cluster, its name")
        role, cluster = (str(details.get(key) or "") for key in ("role_arn", "cluster"))
        return Access("aws", str(account), str(region), role, cluster)
    if provider in ("kubeconfig", "dockerconfig") and isinstance(details, dict) and details.get("filename"):
        return Access(provider, file=str(details["filename"]))
    raise ValueError(f"`{where}` has the provider {provider!r}, and only aws and a file of one's own are known here")
