"""`invoke diff --against`: charts by real helm, in a repository of their own; no data centre, and nobody to ask."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from invoke.config import Config
from invoke.context import Context

from tasks.errors import Refused
from tasks.hub.against import diff
from tasks.loopback.charts import CHARTS, Charts, Dependency, dependencies
from tasks.parts import cache
from tasks.screen import Silence
from tasks.tools import helm
from tests.real_path.rig import copy_tree
from tests.rehearsal import ROOT

NOBODY = "http://127.0.0.1:9"
NEWER = "2022.8.2"  # a daskhub that is served too


@dataclass(frozen=True)
class Hub:
    """A clone with the deployment that this repository has."""

    tree: Path
    charts: Charts

    @property
    def name(self) -> str:
        return next(path.parent.name for path in self.tree.glob("deployments/*/hubploy.yaml"))

    @property
    def deployment(self) -> Path:
        return self.tree / "deployments" / self.name

    @property
    def example(self) -> Path:
        return self.deployment / "secrets" / "prod.example.yaml"

    @property
    def summary(self) -> Path:
        return self.tree.parent / "summary.md"

    def edit(self, path: str, change: Callable[[Any], None]) -> None:
        file = self.tree / path
        document = yaml.safe_load(file.read_text())
        change(document)
        file.write_text(yaml.safe_dump(document, sort_keys=False))

    def values(self, change: Callable[[Any], None]) -> None:
        self.edit(f"deployments/{self.name}/config/common.yaml", change)

    def depend_on_daskhub(self, version: str) -> None:
        def change(document: Any) -> None:
            document["dependencies"][0]["version"] = version

        self.edit("chart/Chart.yaml", change)
        self.lock()

    def lock(self) -> None:
        wanted = yaml.safe_load((self.tree / "chart" / "Chart.yaml").read_text())["dependencies"]
        entries = [{key: entry[key] for key in ("name", "version", "repository")} for entry in wanted]
        lock = {"dependencies": entries, "digest": helm.lock_digest(wanted, entries)}
        (self.tree / "chart" / "Chart.lock").write_text(yaml.safe_dump(lock))

    def git(self, *words: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        ran = subprocess.run(["git", *identity, *words], cwd=self.tree, check=True, capture_output=True, text=True)
        return ran.stdout.strip()

    def commit(self) -> str:
        self.git("add", ".")
        self.git("commit", "--quiet", "--message=some")
        return self.git("rev-parse", "--short=7", "HEAD")

    def diff(self, against: str, *more: str, exit: int = 0) -> str:
        """What it said. There are no credentials, no cluster, and nobody beyond loopback; helm is the part alone."""
        home = self.tree.parent / "home"
        home.mkdir(exist_ok=True)
        environment = {
            "HOME": str(home),
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "INVOKE_PARTS_FOLDER": str(cache.folder()),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": NOBODY,
            "https_proxy": NOBODY,
            "GITHUB_STEP_SUMMARY": str(self.summary),
        }
        words = [sys.executable, "-m", "invoke", "diff", f"--against={against}", *more]
        ran = subprocess.run(words, cwd=self.tree, env=environment, capture_output=True, text=True)
        assert ran.returncode == exit, ran.stdout + ran.stderr
        return ran.stderr.strip() if exit else ran.stdout


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, parts: Callable[..., None]) -> Iterator[Hub]:
    """Its archives are served, and nothing of them is fetched yet."""
    parts("helm")
    folder = tmp_path_factory.mktemp("against")
    wanted = dependencies(yaml.safe_load((ROOT / "chart" / "Chart.yaml").read_text()))
    charts = Charts(folder / "charts", [*wanted, replace(wanted[0], version=NEWER)], os.environ, CHARTS)
    tree = folder / "tree"
    copy_tree(tree)
    for name in ("chart", "deployments"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("charts"))
    for secret in tree.glob("deployments/*/secrets/prod.yaml"):
        secret.unlink()
    shutil.copy(ROOT / ".gitignore", tree)
    hub = Hub(tree, charts)

    def change(document: Any) -> None:
        for entry in document["dependencies"]:
            entry["repository"] = charts.address

    hub.edit("chart/Chart.yaml", change)
    hub.lock()
    hub.git("init", "--quiet", "--initial-branch=main")
    hub.commit()
    yield hub
    charts.close()


@pytest.fixture
def hub(served: Hub, tmp_path: Path) -> Hub:
    """A test's own clone, its archives fetched."""
    if not list(served.tree.glob("chart/charts/*.tgz")):
        served.diff("HEAD")
    shutil.copytree(served.tree, tmp_path / "tree", symlinks=True)
    return replace(served, tree=tmp_path / "tree")


def test_nothing_changed_is_said_and_every_archive_is_fetched_once(served: Hub) -> None:
    served.charts.downloads.clear()
    shutil.rmtree(served.tree / "chart" / "charts", ignore_errors=True)
    said = served.diff("main")
    assert "diff: nothing to change" in said
    archives = {name: count for name, count in served.charts.downloads.items() if name.endswith(".tgz")}
    assert len(archives) == 3
    assert set(archives.values()) == {1}


