"""Where the charts come from, as a process: repositories, the cache, folders of archives, and what lies in charts/."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.loopback import family
from tasks.parts import cache
from tasks.tools import helm
from tests.bump.site import NOTHING, Ran, Site
from tests.family import members, packed
from tests.repositories import Repository, archive, index, row, sha

CHARTS = [
    *(("daskhub", version) for version in ("2021.7.2", "2022.8.2", "2023.1.0", "2024.1.1")),
    ("jupyterhub", "4.4.0"),
    ("dask-gateway", "2026.3.0"),
]
CHART, LOCK = "chart/Chart.yaml", "chart/Chart.lock"
KUBERNETES = "1.21"


def changed(content: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """The archive with other files."""
    files = members(content)
    change(files)
    return packed(files)


def described(address: str) -> Callable[[dict[str, bytes]], None]:
    """All dependencies come from there."""

    def change(files: dict[str, bytes]) -> None:
        metadata = yaml.safe_load(files["daskhub/Chart.yaml"])
        for entry in metadata["dependencies"]:
            entry["repository"] = address
        files["daskhub/Chart.yaml"] = yaml.safe_dump(metadata).encode()

    return change


def published(repository: Repository) -> Repository:
    """With CHARTS, which name no other repository than this one."""
    contents = {f"{name}-{version}": family.archive(name, version) for name, version in CHARTS}
    for name in contents:
        if name.startswith("daskhub"):
            contents[name] = changed(contents[name], described(repository.address))
    repository.answers = {f"/{name}.tgz": content for name, content in contents.items()}
    kubernetes = {"jupyterhub": ">=1.28.0-0", "dask-gateway": ">=1.30.0-0", "daskhub": ""}
    rows = [row(name, version, contents[f"{name}-{version}"], kubeVersion=kubernetes[name]) for name, version in CHARTS]
    repository.answers["/index.yaml"] = index(*rows)
    return repository


@pytest.fixture
def repository(site: Site) -> Iterator[Repository]:
    """The only one that the deployment's chart names."""
    with Repository().running() as opened:
        wanted, lock = site.loaded(CHART), site.loaded(LOCK)
        for entry in (*wanted["dependencies"], *lock["dependencies"]):
            entry["repository"] = opened.address
        lock["digest"] = helm.lock_digest(wanted["dependencies"], lock["dependencies"])
        site.write(CHART, yaml.safe_dump(wanted).encode())
        site.write(LOCK, yaml.safe_dump(lock).encode())
        yield published(opened)


def bumped(site: Site, *words: str, more: Mapping[str, str] = NOTHING) -> Ran:
    """From Chart.yaml's repositories, unless the words say something else."""
    ran = site.run("bump-daskhub", f"--kubernetes={KUBERNETES}", *words, more=more)
    assert ran.exit == 0, ran.said
    return ran


def telling(site: Site, *words: str, more: Mapping[str, str] = NOTHING) -> Any:
    """What --output=json has, without what names its sources."""
    return json.loads(bumped(site, "--output=json", *words, more=more).out)


def test_nothing_is_fetched_twice_and_later_only_the_index(site: Site, repository: Repository) -> None:
    ran = bumped(site)
    archives = {f"/{name}-{version}.tgz" for name, version in CHARTS}
    assert repository.asked.keys() - {"/index.yaml"} <= archives
    assert {f"/daskhub-{version}.tgz" for name, version in CHARTS if name == "daskhub"} <= repository.asked.keys()
    assert set(repository.asked.values()) == {1}
    said = [line for line in ran.out.splitlines() if line.startswith("fetching ")]
    assert said[:2] == [
        f"fetching 1 file from chart repositories, index of {repository.address} first",
        "fetching 4 files from chart repositories, daskhub-2021.7.2.tgz first",
    ]
    assert site.version == "2022.8.2"
    before = repository.asked.copy()
    again = bumped(site)
    assert site.version == "2023.1.0"
    assert repository.asked - before == {"/index.yaml": 1}
    assert [line for line in again.out.splitlines() if line.startswith("fetching ")] == said[:1]


def test_every_file_of_the_deployment_keeps_the_repositorys_address(site: Site, repository: Repository) -> None:
    """And not the one at which helm got the archives."""
    kubernetes = KUBERNETES
    for kubernetes in ("1.21", "1.21", "1.25", "1.30"):
        ran = site.run("bump-daskhub", f"--kubernetes={kubernetes}")
        assert ran.exit == 0, ran.said
    assert site.version.startswith("2024.1.1+jupyterhub.4.4.0")
    texts = b"".join(
        site.read(f"{chart}/{name}") for chart in ("chart", "daskhub") for name in ("Chart.yaml", "Chart.lock")
    )
    named = set(re.findall(rb"repository: (\S+)", texts))
    assert named == {repository.address.encode(), b"file://../daskhub"}
    assert set(repository.asked.values()) <= {1, 4}
    assert repository.asked["/index.yaml"] == 4


