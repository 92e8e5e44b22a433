"""Archives come from real servers once, and are what they are called; whatever else comes is refused in one sentence."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.charts import address
from tasks.charts.repository import Repositories
from tasks.charts.together import together
from tasks.errors import Refused
from tasks.real import ShownFolder
from tests.rehearsal import ROOT
from tests.repositories import Repository, archive, index, row, seams, sha
from tests.strategies import examples

VERSIONS = ("2021.7.2", "2022.8.2", "2022.11.0", "2024.1.1")


@pytest.fixture
def repository() -> Iterator[Repository]:
    with Repository(*VERSIONS).running() as opened:
        yield opened


def wanted(repository: Repository, *versions: str) -> list[tuple[str, str, str]]:
    return [("daskhub", version, repository.address) for version in versions or VERSIONS]


def refused(repositories: Repositories, name: str, version: str, where: str) -> str:
    """One sentence."""
    with pytest.raises(Refused) as error:
        repositories.archive(name, version, where)
    said = str(error.value)
    assert "\n" not in said
    assert not re.search(r"[.!?] [A-Z]", said), said
    assert said.endswith(".")
    return said


def test_they_come_once_and_in_the_order_they_were_asked_for(repository: Repository, tmp_path: Path) -> None:
    asked = [*wanted(repository, "2022.8.2", "2021.7.2"), *wanted(repository, "2022.8.2")]
    repositories = Repositories(seams(tmp_path))
    found = repositories.archives(asked)
    assert list(found) == asked[:2]
    assert found[asked[0]] == repository.archives["2022.8.2"]
    repositories.archives(asked)
    repositories.versions("daskhub", repository.address)
    assert repository.asked == {"/index.yaml": 1, "/daskhub-2022.8.2.tgz": 1, "/daskhub-2021.7.2.tgz": 1}


def test_nothing_is_fetched_twice_where_nothing_can_be_kept(repository: Repository, tmp_path: Path) -> None:
    """As under --dry."""
    kept = seams(tmp_path)
    repositories = Repositories(replace(kept, folder=ShownFolder(kept.folder)))
    for _ in range(2):
        repositories.archives(wanted(repository))
    assert set(repository.asked.values()) == {1}
    assert not list(tmp_path.iterdir())


def test_one_repository_may_be_written_in_two_ways(repository: Repository, tmp_path: Path) -> None:
    """daskhub's Chart.yaml has a slash at the end of an address that others have without."""
    asked = [("daskhub", "2021.7.2", repository.address), ("daskhub", "2021.7.2", f"{repository.address}/")]
    found = Repositories(seams(tmp_path)).archives(asked)
    assert list(found) == asked
    assert set(repository.asked.values()) == {1}


def test_the_next_run_asks_for_the_index_only(repository: Repository, tmp_path: Path) -> None:
    first = Repositories(seams(tmp_path)).archives(wanted(repository))
    again = Repositories(seams(tmp_path)).archives(wanted(repository))
    assert again == first
    assert {path: count for path, count in repository.asked.items() if count != 1} == {"/index.yaml": 2}


def test_they_come_side_by_side(repository: Repository, tmp_path: Path) -> None:
    repository.gate = threading.Barrier(len(VERSIONS))  # nobody is answered before all have asked
    found = Repositories(seams(tmp_path)).archives(wanted(repository))
    assert [version for _, version, _ in found] == list(VERSIONS)


def test_two_threads_fetch_nothing_twice(repository: Repository, tmp_path: Path) -> None:
    repositories = Repositories(seams(tmp_path))
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(repositories.archives, [wanted(repository), wanted(repository)])
    assert one == other
    assert set(repository.asked.values()) == {1}


