"""A Helm release's revisions, and what has to be mended before the next one.

Helm compares a new revision with the last deployed one: what a failed or killed revision has added to live objects stays
there unseen, and later upgrades wait for pods that can't start. Going back, by number, while the bad revision is the
last one, takes its additions away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

GOOD = ("deployed", "superseded")
PENDING = ("pending-install", "pending-upgrade", "pending-rollback")
WENT_BACK = "Rollback to "  # how Helm describes a revision that `helm rollback` made


@dataclass(frozen=True)
class Revision:
    """chart: name and version, as `helm history` joins them. updated: RFC 3339."""

    number: int
    status: str
    chart: str
    description: str
    updated: str = ""

    @property
    def good(self) -> bool:
        return self.status in GOOD

    @property
    def went_back(self) -> bool:
        return self.good and self.description.startswith(WENT_BACK)


@dataclass(frozen=True)
class GoBack:
    """To the revision `to`, from the bad one that is the last. wait: until everything runs."""

    to: Revision
    bad: Revision
    wait: bool


@dataclass(frozen=True)
class Forget:
    """These revisions' records are removed; objects stay as they are. why: for the person."""

    numbers: tuple[int, ...]
    why: str


def deployed(revisions: Sequence[Revision]) -> Revision | None:
    """The revision that the next one is compared with: the last that is good."""
    return next((revision for revision in reversed(revisions) if revision.good), None)


def mend(revisions: Sequence[Revision]) -> GoBack | Forget | None:
    """The next thing to do before an upgrade, None if there is nothing. Asked again after each.

    revisions: oldest first. A bad revision is mended once the next one went back from it; an upgrade that succeeded is
    a new beginning.
    """
    base = deployed(revisions)
    if base is None:
        return _first_install(revisions)
    trailing = _since_the_last_upgrade(revisions)
    open_ = [
        index
        for index, revision in enumerate(trailing)
        if not revision.good and not (index + 1 < len(trailing) and trailing[index + 1].went_back)
    ]
    if not open_:
        return None
    last = trailing[-1]
    if not last.good:
        return GoBack(base, last, wait=len(open_) == 1)
    bad = trailing[open_[-1]]
    later = tuple(revision.number for revision in trailing[open_[-1] + 1 :])
    return Forget(later, f"so that revision {bad.number} ({bad.status}) is the last one, to go back from it too")


def _since_the_last_upgrade(revisions: Sequence[Revision]) -> Sequence[Revision]:
    begin = max(
        (index for index, revision in enumerate(revisions) if revision.good and not revision.went_back), default=-1
    )
    return revisions[begin + 1 :]


def _first_install(revisions: Sequence[Revision]) -> Forget | None:
    """Nothing to go back to. A failed install is upgraded as it is; of a pending one the record is in the way."""
    pending = tuple(revision.number for revision in revisions if revision.status in PENDING)
    return (
        Forget(pending, "for it is an install that nobody finishes; the next one takes over its objects")
        if pending
        else None
    )
