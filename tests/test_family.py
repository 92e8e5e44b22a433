"""The practice charts that are named and numbered as the real ones bring along what the real ones do."""

from __future__ import annotations

import hashlib
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.charts.archive import read
from tasks.errors import Refused
from tasks.loopback import family
from tasks.loopback.charts import Repository
from tasks.plan.charts import Packaged
from tests import family as odd

SAME = ("daskhub", "2022.8.2")
# Of traefik.yaml: versions with the same letter have the same bytes. Then the number of objects in both files.
DEFINITIONS = {
    "0.9.0": ("a", 6),
    "2022.4.0": ("b", 10),
    "2022.6.1": ("b", 10),
    "2022.10.0": ("b", 10),
    "2023.1.1": ("c", 10),
    "2023.9.0": ("d", 19),
    "2024.1.0": ("e", 19),
    "2025.4.0": ("f", 11),
    "2026.3.0": ("f", 11),
}
SUBCHARTS = [chart for chart in family.everything() if chart[0] != "daskhub"]


def chart(name: str, version: str) -> Packaged:
    return read(family.archive(name, version), f"{name}-{version}.tgz")


def crds(version: str) -> dict[str, Any]:
    return {file.name: file for file in chart("dask-gateway", version).crds}


def test_a_version_is_the_same_bytes_each_time() -> None:
    first = family.archive(*SAME)
    family.archive.cache_clear()
    family._files.cache_clear()
    assert family.archive(*SAME) == first
    assert len({family.archive(*each) for each in family.everything()}) == len(family.everything())


@pytest.mark.parametrize(
    ("version", "jupyterhub", "gateway"),
    [
        ("2021.3.0", "0.9.1", "0.8.0"),
        ("2021.3.1", "0.11.1", "0.9.0"),
        ("2021.7.2", "1.1.1", "0.9.0"),
        ("2022.4.1", "1.2.0", "0.9.0"),
        ("2022.5.0", "1.2.0", "2022.4.0"),
        ("2022.8.2", "1.2.0", "2022.6.1"),
        ("2022.11.0", "2.0.0", "2022.10.0"),
        ("2023.1.0", "2.0.0", "2023.1.1"),
        ("2024.1.0", "3.2.1", "2023.9.0"),
        ("2024.1.1", "3.2.1", "2024.1.0"),
    ],
)
def test_daskhub_contains_what_the_real_one_does(version: str, jupyterhub: str, gateway: str) -> None:
    found = chart("daskhub", version)
    assert (found.version_of("jupyterhub"), found.version_of("dask-gateway")) == (jupyterhub, gateway)
    assert found.kubernetes == ""
    for inside in found.charts:
        alone = chart(inside.name, inside.version)
        assert inside.values == alone.values
        assert (inside.kubernetes, inside.app_version) == (alone.kubernetes, alone.app_version)
        assert [file.digest for file in inside.crds] == [file.digest for file in alone.crds]


def test_one_of_them_declares_what_it_does_not_contain() -> None:
    wrong = [
        version
        for name, version in family.everything()
        if name == "daskhub"
        and any(
            entry["version"] != chart(name, version).version_of(entry["name"])
            for entry in chart(name, version).metadata["dependencies"]
        )
    ]
    assert wrong == ["2021.3.0"]


def test_definitions_change_when_the_real_ones_do() -> None:
    letters: dict[str, str] = {}
    for version, (letter, objects) in DEFINITIONS.items():
        files = crds(version)
        assert letters.setdefault(letter, files["traefik.yaml"].digest) == files["traefik.yaml"].digest
        found = [document for file in files.values() for document in file.documents]
        assert len(found) == objects
        beta = version == "0.9.0"
        assert {each["apiVersion"] for each in found} == {f"apiextensions.k8s.io/{'v1beta1' if beta else 'v1'}"}
        assert (files["daskclusters.yaml"].digest == crds("2022.4.0")["daskclusters.yaml"].digest) is not beta
    assert len(set(letters.values())) == len(letters)


def groups(version: str) -> set[str]:
    return {document["spec"]["group"] for document in crds(version)["traefik.yaml"].documents}


def test_traefik_has_its_groups() -> None:
    old, new = "traefik.containo.us", "traefik.io"
    assert [groups(version) for version in ("2023.1.1", "2024.1.0", "2025.4.0")] == [{old}, {old, new}, {new}]


def test_schemas_begin_where_the_real_ones_do() -> None:
    first: dict[str, str] = {}
    for name, version in family.everything():
        if chart(name, version).schema:
            first.setdefault(name, version)
    assert first == {"jupyterhub": "1.0.1", "dask-gateway": "2022.4.0"}


def keys() -> Iterator[Any]:
    for name, entries in family._data()["keys"].items():
        for entry in entries:
            yield from (pytest.param(name, entry, path, id=f"{name}-{path}") for path in entry["set"])


