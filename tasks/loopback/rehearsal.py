"""`invoke rehearse deploy`: the deployment's own files and history, with a practice data centre around them.

Below .rehearsal/hub: `tree`, a copy of what this repository has now, with the practice's own secrets and chart
addresses; `state`, the data centre's. Both stay: the next rehearsal goes on with the same hub.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from invoke.config import Config as Settings
from invoke.context import Context

from tasks.errors import Refused
from tasks.folder import ROOT, DiskFolder
from tasks.hub.chart import LOCAL
from tasks.hub.deployment import FOLDER as DEPLOYMENTS
from tasks.hub.deployment import choose, names
from tasks.loopback.aws import Repository
from tasks.loopback.charts import dependencies
from tasks.loopback.datacentre import Datacentre, Wanted
from tasks.plan.blanks import blanks, filled
from tasks.plan.deployment import Deployment
from tasks.plan.hubstate import at
from tasks.tools import git, helm

FOLDER = ".rehearsal/hub"
TOKEN = "practice"  # of the practice hub's service, where the secrets have none for it


@contextmanager
def practised(settings: Settings) -> Iterator[Datacentre]:
    """What follows on the line meets the data centre instead of the world. Refused if parts are missing."""
    tree, state = ROOT / FOLDER / "tree", ROOT / FOLDER / "state"
    charts = _with_local_ones(DiskFolder(ROOT), str(settings.deploy.chart))
    _copy(tree, charts)
    folder = DiskFolder(tree)
    deployments = [choose(folder, name) for name in names(folder)]
    chart = yaml.safe_load(folder.read(f"{settings.deploy.chart}/Chart.yaml") or b"{}")
    with Datacentre(state, _wanted(settings, tree, deployments, chart)) as datacentre:
        environment = datacentre.around(os.environ) | {"KUBECONFIG": str(datacentre.kubeconfig)}
        before = dict(os.environ)
        os.environ.clear()
        os.environ.update(environment)
        try:
            for each in charts:
                _point_chart_here(folder, each, datacentre.repositories)
            for deployment in deployments:
                _encrypt(tree, deployment)
            settings.root, settings.hub.address = str(tree), datacentre.hub_address
            settings.rehearsal.repositories = datacentre.repositories
            yield datacentre
        finally:
            fetched = sum(count for name, count in datacentre.downloads.items() if name.endswith(".tgz"))
            print(f"{fetched} charts downloaded", file=sys.stderr if settings.rehearsal.json else sys.stdout)
            os.environ.clear()
            os.environ.update(before)


def _wanted(settings: Settings, tree: Path, deployments: list[Deployment], chart: Mapping[str, Any]) -> Wanted:
    first = deployments[0].cluster if deployments else None
    if first is None or first.provider != "aws":
        raise Refused("Only a deployment whose cluster is on AWS can be rehearsed: hubploy.yaml has to say so.")
    images = tuple(
        Repository(
            found.registry.account,
            found.registry.region,
            image.name.partition("/")[2],
            (_tag(tree, found, image.folder),),
        )
        for found in deployments
        if found.registry and found.registry.provider == "aws"
        for image in found.images
    )
    return Wanted(
        account=first.account,
        config=yaml.safe_load((tree / settings.cluster.config).read_text()),
        roles=tuple(found.cluster.role for found in deployments if found.cluster.role),
        key=_key(tree),
        images=images,
        dependencies=dependencies(chart),
        hub_token=_service_token(tree, deployments, str(settings.hub.smoke_test_service)),
        gateway="--smoke-test" in sys.argv,  # of a task further along the line, and too slow to start for all others
    )


def _with_local_ones(folder: DiskFolder, chart: str) -> list[str]:
    """The deployment's chart, and the charts of this repository that it depends on, as far as they are there."""
    metadata = yaml.safe_load(folder.read(f"{chart}/Chart.yaml") or b"{}")
    named = [str(entry.get("repository") or "") for entry in metadata.get("dependencies") or []]
    local = [
        posixpath.normpath(posixpath.join(chart, each.removeprefix(LOCAL))) for each in named if each.startswith(LOCAL)
    ]
    return [chart, *(each for each in local if folder.read(f"{each}/Chart.yaml") is not None)]


