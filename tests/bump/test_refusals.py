"""Wrong input, as a process: one sentence on stderr, exit 1, and nothing changed but what was wrong before."""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.loopback import family
from tasks.parts import cache
from tasks.tools import helm
from tests import family as odd
from tests.bump.site import COMMON, NOTHING, Ran, Site
from tests.repositories import Repository, index, row, sha

CHART, LOCK = "chart/Chart.yaml", "chart/Chart.lock"
EXAMPLE = "deployments/l2l/secrets/prod.example.yaml"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, parts: Callable[..., None]) -> Site:
    """For command lines that are wrong: the deployment is as it should be."""
    parts("helm")
    return Site.begin(tmp_path_factory.mktemp("site"))


def sentence(site: Site, ran: Ran, before: dict[str, bytes]) -> str:
    """What stderr has, in one line."""
    assert ran.exit == 1, ran.said
    assert "Traceback" not in ran.said
    assert site.files == before
    assert not (site.tree / "reports").exists()
    assert not (site.tree / ".runs" / "bump.json").exists()
    (line,) = ran.err.strip().splitlines()
    return line


def refused(site: Site, *words: str) -> str:
    """words: instead of what is said otherwise, or more."""
    before = site.files
    told = ["--kubernetes=1.21", f"--mirror={site.mirror}"]
    told = [word for word in told if word.partition("=")[0] not in {each.partition("=")[0] for each in words}]
    said = sentence(site, site.run("bump-daskhub", *told, *words), before)
    assert not re.search(r"[.!?] [A-Z]", said), said
    assert said.endswith(".")
    return said


def relocked(site: Site, change: Callable[[dict[str, Any]], None]) -> None:
    """Chart.yaml and Chart.lock with the same change in both, and the digest that belongs to it."""
    wanted, lock = site.loaded(CHART), site.loaded(LOCK)
    for each in (wanted, lock):
        change(each)
    lock["digest"] = helm.lock_digest(wanted["dependencies"], lock["dependencies"])
    site.write(CHART, yaml.safe_dump(wanted).encode())
    site.write(LOCK, yaml.safe_dump(lock).encode())


