"""What a task about a hub works with, settled before anything changes: the preflight."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from invoke.context import Context

from tasks import clusterconfig
from tasks.amazon import Boto
from tasks.charts.edits import refuse_half_done
from tasks.connect import identity
from tasks.errors import Refused
from tasks.folder import DiskFolder
from tasks.hub import values
from tasks.hub.access import Way, place, placed, reach, refuse_other_account
from tasks.hub.chart import Chart
from tasks.hub.deployment import choose, refuse_unknown_environment
from tasks.hub.registry import registry
from tasks.hub.release import Release, explain_helm
from tasks.hub.values import Values
from tasks.observe import READ_LIMIT
from tasks.plan.deployment import Deployment, Image
from tasks.plan.hubstate import at
from tasks.private import private_folder
from tasks.real import seams as real_seams
from tasks.screen import Screen
from tasks.seams import Place, Seams
from tasks.session import load_credentials, setting
from tasks.tools import git, helm

OLDEST_HELM = (3, 13, 0)  # the first whose `template` asks the cluster for what templates look up
TOO_NEW_HELM = (4, 0, 0)  # its words and its options are others


@dataclass
class Hub:
    """One deployment in one environment. seams: every command runs in the private environment of this run."""

    settings: Any
    screen: Screen
    seams: Seams
    place: Place
    private: Path
    deployment: Deployment
    environment: str
    chart: Chart
    tags: dict[str, str]  # image name → the tag that its folder's last commit gives it
    way: Way
    values: Values
    release: Release

    @property
    def hub_values(self) -> Any:
        """What the values say to the jupyterhub chart, wherever in the charts that is; None if nothing."""
        path = self.chart.path_of("jupyterhub")
        return at(self.values.document, path)

    @property
    def who(self) -> str:
        """The person or role, without its account."""
        return self.way.who.arn.rpartition("/")[2] or "somebody"

    @cached_property
    def commit(self) -> str:
        return self.seams.run(git.head(), limit=READ_LIMIT).stdout.strip() or "unknown"

    @cached_property
    def uncommitted(self) -> bool:
        """Whether what is deployed is not what the commit has."""
        folders = (self.chart.folder, self.deployment.folder("config"), self.deployment.folder("secrets"))
        told = (self.seams.run(git.status(folder), limit=READ_LIMIT).stdout for folder in folders)
        return any(git.parse_status(text)[0] for text in told)

    @property
    def dry(self) -> bool:
        return bool(self.settings.run.dry)


@contextmanager
def opened(c: Context, deployment: str, environment: str, screen: Screen, images_needed: bool = True) -> Iterator[Hub]:
    """The preflight, and after it whatever is done inside. Everything is refused here that can be known here.

    images_needed: a missing image is refused too. A proposal that changes the image is looked at before anybody
    pushes it.
    """
    load_credentials(c)
    root = Path(c.config.root)
    # The region is the deployment's own, which is read with seams that ask AWS nothing.
    folder = real_seams(c.config, "").folder
    chosen = choose(folder, deployment)
    refuse_unknown_environment(folder, chosen, environment, str(c.config.deploy["with"]))
    boto = Boto(chosen.cluster.region, bool(c.config.run.dry))
    # Under --dry too: what is written there are fetched charts, a cache that git ignores.
    outside = replace(real_seams(c.config, chosen.cluster.region), aws=boto, folder=DiskFolder(root, seen_from=root))
    _refuse_other_cluster(outside, setting(c, "cluster", "config"), chosen)
    who = identity(outside, chosen.cluster, "")
    refuse_other_account(chosen, who)
    with private_folder(outside.processes) as private:
        where = place(boto, root, private, chosen.cluster.region)
        seams = placed(outside, where)
        _refuse_missing_programs(seams, where)
        refuse_half_done(seams.folder)
        chart = Chart(seams, str(c.config.deploy.chart))
        complete(chart, private, screen)
        tags = {image.name: tag(seams, chosen, image) for image in chosen.images}
        found = values.read(seams, chosen, environment, tags, private)
        for lacking in _missing_images(seams, boto, chosen, tags, private):
            if images_needed:
                raise Refused(lacking)
            screen.says(f"! {lacking}", "yellow")
        way = reach(seams, boto, private, chosen, who, str(c.config.kubernetes.server or ""))
        release = Release(way, chart, chosen.release(environment), str(c.config.deploy.namespace))
        if deployed := release.deployed(release.history()):
            found = found.after(deployed.values)
        yield Hub(c.config, screen, seams, where, private, chosen, environment, chart, tags, way, found, release)


def tag(seams: Seams, deployment: Deployment, image: Image, at: str = "") -> str:
    """hubploy's tag for an image: of the last commit that touched its folder. Refused where history can't tell.

    at: the commit from which one looks back, if it is not the one that is checked out.
    """
    ran = seams.run(git.is_shallow(), limit=READ_LIMIT)
    if ran.exit != 0:
        raise Refused(f"The image's tag comes from git, which says: {ran.last_words}.")
    if ran.stdout.strip() == "true":
        raise Refused(
            "This clone is shallow, so that the image's tag would be wrong: `git fetch --unshallow`; in a workflow, fetch-depth: 0."
        )
    folder = deployment.folder(image.folder)
    commit = seams.run(git.last_commit(folder, at), limit=READ_LIMIT).stdout.strip()
    if not commit:
        raise Refused(f"No commit has {folder}/ yet, and the image's tag is made from it: commit it.")
    return git.image_tag(commit)


def _refuse_other_cluster(seams: Seams, file: str, deployment: Deployment) -> None:
    """The cluster's configuration and hubploy.yaml have to mean the same one."""
    config, access = clusterconfig.parse(seams.folder.read(file), file), deployment.cluster
    if access.provider == "aws" and (access.name, access.region) != (config.name, config.region):
        raise Refused(
            f"{deployment.folder('hubploy.yaml')} is about the cluster {access.name} in {access.region}, "
            f"{file} about {config.name} in {config.region}: make them agree."
        )


