"""A folder of archives stands in for every repository, however it was made, and nothing goes over a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.charts.repository import Repositories
from tasks.errors import Refused
from tasks.seams import nobody
from tests.repositories import archive, index, packed, row, seams, sha

REPOSITORY = "https://helm.dask.org"
VERSIONS = ("2021.7.2", "2022.8.2", "2023.1.0")
Opened = Callable[..., Repositories]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "mirror"
    made.mkdir()
    return made


@pytest.fixture
def opened(folder: Path, tmp_path: Path) -> Opened:
    """Without a web."""
    return lambda warnings=None, mirror=folder: Repositories(
        seams(tmp_path, web=nobody), mirror, warn=(warnings if warnings is not None else []).append
    )


def put(folder: Path, *versions: str, name: str = "daskhub") -> dict[str, bytes]:
    folder.mkdir(exist_ok=True)
    archives = {version: archive(name, version) for version in versions}
    for version, content in archives.items():
        (folder / f"{name}-{version}.tgz").write_bytes(content)
    return archives


def offered(repositories: Repositories, name: str = "daskhub", repository: str = REPOSITORY) -> list[str]:
    return [entry.version for entry in repositories.versions(name, repository)]


def refused(repositories: Repositories, name: str, version: str) -> str:
    with pytest.raises(Refused) as error:
        repositories.archive(name, version, REPOSITORY)
    return str(error.value)


def test_archives_alone(folder: Path, opened: Opened, tmp_path: Path) -> None:
    archives = put(folder, *VERSIONS)
    put(folder, "1.1.1", name="jupyterhub")
    (folder / "README.txt").write_text("how this came about")
    warnings: list[str] = []
    repositories = opened(warnings)
    assert offered(repositories) == [*reversed(VERSIONS)]
    assert repositories.archive("daskhub", "2022.8.2", REPOSITORY) == archives["2022.8.2"]
    assert repositories.entry("daskhub", "2022.8.2", REPOSITORY).digest == sha(archives["2022.8.2"])
    assert warnings == []
    assert not (tmp_path / ".cache").exists()


def test_it_stands_in_for_every_repository(folder: Path, opened: Opened) -> None:
    put(folder, *VERSIONS)
    put(folder, "1.1.1", name="jupyterhub")
    for address in ("https://elsewhere.example.org", "oci://registry.example.org/charts", "@private", ""):
        assert offered(opened(), "jupyterhub", address) == ["1.1.1"]


def test_an_index_with_addresses_of_elsewhere(folder: Path, opened: Opened) -> None:
    archives = put(folder, *VERSIONS)
    rows = [row("daskhub", each, archives[each], f"{REPOSITORY}/daskhub-{each}.tgz?x=1") for each in VERSIONS]
    rows.append(row("daskhub", "2024.1.1", b"", f"{REPOSITORY}/daskhub-2024.1.1.tgz"))
    rows[0]["kubeVersion"] = ">=1.20"
    (folder / "index.yaml").write_bytes(index(*rows))
    repositories = opened()
    assert offered(repositories) == [*reversed(VERSIONS)]  # what is not there is not offered
    assert repositories.entry("daskhub", "2021.7.2", REPOSITORY).kubernetes == ">=1.20"
    assert repositories.archive("daskhub", "2023.1.0", REPOSITORY) == archives["2023.1.0"]


def test_an_archive_that_the_index_does_not_name_is_there_too(folder: Path, opened: Opened) -> None:
    archives = put(folder, *VERSIONS)
    (folder / "index.yaml").write_bytes(index(row("daskhub", "2021.7.2", archives["2021.7.2"])))
    assert offered(opened()) == [*reversed(VERSIONS)]


def test_one_subfolder_a_repository(folder: Path, opened: Opened) -> None:
    """Each with its index, and the archives of one lie further up."""
    daskhubs, gateways = put(folder / "dask", *VERSIONS), put(folder, "2022.6.1", name="dask-gateway")
    rows = (row("daskhub", each, daskhubs[each]) for each in VERSIONS)
    (folder / "dask" / "index.yaml").write_bytes(
        index(*rows, row("dask-gateway", "2022.6.1", gateways["2022.6.1"], f"{REPOSITORY}/dask-gateway-2022.6.1.tgz"))
    )
    put(folder / "jupyterhub", "1.1.1", name="jupyterhub")
    put(folder / "dask" / "too-deep", "9.0.0")
    repositories = opened()
    assert offered(repositories) == [*reversed(VERSIONS)]
    assert offered(repositories, "dask-gateway") == ["2022.6.1"]
    assert offered(repositories, "jupyterhub") == ["1.1.1"]
    assert repositories.archive("dask-gateway", "2022.6.1", REPOSITORY) == gateways["2022.6.1"]


def test_the_archive_beside_its_index_counts(folder: Path, opened: Opened) -> None:
    (own,) = put(folder / "the-first", "2021.7.2").values()
    (folder / "daskhub-2021.7.2.tgz").write_bytes(archive("daskhub", "2021.7.2", description="another"))
    (folder / "the-first" / "index.yaml").write_bytes(index(row("daskhub", "2021.7.2", own)))
    repositories = opened()
    assert offered(repositories) == ["2021.7.2"]
    assert repositories.archive("daskhub", "2021.7.2", REPOSITORY) == own


@pytest.mark.parametrize(
    "broken",
    [b"", b"<html>", archive("daskhub", "2024.1.1")[:60], archive("", "2024.1.1"), archive("daskhub", "")],
    ids=["empty", "html", "cut off", "no name", "no version"],
)
def test_a_broken_archive_is_passed_over_unless_it_is_asked_for(folder: Path, opened: Opened, broken: bytes) -> None:
    put(folder, *VERSIONS)
    (folder / "daskhub-2024.1.1.tgz").write_bytes(broken)
    warnings: list[str] = []
    repositories = opened(warnings)
    assert offered(repositories) == [*reversed(VERSIONS)]
    assert warnings == [f"{folder}/daskhub-2024.1.1.tgz is no chart's archive: it is passed over."]
    said = f"{folder}/daskhub-2024.1.1.tgz is no chart's archive, or was cut off: put it there again."
    assert refused(repositories, "daskhub", "2024.1.1") == said
    assert len(warnings) == 1
    assert refused(opened(), "daskhub", "2024.1.1") == said


def test_a_broken_index_is_passed_over(folder: Path, opened: Opened) -> None:
    put(folder, *VERSIONS)
    (folder / "index.yaml").write_text("<html><body>: [")
    warnings: list[str] = []
    assert offered(opened(warnings)) == [*reversed(VERSIONS)]
    assert len(warnings) == 1
    assert warnings[0].startswith(f"{folder}/index.yaml can't be read as an index")


def test_an_archive_that_is_not_what_the_index_says(folder: Path, opened: Opened) -> None:
    archives = put(folder, *VERSIONS)
    (folder / "index.yaml").write_bytes(index(*(row("daskhub", each, archives[each]) for each in VERSIONS)))
    other = archive("daskhub", "2022.8.2", description="another")
    (folder / "daskhub-2022.8.2.tgz").write_bytes(other)
    said = refused(opened(), "daskhub", "2022.8.2")
    for part in ("daskhub-2022.8.2.tgz", str(folder), sha(other)[:12], sha(archives["2022.8.2"])[:12]):
        assert part in said


def test_the_index_has_the_word_on_what_it_names(folder: Path, opened: Opened) -> None:
    content = archive("daskhub", "2022.8.1")
    (folder / "daskhub-2022.8.2.tgz").write_bytes(content)
    (folder / "index.yaml").write_bytes(index(row("daskhub", "2022.8.2", content)))
    assert offered(opened()) == ["2022.8.2"]
    assert "is daskhub 2022.8.1 inside" in refused(opened(), "daskhub", "2022.8.2")


def test_what_the_file_is_called_does_not_matter_where_no_index_says_it(folder: Path, opened: Opened) -> None:
    (folder / "daskhub-2022.8.2.tgz").write_bytes(archive("daskhub", "2022.8.1"))
    repositories = opened()
    assert offered(repositories) == ["2022.8.1"]
    assert repositories.archive("daskhub", "2022.8.1", REPOSITORY)


def test_archives_of_helm_2_with_what_lies_in_them_in_any_order(folder: Path, opened: Opened) -> None:
    content = packed(
        {
            "./daskhub/charts/jupyterhub/Chart.yaml": b"name: jupyterhub\nversion: 0.9.1\n",
            "./daskhub/requirements.yaml": b"dependencies: [{name: jupyterhub, version: 0.11.1}]\n",
            "./daskhub/Chart.yaml": b"name: daskhub\nversion: 2021.3.0\nkubeVersion: '>=1.11.0-0'\n",
        }
    )
    (folder / "daskhub-2021.3.0.tgz").write_bytes(content)
    assert offered(opened()) == ["2021.3.0"]
    assert opened().entry("daskhub", "2021.3.0", REPOSITORY).kubernetes == ">=1.11.0-0"
    assert opened().archive("daskhub", "2021.3.0", REPOSITORY) == content


def test_what_is_not_there(folder: Path, opened: Opened) -> None:
    assert refused(opened(), "daskhub", "2021.7.2").startswith(f"{folder} has no archive of a chart in it: --mirror")
    put(folder, *VERSIONS)
    said = f"There is no daskhub 2023.1.1 in {folder}: it has 2021.7.2, 2022.8.2 and 2023.1.0."
    assert refused(opened(), "daskhub", "2023.1.1") == said
    said = f"There is no chart jupyterhub in {folder} (it has daskhub): look at name and repository in Chart.yaml."
    assert refused(opened(), "jupyterhub", "1.1.1") == said
    missing = opened(mirror=folder / "missing")
    assert refused(missing, "daskhub", "2021.7.2").startswith(f"{folder}/missing is no folder: --mirror, charts.mirror")
    missing = opened(mirror=folder / "daskhub-2021.7.2.tgz")
    assert "daskhub-2021.7.2.tgz is no folder:" in refused(missing, "daskhub", "2021.7.2")


def test_a_repository_may_be_a_folder(folder: Path, tmp_path: Path) -> None:
    place = folder / "with blank"
    archives = put(place, *VERSIONS)
    repositories = Repositories(seams(tmp_path, web=nobody))
    address = f"file://{folder}/with%20blank/"
    assert offered(repositories, repository=address) == [*reversed(VERSIONS)]
    assert repositories.archive("daskhub", "2021.7.2", address) == archives["2021.7.2"]
    with pytest.raises(Refused, match=f"There is no daskhub 2024.1.1 in {place}: it has"):
        repositories.archive("daskhub", "2024.1.1", address)