def from_repository(site: Site, address: str) -> Ran:
    """With daskhub from there, and no mirror."""

    def moved(document: dict[str, Any]) -> None:
        document["dependencies"][0]["repository"] = address

    relocked(site, moved)
    return site.run("bump-daskhub", "--kubernetes=1.21")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--to=2022.6.1"], r"There is no daskhub 2022\.6\.1 in .*: near it are 2022\.6\.0 and 2022\.8\.0\."),
        (
            ["--to=nonsense"],
            "--to 'nonsense' is no version such as 2022.8.2: `invoke bump-daskhub --check` names them.",
        ),
        (
            ["--to=2024.1.1+jupyterhub.9.9.9.dask-gateway.1.1.1"],
            r"There is no jupyterhub 9\.9\.9 in .*: nearest to it is 4\.4\.0\.",
        ),
        (
            ["--to=2024.1.1+mine"],
            r"There is no daskhub 2024\.1\.1\+mine to go to: newer than 2021\.7\.2 are 2024\.1\.1\+jupyterhub\.4\.4\.0"
            r"\.dask-gateway\.2026\.3\.0, 2024\.1\.1, .* and \d+ more\.",
        ),
        (["--to=2021.6.0"], r"The chart is at 2021\.7\.2 already, and this task only goes up: name a later version .*"),
        (["--check", "--to=2021.6.0"], r"The chart is at 2021\.7\.2 already, .*"),
        (["--output=xml"], r"--output 'xml' is not known: leave it out, or say --output=json\."),
        (["--kubernetes=1.2.3"], r"--kubernetes: '1\.2\.3' is not a Kubernetes minor version such as 1\.22\."),
        (["--kubernetes=abc"], r"--kubernetes: 'abc' is not a Kubernetes minor version such as 1\.22\."),
        (["--mirror=nowhere"], r"\S*/nowhere is no folder: --mirror, charts\.mirror in invoke\.yaml or Chart\.yaml .*"),
        (["--mirror=invoke.yaml"], r"\S*/invoke\.yaml is no folder: .*"),
        (["--mirror=infra"], r"\S*/infra has no archive of a chart in it: .* NAME-VERSION\.tgz\."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_command_lines(shared: Site, words: list[str], says: str) -> None:
    assert re.fullmatch(says, refused(shared, *words))


def test_without_credentials_and_without_being_told_the_version_of_kubernetes(shared: Site) -> None:
    before = shared.files
    ran = shared.run("bump-daskhub", f"--mirror={shared.mirror}", more={"AWS_EC2_METADATA_DISABLED": "true"})
    assert sentence(shared, ran, before).startswith("There are no AWS credentials: ")


def replaced(site: Site, content: bytes, indexed: bool) -> None:
    """2022.8.2 is something else; indexed: and the index has been made after that."""
    (site.mirror / "daskhub-2022.8.2.tgz").write_bytes(content)
    file = site.mirror / "index.yaml"
    if not indexed:
        file.unlink()
        return
    document = yaml.safe_load(file.read_bytes())
    for entry in document["entries"]["daskhub"]:
        if entry["version"] == "2022.8.2":
            entry["digest"] = sha(content)
    file.write_text(yaml.safe_dump(document))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (odd.no_chart(), "is no chart: there is no Chart.yaml with name and version in it"),
        (odd.no_archive(), "is no chart's archive, or was cut off"),
        (odd.truncated(), "is no chart's archive, or was cut off"),
        (odd.climbing(), "has 'daskhub/../../evil' in it, which climbs out of its folder"),
        (odd.absolute(), "has '/tmp/evil' in it, which climbs out of its folder"),
        (odd.linking(), "has 'daskhub/templates/link.yaml' in it, which climbs out of its folder"),
        (odd.bomb(), "unpacks to more than 64 MB"),
        (odd.good(version="2022.8.1"), "is daskhub 2022.8.1 inside"),
    ],
    ids=["no chart", "no archive", "cut off", "climbs", "absolute", "links", "bomb", "another version"],
)
def test_archives(site: Site, content: bytes, says: str) -> None:
    replaced(site, content, indexed=True)
    assert f"daskhub-2022.8.2.tgz from {site.mirror} {says}" in refused(site)
    assert not list(site.folder.rglob("evil"))


def test_a_tar_that_climbs_where_there_is_no_index(site: Site) -> None:
    replaced(site, odd.climbing(), indexed=False)
    assert "climbs out of its folder: don't use it." in refused(site)


def test_what_is_no_archive_is_missed_by_whoever_asks_for_it(site: Site) -> None:
    """Where no index names it, all others can be had without it."""
    replaced(site, odd.no_archive(), indexed=False)
    said = refused(site, "--to=2022.8.2")
    assert said == f"{site.mirror}/daskhub-2022.8.2.tgz is no chart's archive, or was cut off: put it there again."
    ran = site.bump("--check")
    assert f"! {site.mirror}/daskhub-2022.8.2.tgz is no chart's archive: it is passed over." in ran.out
    assert "the next step there is 2022.8.1" in ran.err


def test_another_digest_than_the_index_of_a_folder_has(site: Site) -> None:
    file = site.mirror / "index.yaml"
    file.write_bytes(odd.wrong_digest(file.read_bytes()))
    said = refused(site)
    assert said.startswith(f"daskhub-2022.8.2.tgz from {site.mirror} has the digest {sha(odd.good())[:12]}…, where ")


