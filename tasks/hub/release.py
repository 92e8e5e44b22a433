"""The release on the cluster, and what a deploy would change of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tasks.errors import Refused
from tasks.hub.access import Way
from tasks.hub.chart import Chart
from tasks.hub.values import Values, line_of
from tasks.observe import explain_kubectl
from tasks.plan import manifest, release, valuesdiff
from tasks.plan.crds import servable, serves
from tasks.plan.manifest import Change, Key, Object
from tasks.plan.release import Revision
from tasks.seams import Ran
from tasks.tools.helm import Deployed, Helm, parse_history, parse_status
from tasks.tools.kubectl import parse_diff

RENDER_LIMIT = 120.0  # seconds


@dataclass(frozen=True)
class Difference:
    """What a deploy would change. changes: object by object. values: lines that tell which values differ. drift: objects
    that somebody has changed by hand, and that the deploy puts right. first: there is no release yet. crds: those that are not as the charts have
    them. old_crds: names of those in a form that the cluster does not take."""

    changes: tuple[Change, ...]
    values: tuple[str, ...] = ()
    drift: tuple[Change, ...] = ()
    first: bool = False
    crds: tuple[Change, ...] = ()
    old_crds: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        """For helm: CRDs are brought up to date without it."""
        return not (self.changes or self.values or self.drift or self.first)


@dataclass
class Release:
    """One release of one chart, by its name."""

    way: Way
    chart: Chart
    name: str
    namespace: str

    @property
    def _helm(self) -> Helm:
        return self.way.helm(self.namespace)

    def history(self) -> list[Revision]:
        """Oldest first; none if there never was such a release. Refused if it is of another chart, or being removed."""
        ran = self._run(self._helm.history(self.name))
        if ran.exit != 0 and "release: not found" in ran.stderr:
            return []
        if ran.exit != 0:
            raise Refused(explain_helm(ran))
        revisions = parse_history(ran.stdout)
        self._refuse_foreign(revisions[-1])
        return revisions

    def _refuse_foreign(self, last: Revision) -> None:
        ours = self.chart.metadata()["name"]
        if not re.fullmatch(rf"{re.escape(ours)}-v?\d.*", last.chart):
            raise Refused(
                f"{self.name} in {self.namespace} is a release of the chart {last.chart}, not of {ours}: "
                "look whether deployment, environment and cluster are the ones you mean."
            )
        if last.status in ("uninstalling", "uninstalled"):
            raise Refused(
                f"{self.name} is {last.status}: finish that with `helm uninstall {self.name} --namespace {self.namespace}`, then deploy."
            )

    def deployed(self, revisions: Sequence[Revision]) -> Deployed | None:
        """What the next revision is compared with."""
        base = release.deployed(revisions)
        return self.of(base) if base else None

    def of(self, revision: Revision) -> Deployed:
        ran = self._run(self._helm.status(self.name, revision.number))
        if ran.exit != 0:
            raise Refused(explain_helm(ran))
        return parse_status(ran.stdout)

    def objects(self, revision: Revision) -> dict[Key, Object]:
        return manifest.objects(self.of(revision).manifest, self.namespace)

    def record(self, number: int) -> str:
        """The Secret in which helm keeps a revision."""
        return f"sh.helm.release.v1.{self.name}.v{number}"

    def rendered(self, values: Values) -> dict[Key, Object]:
        """What the chart comes to with these values on this cluster. Refused if it does not render."""
        version, apis = self._capable()
        ran = self._run(self._helm.template(self.name, self.chart.folder, values.options, version, apis))
        if ran.exit != 0:
            raise Refused(values.redacted(explain_render(ran, self.chart, values, self.way.seams.folder.read)))
        return manifest.objects(ran.stdout, self.namespace)

    @property
    def apis(self) -> list[str]:
        """group/version and group/version/Kind that the cluster serves, or will when it has the chart's CRDs."""
        return self._capable()[1]

    def _capable(self) -> tuple[str, list[str]]:
        """The cluster's version, and what it serves together with what the chart's own CRDs will."""
        version, served = self._served
        own = {api for crd in self.chart.crds() for api in serves(crd)}
        return version, sorted({*served, *own})

    @cached_property
    def _served(self) -> tuple[str, list[str]]:
        """The cluster's version, and what it serves as it is: no chart is needed to know that."""
        kubectl = self.way.kubectl
        version = json.loads(self.way.ask(kubectl.server_version()).stdout)["serverVersion"]["gitVersion"]
        apis = set(self.way.ask(kubectl.api_versions()).stdout.split())
        # Not refused if it fails: one aggregated API that is out of order would be enough for that.
        for line in self._run(kubectl.api_resources()).stdout.splitlines():
            apis.add("/".join((line.split()[-3], line.split()[-1])))
        return version, sorted(apis)

    def difference(self, values: Values, revisions: Sequence[Revision]) -> Difference:
        """Against the last good revision, without what differs at each rendering."""
        before, after = self.deployed(revisions), self.rendered(values)
        if before is None:
            return Difference(
                tuple(manifest.changes({}, after)), first=True, crds=self.outdated_crds(), old_crds=self.old_crds()
            )
        old = manifest.objects(before.manifest, self.namespace)
        found = manifest.lasting_changes(old, after, [(after, lambda: self.rendered(values))])
        told = valuesdiff.differences(before.values, values.document, values.secret)
        return Difference(
            tuple(found), tuple(told), tuple(self.drift(old)), False, self.outdated_crds(), self.old_crds()
        )

    def crds(self) -> list[Object]:
        """The charts' CRDs that the cluster takes."""
        return [dict(crd) for crd in self._servable()[0]]

    def old_crds(self) -> tuple[str, ...]:
        """The names of those whose form the cluster does not take any more."""
        return tuple(self._servable()[1])

    def _servable(self) -> tuple[list[Mapping[str, Any]], list[str]]:
        return servable(self.chart.crds(), self.apis)

    def outdated_crds(self) -> tuple[Change, ...]:
        """helm installs CRDs once and never looks at them again."""
        served = self.crds()
        return tuple(self.compare(served, "crds.json")) if served else ()

    def drift(self, old: Mapping[Key, Object]) -> list[Change]:
        """Where the cluster's objects are not as the last good revision has them: changed by hand, or gone.

        What was added to them, and no revision ever named, is not seen: neither would a deploy take it away. Nor is
        what the cluster does not serve any more in the form that the revision has.
        """
        _, served = self._served
        lasting = [item for item in old.values() if not manifest.is_hook(item) and item.get("apiVersion") in served]
        return self.compare(lasting, "deployed.json") if lasting else []

    def compare(self, items: Sequence[Mapping[str, Any]], name: str) -> list[Change]:
        """What the cluster would have to change to have these objects, by `kubectl diff`."""
        file = self.keep(items, name)
        for server_side in (True, False):
            ran = self._run(self.way.kubectl.diff(file, self.namespace, server_side))
            if ran.exit == 0 or (ran.exit == 1 and "diff -u -N " in ran.stdout):
                return parse_diff(ran.stdout, self.namespace)
        raise Refused(explain_kubectl(ran))

    def live(self, what: str) -> list[Object]:
        """Objects of the release's namespace as they are now: kinds, or kind/name, as kubectl takes them."""
        text = self.way.ask(self.way.kubectl.get(what, self.namespace)).stdout
        found = json.loads(text) if text.strip() else {"items": []}
        items: list[Object] = found.get("items", [found])
        return items

    def keep(self, items: Sequence[Mapping[str, Any]], name: str) -> str:
        """A file of the private folder with these objects."""
        file = self.way.private / name
        file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(items)}))
        return str(file)

    def _run(self, argv: list[str]) -> Ran:
        self.way.keep_fresh()
        return self.way.seams.run(argv, limit=RENDER_LIMIT)


