"""deployments/*: which there are, and what their hubploy.yaml says."""

from __future__ import annotations

from typing import Any

import yaml

from tasks.errors import Refused
from tasks.plan.deployment import ENVIRONMENTS, Deployment, parse
from tasks.seams import Folder

FOLDER = "deployments"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """As helm reads YAML: a date is a text."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        sign: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
        for sign, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def names(folder: Folder) -> list[str]:
    return [name for name in folder.names(FOLDER) if folder.read(f"{FOLDER}/{name}/hubploy.yaml") is not None]


def choose(folder: Folder, wanted: str) -> Deployment:
    """wanted: a name, or "" for the only one there is. Refused if it is not there, or broken."""
    there = names(folder)
    if not there:
        raise Refused(f"There is no {FOLDER}/NAME/hubploy.yaml here: add one, as hubploy's documentation describes it.")
    if not wanted and len(there) > 1:
        raise Refused(f"There are several deployments: name one with --deployment, of {', '.join(there)}.")
    name = wanted or there[0]
    if name not in there:
        raise Refused(f"There is no deployment {name!r}: {FOLDER}/ has {', '.join(there)}.")
    file = f"{FOLDER}/{name}/hubploy.yaml"
    try:
        return parse(name, document(folder, file))
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(f"{file} can't be understood ({error}): compare it with hubploy's documentation.") from None


def environments(folder: Folder, deployment: Deployment) -> list[str]:
    """Those that have a file."""
    found = [*folder.names(deployment.folder("config")), *folder.names(deployment.folder("secrets"))]
    stems = {name.removesuffix(".yaml") for name in found if name.endswith(".yaml")}
    return sorted({stem.removesuffix(".example") for stem in stems} - {"common"})


def refuse_unknown_environment(folder: Folder, deployment: Deployment, environment: str, with_: str) -> None:
    """hubploy takes three names and no others; helm any that has a file."""
    if with_ == "hubploy":
        if environment not in ENVIRONMENTS:
            raise Refused(
                f"hubploy knows no environment {environment!r}, only {', '.join(ENVIRONMENTS)}: "
                "name one of them, or set deploy.with to helm in invoke.yaml."
            )
        return
    if with_ != "helm":
        raise Refused(f"deploy.with is {with_!r} in invoke.yaml: it has to be hubploy or helm.")
    files = (deployment.values_files(environment)[1], deployment.secrets_file(environment))
    if not any(folder.read(file) is not None for file in files):
        raise Refused(f"There is no environment {environment!r}: neither {files[0]} nor {files[1]} is there.")


def document(folder: Folder, file: str) -> Any:
    """A YAML file; {} for an empty one. Refused if it is missing or no YAML, without a word of what stands in it."""
    content = folder.read(file)
    if content is None:
        raise Refused(f"{file} is missing.")
    return load(content, file)


def load(content: bytes, file: str) -> Any:
    try:
        found = yaml.load(content, _Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise Refused(f"{file} is no YAML{where}: mend it.") from None
    return {} if found is None else found
