"""`invoke bump-daskhub`: what there is, the way there, what the next step does here, and its edits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from invoke.context import Context
from packaging.version import InvalidVersion, Version

from tasks import clusterconfig
from tasks.amazon import Boto
from tasks.charts import edits, pull_request, show
from tasks.charts.assess import Rendering, all_findings, unknown
from tasks.charts.chartfile import NAME, Dependency, dependency
from tasks.charts.files import facts
from tasks.charts.index import several
from tasks.charts.localchart import folder_beside
from tasks.charts.offers import Offers
from tasks.charts.proposal import Draft
from tasks.charts.repository import Repositories
from tasks.charts.show import Assessment, Outlook
from tasks.connect import identity
from tasks.errors import Refused
from tasks.folder import DiskFolder
from tasks.hub.access import place_without_keys, placed
from tasks.hub.chart import Chart
from tasks.hub.deployment import choose, names
from tasks.hub.opened import refuse_missing_helm
from tasks.hub.work import interruptible
from tasks.observe import explain
from tasks.plan.changelogs import changelogs
from tasks.plan.deployment import Deployment
from tasks.plan.facts import Facts
from tasks.plan.route import Bump, Candidate, newest_that_fits, plan_route
from tasks.plan.version import Minor
from tasks.private import private_folder
from tasks.real import seams as real_seams
from tasks.screen import Screen
from tasks.seams import AwsError, Place, Seams
from tasks.session import load_credentials, setting
from tasks.summary import append_to_job_summary

NEWER = 2  # the exit code of --check
REPORT = f"reports/bump-{NAME}.md"  # one name: a workflow reads it


@dataclass(frozen=True)
class Wishes:
    """The command line."""

    to: str
    check: bool
    kubernetes: str
    mirror: str
    json: bool


@dataclass
class Opened:
    """What the task works with. seams: of the repository, in this run's own environment; where: that."""

    c: Context
    wishes: Wishes
    screen: Screen
    seams: Seams
    where: Place
    private: Path
    kubernetes: Minor

    @cached_property
    def chart(self) -> Chart:
        return Chart(self.seams, str(self.c.config.deploy.chart))

    @cached_property
    def installed(self) -> Dependency:
        return dependency(self.chart)

    @cached_property
    def offers(self) -> Offers:
        mirror = self.wishes.mirror or str(self.c.config.charts.mirror or "")
        repositories = Repositories(
            self.seams,
            Path(mirror).expanduser().absolute() if mirror else None,
            show.progress(self.screen),
            self._warns,
        )
        installed = self.installed
        local = (
            self.chart.local(installed.repository)
            if installed.local
            else Chart(self.seams, folder_beside(self.chart.folder))
        )
        return Offers(
            repositories, installed, local, self.kubernetes, self.wishes.to, self.c.config.rehearsal.repositories
        )

    @cached_property
    def deployments(self) -> list[Deployment]:
        """Refused if there is none."""
        return [choose(self.seams.folder, name) for name in names(self.seams.folder) or [""]]

    @cached_property
    def facts(self) -> list[Facts]:
        told = str(self.c.config.image.jupyterhub or "")
        return [facts(self.seams.folder, each, self.chart, self.installed, told) for each in self.deployments]

    @property
    def dry(self) -> bool:
        return bool(self.c.config.run.dry)

    def _warns(self, text: str) -> None:
        self.screen.says(f"! {text}", "yellow")


def bump(c: Context, wishes: Wishes) -> None:
    """The whole task. Raises Refused or Interrupted where it ends early."""
    screen = Screen(wishes.json)
    with interruptible(screen), _opened(c, wishes, screen) as opened:
        if not wishes.check:
            _ = opened.facts  # refused before anything is fetched
        outlook = _outlook(opened)
        show.outlook(screen, outlook)
        if wishes.check:
            _check(opened, outlook)
        elif wishes.json:
            screen.data(show.document(outlook, _assessment(opened, outlook)))
        else:
            _raise(opened, outlook)


@contextmanager
def _opened(c: Context, wishes: Wishes, screen: Screen) -> Iterator[Opened]:
    """Everything is refused here that can be known from the command line and the files."""
    if c.config.rehearsal.line:
        c.config.rehearsal.json = wishes.json
    told = _minor(wishes.kubernetes)
    _refuse_no_version(wishes.to)
    load_credentials(c)
    root = Path(c.config.root)
    file = setting(c, "cluster", "config")
    outside = replace(real_seams(c.config, ""), folder=DiskFolder(root, seen_from=root))
    config = clusterconfig.parse(outside.folder.read(file), file)
    for name in edits.settle(outside.folder):
        screen.says(f"! {name} is as it was before a bump that was killed while it wrote", "yellow")
    with private_folder(outside.processes) as private:
        where = place_without_keys(root, private)
        seams = placed(outside, where)
        dependency(Chart(seams, str(c.config.deploy.chart)))  # refused before anything is asked for
        refuse_missing_helm(seams)
        kubernetes = told or _live(c, outside, config.name, config.region)
        yield Opened(c, wishes, screen, seams, where, private, kubernetes)