def _copy(tree: Path, charts: Sequence[str]) -> None:
    """This repository's history, for the image's tag, and its files as they are now. Fetched charts are kept."""
    kept = {chart: tree.parent / f"fetched-{chart.replace('/', '-')}" for chart in charts}
    for chart, aside in kept.items():
        if (tree / chart / "charts").exists():
            shutil.rmtree(aside, ignore_errors=True)
            (tree / chart / "charts").rename(aside)
    shutil.rmtree(tree, ignore_errors=True)
    tree.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if _run(["git", "clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(tree)], ROOT) is None:
        raise Refused(
            "A rehearsal of a deploy needs this repository's history, and git has none here: clone it with git."
        )
    for name in (DEPLOYMENTS, *charts, "infra", ".sops.yaml"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("charts"))
        elif source.exists():
            shutil.copy(source, tree / name)
    for chart, aside in kept.items():
        if aside.exists():
            aside.rename(tree / chart / "charts")


def _tag(tree: Path, deployment: Deployment, image: str) -> str:
    folder = deployment.folder(image)
    commit = _run(git.last_commit(folder), tree)
    if not commit:
        raise Refused(f"No commit has {folder}/ yet, and the image's tag is made from it: commit it.")
    return git.image_tag(commit)


def _key(tree: Path) -> str:
    """The first KMS key that .sops.yaml names, which the practice KMS then has."""
    rules = (
        yaml.safe_load((tree / ".sops.yaml").read_text())["creation_rules"] if (tree / ".sops.yaml").exists() else []
    )
    return next((str(rule["kms"]) for rule in rules if rule.get("kms")), "")


def _point_chart_here(folder: DiskFolder, chart: str, here: Mapping[str, str]) -> None:
    """Chart.yaml and Chart.lock with the loopback addresses of the repositories, and the digest that belongs to them."""
    metadata = yaml.safe_load(folder.read(f"{chart}/Chart.yaml") or b"{}")
    lock = yaml.safe_load(folder.read(f"{chart}/Chart.lock") or b"{}") or {}
    for entry in (*(metadata.get("dependencies") or []), *(lock.get("dependencies") or [])):
        entry["repository"] = here.get(entry.get("repository", ""), entry.get("repository", ""))
    if lock:
        lock["digest"] = helm.lock_digest(metadata.get("dependencies") or [], lock["dependencies"])
        folder.write(f"{chart}/Chart.lock", yaml.safe_dump(lock).encode())
    folder.write(f"{chart}/Chart.yaml", yaml.safe_dump(metadata).encode())


def _encrypt(tree: Path, deployment: Deployment) -> None:
    for example, secrets in _secrets(tree, deployment):
        target = example.with_name(example.name.replace(".example.yaml", ".yaml"))
        target.write_text(yaml.safe_dump(secrets))
        if _run(["sops", "--encrypt", "--in-place", str(target.relative_to(tree))], tree) is None:
            raise Refused(
                f"The practice secrets can't be encrypted for {target.name}: look at the rules in .sops.yaml."
            )


def _secrets(tree: Path, deployment: Deployment) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Practice secrets in place of the real ones: made up from the examples, the same at every rehearsal."""
    for example in sorted((tree / deployment.folder("secrets")).glob("*.example.yaml")):
        text = example.read_text()
        answers = {blank.placeholder: _practice(blank.placeholder) for blank in blanks(text)}
        yield example, filled(text, answers)


def _practice(placeholder: str) -> str:
    return f"practice-{hashlib.sha256(placeholder.encode()).hexdigest()[:24]}"


def _service_token(tree: Path, deployments: list[Deployment], service: str) -> str:
    """Of the service that a smoke test works as, wherever in the secrets the jupyterhub chart's values are."""
    for deployment in deployments:
        for _, secrets in _secrets(tree, deployment):
            for values in _below(secrets):
                if found := at(values, f"hub.services.{service}.apiToken"):
                    return str(found)
    return TOKEN


def _below(values: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(values, Mapping):
        yield values
        for value in values.values():
            yield from _below(value)


def _run(words: list[str], folder: Path) -> str | None:
    """What it says; None if it fails. Under --dry too: all of this is below .rehearsal/."""
    line = f"cd {shlex.quote(str(folder))} && {shlex.join(words)}"  # Context.cd escapes blanks, but only blanks
    ran = Context().run(line, hide=True, warn=True, in_stream=False)
    return ran.stdout.strip() if ran and ran.exited == 0 else None