def refuse_missing_helm(seams: Seams) -> None:
    ran = seams.run(helm.version(), limit=READ_LIMIT)
    version = re.match(r"v(\d+)\.(\d+)\.(\d+)", ran.stdout)
    if ran.exit != 0 or not version:
        raise Refused(explain_helm(ran))
    if not OLDEST_HELM <= tuple(map(int, version.groups())) < TOO_NEW_HELM:
        oldest = ".".join(map(str, OLDEST_HELM))
        raise Refused(
            f"helm {ran.stdout.strip()} is not one that this is made for: install {oldest} or a later helm 3."
        )


def _refuse_missing_programs(seams: Seams, where: Place) -> None:
    refuse_missing_helm(seams)
    for name, source in (
        ("hubploy", "pip install --requirement requirements.txt"),
        ("kubectl", "https://kubernetes.io/docs/tasks/tools/"),
        ("sops", "https://getsops.io"),
    ):
        if not shutil.which(name, path=where.environment["PATH"]):
            raise Refused(f"{name} is not installed: {source}.")


def complete(chart: Chart, private: Path, screen: Screen) -> None:
    """Chart.lock's archives, and no others; fetched where they are not there."""
    missing = chart.missing()
    if missing:
        screen.says(f"Fetching {', '.join(missing)}.")
    if missing or chart.strangers():
        chart.fetch(private)


def _missing_images(
    seams: Seams, boto: Boto, deployment: Deployment, tags: dict[str, str], private: Path
) -> Iterator[str]:
    """A sentence for each image that the registry lacks."""
    if deployment.registry is None:
        return
    known = registry(seams, boto, deployment, private)
    for name, found in tags.items():
        if not known.has(name, found):
            yield f"The image {name}:{found} is not in the registry: `invoke build-image --deployment {deployment.name} --push` builds it."
