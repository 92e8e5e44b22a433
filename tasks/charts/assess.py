"""What a step does to the deployments: findings, keys that the new charts don't know, and what helm renders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tasks.charts.chartfile import Dependency
from tasks.charts.proposal import Proposal
from tasks.charts.staging import Tree
from tasks.charts.together import together
from tasks.errors import Refused
from tasks.hub import values
from tasks.hub.chart import Chart
from tasks.hub.deployment import environments, load
from tasks.hub.offline import Side, Target
from tasks.plan.breaks import Finding, findings
from tasks.plan.chartdiff import ChartDiff, chart_diff
from tasks.plan.charts import Packaged
from tasks.plan.deployment import Deployment
from tasks.plan.facts import Facts, at
from tasks.plan.manifest import Key, Object
from tasks.plan.unknown import close_to, unknown_keys
from tasks.plan.version import Minor
from tasks.yamltree import Path

ALWAYS = ("tags", "global")  # helm's own keys at the top
TAG = "of-this-commit"  # of the user image: the same on both sides


@dataclass(frozen=True)
class Unknown:
    """A key that the new charts don't know. before: whether the old ones did. meant: what it probably should be."""

    file: str
    line: int
    path: Path
    before: bool
    meant: str

    @property
    def key(self) -> str:
        return ".".join(self.path)


def all_findings(old: Packaged, new: Packaged, path: str, facts: Sequence[Facts]) -> list[Finding]:
    """Of all deployments; what they share is found once."""
    found = [each for of in facts for each in findings(old, new, (path,), of)]
    return list(dict.fromkeys(found))


def unknown(old: Packaged, new: Packaged, installed: Dependency, chart: Chart, facts: Sequence[Facts]) -> list[Unknown]:
    """File by file, in the order of the keys. Also those at the top that no dependency has for its values."""
    return list(dict.fromkeys(_unknown(old, new, installed, chart, facts)))


def _unknown(
    old: Packaged, new: Packaged, installed: Dependency, chart: Chart, facts: Sequence[Facts]
) -> Iterator[Unknown]:
    tops = _tops(chart)
    for source in (source for of in facts for source in of.sources):
        for key in (key for key in map(str, source.document) if key not in tops):
            yield Unknown(source.file, source.lines.get((key,), 1), (key,), False, _alike(key, tops))
        own = at(source.document, (installed.path,))
        known_before = {*unknown_keys(own, old)} if isinstance(own, Mapping) else set()
        for path in unknown_keys(own, new) if isinstance(own, Mapping) else ():
            whole = (installed.path, *path)
            line = source.lines.get(whole, 1)
            yield Unknown(source.file, line, whole, path not in known_before, close_to(path, new))


def _tops(chart: Chart) -> set[str]:
    """The keys that mean something at the top of the values."""
    file = f"{chart.folder}/values.yaml"
    own = load(chart.seams.folder.read(file) or b"", file)
    entries = chart.metadata().get("dependencies") or []
    switches = [str(name) for entry in entries for name in str(entry.get("condition") or "").split(",")]
    return {
        *ALWAYS,
        *own,
        *(str(entry.get("alias") or entry["name"]) for entry in entries),
        *(name.strip().partition(".")[0] for name in switches if name.strip()),
    }


def _alike(key: str, known: set[str]) -> str:
    import difflib

    return next(iter(difflib.get_close_matches(key, sorted(known), 1)), "")


@dataclass(frozen=True)
class Rendering:
    """Both copies of a proposal, rendered by helm for one Kubernetes version."""

    proposal: Proposal
    deployments: Sequence[Deployment]
    namespace: str
    kubernetes: Minor
    crds: Sequence[Mapping[str, Any]]

    def differences(self) -> list[ChartDiff]:
        """One for each release. Refused if it does not render as it is now: no step has done that."""
        pairs = [
            (deployment, environment)
            for deployment in self.deployments
            for environment in environments(self.proposal.before.seams.folder, deployment)
        ]
        return [self._difference(*pair) for pair in pairs]

    def _difference(self, deployment: Deployment, environment: str) -> ChartDiff:
        sides = [self._side(tree, deployment, environment) for tree in (self.proposal.before, self.proposal.after)]
        found = dict(together([partial(_rendered, side) for side in sides]))
        before, after = found[0], found[1]
        release = deployment.release(environment)
        if isinstance(before, str):
            raise Refused(f"{release} can't be rendered as it is, before any bump: {before}")
        if isinstance(after, str):
            return ChartDiff(release, trouble=after)
        return chart_diff(release, before, after, self.kubernetes, self.crds)

    def _side(self, tree: Tree, deployment: Deployment, environment: str) -> Side:
        target = Target(deployment.name, environment, tree.chart, self.namespace, self.kubernetes)
        tags = {image.name: TAG for image in deployment.images}
        seams = tree.seams
        return Side(target, seams, Chart(seams, tree.chart), values.read_example(seams, deployment, environment, tags))


def _rendered(side: Side) -> dict[Key, Object] | str:
    """Or why it can't be."""
    try:
        return side.rendered()
    except Refused as refused:
        return str(refused.message)