def explain_helm(ran: Ran) -> str:
    """A sentence for a helm command that failed."""
    if ran.exit == 127:
        return "helm is not installed: install helm 3.13 or later."
    if ran.exit == -9:
        return "helm did not end in time: look at the cluster, and start again."
    if any(
        sign in ran.stderr
        for sign in ("Unauthorized", "is forbidden: User", "refused", "no such host", "timeout", "unreachable")
    ):
        return explain_kubectl(ran)
    reasons = [line for line in ran.stderr.splitlines() if line.startswith("Error: ")]  # advice may come after it
    return f"helm failed: {(reasons or [ran.last_words])[-1].removeprefix('Error: ')}"


def explain_render(ran: Ran, chart: Chart, values: Values, content: Callable[[str], bytes | None]) -> str:
    """Values that break a schema are named by file, line and path; what stands there is not."""
    if "don't meet the specifications of the schema" not in ran.stderr:
        return explain_helm(ran)
    found = []
    inside = ""
    for line in ran.stderr.splitlines():
        if line.startswith("- "):
            path, _, trouble = line.removeprefix("- ").partition(": ")
            found.append(f"{_where(inside, path, trouble, chart, values, content)}: {trouble}")
        elif line.endswith(":"):
            inside = line[:-1]
    return f"The values break the chart's schema: {'; '.join(found)}."


def _where(
    inside: str, path: str, trouble: str, chart: Chart, values: Values, content: Callable[[str], bytes | None]
) -> str:
    """File, line and path of a value; inside: the name of the chart whose schema complains."""
    if extra := re.match(r"Additional property (\S+) is not allowed", trouble):
        path = f"{path}.{extra[1]}"
    prefixes = [found.path for found in chart.named(inside)] or [""]
    keys = path.removeprefix("(root).").split(".")
    if path == "(root)":
        keys = []
    for prefix in prefixes:
        whole = [*filter(None, prefix.split(".")), *keys]
        for source in reversed(values.sources):
            if has(source.document, whole):
                line = line_of(content(source.file) or b"", whole)
                return f"{source.file}, line {line}, {'.'.join(whole)}"
    return ".".join([*filter(None, prefixes[0].split(".")), *keys])


def has(document: Any, keys: Sequence[str]) -> bool:
    for key in keys:
        if isinstance(document, Mapping) and key in document:
            document = document[key]
        elif isinstance(document, list) and key.isdecimal() and int(key) < len(document):
            document = document[int(key)]
        else:
            return False
    return True
