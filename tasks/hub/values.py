"""What the chart is rendered with: the deployment's values files, its decrypted secrets, and the image's name and tag."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tasks.errors import Refused
from tasks.hub.deployment import document, load
from tasks.hub.secrets import example_of
from tasks.observe import READ_LIMIT
from tasks.plan.deployment import Deployment
from tasks.plan.manifest import merged, nested, overlap
from tasks.plan.redact import Redactor
from tasks.seams import Ran, Seams
from tasks.tools import helm, sops
from tasks.valuesfile import lines


@dataclass(frozen=True)
class Source:
    """A values file. file: as the repository names it. path: where helm reads it, below the private folder if decrypted."""

    file: str
    path: str
    document: Mapping[str, Any]
    secret: bool = False


@dataclass(frozen=True)
class Values:
    """sources: in helm's order. strings: values path → text, which win over every file.
    earlier: what earlier revisions had for secrets."""

    sources: tuple[Source, ...]
    strings: Mapping[str, str]
    earlier: tuple[Mapping[str, Any], ...] = ()

    @property
    def options(self) -> list[str]:
        return helm.values([source.path for source in self.sources], self.strings)

    @property
    def document(self) -> dict[str, Any]:
        """All of it as one, as the release keeps it."""
        return merged(
            [*(source.document for source in self.sources), *(nested(*pair) for pair in self.strings.items())]
        )

    @property
    def secret(self) -> dict[str, Any]:
        """What of it is decrypted, as one."""
        return merged([source.document for source in self.sources if source.secret])

    @cached_property
    def redacted(self) -> Redactor:
        return Redactor.of(*(source.document for source in self.sources if source.secret), *self.earlier)

    def after(self, deployed: Mapping[str, Any]) -> Values:
        """With what an earlier revision had where the secrets are now: a secret that was changed is still one."""
        return replace(self, earlier=(*self.earlier, overlap(deployed, self.secret)))


def read(seams: Seams, deployment: Deployment, environment: str, tags: Mapping[str, str], private: Path) -> Values:
    """tags: image name → tag. Refused where a file is missing, no mapping, not encrypted, or not to be decrypted."""
    sources = _files(seams, deployment, environment)
    secrets = _secrets(seams, deployment.secrets_file(environment), private)
    return Values((*sources, secrets), _images(deployment, tags))


def read_example(seams: Seams, deployment: Deployment, environment: str, tags: Mapping[str, str]) -> Values:
    """The same with the secrets of the example, which are none: for who has no key. Where there is no example, with the
    encrypted texts."""
    sources = _files(seams, deployment, environment)
    encrypted = deployment.secrets_file(environment)
    file = next((name for name in (example_of(encrypted), encrypted) if seams.folder.read(name) is not None), "")
    if not file:
        raise Refused(
            f"{example_of(encrypted)} is missing, which stands for the secrets where they can't be decrypted: add it."
        )
    example = Source(file, file, mapping(document(seams.folder, file), file))
    return Values((*sources, example), _images(deployment, tags))


def _files(seams: Seams, deployment: Deployment, environment: str) -> list[Source]:
    sources = [
        Source(file, file, mapping(document(seams.folder, file), file))
        for file in deployment.values_files(environment)
        if seams.folder.read(file) is not None
    ]
    if not sources:
        raise Refused(f"Neither {' nor '.join(deployment.values_files(environment))} is there: a hub needs its values.")
    return sources


def _images(deployment: Deployment, tags: Mapping[str, str]) -> dict[str, str]:
    """Where the chart takes name and tag of each image."""
    strings: dict[str, str] = {}
    for image in deployment.images:
        strings |= {f"{image.values_path}.tag": tags[image.name], f"{image.values_path}.name": image.name}
    return strings


def _secrets(seams: Seams, file: str, private: Path) -> Source:
    content = seams.folder.read(file)
    if content is None:
        raise Refused(
            f"{file} is missing, and hubploy would deploy without any secrets: `invoke secrets.init` makes a first one."
        )
    if not sops.encrypted(load(content, file)):
        raise Refused(
            f"{file} is not encrypted, and hubploy would deploy it as it is: `sops --encrypt --in-place {file}`, "
            "and change what is in it if it was ever pushed."
        )
    target = private / "secrets.yaml"
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT, 0o600))
    ran = seams.run(sops.decrypt(file, str(target)), limit=READ_LIMIT)
    if ran.exit != 0:
        raise Refused(_why_not_decrypted(file, ran))
    return Source(file, str(target), mapping(load(target.read_bytes(), file), file), secret=True)


def _why_not_decrypted(file: str, ran: Ran) -> str:
    if ran.exit == 127:
        return "sops is not installed: https://getsops.io tells how."
    said = ran.stderr + ran.stdout
    if "MAC mismatch" in said or "cipher: message authentication failed" in said:
        return (
            f"{file} was changed by hand after it was encrypted: take it back from git, and edit it with `sops {file}`."
        )
    if "AccessDenied" in said or "not authorized" in said:
        return f"This AWS identity may not use the key that {file} is encrypted with: use hubploy's own keys, or ask for kms:Decrypt."
    if "NotFoundException" in said or "does not exist" in said:
        return f"The key that {file} is encrypted with is not there any more: look at .sops.yaml and at the AWS account in use."
    return f"{file} can't be decrypted (sops ended with {ran.exit}): `sops --decrypt {file}` tells more."


def mapping(found: Any, file: str) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        raise Refused(f"{file} is no mapping of keys to values: mend it.")
    return found


def line_of(content: bytes, path: Sequence[str]) -> int | None:
    """The line of a values file in which a key stands, or the deepest of its parents that does; None if none does."""
    found = lines(content)
    return next((found[tuple(path[:end])] for end in range(len(path), 0, -1) if tuple(path[:end]) in found), None)
