"""How the hub's chart gets from one version to another: in steps, with Kubernetes upgrades between them where needed.

A step goes to the newest version of one major version of jupyterhub's chart: that is what its upgrade guides are written
for (https://z2jh.jupyter.org/en/stable/administrator/upgrading/index.html), and each of them migrates the database.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packaging.version import Version

from tasks.errors import Refused
from tasks.plan.charts import Packaged
from tasks.plan.constraint import admits, lowest
from tasks.plan.survival import hindering
from tasks.plan.version import Minor

HUB, GATEWAY = "jupyterhub", "dask-gateway"


@dataclass(frozen=True)
class Candidate:
    """A version of the hub's chart. charts: (name, version) of all that it brings. constraints: their kubeVersions.
    local: it is a chart of this repository, which joins jupyterhub and dask-gateway."""

    version: str
    charts: tuple[tuple[str, str], ...]
    constraints: tuple[str, ...] = ()
    local: bool = False

    @classmethod
    def of(cls, packaged: Packaged) -> Candidate:
        inside = list(packaged.all())[1:]
        return cls(
            packaged.version,
            tuple((chart.name, chart.version) for chart in inside),
            tuple(chart.kubernetes for chart in (packaged, *inside) if chart.kubernetes),
        )

    @property
    def key(self) -> Version:
        return Version(self.version)

    def brings(self, name: str) -> str:
        """The version of a chart in it; "" if it has none of that name."""
        return dict(self.charts).get(name, "")

    @property
    def major(self) -> int:
        """jupyterhub's: 0.9 to 0.11 are as good as major versions each, but no upgrade guide knows them apart."""
        return Version(self.brings(HUB) or "0").major

    @property
    def floor(self) -> Minor | None:
        """The first Kubernetes that all charts in it allow; None if there is none."""
        return lowest(self.constraints)

    def runs_on(self, kubernetes: Minor) -> bool:
        return all(admits(constraint, kubernetes) for constraint in self.constraints)

    def survives(self, kubernetes: Minor) -> bool:
        return not hindering(self.charts, kubernetes)

    def fits(self, kubernetes: Minor) -> bool:
        return self.runs_on(kubernetes) and self.survives(kubernetes)


@dataclass(frozen=True)
class Bump:
    """The charts go to a version. before: the one they come from. kubernetes: the cluster's version then. warnings: what does not work there
    until the next step."""

    before: Candidate
    to: Candidate
    kubernetes: Minor
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Raise:
    """The cluster goes to a Kubernetes version, because what comes after it needs that."""

    to: Minor
    because: str


Step = Bump | Raise


def newest_that_fits(current: Candidate, candidates: Iterable[Candidate], kubernetes: Minor) -> Candidate:
    """The newest that runs on the cluster as it is; the current one if none does."""
    return max([current, *(each for each in candidates if each.fits(kubernetes))], key=lambda each: each.key)


def plan_route(
    current: Candidate, candidates: Sequence[Candidate], kubernetes: Minor, target: Candidate
) -> tuple[Step, ...]:
    """From the current version to the target; none if that is where we are. Refused where there is no way."""
    if target.key < current.key:
        raise Refused(
            f"The chart is at {current.version} already, and this task only goes up: "
            f"name a later version than {target.version}, or go back with `invoke rollback`."
        )
    steps: list[Step] = []
    while current.key < target.key:
        ahead = [each for each in candidates if current.key < each.key <= target.key and not _falls_back(current, each)]
        if not ahead:
            raise Refused(
                f"There is no way from {current.version} to {target.version}: all that is between them, and it too, "
                "has older charts in it."
            )
        taken, kubernetes = _next(current, ahead, kubernetes)
        steps += taken
        current = next(step.to for step in reversed(taken) if isinstance(step, Bump))
    return tuple(steps)


def _falls_back(current: Candidate, other: Candidate) -> bool:
    """A newer package with older charts in it, as 2021.3.0 is: the hub's database would not stand that."""
    return any(
        current.brings(name) and other.brings(name) and Version(other.brings(name)) < Version(current.brings(name))
        for name in (HUB, GATEWAY)
    )