def test_indexes_of_several_repositories_come_together(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    with (
        Repository("1.2.0", name="jupyterhub").running() as one,
        Repository("2022.6.1", name="gateway").running() as two,
    ):
        repositories = Repositories(seams(tmp_path), progress=lambda *each: told.append(each))
        repositories.archives([("jupyterhub", "1.2.0", one.address), ("gateway", "2022.6.1", two.address)])
    assert [(done, of) for done, of, _ in told] == [(0, 2), (1, 2), (2, 2)] * 2
    assert told[0] == (0, 2, f"index of {one.address}")
    assert {what for *_, what in told[3:]} == {"jupyterhub-1.2.0.tgz", "gateway-2022.6.1.tgz"}


def test_progress_is_told_of_what_is_fetched_and_of_nothing_else(repository: Repository, tmp_path: Path) -> None:
    Repositories(seams(tmp_path)).archives(wanted(repository, "2021.7.2"))
    told: list[tuple[int, int, str]] = []
    repositories = Repositories(seams(tmp_path), progress=lambda *each: told.append(each))
    repositories.archives(wanted(repository, "2021.7.2", "2022.8.2"))
    assert told[2:] == [(0, 1, "daskhub-2022.8.2.tgz"), (1, 1, "daskhub-2022.8.2.tgz")]
    told.clear()
    repositories.archives(wanted(repository, "2021.7.2", "2022.8.2"))
    assert told == []


@pytest.mark.parametrize("spoilt", [b"", b"something else", None], ids=["empty", "replaced", "cut off"])
@pytest.mark.parametrize("digest", [True, False], ids=["with digest", "without digest"])
def test_a_cached_archive_that_was_touched_is_fetched_anew(
    repository: Repository, tmp_path: Path, spoilt: bytes | None, digest: bool
) -> None:
    content = repository.archives["2021.7.2"]
    if not digest:
        repository.answers["/index.yaml"] = index({**row("daskhub", "2021.7.2", content), "digest": ""})
    Repositories(seams(tmp_path)).archives(wanted(repository, "2021.7.2"))
    (kept,) = (tmp_path / ".cache" / "charts").iterdir()
    kept.write_bytes(content[:-7] if spoilt is None else spoilt)
    assert Repositories(seams(tmp_path)).archive(*wanted(repository, "2021.7.2")[0]) == content
    assert repository.asked["/daskhub-2021.7.2.tgz"] == 2
    assert kept.read_bytes() == content
    Repositories(seams(tmp_path)).archives(wanted(repository, "2021.7.2"))
    assert repository.asked["/daskhub-2021.7.2.tgz"] == 2


def test_what_the_index_means_now_counts_and_not_what_it_meant_earlier(repository: Repository, tmp_path: Path) -> None:
    Repositories(seams(tmp_path)).archives(wanted(repository, "2021.7.2"))
    later = archive("daskhub", "2021.7.2", description="packaged again")
    repository.answers |= {
        "/index.yaml": index(row("daskhub", "2021.7.2", later)),
        "/daskhub-2021.7.2.tgz": later,
    }
    assert Repositories(seams(tmp_path)).archive(*wanted(repository, "2021.7.2")[0]) == later


def test_two_repositories_may_differ_in_what_they_call_the_same(tmp_path: Path) -> None:
    """Where no index tells them apart."""
    contents = [archive("daskhub", "1.0.0", description=each) for each in ("one", "other")]
    for _ in range(2):
        for content in contents:
            with Repository().running() as repository:
                repository.answers = {
                    "/index.yaml": index({**row("daskhub", "1.0.0", content), "digest": ""}),
                    "/daskhub-1.0.0.tgz": content,
                }
                assert Repositories(seams(tmp_path)).archive("daskhub", "1.0.0", repository.address) == content


def test_a_wrong_digest_is_refused_and_nothing_is_kept(repository: Repository, tmp_path: Path) -> None:
    other = archive("daskhub", "2021.7.2", description="not this")
    repository.answers["/daskhub-2021.7.2.tgz"] = other
    said = refused(Repositories(seams(tmp_path)), "daskhub", "2021.7.2", repository.address)
    for part in (
        "daskhub-2021.7.2.tgz",
        repository.address,
        sha(other)[:12],
        sha(repository.archives["2021.7.2"])[:12],
    ):
        assert part in said
    assert not list(tmp_path.rglob("*.tgz"))


@pytest.mark.parametrize("digest", [True, False], ids=["with digest", "without digest"])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (archive("daskhub", "2021.7.3"), "is daskhub 2021.7.3 inside"),
        (archive("dask", "2021.7.2"), "is dask 2021.7.2 inside"),
        (b"<html>Please log in</html>", "is no chart's archive"),
        (archive("daskhub", "2021.7.2")[:150], "is no chart's archive, or was cut off"),
    ],
)
def test_what_is_inside_counts(tmp_path: Path, content: bytes, says: str, digest: bool) -> None:
    with Repository("2021.7.2").running() as repository:
        named = row("daskhub", "2021.7.2", content)
        repository.answers |= {
            "/index.yaml": index(named if digest else {**named, "digest": ""}),
            "/daskhub-2021.7.2.tgz": content,
        }
        assert says in refused(Repositories(seams(tmp_path)), "daskhub", "2021.7.2", repository.address)
    assert not list(tmp_path.rglob("*.tgz"))


