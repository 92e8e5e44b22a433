"""The copy of hub-db is whole or not there: while the hub writes, with no room, of a damaged file, killed at any line."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from tasks.parts import cache
from tasks.tools import sqlite_copy as subject

SCRIPT = Path(subject.__file__).read_text()
ROWS = 500  # of each transaction: half of them is never to be seen
WRITING = f"""
import itertools, sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=60)
for turn in itertools.count(1):
    with database:
        database.executemany("INSERT INTO rows VALUES (?, ?)", [(turn, "x" * 200)] * {ROWS})
        database.execute("DELETE FROM rows WHERE turn < ?", [turn - 20])
    print(turn, flush=True)
"""
HALF = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("PRAGMA cache_size = 5")  # so that most of it is in the file before it is committed
database.executemany("INSERT INTO rows VALUES (?, ?)", [(2, "x" * 1000)] * 2000)
os.kill(os.getpid(), 9)
"""
DYING = """
import os, sys
code = compile(open(sys.argv.pop(1)).read(), "copy", "exec")
last = int(sys.argv.pop(1))
lines = 0

def dies(frame, event, _):
    global lines
    if frame.f_code.co_filename != "copy":
        return None
    lines += event == "line"
    if lines == last:
        os.kill(os.getpid(), 9)
    return dies

sys.settrace(dies)
exec(code, {"__name__": "__main__"})
"""


def copied(source: Path, target: Path, umask: int = 0o022) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-I", "-c", SCRIPT, str(source), str(target)]
    return subprocess.run(words, capture_output=True, text=True, umask=umask)


def database(file: Path, turns: int = 1, mode: str = "DELETE") -> Path:
    with closing(sqlite3.connect(file)) as made, made:
        made.execute(f"PRAGMA journal_mode = {mode}")
        made.execute("CREATE TABLE rows (turn, text)")
        made.executemany("INSERT INTO rows VALUES (?, ?)", [(turn, "x") for turn in range(turns) for _ in range(ROWS)])
    return file


