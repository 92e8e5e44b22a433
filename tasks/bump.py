"""The charts: which version of daskhub the hub has, and its next one."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from tasks.cluster import wants_json


@task(
    positional=[],
    auto_shortflags=False,
    help={
        "to": "the version to go to, such as 2022.8.2; the newest that fits the cluster without it",
        "check": "change nothing, say whether there is something newer, and exit with 2 if there is",
        "kubernetes": "the cluster's version, such as 1.22, instead of asking the cluster",
        "mirror": "a folder of chart archives that stands in for all chart repositories",
        "output": "json: print everything as JSON, and change nothing",
    },
)
def bump_daskhub(
    c: Context, to: str = "", check: bool = False, kubernetes: str = "", mirror: str = "", output: str = ""
) -> None:
    """Raise daskhub, and with it jupyterhub and dask-gateway, by one step: Chart.yaml, Chart.lock and the values.

    Reads the packages themselves, finds the way to the wished version in steps that can be deployed one after the other,
    says what the next step does to this deployment's values, file by file and key by key, makes the edits that are safe,
    and writes a text for the pull request. Nothing on the cluster changes before `invoke deploy`.
    """
    from tasks.charts.bump import Wishes, bump

    bump(c, Wishes(to, check, kubernetes, mirror, wants_json(output)))