def test_objects_that_change_are_shown_here_and_in_the_summary(hub: Hub) -> None:
    hub.values(lambda values: values["daskhub"]["jupyterhub"]["cull"].update(timeout=4711))
    extra = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\ndata: {a: b}\n"
    (hub.tree / "chart" / "templates" / "extra.yaml").write_text(extra)
    said = hub.diff("main")
    assert "+ ConfigMap extra\n" in said
    assert "daskhub.jupyterhub.cull.timeout: 1800 → 4711\n" in said
    assert "diff: 1 added" in said
    summary = hub.summary.read_text()
    assert f"### {hub.name}-prod against main: 1 added" in summary
    assert "<summary>added: ConfigMap extra</summary>" in summary
    assert "4711" in summary


def test_an_image_has_the_tag_of_its_side(hub: Hub) -> None:
    before = hub.git("log", "-n1", "--pretty=%h", "--abbrev=7", "--", str(hub.deployment / "image"))
    (hub.deployment / "image" / "apt.txt").write_text("curl\n")
    after = hub.commit()
    said = hub.diff("HEAD^")
    assert any(line.strip().startswith("-") and before in line for line in said.splitlines())
    assert any(line.strip().startswith("+") and after in line for line in said.splitlines())


def test_what_differs_at_each_rendering_is_no_change(hub: Hub) -> None:
    random = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: random}\ndata: {a: {{ randAlphaNum 20 }}, b: SAME}\n"
    template = hub.tree / "chart" / "templates" / "random.yaml"
    template.write_text(random)
    hub.commit()
    assert "diff: nothing to change" in hub.diff("HEAD")
    template.write_text(random.replace("SAME", "other"))
    said = hub.diff("HEAD")
    assert "diff: 1 changed" in said
    assert "(differs at each rendering)" in said


def test_secrets_are_named_and_not_shown(hub: Hub) -> None:
    hub.example.write_text(hub.example.read_text().replace("CHANGE-ME-cookie-secret", "another-cookie-secret"))
    said = hub.diff("main")
    assert "~ Secret hub\n" in said
    assert "+  hub.config.JupyterHub.cookie_secret: (changed)\n" in said


def test_another_version_of_a_dependency_is_fetched_for_the_side_that_wants_it(hub: Hub) -> None:
    hub.depend_on_daskhub(NEWER)
    said = hub.diff("main")
    assert f"Fetching daskhub-{NEWER}.tgz.\n" in said
    assert "Fetching daskhub-2021.7.2.tgz.\n" in said
    assert [file.name for file in hub.tree.glob("chart/charts/daskhub-*")] == [f"daskhub-{NEWER}.tgz"]


def test_the_clone_stays_as_it_was(hub: Hub) -> None:
    (hub.deployment / "image" / "apt.txt").write_text("curl\n")
    hub.git("add", ".")
    (hub.tree / "untracked").touch()

    def state() -> list[str]:
        return [hub.git(*words) for words in (["status", "--porcelain"], ["worktree", "list"], ["for-each-ref"])]

    before = state()
    hub.diff("HEAD")
    assert state() == before


def test_a_deployment_that_was_not_there_is_all_new(hub: Hub) -> None:
    hub.git("rm", "-r", "--quiet", "--cached", "deployments")
    hub.git("commit", "--quiet", "--message=without")
    hub.commit()
    said = hub.diff("HEAD^")
    assert "removed" not in said
    assert "+ Deployment hub\n" in said


@pytest.mark.parametrize("ref", ["no-such-branch", "-x", "HEAD:chart", ""])
def test_a_commit_that_is_not_there_is_one_sentence(hub: Hub, ref: str) -> None:
    said = hub.diff(ref or " ", exit=1)
    assert said == f"There is no commit {ref or ' '!r} here: look at its spelling, or `git fetch` it first."


def test_a_missing_example_is_one_sentence(hub: Hub) -> None:
    path = hub.example.relative_to(hub.tree)
    sentence = f"{path} is missing, which stands for the secrets where they can't be decrypted: add it."
    content = hub.example.read_text()
    hub.example.unlink()
    assert hub.diff("HEAD", exit=1) == sentence
    hub.commit()
    hub.example.write_text(content)
    assert hub.diff("HEAD", exit=1) == f"At HEAD: {sentence}"


def test_a_chart_that_did_not_render_is_one_sentence(hub: Hub) -> None:
    template = hub.tree / "chart" / "templates" / "broken.yaml"
    template.write_text('{{ fail "not like this" }}\n')
    hub.commit()
    template.unlink()
    said = hub.diff("HEAD", exit=1)
    assert said.startswith("At HEAD: helm failed: ")
    assert "not like this" in said
    assert len(said.splitlines()) == 1


def test_values_that_break_a_schema_are_named(hub: Hub) -> None:
    hub.values(lambda values: values["daskhub"]["jupyterhub"].update(nonsense=1))
    said = hub.diff("HEAD", exit=1)
    assert said.startswith("The values break the chart's schema: deployments/")
    assert "nonsense" in said


def test_there_is_nothing_to_rehearse() -> None:
    c = Context(Config({"rehearsal": {"line": "hub"}}))
    with pytest.raises(Refused, match="leave out `rehearse`"):
        diff(c, "HEAD", "", "prod", Silence())


def test_a_chart_that_is_not_there_any_more_is_one_sentence(hub: Hub) -> None:
    dependency = Dependency("daskhub", "1.0.0")
    hub.depend_on_daskhub(dependency.version)
    hub.commit()
    hub.git("checkout", "--quiet", "HEAD^", "--", "chart")
    said = hub.diff("HEAD", exit=1)
    assert said.startswith(f"At HEAD: The chart {dependency.archive} can't be fetched from {hub.charts.address} (")