@pytest.mark.parametrize(("name", "entry", "path"), list(keys()))
def test_a_key_is_there_in_its_versions_only(name: str, entry: Mapping[str, Any], path: str) -> None:
    among = [(version, family._applies(entry, version)) for other, version in SUBCHARTS if other == name]
    assert {there for _, there in among} == {True, False}
    for version, there in among:
        found = chart(name, version)
        assert has(found.values, path) == there
        if found.schema and found.schema.get("additionalProperties") is False:
            assert has(found.schema, family._in_schema(path)) == there


def has(values: Any, path: str) -> bool:
    for key in path.split("."):
        if not isinstance(values, Mapping) or key not in values:
            return False
        values = values[key]
    return True


def test_each_text_that_changes_is_there_to_be_changed() -> None:
    texts = family._data()["texts"]
    for name, entries in texts.items():
        versions = [version for other, version in family.everything() if other == name]
        for entry in entries:
            assert {family._applies(entry, version) for version in versions} == {True, False}
            for version in versions:
                its = odd.members(family.archive(name, version))[f"{name}/{entry['file']}"]
                assert (entry["new"].encode() in its) or not family._applies(entry, version)


def test_what_is_not_there() -> None:
    for name, version in (("daskhub", "2022.6.1"), ("jupyterhub", "9.9.9"), ("binderhub", "1.0.0")):
        with pytest.raises(KeyError):
            family.archive(name, version)


def test_the_jupyterhub_that_answers_can_be_another() -> None:
    found = read(family.archive("daskhub", "2024.1.1", "5.5.4"), "x")
    assert {inside.name: inside.app_version for inside in found.charts} == {
        "jupyterhub": "5.5.4",
        "dask-gateway": "2024.1.0",
    }


def test_the_index_names_each_once_with_its_digest_and_what_it_declares() -> None:
    document = yaml.safe_load(family.index(family.everything(), "https://charts.example.org/"))
    entries = {(name, each["version"]): each for name, found in document["entries"].items() for each in found}
    assert set(entries) == set(family.everything())
    for (name, version), entry in entries.items():
        assert entry["urls"] == [f"https://charts.example.org/{name}-{version}.tgz"]
        assert entry["digest"] == hashlib.sha256(family.archive(name, version)).hexdigest()
        metadata = chart(name, version).metadata
        assert {key: entry.get(key) for key in ("appVersion", "kubeVersion")} == {
            key: metadata.get(key) for key in ("appVersion", "kubeVersion")
        }
    declared = [each["version"] for each in entries["daskhub", "2021.3.0"]["dependencies"]]
    assert declared == ["0.11.1", "0.9.0"]


def test_a_folder_of_them_is_a_repository(tmp_path: Path) -> None:
    family.write(tmp_path, [SAME])
    repository = Repository(tmp_path)
    try:
        entry = yaml.safe_load(get(repository, "index.yaml"))["entries"]["daskhub"][0]
        assert hashlib.sha256(get(repository, entry["urls"][0])).hexdigest() == entry["digest"]
        repository.fail.add("index.yaml")
        with pytest.raises(urllib.error.HTTPError, match="500"):
            get(repository, "index.yaml")
        assert repository.downloads == {"index.yaml": 2, "daskhub-2022.8.2.tgz": 1}
    finally:
        repository.close()
    with pytest.raises(urllib.error.URLError):
        get(repository, "index.yaml")


def get(repository: Repository, name: str) -> bytes:
    with urllib.request.urlopen(f"{repository.address}/{name}", timeout=5) as answer:
        content: bytes = answer.read()
        return content


@pytest.mark.parametrize(
    "deformed",
    [
        odd.no_archive,
        odd.no_chart,
        odd.climbing,
        odd.absolute,
        odd.linking,
        lambda: odd.linking(tarfile.LNKTYPE),
        odd.truncated,
        odd.bomb,
    ],
)
def test_what_nobody_should_send_is_refused(deformed: Callable[[], bytes]) -> None:
    content = deformed()
    assert len(content) < 2**18
    with pytest.raises(Refused):
        read(content, "daskhub-2022.8.2.tgz")


@pytest.mark.parametrize("unusual", [odd.nested, odd.renamed])
def test_what_is_only_unusual_is_read(unusual: Callable[[], bytes]) -> None:
    found = read(unusual(), "x")
    usual = chart(*SAME)
    assert {each.path: each.version for each in found.all()} == {each.path: each.version for each in usual.all()}


def test_a_wrong_digest_is_of_one_archive_only() -> None:
    right = family.index([SAME, ("daskhub", "2024.1.1")])
    before, after = (yaml.safe_load(text)["entries"]["daskhub"] for text in (right, odd.wrong_digest(right)))
    changed = [new["version"] for old, new in zip(before, after, strict=True) if old["digest"] != new["digest"]]
    assert changed == ["2022.8.2"]
