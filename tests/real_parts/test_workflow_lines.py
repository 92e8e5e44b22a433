"""What a workflow's lines come to on a runner: a fresh clone, a shell, GitHub's variables and a role's credentials.

The lines are those of the workflows' files. Docker's daemon is a stand-in; everything else is real.
"""

from __future__ import annotations

import json
import re
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.real_parts.centre import ACCOUNT
from tests.real_parts.daemon import Daemon
from tests.real_parts.hub import USER_IMAGE, Hub
from tests.test_workflows import INSTALL, JOBS, lines

GITHUB = f"arn:aws:iam::{ACCOUNT}:role/github"  # what AWS_ROLE would name
PREPARING = [INSTALL, "invoke parts --only sops"]
DEPLOY, BRANCH = JOBS["deploy-aws.yaml: deploy"], JOBS["test-image-build.yaml: branch"]


@dataclass
class Runner:
    """One run of one job. summaries: a step's summary, as GitHub keeps it: a file for each step."""

    hub: Hub
    daemon: Daemon
    event: str

    def __post_init__(self) -> None:
        self.folder = self.hub.folder / f"runner {len(list(self.hub.folder.glob('runner *')))}"
        self.folder.mkdir()
        self.hub.git("clone", "--quiet", str(self.hub.tree), str(self.tree))
        self.keys = self.hub.programs.assume(GITHUB)
        self.said, self.summaries = "", list[str]()

    @property
    def tree(self) -> Path:
        return self.folder / "work"

    @property
    def summary(self) -> str:
        return "".join(self.summaries)

    def run(self, job: object, fails: int | None = None) -> None:
        """All lines but those that get programs. fails: the number of the one that does."""
        for number, line in enumerate(lines(job)[len(PREPARING) :]):
            self._step(line, fails == number)

    def _step(self, line: str, fails: bool) -> None:
        script, summary = self.folder / "step.sh", self.folder / "summary.md"
        script.write_text(line)
        summary.write_text("")
        ran = subprocess.run(
            ["bash", "-e", str(script)],
            cwd=self.tree,
            env=self.hub.environment | self.variables | {"GITHUB_STEP_SUMMARY": str(summary)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        said = ran.stdout + ran.stderr
        assert (ran.returncode != 0) == fails, said
        assert "Traceback" not in said
        self.said += said
        self.summaries.append(summary.read_text())

    @property
    def variables(self) -> dict[str, str]:
        """GitHub's own, and those of aws-actions/configure-aws-credentials: its region is not the deployment's."""
        event = self.folder / "event.json"
        event.write_text(json.dumps({"before": "0" * 40, "after": self.commit} if self.event == "push" else {}))
        return {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": self.event,
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_SHA": self.commit,
            "GITHUB_WORKSPACE": str(self.tree),
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "DOCKER_HOST": self.daemon.host,
            **self.keys,
        }

    @property
    def commit(self) -> str:
        return self.hub.git("rev-parse", "HEAD").strip()

    def keeps_secrets(self) -> None:
        token = self.hub.token
        for secret in (token, b64encode(token.encode()).decode(), self.keys["AWS_SECRET_ACCESS_KEY"]):
            assert secret not in self.said
            assert secret not in self.summary


@pytest.fixture
def daemon(hub: Hub) -> Iterator[Daemon]:
    def push(name: str, tag: str) -> None:
        assert (name, tag) == (USER_IMAGE, hub.tag)
        hub.push_image()

    with Daemon(push) as opened:
        yield opened


def change(hub: Hub, greeting: str, image: str = "") -> None:
    """Merged into main."""
    hub.values(greeting=greeting)
    if image:
        (hub.deployment / "image" / "environment.yml").write_text(f"name: {hub.name} {image}\n")
    hub.git("commit", "--quiet", "--all", f"--message={greeting}")


@pytest.mark.parametrize("job", [DEPLOY, BRANCH], ids=["deploy", "branch"])
def test_programs_are_got_before_anything_else(job: object) -> None:
    """The two lines that are not run here; the others are one command each."""
    assert lines(job)[: len(PREPARING)] == PREPARING
    assert all(re.fullmatch(r"invoke [-a-z ]+", line) for line in lines(job)[len(PREPARING) :])


@pytest.mark.parametrize("event", ["push", "workflow_dispatch"])
def test_main_is_deployed(hub: Hub, daemon: Daemon, event: str) -> None:
    """A first release; a changed image and value; the same again."""
    first = Runner(hub, daemon, event)
    first.run(DEPLOY)
    assert hub.revisions == [(1, "deployed")]
    assert daemon.builds == []  # it is in the registry

    change(hub, "good evening", image="changed")
    second = Runner(hub, daemon, event)
    second.run(DEPLOY)
    assert [build["t"] for build in daemon.builds] == [[f"{USER_IMAGE}:{hub.tag}"]]
    assert hub.revisions == [(1, "superseded"), (2, "deployed")]
    assert hub.deployed_values["small"]["image"]["tag"] == hub.tag
    _is_summarized(second, hub)

    versions = hub.versions
    third = Runner(hub, daemon, event)
    third.run(DEPLOY)
    assert len(daemon.builds) == 1
    assert (hub.versions, hub.holder) == (versions, "")
    assert third.summary.rstrip() == f"### {hub.release}: nothing to change"
    for runner in (first, second, third):
        runner.keeps_secrets()


def _is_summarized(runner: Runner, hub: Hub) -> None:
    """The difference and the result, as Markdown, of the step that deploys."""
    built, deployed = runner.summaries
    assert built == ""
    assert deployed.startswith(f"### {hub.release}: 2 changed\n")
    assert "<details><summary>changed: ConfigMap greeting</summary>\n\n```diff\n@@ " in deployed
    assert "\n-  greeting: hello\n+  greeting: good evening\n" in deployed
    assert deployed.count("<details>") == deployed.count("</details>") == 2
    head = hub.git("rev-parse", "--short", "HEAD").strip()
    result = rf"deploy of {hub.release} by test, commit {head}\w*: done in \d+ s"  # the role's session
    assert re.search(rf"\n\n{result}\n$", deployed)
    (row,) = json.loads(hub.helm("history", hub.release, "--max=1", "--output=json"))
    assert row["description"].startswith(f"test deployed {head}")


def test_a_deploy_that_fails_is_summarized_too(hub: Hub, daemon: Daemon) -> None:
    hub.deploys()
    hub.values(greeting="never seen", refused=True)
    hub.git("commit", "--quiet", "--all", "--message=refused")
    runner = Runner(hub, daemon, "push")
    runner.run(DEPLOY, fails=1)
    assert runner.summary.startswith(f"### {hub.release}: 1 added, 1 changed\n")
    assert re.search(r": failed in \d+ s\n$", runner.summary)
    runner.keeps_secrets()


def test_a_pull_request_shows_its_difference_and_changes_nothing(hub: Hub, daemon: Daemon) -> None:
    """The image that it changes is only tried out."""
    hub.deploys()
    change(hub, f"good evening, {hub.token}", image="changed")
    before = hub.versions, hub.revisions
    runner = Runner(hub, daemon, "pull_request")
    runner.run(BRANCH)
    assert (hub.versions, hub.revisions, hub.holder) == (*before, "")
    shown, built = runner.summaries
    assert shown.startswith(f"### {hub.release}: 2 changed\n")
    assert "\n-  greeting: hello\n+  greeting: good evening, (secret)\n" in shown
    assert built == ""
    assert f"{hub.tag} is not in the registry" in runner.said
    assert [build["t"] for build in daemon.builds] == [[f"{USER_IMAGE}:{hub.tag}"]]
    assert not any(asked.endswith("/push") for asked in daemon.asked)
    runner.keeps_secrets()


def test_a_difference_that_cannot_be_told_says_nothing_about_the_image(hub: Hub, daemon: Daemon) -> None:
    """GitHub goes on to the image where `!cancelled()` stands."""
    assert [step.get("if") for step in BRANCH["steps"] if "run" in step][-1] == "${{ !cancelled() }}"
    hub.values(greeting=3)
    hub.git("commit", "--quiet", "--all", "--message=wrong")
    runner = Runner(hub, daemon, "pull_request")
    runner.run(BRANCH, fails=0)
    assert "small.greeting: Invalid type" in runner.said
    assert "it is in the registry" in runner.said
    assert runner.summary == ""
