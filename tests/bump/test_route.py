"""The whole way of this deployment, step by step, with real helm: files, findings, locks, and what is left alone."""

from __future__ import annotations

import re
from difflib import unified_diff

import pytest

from tasks.tools import helm
from tests.bump.site import COMMON, Site

DIRECT = "2024.1.1+jupyterhub.4.4.0.dask-gateway.2026.3.0"
WAY = [("1.20", "2022.8.2"), ("1.20", "2023.1.0"), ("1.25", "2024.1.1"), ("1.30", DIRECT)]


def changed(before: bytes, after: bytes) -> list[str]:
    """The lines that went and came."""
    old, new = (content.decode().splitlines() for content in (before, after))
    return [line for line in unified_diff(old, new, lineterm="", n=0) if re.match(r"[-+](?![-+])", line)]


def locks_fit(site: Site, folder: str) -> bool:
    wanted = site.loaded(f"{folder}/Chart.yaml")["dependencies"]
    lock = site.loaded(f"{folder}/Chart.lock")
    same = [(each["name"], each["version"], each["repository"]) for each in wanted] == [
        (each["name"], each["version"], each["repository"]) for each in lock["dependencies"]
    ]
    return same and bool(lock["digest"] == helm.lock_digest(wanted, lock["dependencies"]))


def test_step_by_step_to_the_end(site: Site) -> None:
    untouched = {name: content for name, content in site.files.items() if name.startswith("infra/")}
    for kubernetes, version in WAY:
        before = site.files
        ran = site.raised(kubernetes=kubernetes)
        assert site.version == version
        assert f"daskhub {version} is in the files" in ran.out
        assert locks_fit(site, "chart")
        after = site.files
        expected = {"chart/Chart.yaml", "chart/Chart.lock"}
        expected |= {COMMON} if version == "2024.1.1" else set()
        expected |= (
            {f"daskhub/{name}" for name in ("Chart.yaml", "Chart.lock", "values.yaml")} if "+" in version else set()
        )
        assert {name for name in after if after[name] != before.get(name)} == expected
        assert before.keys() <= after.keys()
    assert locks_fit(site, "daskhub")
    assert {name: site.files[name] for name in untouched} == untouched
    assert "There is nothing newer" in site.raised(kubernetes="1.30").out


def test_chart_yaml_changes_in_its_version_and_in_the_link_beside_it(site: Site) -> None:
    before = site.read("chart/Chart.yaml")
    site.raised()
    assert changed(before, site.read("chart/Chart.yaml")) == [
        "-  # https://github.com/dask/helm-chart/tree/daskhub-2021.7.2/daskhub",
        "+  # https://github.com/dask/helm-chart/tree/daskhub-2022.8.2/daskhub",
        "-    version: 2021.7.2",
        "+    version: 2022.8.2",
    ]


def test_braces_are_doubled_exactly_when_kubespawner_begins_to_fill_them_in(site: Site) -> None:
    original = site.read(COMMON)
    for kubernetes in ("1.20", "1.20"):
        site.raised(kubernetes=kubernetes)
        assert site.read(COMMON) == original
    site.raised(kubernetes="1.25")
    assert changed(original, site.read(COMMON)) == [
        "-        DASK_GATEWAY__CLUSTER__OPTIONS__IMAGE: '{JUPYTER_IMAGE_SPEC}'",
        "+        DASK_GATEWAY__CLUSTER__OPTIONS__IMAGE: '{{JUPYTER_IMAGE_SPEC}}'",
        "-        DASK_DISTRIBUTED__DASHBOARD_LINK: '/user/{JUPYTERHUB_USER}/proxy/{port}/status'",
        "+        DASK_DISTRIBUTED__DASHBOARD_LINK: '/user/{{JUPYTERHUB_USER}}/proxy/{{port}}/status'",
    ]
    edited = site.read(COMMON)
    site.raised(kubernetes="1.30")
    assert site.read(COMMON) == edited