@pytest.mark.usefixtures("repository")
def test_json_is_alone_on_stdout_while_archives_come(site: Site) -> None:
    ran = bumped(site, "--output=json")
    assert json.loads(ran.out)["step"]["to"] == "2022.8.2"
    assert "fetching 4 files from chart repositories" in ran.err


def test_what_was_touched_in_the_cache_is_fetched_anew(site: Site, repository: Repository) -> None:
    first = telling(site)
    (kept,) = (site.tree / ".cache" / "charts").glob("daskhub-2022.8.2-*.tgz")
    right = kept.read_bytes()
    kept.write_bytes(right[:-9])
    before = repository.asked.copy()
    assert telling(site) == first
    assert repository.asked - before == {"/index.yaml": 1, "/daskhub-2022.8.2.tgz": 1}
    assert kept.read_bytes() == right


def test_dry_leaves_nothing_but_what_it_fetched(site: Site, repository: Repository) -> None:
    """It need not be fetched again when the step is made."""
    before = site.files
    ran = site.run("--dry", "bump-daskhub", f"--kubernetes={KUBERNETES}")
    assert ran.exit == 0, ran.said
    assert site.files == before
    asked = repository.asked.copy()
    assert set(asked.values()) == {1}
    bumped(site)
    assert repository.asked - asked == {"/index.yaml": 1}


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory, parts: Callable[..., None]) -> Site:
    """Of which nobody changes a file: each run gets a mirror of its own."""
    parts("helm")
    return Site.begin(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def plain(still: Site) -> Any:
    """What there is to tell with the mirror as it is."""
    return telling(still, f"--mirror={still.mirror}")


def test_a_mirror_is_named_in_three_ways(still: Site, plain: Any, tmp_path: Path) -> None:
    assert telling(still, more={"INVOKE_CHARTS_MIRROR": str(still.mirror)}) == plain
    settings = still.read("invoke.yaml")
    still.write("invoke.yaml", settings.replace(b'mirror: ""', f"mirror: {still.mirror}".encode()))
    try:
        assert telling(still) == plain
        assert telling(still, f"--mirror={smaller(tmp_path)}")["newest"] == "2022.8.2"
    finally:
        still.write("invoke.yaml", settings)


def smaller(folder: Path) -> Path:
    family.write(folder / "smaller", [("daskhub", "2021.7.2"), ("daskhub", "2022.8.2")])
    return folder / "smaller"


def test_a_mirror_without_an_index_and_with_folders_in_it(still: Site, plain: Any, tmp_path: Path) -> None:
    for name, version in family.everything():
        folder = tmp_path / ("." if name == "daskhub" else name)
        folder.mkdir(exist_ok=True)
        (folder / f"{name}-{version}.tgz").write_bytes(family.archive(name, version))
    assert telling(still, f"--mirror={tmp_path}") == plain


def as_helm_2(files: dict[str, bytes]) -> None:
    """apiVersion v1, and the dependencies in requirements.yaml."""
    for path in [path for path in files if path.endswith("Chart.yaml")]:
        metadata = yaml.safe_load(files[path])
        requirements = metadata.pop("dependencies", None)
        files[path] = yaml.safe_dump({**metadata, "apiVersion": "v1"}).encode()
        if requirements:
            files[path.replace("Chart.yaml", "requirements.yaml")] = yaml.safe_dump(
                {"dependencies": requirements}
            ).encode()


def nested(files: dict[str, bytes]) -> None:
    """The charts inside are archives themselves."""
    for name in ("jupyterhub", "dask-gateway"):
        begin = f"daskhub/charts/{name}/"
        inside = {path: files.pop(path) for path in list(files) if path.startswith(begin)}
        version = yaml.safe_load(inside[f"{begin}Chart.yaml"])["version"]
        content = packed({path.removeprefix("daskhub/charts/"): text for path, text in inside.items()})
        files[f"daskhub/charts/{name}-{version}.tgz"] = content


def packaged_by_helm(content: bytes, folder: Path) -> bytes:
    """With what helm has of its own: gzip's extra field, times, the order of the files."""
    source = folder / "source"
    for name, text in members(content).items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(text)
    program = shutil.which("helm") or str(cache.folder() / "bin" / "helm")
    subprocess.run(
        [program, "package", str(source / "daskhub"), f"--destination={folder}"], check=True, capture_output=True
    )
    (made,) = folder.glob("*.tgz")
    shutil.rmtree(source)
    found = made.read_bytes()
    made.unlink()
    return found


def test_a_mirror_of_archives_in_their_real_form(still: Site, plain: Any, tmp_path: Path) -> None:
    """Whoever packaged them, and whatever of Helm 2 they have about them, it tells the same."""
    mirror, work = tmp_path / "mirror", tmp_path / "work"
    work.mkdir()
    shutil.copytree(still.mirror, mirror)
    (mirror / "index.yaml").unlink()
    old = changed(changed(family.archive("daskhub", "2021.7.2"), as_helm_2), nested)
    ours = packaged_by_helm(family.archive("daskhub", "2022.8.2"), work)
    assert ours[3] & 4  # gzip's flag for an extra field
    forms = {
        "2021.7.2": old,
        "2022.8.2": ours,
        "2023.1.0": changed(family.archive("daskhub", "2023.1.0"), nested),
        "2024.1.1": packaged_by_helm(family.archive("daskhub", "2024.1.1"), work),
    }
    for version, content in forms.items():
        assert sha(content) != sha(family.archive("daskhub", version))
        (mirror / f"daskhub-{version}.tgz").write_bytes(content)
    assert telling(still, f"--mirror={mirror}") == plain


def test_without_the_charts_that_come_after_the_last_daskhub(still: Site, plain: Any, tmp_path: Path) -> None:
    family.write(tmp_path, [each for each in family.everything() if each[0] == "daskhub"])
    found = telling(still, f"--mirror={tmp_path}")
    (note,) = found["notes"]
    assert note.startswith("What comes after daskhub 2024.1.1 is not known: There is no chart jupyterhub in ")
    assert found["newest"] == "2024.1.1"
    assert found["step"]["findings"] == plain["step"]["findings"]
    assert found["step"]["releases"] == plain["step"]["releases"]
    ran = bumped(still, "--output=json", f"--mirror={tmp_path}")
    assert f"! {note}" in ran.err


def monitoring(name: str) -> bytes:
    """One object, which is another each time that it is rendered."""
    pod = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: of-{name}}}\ndata: {{some: {{{{ randAlpha 9 }}}}}}\n"
    return changed(
        archive(name, MONITORING[name]), lambda files: files.update({f"{name}/templates/some.yaml": pod.encode()})
    )


