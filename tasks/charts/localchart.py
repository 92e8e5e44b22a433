"""The chart of this repository that takes daskhub's place after its last release: jupyterhub and dask-gateway as
dependencies, and daskhub's own values. With the same name, all key paths stay, those of encrypted secrets too, which
can't be moved as text."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from tasks.charts.chartfile import NAME, edited
from tasks.hub.chart import LOCAL
from tasks.plan.charts import Packaged
from tasks.plan.route import GATEWAY, HUB, Candidate
from tasks.yamltree import Path

CHART = """\
# In place of daskhub, which has no releases any more: the charts that it joined, with the values that it had for them
# (values.yaml). The name stays, and with it the path of every value, those in the encrypted secrets too.
#
# `invoke bump-daskhub` raises it: `version` is that of the last daskhub, and behind the plus those of the two.
apiVersion: v2
name: {name}
description: JupyterHub and Dask Gateway, and what makes them know each other
type: application
version: {version}

dependencies:
  # https://z2jh.jupyter.org/en/stable/changelog.html
  - name: {hub}
    version: {hub_version}
    repository: {hub_repository}

  # https://gateway.dask.org/changelog.html
  - name: {gateway}
    version: {gateway_version}
    repository: {gateway_repository}
"""


def folder_beside(chart: str) -> str:
    """Not inside the deployment's chart: helm would keep it in every revision a second time."""
    return posixpath.join(posixpath.dirname(chart), NAME)


def reference(chart: str) -> str:
    """The repository of the dependency on it, as Chart.yaml names it."""
    return f"{LOCAL}{posixpath.relpath(folder_beside(chart), chart)}"


def first_files(folder: str, last: Packaged, to: Candidate, repositories: Mapping[str, str]) -> dict[str, bytes]:
    """Path → content. last: the daskhub whose values are taken over. repositories: chart name → address."""
    text = CHART.format(
        name=NAME,
        version=to.version,
        hub=HUB,
        hub_version=to.brings(HUB),
        hub_repository=repositories[HUB],
        gateway=GATEWAY,
        gateway_version=to.brings(GATEWAY),
        gateway_repository=repositories[GATEWAY],
    )
    return {f"{folder}/Chart.yaml": text.encode(), f"{folder}/values.yaml": last.values_text}


def raised(content: bytes, metadata: Mapping[str, Any], to: Candidate, file: str) -> bytes:
    """Its Chart.yaml with other versions. metadata: what it says now."""
    changes: dict[Path, str] = {("version",): to.version}
    for position, entry in enumerate(metadata.get("dependencies") or []):
        if version := to.brings(str(entry.get("name"))):
            changes[("dependencies", str(position), "version")] = version
    return edited(content, changes, file)
