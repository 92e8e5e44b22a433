"""Which versions of the hub's chart there are, as their packages have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from packaging.version import Version

from tasks.charts import archive
from tasks.charts.chartfile import NAME, Dependency
from tasks.charts.repository import Repositories
from tasks.errors import Refused
from tasks.hub.chart import Chart
from tasks.plan.charts import Packaged
from tasks.plan.route import GATEWAY, HUB, Candidate, joined_in, local_candidates
from tasks.plan.version import Minor

JOINED = (HUB, GATEWAY)


@dataclass
class Offers:
    """installed: what the deployment's chart has now. local: the chart of this repository, if that is it. wanted: a version
    that is to be among the candidates, whether it is one to go to unasked or not. instead: addresses for others, which
    packages name: a rehearsal has repositories of its own."""

    repositories: Repositories
    installed: Dependency
    local: Chart
    kubernetes: Minor
    wanted: str = ""
    instead: Mapping[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @cached_property
    def current(self) -> Packaged:
        """What is installed. Refused if its archive can't be had, or is another one."""
        return self._joined_here() if self.installed.local else self._released[self.installed.version]

    @cached_property
    def last(self) -> Packaged:
        """The newest that is one chart already: after it jupyterhub and dask-gateway are joined here."""
        return (
            self.current
            if self.installed.local
            else max(self._released.values(), key=lambda each: Version(each.version))
        )

    @cached_property
    def candidates(self) -> list[Candidate]:
        """All that are newer than what is installed, or that were named."""
        released = [Candidate.of(each) for each in self._released.values() if each.version != self.installed.version]
        return [*released, *self._joinable()]

    def packaged(self, candidate: Candidate) -> Packaged:
        return self.joined(candidate) if candidate.local else self._released[candidate.version]

    def joined(self, candidate: Candidate) -> Packaged:
        """The local chart of these versions, before anybody has made it."""
        metadata = {"name": NAME, "version": candidate.version, "dependencies": self._entries(candidate)}
        charts = tuple(archive.read(content, name, name) for (name, *_), content in self.archives(candidate).items())
        return Packaged("", metadata, self.last.values_text, b"", (), charts)

    def archives(self, candidate: Candidate) -> dict[tuple[str, str, str], bytes]:
        """(name, version, repository) → what the candidate is made of: its own archive, or those that are joined."""
        if not candidate.local:
            return self.repositories.archives([(NAME, candidate.version, self.installed.repository)])
        return self.repositories.archives([(name, candidate.brings(name), self.origins[name]) for name in JOINED])

    @cached_property
    def origins(self) -> Mapping[str, str]:
        """The repositories of what is joined, as the last chart that joined them names them."""
        named = {str(entry["name"]): str(entry.get("repository") or "") for entry in self.last.metadata["dependencies"]}
        return {name: self.instead.get(address, address) for name, address in named.items()}

    def _entries(self, candidate: Candidate) -> list[dict[str, str]]:
        return [{"name": name, "version": candidate.brings(name), "repository": self.origins[name]} for name in JOINED]

    @cached_property
    def _released(self) -> dict[str, Packaged]:
        """The installed one, those after it, and the one that was named."""
        if self.installed.local:
            return {}
        repository, now = self.installed.repository, Version(self.installed.version)
        versions = [
            each.version for each in self.repositories.versions(NAME, repository) if each.order and each.order > now
        ]
        named = [self.wanted] if self.wanted and "+" not in self.wanted else []
        wanted = dict.fromkeys([self.installed.version, *named, *versions])
        found = self.repositories.archives((NAME, version, repository) for version in wanted)
        return {version: archive.read(content, f"{NAME}-{version}.tgz") for (_, version, _), content in found.items()}

    def _joined_here(self) -> Packaged:
        metadata = self.local.metadata()
        values = self.local.seams.folder.read(f"{self.local.folder}/values.yaml") or b""
        locked = self.local.locked()
        found = self.repositories.archives(
            (str(entry["name"]), str(entry["version"]), str(entry.get("repository") or "")) for entry in locked
        )
        charts = tuple(
            archive.read(content, f"{name}-{version}.tgz", name) for (name, version, _), content in found.items()
        )
        return Packaged("", {"dependencies": [], **metadata}, values, b"", (), charts)

    def _joinable(self) -> list[Candidate]:
        """None where nobody says what there is of jupyterhub and dask-gateway: that is told, and the rest goes on."""
        if not set(JOINED) <= set(self.origins):
            return []
        last = replace(Candidate.of(self.last), local=self.installed.local)
        try:
            hubs, gateways = (
                [(each.version, each.kubernetes) for each in self.repositories.versions(name, self.origins[name])]
                for name in JOINED
            )
        except Refused as refused:
            self.notes.append(f"What comes after {NAME} {self.last.version} is not known: {refused.message}")
            return []
        found = local_candidates(last, hubs, gateways, self.kubernetes)
        if named := joined_in(self.wanted):
            hub, gateway = ([self._entry(name, version)] for name, version in zip(JOINED, named, strict=True))
            found += [each for each in local_candidates(last, hub, gateway, self.kubernetes) if each not in found]
        return [each for each in found if each.key > Version(self.installed.version)]

    def _entry(self, name: str, version: str) -> tuple[str, str]:
        """With its kubeVersion. Refused if there is none of that version."""
        return version, self.repositories.entry(name, version, self.origins[name]).kubernetes