def test_one_that_fails_leaves_the_others_in_the_cache(repository: Repository, tmp_path: Path) -> None:
    repository.answers["/daskhub-2024.1.1.tgz"] = 500
    repositories = Repositories(seams(tmp_path))
    with pytest.raises(Refused, match=r"daskhub-2024\.1\.1\.tgz fails, start again later \(HTTP 500\)"):
        repositories.archives(wanted(repository, "2024.1.1"))
    repositories.archives(wanted(repository, "2021.7.2"))
    assert len(list(tmp_path.rglob("*.tgz"))) == 1


def test_an_unknown_version_names_its_neighbours(tmp_path: Path) -> None:
    versions = ("2022.4.0", "2022.4.1", "2022.5.0", "2022.6.0", "2022.8.0", "2022.8.1", "2022.8.2")
    with Repository(*versions).running() as repository:
        where, repositories = repository.address, Repositories(seams(tmp_path))
        said = f"There is no daskhub 2022.6.1 in {where}: near it are 2022.6.0 and 2022.8.0."
        assert refused(repositories, "daskhub", "2022.6.1", where) == said
        assert refused(repositories, "daskhub", "2030.1.0", where).endswith(": nearest to it is 2022.8.2.")
        assert refused(repositories, "daskhub", "2020.1.0", where).endswith(": nearest to it is 2022.4.0.")
        assert refused(repositories, "daskhub", "newest", where).endswith("2022.8.0, 2022.8.1 and 1 more.")
        assert "There is no chart dask in" in refused(repositories, "dask", "2022.6.1", where)
        assert "(it has daskhub)" in refused(repositories, "dask", "2022.6.1", where)


def test_a_repository_that_does_not_answer(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and nobody listens
        where = f"http://127.0.0.1:{held.getsockname()[1]}"
        said = refused(Repositories(seams(tmp_path)), "daskhub", "2021.7.2", where)
    assert said.startswith(f"{where}/index.yaml doesn't answer (")
    assert "network" in said
    assert "Chart.yaml" in said
    assert "--mirror" in said


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (404, "/index.yaml is not there (HTTP 404)"),
        (401, "/index.yaml wants a login (HTTP 401)"),
        (500, "/index.yaml fails, start again later (HTTP 500)"),
        (304, "/index.yaml is no file (HTTP 304)"),
        (b"<!DOCTYPE html><html><body>Moved: see elsewhere</body></html>", "has for an index.yaml is none"),
        (b"", "has for an index.yaml is none"),
        (b"entries: [a, b]", "has for an index.yaml is none"),
        (b"entries: {a: [\xff\xfe", "has for an index.yaml is none"),
        (b"[" * 5000, "has for an index.yaml is none"),
        (b"entries: {}", "(it is empty)"),
        (b"entries:", "(it is empty)"),
        (b"entries: {daskhub: 3, 4: [], dask: [7, {}]}", "(it is empty)"),
        (index({"name": "daskhub", "version": "2021.7.2"}), "doesn't say where daskhub-2021.7.2.tgz lies"),
        (index(row("daskhub", "2021.7.2", b"", "file:///etc/passwd")), "sends to file:///etc/passwd, which is no web"),
    ],
)
def test_other_answers_than_an_index(tmp_path: Path, answer: bytes | int, says: str) -> None:
    with Repository().running() as repository:
        repository.answers["/index.yaml"] = answer
        said = refused(Repositories(seams(tmp_path)), "daskhub", "2021.7.2", repository.address)
    assert says in said
    assert repository.address in said


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("oci://registry.example.org/charts", "oci://registry.example.org/charts is an OCI registry"),
        ("file://../daskhub", "is no chart repository's address"),
        ("", "What is named is no chart repository's address"),
        ("@private", "@private is no chart repository's address"),
        ("https://user:pa#ss@example.org", "What is named is no chart repository's address"),
        ("https://[example.org", "What is named is no chart repository's address"),
    ],
)
def test_addresses_that_are_none(tmp_path: Path, where: str, says: str) -> None:
    said = refused(Repositories(seams(tmp_path)), "daskhub", "2021.7.2", where)
    assert says in said
    assert "--mirror" in said


