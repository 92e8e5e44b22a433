"""What of a deployment's files matters to new charts: its values, its user image, its own copies of templates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tasks.charts.chartfile import Dependency
from tasks.errors import Refused
from tasks.hub.chart import Chart
from tasks.hub.deployment import environments, load
from tasks.hub.secrets import example_of
from tasks.hub.values import mapping
from tasks.plan.deployment import Deployment
from tasks.plan.facts import Facts, Image, Source, Where
from tasks.seams import Folder
from tasks.tools import sops
from tasks.valuesfile import lines

# A pin of jupyterhub for pip, conda or mamba; jupyterhub-singleuser is the same program for conda.
PIN = re.compile(r"""(?<![\w./-])jupyterhub(?:-singleuser)?\s*={1,3}\s*["']?v?([0-9]+(?:\.[0-9]+)*)""")


def facts(folder: Folder, deployment: Deployment, chart: Chart, dependency: Dependency, told: str) -> Facts:
    """told: image.jupyterhub of invoke.yaml, "" where it says nothing."""
    releases = {
        deployment.release(environment): tuple(_files(folder, deployment, environment, chart))
        for environment in environments(folder, deployment)
    }
    if not releases:
        raise Refused(
            f"{deployment.folder()}/ has values for no environment: add config/NAME.yaml or secrets/NAME.yaml."
        )
    names = dict.fromkeys(name for files in releases.values() for name in files)
    file = f"{chart.folder}/Chart.yaml"
    at = ("dependencies", str(dependency.position), "version")
    return Facts(
        tuple(_source(folder, name, dependency.path) for name in names),
        releases,
        _image(folder, deployment, told),
        dict(_below(folder, f"{chart.folder}/files")),
        Where(file, lines(folder.read(file) or b"").get(at, 1), at),
    )


def _files(folder: Folder, deployment: Deployment, environment: str, chart: Chart) -> Iterator[str]:
    """In helm's order: the chart's own values, then the deployment's, then its secrets, or what stands for them."""
    secrets = deployment.secrets_file(environment)
    if folder.read(secrets) is None:
        secrets = example_of(secrets)
    for name in (f"{chart.folder}/values.yaml", *deployment.values_files(environment), secrets):
        if folder.read(name) is not None:
            yield name


def _source(folder: Folder, name: str, path: str) -> Source:
    """Refused where it is no mapping, as values have to be, or has none for the hub's chart: helm passes over that."""
    content = folder.read(name) or b""
    document = mapping(load(content, name), name)
    if not isinstance(document.get(path) or {}, Mapping):
        raise Refused(f"{path} in {name} is no mapping of keys to values: mend it.")
    secret = sops.encrypted(document) or "/secrets/" in name
    return Source(name, content, {key: value for key, value in document.items() if key != "sops"}, secret)


def _image(folder: Folder, deployment: Deployment, told: str) -> Image:
    if not deployment.images:
        return Image(told, "image.jupyterhub in invoke.yaml" if told else "")
    users = next(
        (each for each in deployment.images if each.values_path.endswith("singleuser.image")), deployment.images[0]
    )
    file = f"{deployment.folder(users.folder)}/Dockerfile"
    text = (folder.read(file) or b"").decode(errors="replace")
    if told:
        return Image(told, "image.jupyterhub in invoke.yaml", file, text)
    pins = [found[1] for line in text.splitlines() if not line.lstrip().startswith("#") for found in PIN.finditer(line)]
    return Image(pins[-1], f"its pin in {file}", file, text) if pins else Image("", "", file, text)


def _below(folder: Folder, path: str) -> Iterator[tuple[str, bytes]]:
    for name in folder.names(path):
        content = folder.read(f"{path}/{name}")
        if content is None:
            yield from _below(folder, f"{path}/{name}")
        else:
            yield f"{path}/{name}", content
