"""Where it is written what changed between two versions of the charts: exactly that span."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.version import Version

from tasks.plan.charts import Packaged
from tasks.plan.route import GATEWAY, HUB

DASKHUB = "https://github.com/dask/helm-chart/compare/daskhub-{0}...daskhub-{1}"
CHARTS = {
    HUB: "https://github.com/jupyterhub/zero-to-jupyterhub-k8s/compare/{0}...{1}",
    GATEWAY: "https://github.com/dask/dask-gateway/compare/{0}...{1}",
}
JUPYTERHUB = "https://github.com/jupyterhub/jupyterhub/compare/{0}...{1}"
GUIDES = range(1, 4)  # from these major versions to the next
GUIDE = "https://z2jh.jupyter.org/en/stable/administrator/upgrading/upgrade-{0}-to-{1}.html"


def changelogs(old: Packaged, new: Packaged) -> list[tuple[str, str]]:
    """(what, address), of all that changes its version."""
    return list(_changelogs(old, new))


def _changelogs(old: Packaged, new: Packaged) -> Iterator[tuple[str, str]]:
    if "+" not in new.version:  # a local chart has no pages
        yield _span(old.name, old.version, new.version), DASKHUB.format(old.version, new.version)
    for name, address in CHARTS.items():
        before, after = old.version_of(name), new.version_of(name)
        if before and after and before != after:
            yield _span(name, before, after), address.format(before, after)
    hub_before, hub_after = old.named(HUB), new.named(HUB)
    if hub_before and hub_after:
        if hub_before.app_version != hub_after.app_version:
            span = (hub_before.app_version, hub_after.app_version)
            yield _span("JupyterHub itself", *span), JUPYTERHUB.format(*span)
        for major in range(Version(hub_before.version).major, Version(hub_after.version).major):
            if major in GUIDES:
                yield f"{HUB}, upgrading from {major} to {major + 1}", GUIDE.format(major, major + 1)


def _span(name: str, before: str, after: str) -> str:
    return f"{name} {before} → {after}"