def test_the_local_chart_has_daskhubs_values_byte_for_byte_and_the_repositories_that_it_named(site: Site) -> None:
    from tasks.charts.archive import read
    from tasks.loopback import family

    last = read(family.archive("daskhub", "2024.1.1"), "last")
    for kubernetes, _ in WAY:
        site.raised(kubernetes=kubernetes)
    assert site.read("daskhub/values.yaml") == last.values_text
    metadata = site.loaded("daskhub/Chart.yaml")
    assert metadata["name"] == "daskhub"
    assert {(each["name"], each["version"]) for each in metadata["dependencies"]} == {
        ("jupyterhub", "4.4.0"),
        ("dask-gateway", "2026.3.0"),
    }
    named = {each["name"]: each["repository"] for each in last.metadata["dependencies"]}
    assert {each["name"]: each["repository"] for each in metadata["dependencies"]} == named
    assert site.loaded("chart/Chart.yaml")["dependencies"][0]["repository"] == "file://../daskhub"


def test_a_local_chart_is_raised_in_place(site: Site) -> None:
    for kubernetes, _ in WAY[:3]:
        site.raised(kubernetes=kubernetes)
    older = "2024.1.1+jupyterhub.4.3.3.dask-gateway.2024.1.0"
    site.raised("--to", older, kubernetes="1.28")
    assert site.version == older
    own = site.read("daskhub/Chart.yaml") + b"# mine\n"
    site.write("daskhub/Chart.yaml", own)
    site.raised(kubernetes="1.30")
    assert site.version == DIRECT
    assert changed(own, site.read("daskhub/Chart.yaml")) == [
        f"-version: {older}",
        f"+version: {DIRECT}",
        "-    version: 4.3.3",
        "+    version: 4.4.0",
        "-    version: 2024.1.0",
        "+    version: 2026.3.0",
    ]
    assert locks_fit(site, "daskhub")
    assert locks_fit(site, "chart")


@pytest.mark.parametrize("words", [["--check"], ["--output=json"], ["--check", "--output=json"]])
def test_looking_changes_nothing(site: Site, words: list[str]) -> None:
    before = site.files
    ran = site.bump(*words)
    assert ran.exit == (2 if "--check" in words else 0)
    assert site.files == before
    assert not (site.tree / "reports").exists()


def test_dry_shows_the_edits_and_changes_nothing(site: Site) -> None:
    before = site.files
    ran = site.run("--dry", "bump-daskhub", "--kubernetes=1.21", f"--mirror={site.mirror}")
    assert ran.exit == 0
    assert "+    version: 2022.8.2" in ran.out
    assert site.files == before
    assert not (site.tree / "reports").exists()


def test_kubernetes_goes_first_where_it_has_to(site: Site) -> None:
    for _ in range(2):
        site.raised()
    before = site.files
    ran = site.bump("--to=2024.1.1")
    assert ran.exit == 1
    assert "needs another Kubernetes than 1.21: `invoke upgrade-k8s --to 1.25`" in ran.err
    nothing = site.raised()
    assert "Nothing newer fits Kubernetes 1.21." in nothing.out
    assert site.files == before


def test_the_text_for_the_pull_request_names_findings_and_exactly_the_span(site: Site) -> None:
    site.raised()
    site.raised()
    text = site.read("reports/bump-daskhub.md").decode()
    assert text.startswith("# daskhub 2022.8.2 → 2023.1.0\n")
    assert "daskhub.jupyterhub.hub.config.JupyterHub.admin_access" in text
    for span in ("daskhub-2022.8.2...daskhub-2023.1.0", "compare/1.2.0...2.0.0", "compare/2022.6.1...2023.1.1"):
        assert span in text
    assert "upgrade-1-to-2" in text
    assert "upgrade-2-to-3" not in text


def test_json_is_alone_on_stdout_and_tells_everything(site: Site) -> None:
    found = site.document(kubernetes="1.18")
    assert (found["version"], found["target"], found["newest"]) == ("2021.7.2", "2022.4.1", DIRECT)
    assert [step.get("kubernetes") or step["chart"] for step in found["whole_route"]] == [
        "1.20",
        "2022.8.2",
        "2023.1.0",
        "1.25",
        "2024.1.1",
        "1.30",
        DIRECT,
    ]
    step = found["step"]
    assert step["to"] == "2022.4.1"
    assert step["edits"] == ["chart/Chart.yaml", "chart/Chart.lock"]
    (release,) = step["releases"]
    assert release["trouble"] is None