def _minor(text: str) -> Minor | None:
    try:
        return Minor.parse(text) if text else None
    except ValueError as error:
        raise Refused(f"--kubernetes: {error}.") from None


def _refuse_no_version(text: str) -> None:
    try:
        _ = Version(text) if text else None
    except InvalidVersion:
        raise Refused(
            f"--to {text!r} is no version such as 2022.8.2: `invoke bump-daskhub --check` names them."
        ) from None


def _live(c: Context, outside: Seams, name: str, region: str) -> Minor:
    """Of the cluster, as EKS has it."""
    config = clusterconfig.parse(outside.folder.read(c.config.cluster.config), c.config.cluster.config)
    seams = replace(outside, aws=Boto(region, bool(c.config.run.dry)))
    try:
        identity(seams, config, str(c.config.aws.account))
        return Minor.parse(seams.aws("eks", "describe_cluster", name=name)["cluster"]["version"])
    except AwsError as error:
        raise Refused(explain(error, config)) from None


def _outlook(opened: Opened) -> Outlook:
    """Where things stand, and the way to go."""
    offers, kubernetes = opened.offers, opened.kubernetes
    now = replace(Candidate.of(offers.current), local=opened.installed.local)
    candidates = offers.candidates
    newest = max([now, *candidates], key=lambda each: each.key)
    target = _target(opened, now, candidates)
    return Outlook(
        offers.current,
        now,
        kubernetes,
        newest,
        target,
        plan_route(now, candidates, kubernetes, target),
        plan_route(now, candidates, kubernetes, newest),
        tuple(dict.fromkeys(offers.notes)),
    )


def _target(opened: Opened, now: Candidate, candidates: Sequence[Candidate]) -> Candidate:
    if not opened.wishes.to:
        return newest_that_fits(now, candidates, opened.kubernetes)
    found = next((each for each in (now, *candidates) if each.version == opened.wishes.to), None)
    if found is None:
        known = [each.version for each in sorted(candidates, key=lambda each: each.key, reverse=True)]
        raise Refused(
            f"There is no {NAME} {opened.wishes.to} to go to: newer than {now.version} are {several(known) or 'none'}."
        )
    return found


def _check(opened: Opened, outlook: Outlook) -> None:
    append_to_job_summary(pull_request.summary(outlook))
    if opened.wishes.json:
        opened.screen.data(show.document(outlook, None))
    if outlook.newest.key > outlook.now.key:
        raise Refused(show.newer(outlook), NEWER)


def _assessment(opened: Opened, outlook: Outlook) -> Assessment | None:
    """Of the next step; None if there is none to be made now. Nothing is changed."""
    step = outlook.step
    if step is None:
        return None
    offers, installed = opened.offers, opened.installed
    new = offers.packaged(step.to)
    found = all_findings(offers.current, new, installed.path, opened.facts)
    sources = [source for each in opened.facts for source in each.sources]
    draft = Draft(opened.seams, opened.where, opened.private, opened.chart, installed, offers)
    proposal = draft.proposed(step.to, found, sources)
    crds = [document for chart in new.all() for file in chart.crds for document in file.documents]
    rendering = Rendering(proposal, opened.deployments, str(opened.c.config.deploy.namespace), opened.kubernetes, crds)
    return Assessment(
        step,
        new,
        tuple(found),
        tuple(unknown(offers.current, new, installed, opened.chart, opened.facts)),
        tuple(rendering.differences()),
        proposal,
        tuple(changelogs(offers.current, new)),
        tuple(_later(opened, outlook)),
    )


def _later(opened: Opened, outlook: Outlook) -> Iterator[tuple[Bump, int]]:
    """The steps after that one, with how much they have to say about these files as they are."""
    offers = opened.offers
    for step in outlook.route:
        if isinstance(step, Bump) and step != outlook.step:
            old, new = (offers.packaged(each) for each in (step.before, step.to))
            yield step, len(all_findings(old, new, opened.installed.path, opened.facts))


def _raise(opened: Opened, outlook: Outlook) -> None:
    if not outlook.route:
        show.nothing(opened.screen, outlook)
        return
    if outlook.step is None:
        raise Refused(show.kubernetes_first(outlook, opened.wishes.to))
    found = _assessment(opened, outlook)
    assert found
    show.assessment(opened.screen, outlook, found)
    if opened.dry:
        return
    edits.carry_out(opened.seams.folder, found.proposal.edits)
    found.proposal.after.hand_over(opened.seams.folder)
    text = pull_request.markdown(outlook, found)
    opened.seams.folder.write(REPORT, text.encode())
    append_to_job_summary(text)
    show.done(opened.screen, outlook, found, REPORT)