def test_another_digest_than_the_index_of_a_repository_has(site: Site) -> None:
    before = site.files
    with Repository().running() as repository:
        contents = {version: family.archive("daskhub", version) for version in ("2021.7.2", "2022.8.2")}
        rows = [row("daskhub", version, content) for version, content in contents.items()]
        repository.answers = {f"/daskhub-{version}.tgz": content for version, content in contents.items()}
        repository.answers["/index.yaml"] = odd.wrong_digest(index(*rows))
        ran = from_repository(site, repository.address)
        said = sentence(site, ran, before | {name: site.read(name) for name in (CHART, LOCK)})
    assert said.startswith(f"daskhub-2022.8.2.tgz from {repository.address} has the digest ")
    assert not list(site.tree.glob(".cache/charts/*2022.8.2*"))


def test_a_repository_that_nobody_runs(site: Site) -> None:
    before = site.files
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and nobody listens
        where = f"http://127.0.0.1:{held.getsockname()[1]}"
        ran = from_repository(site, where)
    said = sentence(site, ran, before | {name: site.read(name) for name in (CHART, LOCK)})
    assert re.fullmatch(
        rf"{where}/index\.yaml doesn't answer \(.*refused\): look at the network and at the repository in Chart\.yaml, "
        r"or name a folder of archives with --mirror\.",
        said,
    )


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        (COMMON, b"- a\n- b\n", f"{COMMON} is no mapping of keys to values: mend it."),
        (COMMON, b"only words\n", f"{COMMON} is no mapping of keys to values: mend it."),
        (COMMON, b"daskhub: 5\n", f"daskhub in {COMMON} is no mapping of keys to values: mend it."),
        (COMMON, b"daskhub:\n  a: [1\n  b: 2\n", f"{COMMON} is no YAML, line 3: mend it."),
        (COMMON, b"a: 1\n---\nb: 1\n", f"{COMMON} is no YAML, line 2: mend it."),
        (COMMON, b"\xff\xfe\x00", f"{COMMON} is no YAML: mend it."),
        (COMMON, b"a: !!python/name:os.system x\n", f"{COMMON} is no YAML, line 1: mend it."),
        (EXAMPLE, b"- a\n", f"{EXAMPLE} is no mapping of keys to values: mend it."),
        ("chart/values.yaml", b"- a\n", "chart/values.yaml is no mapping of keys to values: mend it."),
        (CHART, b"- a\n", f"{CHART} is no mapping with a list of named dependencies, as helm has it: mend it."),
        (CHART, b"dependencies: daskhub\n", f"{CHART} is no mapping with a list of named dependencies, .*"),
        (CHART, b"a: [\n", f"{CHART} is no YAML, line 2: mend it."),
        (CHART, b"name: l2l\n", rf"{CHART} has no dependency daskhub \(it has none at all\), which is .*"),
        (LOCK, b"- a\n", f"{LOCK} is no mapping with a list of named dependencies, as helm has it: mend it."),
        (LOCK, b"dependencies: []\n", f"{LOCK} is out of step with Chart.yaml: run `helm dependency update chart` .*"),
        ("deployments/l2l/hubploy.yaml", b"- a\n", r"deployments/l2l/hubploy\.yaml can't be understood \(.*"),
    ],
    ids=lambda value: value[:24] if isinstance(value, bytes) else "",
)
def test_files(shared: Site, file: str, content: bytes, says: str) -> None:
    right = shared.read(file)
    shared.write(file, content)
    try:
        assert re.fullmatch(says, refused(shared))
    finally:
        shared.write(file, right)


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (LOCK, "chart/Chart.lock is missing: `helm dependency update chart` makes it; commit it."),
        (CHART, "There is no chart in chart/: deploy.chart in invoke.yaml has to name its folder."),
        (EXAMPLE, "deployments/l2l/ has values for no environment: add config/NAME.yaml or secrets/NAME.yaml."),
        (
            "deployments",
            "There is no deployments/NAME/hubploy.yaml here: add one, as hubploy's documentation describes it.",
        ),
    ],
)
def test_missing_files(shared: Site, file: str, says: str) -> None:
    there, away = shared.tree / file, shared.folder / "away"
    there.rename(away)
    try:
        assert refused(shared) == says
    finally:
        away.rename(there)


