"""A Helm release's revisions, and what has to be mended before the next one.

Helm compares a new revision with the last deployed one: what a failed or killed revision has added to live objects stays
there unseen, and later upgrades wait for pods that can't start. Going back, by number, while the bad revision is the
last one, takes its additions away.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

GOOD = ("deployed", "superseded")
PENDING = ("pending-install", "pending-upgrade", "pending-rollback")
WENT_BACK = re.compile("Rollback to ([0-9]+)")  # how Helm describes a revision that `helm rollback` made
NEVER_GOOD = re.compile(
    r'(?:Release|Upgrade|Rollback) "[^"]*" failed: |(?:Initial install underway|Preparing upgrade)$'
)
A_WAY_BACK = re.compile(r'Rollback |Release "')  # however it ended; or a first install that failed


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
        """A bad revision is called superseded too, once going back from it has failed; its description stays."""
        return self.status in GOOD and not NEVER_GOOD.match(self.description)

    @property
    def went_back(self) -> bool:
        return self.good and WENT_BACK.fullmatch(self.description) is not None


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


@dataclass(frozen=True)
class CallFailed:
    """These revisions get the status that helm gives to what has failed, and that a killed helm could not give them."""

    numbers: tuple[int, ...]


def deployed(revisions: Sequence[Revision]) -> Revision | None:
    """The revision that the next one is compared with: the last that is good, and no other while one is deployed."""
    now = [revision for revision in revisions if revision.status == "deployed"]
    good = now or [revision for revision, sound in zip(revisions, _sound(revisions), strict=True) if sound]
    return good[-1] if good else None


def mend(revisions: Sequence[Revision]) -> GoBack | Forget | CallFailed | None:
    """The next thing to do before an upgrade, None if there is nothing. Asked again after each.

    revisions: oldest first. A bad revision is mended once the next one went back from it to the last good one. Whatever
    else succeeded is a new beginning: an upgrade, or going back further, which somebody has done by hand.
    """
    base = deployed(revisions)
    if base is None:
        return _first_install(revisions)
    sound, origins = _sound(revisions), _origins(revisions)
    begin = _beginning(sound, origins)
    open_ = [
        index
        for index, revision in enumerate(revisions)
        if index > begin
        and not sound[index]
        and not any(sound[index + 1 : index + 2])
        and not (revision.good and origins[index] == origins[begin])  # it has nothing that the good one has not
    ]
    if not open_:
        return None
    if not sound[-1]:
        return GoBack(base, revisions[-1], wait=len(open_) == 1)
    bad = revisions[open_[-1]]
    later = tuple(revision.number for revision in revisions[open_[-1] + 1 :])
    return Forget(later, f"so that revision {bad.number} ({bad.status}) is the last one, to go back from it too")


def _sound(revisions: Sequence[Revision]) -> list[bool]:
    """Which are good beyond doubt. A way back that died is called superseded once the next way back has failed, and
    then looks as if it had succeeded."""
    following = [*(revision.description for revision in revisions[1:]), ""]
    return [
        revision.good and not (revision.status == "superseded" and revision.went_back and _doubtful(after))
        for revision, after in zip(revisions, following, strict=False)
    ]


def _doubtful(after: str) -> bool:
    return not after or A_WAY_BACK.match(after) is not None


def _origins(revisions: Sequence[Revision]) -> list[int]:
    """The number of the revision that each has its content from: its own, or that of the one gone back to."""
    known: dict[int, int] = {}
    for revision in revisions:
        back = WENT_BACK.fullmatch(revision.description)
        source = int(back[1]) if back else revision.number
        known[revision.number] = known.get(source, source)
    return list(known.values())


def _beginning(sound: Sequence[bool], origins: Sequence[int]) -> int:
    """Where the last good revision stands whose content is not that of the good one before it; -1 if there is none."""
    begin = -1
    for index, good in enumerate(sound):
        if good and (begin < 0 or origins[index] != origins[begin]):
            begin = index
    return begin


def _first_install(revisions: Sequence[Revision]) -> CallFailed | None:
    """Nothing to go back to. Helm upgrades a failed install, and takes away what that has added; a pending one it
    refuses. Without its record it would take over the objects as they are, whatever was added to them."""
    pending = tuple(revision.number for revision in revisions if revision.status in PENDING)
    return CallFailed(pending) if pending else None


def target(revisions: Sequence[Revision], number: int | None) -> Revision | str:
    """The revision to roll back to, or why there is none. number: None for the good one before the present one."""
    if not revisions:
        return "there is no release to go back in"
    if number is None:
        earlier = [revision for revision in revisions[:-1] if revision.good]
        return earlier[-1] if earlier else "there is no earlier revision that was good"
    found = next((revision for revision in revisions if revision.number == number), None)
    if found is None:
        return f"helm has no revision {number}, only {revisions[0].number} to {revisions[-1].number}"
    if not found.good:
        return f"revision {number} is {found.status}, and nobody should go back to it: name one that was good"
    if found is revisions[-1]:
        return f"it is at revision {number} already"
    return found
