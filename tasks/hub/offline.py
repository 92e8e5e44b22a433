"""A deployment rendered from its files alone: no cluster is asked, and nothing is decrypted."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.errors import Refused
from tasks.hub.chart import Chart
from tasks.hub.release import RENDER_LIMIT, explain_render
from tasks.hub.values import Values
from tasks.plan import manifest
from tasks.plan.apis import served
from tasks.plan.crds import serves
from tasks.plan.manifest import Key, Object
from tasks.plan.version import Minor
from tasks.seams import Seams
from tasks.tools import helm


@dataclass(frozen=True)
class Target:
    """What both sides are rendered for. chart: its folder."""

    deployment: str
    environment: str
    chart: str
    namespace: str
    kubernetes: Minor

    @property
    def release(self) -> str:
        return f"{self.deployment}-{self.environment}"


@dataclass(frozen=True)
class Side:
    """One state of this repository's files. seams: with a place in them."""

    target: Target
    seams: Seams
    chart: Chart
    values: Values

    def rendered(self) -> dict[Key, Object]:
        """Refused if it does not render."""
        target, chart = self.target, self.chart
        apis = sorted({*served(target.kubernetes), *(api for crd in chart.crds() for api in serves(crd))})
        line = helm.render(
            target.release, chart.folder, target.namespace, self.values.options, str(target.kubernetes), apis
        )
        ran = self.seams.run(line, limit=RENDER_LIMIT)
        if ran.exit != 0:
            raise Refused(explain_render(ran, chart, self.values, self.seams.folder.read))
        return manifest.objects(ran.stdout, target.namespace)