def _next(current: Candidate, ahead: Sequence[Candidate], kubernetes: Minor) -> tuple[list[Step], Minor]:
    """One step ahead: to the newest of jupyterhub's present major version, else of the next one."""
    major = min(each.major for each in ahead)
    group = sorted((each for each in ahead if each.major == major), key=lambda each: each.key, reverse=True)
    best = group[0]
    if best.runs_on(kubernetes):
        return [_bump(current, best, kubernetes)], kubernetes
    floor = lowest([*best.constraints, f">={kubernetes}.0-0"])
    if floor is None:
        raise Refused(
            f"{best.version} allows no Kubernetes from {kubernetes} on ({', '.join(best.constraints)}): name a later version."
        )
    new_trouble = set(hindering(current.charts, floor)) - set(hindering(current.charts, kubernetes))
    if not new_trouble:
        names = [f"{name} {version}" for name, version in best.charts]
        return [Raise(floor, f"{' and '.join(names)} need it"), _bump(current, best, floor)], floor
    between = next((each for each in group if each.runs_on(kubernetes)), None)
    if between is None:
        raise Refused(
            f"There is no way to {best.version} on Kubernetes {kubernetes}: it needs {floor}, which the charts that are "
            "there don't survive, and there is none between them: name an earlier version."
        )
    return [_bump(current, between, kubernetes)], kubernetes


def _bump(current: Candidate, to: Candidate, kubernetes: Minor) -> Bump:
    warnings = tuple(
        f"{found.chart} {found.version} on Kubernetes {kubernetes}: {found.because}"
        for found in hindering(to.charts, kubernetes)
    )
    return Bump(current, to, kubernetes, warnings)


def local_version(last: str, hub: str, gateway: str) -> str:
    """Of the local chart: the daskhub whose values it has, and what it joins. Python and helm both take what is behind
    the plus for a part of the version, and Python tells the later one by it."""
    return f"{last.partition('+')[0]}+{HUB}.{hub}.{GATEWAY}.{gateway}"


def joined_in(version: str) -> tuple[str, str] | None:
    """jupyterhub's and dask-gateway's versions in the local chart of this one; None if it is not one of those."""
    found = re.fullmatch(rf"[^+]+\+{HUB}\.([0-9.]+)\.{GATEWAY}\.([0-9.]+)", version, re.ASCII)
    return (found[1], found[2]) if found else None


def local_candidates(
    last: Candidate,
    hubs: Sequence[tuple[str, str]],
    gateways: Sequence[tuple[str, str]],
    kubernetes: Minor,
) -> list[Candidate]:
    """What jupyterhub and dask-gateway can be joined to after the last daskhub: the newest of each later major version of
    jupyterhub, with the newest dask-gateway of all and the newest that the cluster allows as it is.

    last: the newest daskhub, or the local chart that is there. hubs, gateways: (version, kubeVersion), released ones.
    """
    found: dict[str, Candidate] = {}
    usable = [pair for pair in gateways if Version(pair[0]) >= Version(last.brings(GATEWAY) or "0")]
    majors = {Version(version).major for version, _ in hubs}
    for major in sorted(each for each in majors if each > last.major or (last.local and each == last.major)):
        of_major = [pair for pair in hubs if Version(pair[0]).major == major]
        for on in (None, kubernetes):
            hub, gateway = _newest(of_major, on), _newest(usable, on)
            if hub and gateway:
                version = local_version(last.version, hub[0], gateway[0])
                charts = ((HUB, hub[0]), (GATEWAY, gateway[0]))
                found[version] = Candidate(version, charts, tuple(filter(None, (hub[1], gateway[1]))), True)
    return list(found.values())


def _newest(pairs: Iterable[tuple[str, str]], kubernetes: Minor | None) -> tuple[str, str] | None:
    """kubernetes: that it has to allow; None if any will do."""
    usable = [pair for pair in pairs if kubernetes is None or admits(pair[1], kubernetes)]
    return max(usable, key=lambda pair: Version(pair[0]), default=None)