MONITORING = {"prometheus": "14.4.1", "grafana": "6.14.1", "stranger": "1.0.0"}


def with_more(files: dict[str, bytes]) -> None:
    files["daskhub/templates/more.yaml"] = b"apiVersion: v1\nkind: Service\nmetadata: {name: more}\n"


def lacking(ran: Ran) -> list[str]:
    return [line for line in ran.out.splitlines() if "can't be had" in line]


def test_the_other_dependencies_are_rendered_too_where_they_can_be_had(site: Site) -> None:
    """From the mirror, or where they lie already: in charts/ of the deployment's chart."""
    file = "{}-{}.tgz".format
    prometheus, grafana = (file(name, MONITORING[name]) for name in ("prometheus", "grafana"))
    without = bumped(site, f"--mirror={site.mirror}", "--to=2021.7.3")
    (line,) = lacking(without)
    assert "prometheus" in line
    assert "grafana" in line
    (site.mirror / prometheus).write_bytes(monitoring("prometheus"))
    half = bumped(site, f"--mirror={site.mirror}", "--to=2021.8.0")
    (line,) = lacking(half)
    assert "prometheus" not in line
    assert "grafana" in line
    assert "~ ConfigMap of-prometheus" in half.out
    site.write(f"chart/charts/{grafana}", monitoring("grafana"))
    both = bumped(site, f"--mirror={site.mirror}", "--to=2021.8.1")
    assert lacking(both) == []
    assert "~ ConfigMap of-prometheus" in both.out
    assert "~ ConfigMap of-grafana" in both.out
    assert site.version == "2021.8.1"
    left = [file.name for file in sorted((site.tree / "chart" / "charts").iterdir())]
    assert left == ["daskhub-2021.8.1.tgz", grafana, prometheus]


def test_what_lies_in_charts_under_the_name_of_the_hubs_chart_is_not_believed(site: Site) -> None:
    """It is rendered from archives whose digests were checked, and never from what somebody has left there."""
    plain = telling(site, f"--mirror={site.mirror}")
    site.write("chart/charts/daskhub-2021.7.2.tgz", family.archive("daskhub", "2023.1.0"))
    site.write("chart/charts/daskhub-2022.8.2.tgz", changed(family.archive("daskhub", "2022.8.2"), with_more))
    site.write("chart/charts/stranger-1.0.0.tgz", monitoring("stranger"))
    assert telling(site, f"--mirror={site.mirror}") == plain
