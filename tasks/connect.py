"""Which account, which cluster, which API server: settled before anything else is read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import Refused
from tasks.observe import Named, explain
from tasks.plan.values import Config
from tasks.seams import AwsError, Seams
from tasks.tools.kubectl import Kubectl


@dataclass(frozen=True)
class Identity:
    """Who AWS takes us for."""

    account: str
    arn: str


@dataclass(frozen=True)
class Context:
    """The current context of a kubeconfig: its name, its API server, the file that has it."""

    name: str
    server: str
    file: str


def identity(seams: Seams, config: Named, account: str) -> Identity:
    """account: the one the deployment is in; "" if any will do. Refused if it is another."""
    try:
        answer = seams.aws("sts", "get_caller_identity")
    except AwsError as error:
        raise Refused(explain(error, config)) from None
    found = Identity(answer["Account"], answer["Arn"])
    if account and found.account != account:
        raise Refused(
            f"The AWS credentials are for account {found.account} ({found.arn}), the deployment is in {account}: "
            "use other credentials, or change aws.account in invoke.yaml."
        )
    return found


def connect(seams: Seams, config: Config, server: str) -> Kubectl:
    """kubectl for this cluster and no other. server: an address that is to be used instead of EKS's own, or ""."""
    try:
        endpoint = seams.aws("eks", "describe_cluster", name=config.name)["cluster"]["endpoint"]
    except AwsError as error:
        raise Refused(explain(error, config)) from None
    context = current_context(kubeconfig_files())
    if context.server.rstrip("/") not in (endpoint.rstrip("/"), server.rstrip("/") or None):
        raise Refused(
            f"The current context {context.name} speaks to {context.server}, but {config.name} is at {endpoint}: "
            "run `invoke write-kubeconfig`."
        )
    return Kubectl(context.file, context.name)


def kubeconfig_files() -> list[Path]:
    """As kubectl finds them."""
    found = os.environ.get("KUBECONFIG", "")
    return [Path(part) for part in found.split(os.pathsep) if part] or [Path.home() / ".kube" / "config"]


def current_context(files: list[Path]) -> Context:
    """Refused where there is none, or where its parts are in different files, for one file has to be named."""
    documents = {file: _load(file) for file in files if file.exists()}
    name = next(
        (document["current-context"] for document in documents.values() if document.get("current-context")), None
    )
    if not name:
        where = " or ".join(map(str, files))
        raise Refused(f"There is no current context in {where}: run `invoke write-kubeconfig`.")
    for file, document in documents.items():
        context = _named(document, "contexts", name).get("context") or {}
        cluster = _named(document, "clusters", context.get("cluster")).get("cluster") or {}
        server = cluster.get("server")
        if server:
            return Context(name, server, str(file))
    raise Refused(
        f"The context {name} is not complete in one of {', '.join(map(str, files))}: run `invoke write-kubeconfig`."
    )


def context_names(file: Path) -> set[str]:
    """All contexts of a kubeconfig; none if it is not there."""
    return {str(entry.get("name")) for entry in _load(file).get("contexts") or []} if file.exists() else set()


def _named(document: dict[str, Any], section: str, name: object) -> dict[str, Any]:
    return next((entry for entry in document.get(section) or [] if entry.get("name") == name), {})


def _well_formed(section: object) -> bool:
    """A list of named entries, or nothing."""
    return section is None or (isinstance(section, list) and all(isinstance(entry, dict) for entry in section))


def _load(file: Path) -> dict[str, Any]:
    import yaml

    try:
        document = yaml.load(file.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        if document is None:
            return {}
        if not isinstance(document, dict) or not all(map(_well_formed, map(document.get, ("contexts", "clusters")))):
            raise ValueError
    except (yaml.YAMLError, UnicodeDecodeError, ValueError):
        raise Refused(f"The kubeconfig {file} is broken: move it away and run `invoke write-kubeconfig`.") from None
    except OSError as error:
        raise Refused(f"The kubeconfig {file} can't be read ({error.strerror}): look at its permissions.") from None
    return document
