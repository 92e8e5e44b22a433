"""A release's repairs, applied to a small model of Helm: its records, its merge, and every way in which it can end.

A manifest is a set of fields. Helm adds those of the new one, and takes away those that the revision it compares with
had and the new one has not: all others stay in the live objects, whoever has put them there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tasks.hub.repair import MOST_REPAIRS
from tasks.plan.release import CallFailed, Forget, GoBack, Revision, deployed, mend
from tasks.tools.helm import Helm
from tests.strategies import examples

FIELDS = "abcde"
KEPT = 10  # revisions, Helm's own default
OK, FAILS, REFUSED, DIES, DIES_LATE = "ok", "fails", "refused", "dies", "dies late"


@dataclass(frozen=True)
class Act:
    """One `helm upgrade --install` or `helm rollback`. share: of what is to be changed, how much is, if it does not
    end well. to: which of the revisions, counted from the last one; None for an upgrade."""

    ends: str
    share: float
    manifest: frozenset[str] = frozenset()
    to: int | None = None


@dataclass
class Row:
    number: int
    status: str
    description: str
    manifest: frozenset[str]
    source: int  # the revision whose manifest it is, as far as the history tells
    ran: bool = False  # all that the manifest says, under this number or under that of the one gone back to

    @property
    def revision(self) -> Revision:
        return Revision(self.number, self.status, "hub-1.0.0", self.description)


@dataclass
class Model:
    rows: list[Row] = field(default_factory=list)
    live: frozenset[str] = frozenset()
    careful: bool = False  # nobody goes back to a bad revision
    base: int = 0  # from which the last one that succeeded has its manifest

    @property
    def revisions(self) -> list[Revision]:
        return [row.revision for row in self.rows]

    def row(self, revision: Revision) -> Row:
        return next(row for row in self.rows if row.number == revision.number)

    def act(self, act: Act) -> None:
        if act.to is None:
            self.upgrade(act)
        elif self.rows:
            to = self.rows[-1 - act.to % len(self.rows)]
            if to.ran or not self.careful:
                self.roll_back(act, to, KEPT)

    def upgrade(self, act: Act) -> None:
        """Refused while the last revision is pending. Compares with the deployed one; with the last, if there is none."""
        last = self.rows[-1] if self.rows else None
        if last and last.status.startswith("pending"):
            return
        current = next((row for row in reversed(self.rows) if row.status == "deployed"), last)
        words = "Preparing upgrade" if last else "Initial install underway"
        row = self._new("pending-upgrade" if last else "pending-install", words, act.manifest, KEPT)
        self._apply(current, row, act)
        if act.ends in (OK, DIES_LATE) and current:
            current.status = "superseded"
        if act.ends == OK:
            row.status, row.description, row.ran = "deployed", "anna deployed 1a2b3c4", True
            self.live, self.base = row.manifest, row.source  # a new beginning
        elif act.ends in (FAILS, REFUSED):
            verb = "Upgrade" if last else "Release"
            row.status, row.description = "failed", f'{verb} "hub-prod" failed: context canceled'

    def roll_back(self, act: Act, to: Row, kept: int) -> None:
        """Compares with the last revision, whatever became of that."""
        last = self.rows[-1]
        row = self._new("pending-rollback", f"Rollback to {to.number}", to.manifest, kept)
        row.source = to.source
        row.ran = to.ran or act.ends in (OK, DIES_LATE)
        self._apply(last, row, act)
        if act.ends in (OK, DIES_LATE):
            for other in self.rows:
                if other.status == "deployed":
                    other.status = "superseded"
        if act.ends == OK:
            row.status = "deployed"
            self.live = self.live if row.source == self.base else row.manifest  # further back: a new beginning
            self.base = row.source
        elif act.ends in (FAILS, REFUSED):
            row.source = row.number
        if act.ends == FAILS:  # while it waited for pods
            row.status, row.description = "failed", 'Release "hub-prod" failed: timed out waiting for the condition'
        elif act.ends == REFUSED:  # by the API server
            row.status, row.description = "failed", 'Rollback "hub-prod" failed: cannot patch "hub"'
            last.status = "superseded"

    def call_failed(self, numbers: Sequence[int]) -> None:
        for row in self.rows:
            row.status = "failed" if row.number in numbers else row.status

    def forget(self, numbers: Sequence[int]) -> None:
        self.rows = [row for row in self.rows if row.number not in numbers]

    def _new(self, status: str, description: str, manifest: frozenset[str], kept: int) -> Row:
        number = self.rows[-1].number + 1 if self.rows else 1
        row = Row(number, status, description, manifest, number)
        while kept and len(self.rows) >= kept:
            self.rows.remove(next(row for row in self.rows if row.status != "deployed"))
        self.rows.append(row)
        return row

    def _apply(self, current: Row | None, new: Row, act: Act) -> None:
        old = current.manifest if current else frozenset()
        work = [*sorted(new.manifest), *sorted(old - new.manifest)]
        whole = act.ends in (OK, DIES_LATE) or (act.ends == FAILS and act.to is not None)
        for name in work if whole else work[: round(act.share * len(work))]:
            self.live = self.live | {name} if name in new.manifest else self.live - {name}


def manifests() -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(FIELDS))


def acts() -> st.SearchStrategy[Act]:
    ends, shares = st.sampled_from([OK, FAILS, REFUSED, DIES, DIES_LATE]), st.sampled_from([0.0, 0.3, 0.7, 1.0])
    upgrades = st.builds(Act, ends, shares, manifests())
    return st.one_of(upgrades, upgrades, st.builds(Act, ends, shares, to=st.integers(0, 3)))


def histories(most: int = 6) -> st.SearchStrategy[Model]:
    return st.lists(acts(), max_size=most).map(after)


def after(done: Sequence[Act], careful: bool = False) -> Model:
    model = Model(careful=careful)
    for act in done:
        model.act(act)
    return model


def repair(model: Model, ends: Sequence[Act] = ()) -> list[GoBack | Forget | CallFailed]:
    """What is done until nothing is left to do. ends: how the first times of going back end; the others end well."""
    done: list[GoBack | Forget | CallFailed] = []
    outcomes = iter(ends)
    while todo := mend(model.revisions):
        done.append(todo)
        assert len(done) <= 2 * KEPT + 3 * len(ends), done
        if isinstance(todo, Forget):
            model.forget(todo.numbers)
            continue
        if isinstance(todo, CallFailed):
            model.call_failed(todo.numbers)
            continue
        assert todo.bad.number == model.rows[-1].number
        assert model.row(todo.to).ran, todo
        end = next(outcomes, Act(OK, 1.0))
        model.roll_back(Act(end.ends, end.share, to=0), model.row(todo.to), 0)
    return done


@examples(200)
@given(histories(), st.lists(acts(), max_size=2))
def test_repairs_come_to_an_end_even_if_some_of_them_fail(model: Model, ends: list[Act]) -> None:
    repair(model, ends)
    assert not model.rows or not model.rows[-1].status.startswith("pending")


@examples(200)
@given(manifests(), st.lists(acts(), max_size=KEPT - 1), st.lists(acts(), max_size=2))
def test_after_them_nothing_of_a_bad_revision_is_left_in_live_objects(
    first: frozenset[str], then: list[Act], ends: list[Act]
) -> None:
    model = after([Act(OK, 1.0, first), *then], careful=True)
    repair(model, ends)
    base = deployed(model.revisions)
    assert base
    assert model.live == model.row(base).manifest


@examples(150)
@given(histories())
def test_the_next_upgrade_is_not_refused(model: Model) -> None:
    repair(model)
    model.upgrade(Act(OK, 1.0, frozenset("a")))
    assert model.rows[-1].status == "deployed"
    assert mend(model.revisions) is None


@examples(150)
@given(st.lists(acts().filter(lambda act: act.ends == OK), max_size=8))
def test_a_healthy_history_needs_nothing(done: list[Act]) -> None:
    model = after([Act(OK, 1.0), *done])
    assert mend(model.revisions) is None
    assert deployed(model.revisions) == model.revisions[-1]


@examples(100)
@given(manifests(), st.lists(st.builds(Act, st.sampled_from([FAILS, DIES]), st.just(1.0), manifests()), max_size=9))
def test_each_bad_revision_is_gone_back_from_once_and_while_it_is_the_last(
    first: frozenset[str], bad: list[Act]
) -> None:
    model = after([Act(OK, 1.0, first), *bad])
    wanted = [row.number for row in model.rows[1:]]
    done = repair(model)
    back = [step for step in done if isinstance(step, GoBack)]
    assert [step.bad.number for step in back] == wanted[::-1]
    assert {step.to.number for step in back} <= {1}
    assert [step.wait for step in back] == [number == wanted[0] for number in wanted[::-1]]


def test_a_run_has_repairs_enough_for_the_longest_history_that_helm_keeps() -> None:
    model = after([Act(OK, 1.0, frozenset("a")), *(Act(FAILS, 1.0, frozenset("ab")) for _ in range(KEPT - 1))])
    assert len(model.rows) == KEPT
    assert len(repair(model)) <= MOST_REPAIRS


def test_going_back_drops_no_old_records_for_they_are_needed() -> None:
    assert "--history-max=0" in Helm("file", "context", "hub").rollback("hub-prod", 3, wait=True, seconds=60)


def row(number: int, status: str, description: str = "") -> Revision:
    return Revision(number, status, "hub-1.0.0", description)


GOOD, FAILED = row(1, "deployed", "Install complete"), row(2, "failed", 'Upgrade "hub-prod" failed: x')


@pytest.mark.parametrize("status", ["failed", "pending-upgrade", "pending-rollback", "unknown"])
def test_what_is_no_success_is_gone_back_from(status: str) -> None:
    assert mend([GOOD, row(2, status)]) == GoBack(GOOD, row(2, status), wait=True)


def test_a_record_in_the_way_is_forgotten_first() -> None:
    third = row(3, "deployed", "Rollback to 1")
    assert mend([row(1, "superseded"), FAILED, third]) is None
    todo = mend([row(1, "superseded"), FAILED, row(3, "failed"), row(4, "deployed", "Rollback to 1")])
    assert isinstance(todo, Forget)
    assert todo.numbers == (3, 4)
    assert "revision 2 (failed)" in todo.why


def test_going_back_that_the_api_server_refused_makes_no_good_revision_of_the_bad_one() -> None:
    """Helm then calls the bad one superseded, as it does with good ones."""
    bad = row(2, "superseded", FAILED.description)
    refused = row(3, "failed", 'Rollback "hub-prod" failed: cannot patch "hub"')
    assert deployed([GOOD, bad, refused]) == GOOD
    assert mend([GOOD, bad, refused]) == GoBack(GOOD, refused, wait=False)
    assert mend([GOOD, bad]) == GoBack(GOOD, bad, wait=True)


@pytest.mark.parametrize("description", ["Upgrade complete", "anna deployed 1a2b3c4", "Rollback to 2"])
def test_what_succeeded_is_a_new_beginning_even_if_it_is_a_bad_revision_over_again(description: str) -> None:
    bad = [FAILED, row(3, "failed"), row(4, "failed")]
    assert mend([row(1, "superseded"), *bad, row(5, "deployed", description)]) is None
    assert mend([row(1, "superseded"), *bad, row(5, "deployed", "Rollback to 1")])


def test_a_first_install_that_nobody_finishes_is_called_failed() -> None:
    """Without its record, helm would leave what it has added to the objects that it has made."""
    assert mend([row(1, "pending-install", "Initial install underway")]) == CallFailed((1,))
    assert mend([]) is None
    assert mend([row(1, "failed", 'Release "hub-prod" failed: x')]) is None


def test_where_no_upgrade_ever_succeeded_there_is_nothing_to_go_back_to() -> None:
    pending = row(2, "pending-upgrade", "Preparing upgrade")
    assert deployed([row(1, "failed"), pending]) is None
    assert mend([row(1, "failed"), pending]) == CallFailed((2,))


@examples(100)
@given(histories(4))
def test_the_last_good_revision_is_one_that_was_good(model: Model) -> None:
    base = deployed(model.revisions)
    assume(base)
    assert base
    assert model.row(base).ran
