"""Edits of several files: whatever kills the run that makes them, all are there or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.charts.edits import JOURNAL, Edit, carry_out, refuse_half_done, settle
from tasks.errors import Refused
from tasks.folder import DiskFolder

EDITS = (
    Edit("chart/Chart.yaml", b"version: 1\n", b"version: 2\n"),
    Edit("chart/Chart.lock", b"one\r\n", b"two\r\n"),
    Edit("config/common.yaml", b"\xef\xbb\xbfa: '{B}'\n", b"\xef\xbb\xbfa: '{{B}}'\n"),
    Edit("daskhub/Chart.yaml", None, b"name: daskhub\n"),
    Edit("old/Chart.yaml", b"name: old\n", None),
)


class Killed(BaseException):
    pass


class Dying(DiskFolder):
    """Dies before or after its n-th change."""

    def dies(self, at: int, after: bool) -> Dying:
        object.__setattr__(self, "left", at)
        object.__setattr__(self, "after", after)
        return self

    left: int
    after: bool

    def write(self, path: str, content: bytes) -> None:
        self.change(lambda: DiskFolder.write(self, path, content))

    def remove(self, path: str) -> None:
        self.change(lambda: DiskFolder.remove(self, path))

    def change(self, does: object) -> None:
        object.__setattr__(self, "left", self.left - 1)
        if self.left == 0 and not self.after:
            raise Killed
        does()  # type: ignore[operator]
        if self.left == 0:
            raise Killed


def prepared(root: Path) -> DiskFolder:
    folder = DiskFolder(root)
    for edit in EDITS:
        if edit.before is not None:
            folder.write(edit.file, edit.before)
    return folder


def state(folder: DiskFolder) -> str:
    """before, after, or mixed."""
    now = [folder.read(edit.file) for edit in EDITS]
    for name in ("before", "after"):
        if now == [getattr(edit, name) for edit in EDITS]:
            return name
    return "mixed"


CHANGES = len(EDITS) + 2  # and the journal, written and removed


def test_all_files_are_changed_and_nothing_is_left_over(tmp_path: Path) -> None:
    folder = prepared(tmp_path)
    carry_out(folder, EDITS)
    assert (state(folder), folder.read(JOURNAL), settle(folder)) == ("after", None, [])


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, CHANGES + 1))
def test_killed_at_any_change_the_next_start_finds_all_or_none(tmp_path: Path, at: int, after: bool) -> None:
    folder = prepared(tmp_path)
    with pytest.raises(Killed):
        carry_out(Dying(tmp_path).dies(at, after), EDITS)
    everything = at == CHANGES or (at == CHANGES - 1 and after)
    assert state(folder) == ("after" if everything else "before" if at == 1 or (at, after) == (2, False) else "mixed")
    if folder.read(JOURNAL):
        with pytest.raises(Refused, match="was killed while it wrote its edits"):
            refuse_half_done(folder)
    put_back = settle(folder)
    assert state(folder) == ("after" if everything else "before")
    assert bool(put_back) == (not everything and not (at == 1 or (at, after) == (2, False)))
    assert folder.read(JOURNAL) is None
    refuse_half_done(folder)


@pytest.mark.parametrize("at", range(1, len(EDITS)))
def test_killed_while_it_puts_back_it_still_does(tmp_path: Path, at: int) -> None:
    folder = prepared(tmp_path)
    with pytest.raises(Killed):
        carry_out(Dying(tmp_path).dies(len(EDITS), True), EDITS)
    with pytest.raises(Killed):
        settle(Dying(tmp_path).dies(at, True))
    settle(folder)
    assert (state(folder), folder.read(JOURNAL)) == ("before", None)


def test_what_somebody_has_changed_since_is_left_alone(tmp_path: Path) -> None:
    folder = prepared(tmp_path)
    with pytest.raises(Killed):
        carry_out(Dying(tmp_path).dies(3, True), EDITS)
    folder.write("chart/Chart.lock", b"mine\n")
    with pytest.raises(Refused, match=r"chart/Chart.lock was changed since"):
        settle(folder)
    assert folder.read("chart/Chart.lock") == b"mine\n"


def test_a_file_that_changed_while_the_edits_were_worked_out_stops_them(tmp_path: Path) -> None:
    folder = prepared(tmp_path)
    folder.write("config/common.yaml", b"mine\n")
    with pytest.raises(Refused, match=r"config/common.yaml was changed meanwhile"):
        carry_out(folder, EDITS)
    assert folder.read("chart/Chart.yaml") == EDITS[0].before
