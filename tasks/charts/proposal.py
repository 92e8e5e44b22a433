"""The edits of one step, worked out in copies of the deployment: Chart.yaml, Chart.lock, values, the local chart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path as Folder

from tasks import valuesfile
from tasks.charts.chartfile import NAME, Dependency, with_lock, with_version, written_lock
from tasks.charts.edits import Edit
from tasks.charts.localchart import first_files, raised, reference
from tasks.charts.offers import Offers
from tasks.charts.staging import Tree, others
from tasks.errors import Refused
from tasks.hub.chart import Chart
from tasks.hub.deployment import load
from tasks.plan.braces import doubled
from tasks.plan.breaks import Finding
from tasks.plan.facts import Source, at
from tasks.plan.route import Candidate
from tasks.seams import Place, Seams
from tasks.yamltree import Path

EDITS = {"double-braces": doubled}  # what the rules of breaks.yaml call safe


@dataclass(frozen=True)
class Proposal:
    """before, after: whole copies, with their archives, that can be rendered. left: (file, key, why) of edits that
    can't be made in place. lacking: dependencies that are in neither copy."""

    edits: tuple[Edit, ...]
    before: Tree
    after: Tree
    left: tuple[tuple[str, Path, str], ...]
    lacking: tuple[str, ...]


@dataclass(frozen=True)
class Draft:
    """What a proposal is made of. seams: of the repository, in this run's own environment; where: that."""

    seams: Seams
    where: Place
    private: Folder
    chart: Chart
    installed: Dependency
    offers: Offers

    def proposed(self, to: Candidate, findings: Iterable[Finding], sources: Iterable[Source]) -> Proposal:
        """Nothing of the repository is changed. Refused where helm's own work can't be done, or comes to something else."""
        archives, lacking = others(self.chart, self.offers.repositories)
        before, after = (
            Tree(self.private / name, self.seams, self.where, self.chart.folder, self._local)
            for name in ("before", "after")
        )
        for tree in (before, after):
            tree.filled(Folder(self.where.folder))
        changed, left = edited_values(findings, sources)
        changed |= self._chart_files(to)
        self._build_before(before, archives, lacking)
        changed |= self._build_after(after, to, changed, archives, lacking)
        edits = tuple(
            Edit(file, self.seams.folder.read(file), content)
            for file, content in changed.items()
            if content != self.seams.folder.read(file)
        )
        return Proposal(edits, before, after, tuple(left), tuple(lacking))

    @property
    def _local(self) -> str:
        return self.offers.local.folder

    def _read(self, file: str) -> bytes:
        return self.seams.folder.read(file) or b""

    def _chart_files(self, to: Candidate) -> dict[str, bytes]:
        """Chart.yaml, and the local chart's files where the step is to that."""
        file = f"{self.chart.folder}/Chart.yaml"
        repository = self.installed.repository
        files = {}
        if to.local and self.installed.local:
            own = f"{self._local}/Chart.yaml"
            files[own] = raised(self._read(own), self.offers.local.metadata(), to, own)
        elif to.local:
            repository = reference(self.chart.folder)
            files = first_files(self._local, self.offers.last, to, self.offers.origins)
        return files | {file: with_version(self._read(file), self.installed, to.version, repository, file)}

    def _build_before(self, tree: Tree, archives: Mapping[str, bytes], lacking: list[str]) -> None:
        """With the installed charts, as Chart.lock has them, whatever lies in charts/ here."""
        tree.without(lacking)
        files = {f"{tree.chart}/charts/{name}.tgz": content for name, content in archives.items()}
        now = Candidate.of(self.offers.current)
        own = f"{self._local}/charts" if self.installed.local else f"{tree.chart}/charts"
        for (name, version, _), content in self.offers.archives(replace(now, local=self.installed.local)).items():
            files[f"{own}/{name}-{version}.tgz"] = content
        tree.write(files)
        if self.installed.local:
            Chart(tree.seams, tree.chart).fetch(self.private)

    def _build_after(
        self, tree: Tree, to: Candidate, changed: Mapping[str, bytes], archives: Mapping[str, bytes], lacking: list[str]
    ) -> dict[str, bytes]:
        """By helm itself, from the edited files. The locks that come of it, with the real addresses."""
        tree.write(changed)
        tree.without(lacking)
        own = {f"{name}-{version}": content for (name, version, _), content in self.offers.archives(to).items()}
        locks = {}
        if to.local:
            made = tree.update(self._local, own)
            wanted = load(changed[f"{self._local}/Chart.yaml"], "Chart.yaml")["dependencies"]
            locks[f"{self._local}/Chart.lock"] = written_lock(wanted, made, self.offers.origins)
        made = tree.update(tree.chart, {**archives, **({} if to.local else own)})
        _refuse_other(Candidate.of(tree.built(to.version)), to)
        file, position = f"{tree.chart}/Chart.lock", self.installed.position
        wanted = load(changed[f"{tree.chart}/Chart.yaml"], "Chart.yaml")["dependencies"]
        version = next(str(entry["version"]) for entry in made["dependencies"] if entry["name"] == NAME)
        locked = {"version": version, "repository": str(wanted[position]["repository"]), "generated": made["generated"]}
        return locks | {file: with_lock(self._read(file), wanted, position, locked, file)}


def edited_values(
    findings: Iterable[Finding], sources: Iterable[Source]
) -> tuple[dict[str, bytes], list[tuple[str, Path, str]]]:
    """The values files with all safe edits made, and (file, key, why) of those that have to be made by hand."""
    known = {source.file: source for source in sources}
    wanted: dict[str, dict[Path, str]] = {}
    for finding in findings:
        if finding.edit and not known[finding.file].secret:
            text = at(known[finding.file].document, finding.path)
            wanted.setdefault(finding.file, {})[finding.path] = EDITS[finding.edit](text)
    files, left = {}, []
    for file, changes in wanted.items():
        done = valuesfile.edit(known[file].content, changes, file)
        files[file] = done.content
        left += [(file, path, why) for path, why in done.left.items()]
    return files, left


def _refuse_other(built: Candidate, to: Candidate) -> None:
    """helm packages and renders a chart without its subcharts without a word: an upgrade to that deletes the hub."""
    if set(built.charts) != set(to.charts):
        found = ", ".join(f"{name} {version}" for name, version in built.charts) or "nothing"
        raise Refused(
            f"helm has put together {NAME} {to.version} with {found} in it, where its repository has "
            f"{', '.join(f'{name} {version}' for name, version in to.charts)}: nothing was changed; look at that archive."
        )
