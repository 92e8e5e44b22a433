"""`invoke diff --against REF`: what a change of chart or values comes to, without a cluster and without credentials.

The chart is rendered from the files that are here and from those of a commit, by the same helm and for the same
Kubernetes, with the example's secrets. Templates that look something up on the cluster find nothing on either side.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from invoke.context import Context

from tasks import clusterconfig
from tasks.errors import Refused
from tasks.folder import DiskFolder
from tasks.hub import show, values
from tasks.hub.access import place_without_keys, placed
from tasks.hub.chart import Chart
from tasks.hub.deployment import choose, names, refuse_unknown_environment
from tasks.hub.offline import Side, Target
from tasks.hub.opened import complete, refuse_missing_helm, tag
from tasks.hub.release import Difference
from tasks.observe import READ_LIMIT
from tasks.plan import manifest, valuesdiff
from tasks.plan.manifest import Key, Object
from tasks.plan.version import Minor
from tasks.private import private_folder
from tasks.real import seams as real_seams
from tasks.screen import Screen
from tasks.seams import Place, Seams
from tasks.session import setting
from tasks.tools import git

OLDEST = Minor(30)  # a cluster whose configuration says less is there already: EKS raises by itself what it gives up


@dataclass(frozen=True)
class Comparison:
    """where: the repository, in this run's own environment."""

    target: Target
    outside: Seams
    where: Place
    private: Path
    screen: Screen

    @property
    def here(self) -> Seams:
        return placed(self.outside, self.where)

    def commit(self, ref: str) -> str:
        """Refused if there is none of that name."""
        ran = self.here.run(git.resolve(ref), limit=READ_LIMIT)
        if ran.exit == 1 or (ran.exit == 0 and not ran.stdout.strip()):
            raise Refused(f"There is no commit {ref!r} here: look at its spelling, or `git fetch` it first.")
        if ran.exit != 0:
            raise Refused(f"A comparison with {ref} needs git, which says: {ran.last_words}.")
        return ran.stdout.strip()

    def after(self) -> Side:
        return self._side(self.here)

    def before(self, commit: str, lender: Chart) -> Side | None:
        """None if there was no such deployment then. The work tree, its index and its branch are left alone."""
        folder = self.private / "before"
        aside = replace(
            self.where, environment={**self.where.environment, "GIT_INDEX_FILE": str(self.private / "index")}
        )
        for line in (git.read_tree(commit), git.check_out(str(folder))):
            ran = self.outside.run(line, limit=READ_LIMIT, place=aside)
            if ran.exit != 0:
                raise Refused(f"Its files can't be taken from git, which says: {ran.last_words}.")
        seams = placed(
            replace(self.outside, folder=DiskFolder(folder, seen_from=folder)), replace(self.where, folder=str(folder))
        )
        there = self.target.deployment in names(seams.folder)
        return self._side(seams, commit, lender) if there else None

    def _side(self, seams: Seams, commit: str = "", lender: Chart | None = None) -> Side:
        """commit: the one whose files these are, if it is not the one that is checked out."""
        deployment = choose(seams.folder, self.target.deployment)
        chart = Chart(seams, self.target.chart)
        if lender:
            chart.borrow(lender)
        complete(chart, self.private, self.screen)
        tags = {image.name: tag(self.here, deployment, image, commit) for image in deployment.images}
        return Side(self.target, seams, chart, values.read_example(seams, deployment, self.target.environment, tags))


def diff(c: Context, ref: str, deployment: str, environment: str, screen: Screen) -> None:
    """The whole task."""
    if c.config.rehearsal.line:
        raise Refused("`diff --against` asks no cluster, so that there is nothing to rehearse: leave out `rehearse`.")
    root = Path(c.config.root)
    outside = replace(real_seams(c.config, ""), folder=DiskFolder(root, seen_from=root))
    target = _target(c, outside, deployment, environment)
    with private_folder(outside.processes) as private:
        comparison = Comparison(target, outside, place_without_keys(root, private), private, screen)
        commit = comparison.commit(ref)
        refuse_missing_helm(comparison.here)
        screen.says(
            f"{target.release}: the files here against {ref} ({commit[:7]}), for Kubernetes {target.kubernetes}, "
            "with the example's secrets",
            "bold",
        )
        after = comparison.after()
        new = after.rendered()
        with _saying(ref):
            before = comparison.before(commit, after.chart)
            old = before.rendered() if before else {}
        found = _difference(before, old, after, new)
        show.objects(screen, after.values.redacted, f"{target.release} against {ref}", found)


def _target(c: Context, seams: Seams, deployment: str, environment: str) -> Target:
    chosen = choose(seams.folder, deployment)
    settings = c.config.deploy
    refuse_unknown_environment(seams.folder, chosen, environment, str(settings["with"]))
    file = setting(c, "cluster", "config")
    version = clusterconfig.parse(seams.folder.read(file), file).version
    return Target(chosen.name, environment, str(settings.chart), str(settings.namespace), max(version, OLDEST))


def _difference(before: Side | None, old: dict[Key, Object], after: Side, new: dict[Key, Object]) -> Difference:
    """Without what differs at each rendering, on either side."""
    if before is None:
        return Difference(tuple(manifest.changes({}, new)), first=True)
    found = manifest.lasting_changes(old, new, [(old, before.rendered), (new, after.rendered)])
    told = valuesdiff.differences(before.values.document, after.values.document, after.values.secret)
    return Difference(tuple(found), tuple(told))


@contextmanager
def _saying(ref: str) -> Iterator[None]:
    """Whatever is refused inside is so at that commit."""
    try:
        yield
    except Refused as error:
        raise Refused(f"At {ref}: {error}") from None
