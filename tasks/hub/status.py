"""The hubs' part of `invoke status`: read with the person's own access to the cluster, and nothing is changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tasks.errors import Refused
from tasks.folder import DiskFolder
from tasks.hub import values
from tasks.hub.access import Way, placed
from tasks.hub.chart import Chart
from tasks.hub.deployment import choose, environments, names
from tasks.hub.opened import tag
from tasks.hub.release import Release
from tasks.hub.show import summary
from tasks.plan import manifest, rollout
from tasks.plan.deployment import Deployment
from tasks.plan.hubstate import HubState, at, charts, ready, users
from tasks.plan.release import Revision
from tasks.private import private_folder
from tasks.seams import Place
from tasks.session import Session
from tasks.tools.kubectl import Kubectl


def hubs(session: Session, kubectl: Kubectl) -> list[HubState]:
    """Every deployment's releases that are there. kubectl: of the cluster that the session is about."""
    folder = session.seams.folder
    if session.rehearsing or not names(folder):
        return []
    with private_folder(session.seams.processes) as private:
        return list(_hubs(session, kubectl, private))


def _hubs(session: Session, kubectl: Kubectl, private: Path) -> Iterator[HubState]:
    root = Path(session.settings.root)
    # The person's own home: kubectl and sops find their credentials there. What commands print is private all the same.
    mine = {name: text for name, text in os.environ.items() if not name.startswith(("HELM_", "KUBECTL_"))}
    where = Place(str(root), str(private), {**mine, "TMPDIR": str(private)})
    seams = placed(replace(session.seams, folder=DiskFolder(root, seen_from=root)), where)
    chart = Chart(seams, str(session.settings.deploy.chart))
    for name in names(seams.folder):
        deployment = choose(seams.folder, name)
        way = Way(seams, private, deployment.cluster, session.identity, "", kubectl, None)
        for environment in environments(seams.folder, deployment):
            release = Release(way, chart, deployment.release(environment), str(session.settings.deploy.namespace))
            try:
                if revisions := release.history():
                    yield _state(release, deployment, environment, revisions, private)
            except Refused as refused:  # the rest of the status is worth seeing all the same
                session.screen.says(f"! {release.name}: {refused.message}", "yellow")


def _state(
    release: Release, deployment: Deployment, environment: str, revisions: list[Revision], private: Path
) -> HubState:
    deployed = release.deployed(revisions)
    objects = manifest.objects(deployed.manifest, release.namespace) if deployed else {}
    live = release.live("deployments,statefulsets,daemonsets,pods")
    pods = [item for item in live if item["kind"] == "Pod"]
    mine = [item for item in live if (item["kind"], release.namespace, item["metadata"]["name"]) in objects]
    owned = {pod["metadata"]["name"]: pod for item in mine for pod in rollout.owned(pods, item)}
    behind, trouble = _against_git(release, deployment, environment, revisions, private)
    images = {
        image.values_path: f"{image.name}:{at(deployed.values if deployed else {}, f'{image.values_path}.tag')}"
        for image in deployment.images
    }
    return HubState(
        release.name,
        revisions[-1],
        images,
        charts(objects.values()),
        ready(owned.values()),
        users(pods),
        tuple(change.name for change in release.drift(objects)),
        behind,
        trouble,
    )


def _against_git(
    release: Release, deployment: Deployment, environment: str, revisions: list[Revision], private: Path
) -> tuple[str | None, str]:
    """What a deploy of the files as they are would change; or None, and why that can't be told here."""
    try:
        if missing := release.chart.missing():
            return None, f"{', '.join(missing)} was not fetched yet, which `invoke diff` does"
        tags = {image.name: tag(release.way.seams, deployment, image) for image in deployment.images}
        found = values.read(release.way.seams, deployment, environment, tags, private)
        difference = release.difference(found, revisions)
        return summary(replace(difference, drift=())), ""
    except Refused as refused:
        return None, str(refused.message).rstrip(".")
