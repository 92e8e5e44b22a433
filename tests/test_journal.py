"""What runs leave behind for the next one: the journal, and the files on disk that it lies in."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tasks.errors import Refused
from tasks.folder import DiskFolder
from tasks.journal import PATH, Journal
from tasks.practice.behind import practice_seams
from tasks.practice.cluster import practice_world
from tasks.practice.door import Accident, Door, PowerCut
from tests.rehearsal import CONFIG, die


@pytest.fixture(params=[0o022, 0o000, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def journal(folder: Path, *accidents: Accident, cluster: str = "hub") -> Journal:
    """As a new process opens it."""
    door = Door(practice_world(yaml.safe_load(CONFIG.read_text())), accidents, die=die)
    return Journal(practice_seams(door, folder, 1), cluster)


def steps(journal: Journal) -> list[str]:
    return [entry["step"] for entry in journal.entries()]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# The journal


def test_entries_come_back_in_order_with_what_belongs_to_them(tmp_path: Path) -> None:
    for step in ("nodes-1.20", "nodes-1.22"):
        journal(tmp_path).write("step", step=step)
    assert journal(tmp_path).entries() == [
        {"at": 1767603600, "cluster": "hub", "event": "step", "step": step} for step in ("nodes-1.20", "nodes-1.22")
    ]


def test_a_line_torn_by_a_power_cut_is_left_out_and_spoils_no_following_one(tmp_path: Path) -> None:
    journal(tmp_path).write("step", step="first")
    with pytest.raises(PowerCut):
        journal(tmp_path, Accident("die-during", 1)).write("step", step="torn")
    assert not (tmp_path / PATH).read_bytes().endswith(b"\n")
    assert steps(journal(tmp_path)) == ["first"]
    journal(tmp_path).write("step", step="second")
    assert steps(journal(tmp_path)) == ["first", "second"]


@pytest.mark.parametrize("torn", [b'{"at": 1, "clus', b"\xe2\x82", b"7", b"[]", b'"hub"', b"null", b"\x00" * 40])
def test_a_journal_that_ends_in_anything_can_be_read_and_goes_on(tmp_path: Path, torn: bytes) -> None:
    journal(tmp_path).write("step", step="first")
    with (tmp_path / PATH).open("ab") as file:
        file.write(torn)
    journal(tmp_path).write("step", step="second")
    assert steps(journal(tmp_path)) == ["first", "second"]


def test_where_there_is_no_journal_nothing_has_happened(tmp_path: Path) -> None:
    assert (journal(tmp_path).entries(), journal(tmp_path).survivors(), journal(tmp_path).fences()) == ([], [], {})


def test_survivors_are_the_children_whose_end_nobody_has_written_down(tmp_path: Path) -> None:
    mine = journal(tmp_path)
    for number in (1, 2, 3):
        mine.write("child", pid=number, start=f"start {number}", command=f"eksctl {number}")
    mine.write("child-ended", pid=2)
    mine.write("child", pid=1, start="later", command="kubectl 1")  # the number was given out again
    assert mine.survivors() == [(1, "later", "kubectl 1"), (3, "start 3", "eksctl 3")]
    mine.write("child-ended", pid=1)
    mine.write("child-ended", pid=3)
    assert mine.survivors() == []


def test_of_a_fence_the_first_maximum_counts_until_it_is_lifted(tmp_path: Path) -> None:
    mine = journal(tmp_path)
    for group, maximum in (("user-a", 20), ("user-a", 2), ("user-b", 5)):
        mine.write("fence", group=group, scaling_group=f"asg-{group}", maximum=maximum)
    fences = {group: (fence["scaling_group"], fence["maximum"]) for group, fence in mine.fences().items()}
    assert fences == {"user-a": ("asg-user-a", 20), "user-b": ("asg-user-b", 5)}
    mine.write("fence-lifted", group="user-a")
    assert list(mine.fences()) == ["user-b"]
    mine.write("fence", group="user-a", scaling_group="asg-user-a", maximum=9)
    assert mine.fences()["user-a"]["maximum"] == 9


def test_another_clusters_entries_in_the_same_folder_are_nobodys_here(tmp_path: Path) -> None:
    mine, other = journal(tmp_path), journal(tmp_path, cluster="other")
    other.write("child", pid=1, start="", command="eksctl")
    other.write("fence", group="user-a", scaling_group="asg", maximum=20)
    mine.write("step", step="mine")
    assert (mine.survivors(), mine.fences(), steps(mine)) == ([], {}, ["mine"])
    assert (len(other.survivors()), list(other.fences()), len(other.entries())) == (1, ["user-a"], 2)
    mine.write("child-ended", pid=1)
    mine.write("fence-lifted", group="user-a")
    assert (len(other.survivors()), list(other.fences())) == (1, ["user-a"])


# The folder


@pytest.mark.usefixtures("umask")
def test_what_runs_leave_behind_is_private_whatever_the_umask(tmp_path: Path) -> None:
    folder = DiskFolder(tmp_path)
    folder.append(".runs/journal.jsonl", b"line\n")
    folder.write(".runs/lease.json", b"{}")
    assert mode(tmp_path / ".runs") == 0o700
    for name in ("journal.jsonl", "lease.json"):
        assert mode(tmp_path / ".runs" / name) == 0o600, name


def test_what_a_power_cut_left_half_written_does_not_lend_its_mode_to_the_next_write(tmp_path: Path) -> None:
    folder = DiskFolder(tmp_path)
    folder.write(".runs/lease.json", b"{}")
    folder.tear(".runs/lease.json", b"{}")  # aside, readable for everybody
    folder.write(".runs/lease.json", b"{}")
    assert mode(tmp_path / ".runs" / "lease.json") == 0o600


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("before", [0o644, 0o600, 0o640, 0o664], ids=oct)
def test_an_edited_file_keeps_its_mode(tmp_path: Path, before: int) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_bytes(b"old")
    file.chmod(before)
    DiskFolder(tmp_path).write("cluster.yaml", b"new")
    assert (file.read_bytes(), oct(mode(file))) == (b"new", oct(before))


def test_a_power_cut_in_a_write_leaves_the_old_content_and_the_next_write_is_whole(tmp_path: Path) -> None:
    folder = DiskFolder(tmp_path)
    folder.write("cluster.yaml", b"old")
    folder.tear("cluster.yaml", b"new content")
    assert folder.read("cluster.yaml") == b"old"
    folder.write("cluster.yaml", b"new")
    assert folder.read("cluster.yaml") == b"new"
    assert [file.name for file in tmp_path.iterdir()] == ["cluster.yaml"]


@pytest.mark.parametrize("path", ["/etc/passwd", "../out.yaml", "infra/../../out.yaml", ".."])
def test_a_path_that_leads_out_of_the_folder_is_refused_and_nothing_is_touched(tmp_path: Path, path: str) -> None:
    folder = DiskFolder(tmp_path / "inside")
    (tmp_path / "out.yaml").write_bytes(b"mine")
    for use in (
        folder.read,
        folder.path,
        lambda path: folder.write(path, b"x"),
        lambda path: folder.append(path, b"x"),
    ):
        with pytest.raises(Refused, match="is not a path inside inside/"):
            use(path)
    assert (tmp_path / "out.yaml").read_bytes() == b"mine"


def test_a_file_that_is_not_there_reads_as_none(tmp_path: Path) -> None:
    assert DiskFolder(tmp_path).read("cluster.yaml") is None