@pytest.mark.parametrize("url", ["{there}/deep/a b.tgz", "deep/a%20b.tgz", "./deep/a%20b.tgz", "/up/deep/a%20b.tgz"])
@pytest.mark.parametrize("end", ["", "/"])
def test_urls_are_resolved_as_helm_does(tmp_path: Path, url: str, end: str) -> None:
    content = archive("daskhub", "1.0.0")
    with Repository().running() as repository:
        where = f"{repository.address}/up"
        listed = index(row("daskhub", "1.0.0", content, url.format(there=where)))
        repository.answers = {"/up/index.yaml": listed, "/up/deep/a%20b.tgz": content}
        assert Repositories(seams(tmp_path)).archive("daskhub", "1.0.0", f"{where}{end}") == content


def test_it_may_be_redirected(repository: Repository, tmp_path: Path) -> None:
    with Repository().running() as other:
        other.answers = {
            "/index.yaml": (301, f"{repository.address}/index.yaml"),
            "/daskhub-2021.7.2.tgz": (302, f"{repository.address}/daskhub-2021.7.2.tgz"),
        }
        found = Repositories(seams(tmp_path)).archive("daskhub", "2021.7.2", other.address)
    assert found == repository.archives["2021.7.2"]


def test_a_login_goes_to_its_own_host_only_and_is_never_shown(repository: Repository, tmp_path: Path) -> None:
    with Repository().running() as elsewhere:
        content = repository.archives["2021.7.2"]
        away = row("daskhub", "2022.8.2", content, f"{elsewhere.address}/away.tgz?key=tellnobody")
        repository.answers["/index.yaml?token=alsosecret"] = index(row("daskhub", "2021.7.2", content), away)
        repository.answers["/daskhub-2021.7.2.tgz?token=alsosecret"] = content
        where = repository.address.replace("//", "//me:s%40cret@") + "?token=alsosecret"
        told: list[str] = []
        repositories = Repositories(seams(tmp_path), progress=lambda *each: told.append(str(each)))
        repositories.archive("daskhub", "2021.7.2", where)
        assert repository.headers["/index.yaml?token=alsosecret"]["Authorization"] == "Basic bWU6c0BjcmV0"
        assert repository.headers["/daskhub-2021.7.2.tgz?token=alsosecret"]["Authorization"] == "Basic bWU6c0BjcmV0"
        said = refused(repositories, "daskhub", "2022.8.2", where) + refused(repositories, "daskhub", "9", where)
        assert "Authorization" not in elsewhere.headers["/away.tgz?key=tellnobody"]
    del repository.answers["/index.yaml?token=alsosecret"]
    said += refused(Repositories(seams(tmp_path)), "daskhub", "2021.7.2", where)
    kept = "".join(str(path) for path in tmp_path.rglob("*"))
    assert "127.0.0.1" in said
    for secret in ("s%40cret", "s@cret", "alsosecret", "tellnobody", "me:"):
        assert secret not in said + kept + "".join(told)


@examples(200)
@given(
    st.text(st.sampled_from("abc19.-"), min_size=1, max_size=9), st.text(min_size=1, max_size=9), st.text(max_size=5)
)
def test_no_message_has_a_login(host: str, password: str, path: str) -> None:
    where = f"https://someone:HUSH{password}HUSH@{host}/{path}"
    shown = address.shown(where)
    if "/" not in password and "#" not in password and "?" not in password and "\\" not in password:
        assert "HUSH" not in shown
        assert "someone" not in shown


def test_the_first_failure_ends_it_all() -> None:
    begun: list[int] = []

    def job(number: int) -> int:
        begun.append(number)
        if number == 1:
            raise Refused("no")
        return number

    with pytest.raises(Refused, match="no"):
        list(together([lambda number=number: job(number) for number in range(5)], at_once=1))  # type: ignore[misc]
    assert sorted(together([lambda: 1, lambda: 2, lambda: 3])) == [(0, 1), (1, 2), (2, 3)]
    assert list(together([])) == []


INTERRUPTED = """
import os, signal, threading
from tasks.charts.together import together
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    list(together([threading.Event().wait]))
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_waits_for_nobody() -> None:
    """The job never ends."""
    begun = time.monotonic()
    ran = subprocess.run([sys.executable, "-c", INTERRUPTED], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "interrupted\n", "")
    assert time.monotonic() - begun < 30