def test_a_chart_without_the_dependency(site: Site) -> None:
    relocked(site, lambda document: document["dependencies"].pop(0))
    said = refused(site)
    assert said.startswith(
        "chart/Chart.yaml has no dependency daskhub (it has prometheus, grafana), which is what this "
    )
    assert "deploy.chart of invoke.yaml" in said


def test_values_that_do_not_render_as_they_are(site: Site) -> None:
    """With no bump at all: what a step breaks can't be told from that."""
    site.write("chart/templates/broken.yaml", b"a: {{ .Values.nothing.of.that }}\n")
    before = site.files
    said = sentence(site, site.bump(), before)
    assert said.startswith("l2l-prod can't be rendered as it is, before any bump: helm failed: ")
    assert "nil pointer" in said
    wrong = site.read(COMMON).replace(b"maxAge: 0", b"maxAge: 0\n      maxage: 1")
    (site.tree / "chart/templates/broken.yaml").unlink()
    site.write(COMMON, wrong)
    line = wrong[: wrong.index(b"maxage")].count(b"\n") + 1
    assert refused(site) == (
        "l2l-prod can't be rendered as it is, before any bump: The values break the chart's schema: "
        f"{COMMON}, line {line}, daskhub.jupyterhub.cull.maxage: Additional property maxage is not allowed."
    )


def with_helm(site: Site, script: str) -> dict[str, str]:
    """First on the PATH: `$REAL` is the real one."""
    folder = site.folder / "bin"
    folder.mkdir()
    real = shutil.which("helm") or str(cache.folder() / "bin" / "helm")
    (folder / "helm").write_text(f"#!/bin/sh\nREAL='{real}'\n{script}\n")
    (folder / "helm").chmod(0o755)
    return {"PATH": os.pathsep.join([str(folder), os.environ["PATH"]])}


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (
            'case "$1" in version) exec $REAL "$@";; esac; echo "Error: no disk" >&2; exit 1',
            r"`helm .*` fails: no disk\.",
        ),
        (
            'case "$1" in dependency) exit 0;; esac; exec $REAL "$@"',
            r"daskhub-2022\.8\.2\.tgz is no chart's archive, .*",
        ),
        ("echo v2.17.0", r"helm v2\.17\.0 is not one that this is made for: install 3\.13\.0 or a later helm 3\."),
    ],
    ids=["fails", "does nothing", "is too old"],
)
def test_a_helm_that_does_not_do_what_it_should(site: Site, script: str, says: str) -> None:
    before = site.files
    said = sentence(site, site.bump(more=with_helm(site, script)), before)
    assert re.fullmatch(says, said)


def test_no_helm(shared: Site, tmp_path: Path) -> None:
    before = shared.files
    nowhere = {"PATH": str(tmp_path), "INVOKE_PARTS_FOLDER": str(tmp_path)}
    said = sentence(shared, shared.bump(more={**NOTHING, **nowhere}), before)
    assert said == "helm is not installed: install helm 3.13 or later."


def test_values_that_only_the_new_charts_refuse(site: Site) -> None:
    """That is no refusal of the task's: the step is shown with what it breaks, and made, for the values have to be mended
    with the new version in the files."""
    wrong = site.read(COMMON).replace(
        b"prefix: /services/dask-gateway", b"logLevel: INFO\n      prefix: /services/dask-gateway"
    )
    site.write(COMMON, wrong)
    line = wrong[: wrong.index(b"logLevel")].count(b"\n") + 1
    place = f"{COMMON}, line {line}, daskhub.dask-gateway.gateway.logLevel"
    ran = site.raised()
    assert (
        f"breaks: l2l-prod does not render with the new charts: The values break the chart's schema: {place}: "
        in ran.out
    )
    assert f"! {place}: a key that no chart knows, the installed ones neither; is loglevel meant?" in " ".join(
        ran.out.split()
    )
    assert site.version == "2022.8.2"
    assert site.read(COMMON) == wrong
    assert "does not render with the new charts" in site.read("reports/bump-daskhub.md").decode()