def turns(file: Path) -> list[tuple[int, int]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return opened.execute("SELECT turn, count(*) FROM rows GROUP BY turn ORDER BY turn").fetchall()


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@pytest.fixture
def writing() -> Iterator[Callable[[Path], None]]:
    started = []

    def write(file: Path) -> None:
        started.append(subprocess.Popen([sys.executable, "-c", WRITING, str(file)], stdout=subprocess.PIPE))
        assert started[-1].stdout
        assert started[-1].stdout.readline()

    yield write
    for process in started:
        assert process.poll() is None, "it has written to the end"
        process.kill()
        process.communicate()


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_while_another_process_writes(tmp_path: Path, writing: Callable[[Path], None], mode: str) -> None:
    source = database(tmp_path / "hub", mode=mode)
    writing(source)
    seen = set()
    for number in range(8):
        target = tmp_path / f"copy{number}"
        ran = copied(source, target)
        assert ran.returncode == 0, ran.stderr
        found = turns(target)
        assert {rows for _, rows in found} == {ROWS}
        seen.add(found[-1])
    assert len(seen) > 1, "nothing was written meanwhile"


def test_says_what_it_has_done(tmp_path: Path) -> None:
    source, target = database(tmp_path / "hub"), tmp_path / "copy"
    said = json.loads(copied(source, target).stdout)
    assert said == {"source": str(source), "target": str(target), "bytes": source.stat().st_size}


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    copied(database(tmp_path / "hub"), tmp_path / "copy", umask=0)
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600


def test_nothing_is_begun_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = database(tmp_path / "hub")
    room = SimpleNamespace(f_bavail=source.stat().st_size + subject.MARGIN - 1, f_frsize=1)
    monkeypatch.setattr(os, "statvfs", lambda _: room)
    with pytest.raises(SystemExit, match=r"^no room: \d+ bytes are needed in "):
        subject.copy(str(source), str(tmp_path / "copy"))
    assert names(tmp_path) == ["hub"]
    room.f_bavail += 1
    subject.copy(str(source), str(tmp_path / "copy"))
    assert names(tmp_path) == ["copy", "hub"]


def test_a_pattern_means_the_newest_revision(tmp_path: Path) -> None:
    """By number, and of that version alone."""
    for number, version in ((2, "1.1.1"), (10, "1.1.1"), (9, "1.1.1"), (11, "2.0.0"), (12, "1.1.1.new")):
        database(tmp_path / f"hub.sqlite.r{number}-{version}", number)
    ran = copied(tmp_path / "hub.sqlite.r*-1.1.1", tmp_path / "hub.sqlite")
    assert json.loads(ran.stdout)["source"].endswith(".r10-1.1.1")
    assert len(turns(tmp_path / "hub.sqlite")) == 10


def test_what_is_kept_is_kept(tmp_path: Path) -> None:
    """The only copy of a database in whose place another has come since."""
    source, target = database(tmp_path / "hub", 2), tmp_path / "kept"
    words = [sys.executable, "-I", "-c", SCRIPT, str(source), str(target), "keep"]
    subprocess.run(words, check=True)
    source.unlink()
    database(source, 5)
    subprocess.run(words, check=True)
    assert len(turns(target)) == 2


def test_without_a_source(tmp_path: Path) -> None:
    ran = copied(tmp_path / "hub.sqlite.r*-1.1.1", tmp_path / "hub.sqlite")
    assert (ran.returncode, ran.stderr) == (1, f"there is no {tmp_path}/hub.sqlite.r*-1.1.1\n")
    assert names(tmp_path) == []


@pytest.mark.parametrize("begin", [0, 20000, 4096 * 40])
def test_a_damaged_source(tmp_path: Path, begin: int) -> None:
    """At its head it is no database; further on the copy's own check finds it. What was there stays."""
    source, target = database(tmp_path / "hub", 100), database(tmp_path / "copy", 3)
    content = bytearray(source.read_bytes())
    content[begin : begin + 8000] = b"\x5a" * 8000
    source.write_bytes(content)
    ran = copied(source, target)
    assert ran.returncode == 1
    assert ran.stderr.startswith((f"{source} can't be copied: ", f"the copy of {source} is damaged"))
    assert ran.stderr.count("\n") == 1
    assert len(turns(target)) == 3
    assert names(tmp_path) == ["copy", "hub"]


def test_what_a_killed_hub_has_half_written_is_undone(tmp_path: Path) -> None:
    source = database(tmp_path / "hub")
    subprocess.run([sys.executable, "-c", HALF, str(source)])
    assert names(tmp_path) == ["hub", "hub-journal"]
    ran = copied(source, tmp_path / "copy")
    assert ran.returncode == 0, ran.stderr
    assert turns(tmp_path / "copy") == [(0, ROWS)]


def test_what_a_killed_hub_has_half_written_is_not_mixed_into_what_takes_its_place(tmp_path: Path) -> None:
    target = database(tmp_path / "hub")
    subprocess.run([sys.executable, "-c", HALF, str(target)])
    for rest in ("-wal", "-shm"):
        (tmp_path / f"hub{rest}").write_bytes(b"of another")
    copied(database(tmp_path / "kept", 3), target)
    assert names(tmp_path) == ["hub", "kept"]
    assert turns(target) == [(turn, ROWS) for turn in range(3)]


def test_killed_at_any_line(tmp_path: Path) -> None:
    """The target is what it was, or the copy. The next run does it all, and leaves nothing of the killed one."""
    script = tmp_path / "script"
    script.write_text(SCRIPT)
    source, target = database(tmp_path / "hub", 2), tmp_path / "copy"
    line, seen = 0, set()
    while True:
        line += 1
        target.unlink(missing_ok=True)
        database(target, 5)
        words = [sys.executable, "-I", "-c", DYING, str(script), str(line), str(source), str(target)]
        ran = subprocess.run(words, capture_output=True, text=True)
        if ran.returncode == 0:
            break
        assert ran.returncode == -signal.SIGKILL, ran.stderr
        seen.add(len(turns(target)))
        if target.with_name("copy.new").exists():
            assert target.with_name("copy.new").stat().st_mode & 0o777 == 0o600
            assert copied(source, target).returncode == 0
            assert len(turns(target)) == 2
            assert names(tmp_path) == ["copy", "hub", "script"]
    assert line > 30
    assert seen == {5, 2}


def test_the_database_of_a_real_hub(tmp_path: Path, parts: Callable[..., None]) -> None:
    """JupyterHub's own program takes the copy for its database."""
    parts("jupyterhub")
    source, target = tmp_path / "hub.sqlite", tmp_path / "hub.sqlite.r1-1.1.1"
    make = "import sys; from jupyterhub import orm; orm.new_session_factory(sys.argv[1])"
    subprocess.run([cache.python("jupyterhub"), "-c", make, f"sqlite:///{source}"], check=True)
    assert copied(source, target).returncode == 0
    assert content(target) == content(source)
    words = [str(cache.program("jupyterhub")), "upgrade-db", f"--db=sqlite:///{target}"]
    ran = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert content(target) == content(source)


def content(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as opened:
        dumped = list(opened.iterdump())
    assert any("CREATE TABLE api_tokens" in line for line in dumped)
    return dumped
