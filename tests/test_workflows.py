"""The workflows do what a person would type, with no more rights than that takes, and never leave a deploy half done."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from invoke.parser import Parser
from invoke.program import Program

from tasks import ns
from tasks.charts.bump import REPORT
from tasks.parts.cache import program
from tasks.parts.pins import PINS
from tests.rehearsal import ROOT

FILES = sorted((ROOT / ".github" / "workflows").iterdir())
INSTALL = "pip install -r requirements.txt"
PROPOSAL = "peter-evans/create-pull-request"
CREDENTIALS = "aws-actions/configure-aws-credentials"
OURS = "github.event.pull_request.head.repo.full_name == github.repository"


def load(file: Path) -> dict[str, Any]:
    document: dict[Any, Any] = yaml.safe_load(file.read_text())
    document["on"] = document.pop(True)  # so YAML 1.1 reads that key
    return document


WORKFLOWS = {file.name: load(file) for file in FILES}
JOBS = {f"{file}: {name}": job for file, found in WORKFLOWS.items() for name, job in found["jobs"].items()}
every_workflow = pytest.mark.parametrize("workflow", WORKFLOWS.values(), ids=WORKFLOWS)
every_job = pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)


def lines(job: Any) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def uses(job: Any, action: str) -> list[Any]:
    return [step for step in job["steps"] if step.get("uses", "").startswith(f"{action}@")]


def parsed(line: str) -> list[Any]:
    """As Invoke understands it. Raises ParseError for tasks and flags that there are not."""
    name, *words = shlex.split(line)
    assert name == "invoke", line
    found = Parser(ns.to_contexts(), Program().initial_context).parse_argv(words)
    return list(found)[1:]


def changes_the_hub(job: Any) -> bool:
    return any(re.match(r"invoke (deploy\b|build-image .*--push)", line) for line in lines(job))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_actionlint_has_nothing_to_say(file: Path, parts: Callable[..., None]) -> None:
    parts("actionlint")
    said = subprocess.run(
        [program("actionlint"), "-shellcheck=", "-pyflakes=", file], cwd=ROOT, capture_output=True, text=True
    )
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


@every_job
def test_every_line_is_a_command_of_this_repository(job: Any) -> None:
    if lines(job) == [".ci/run"]:
        return
    first, *rest = lines(job)
    assert first == INSTALL
    for line in rest:
        assert "${{" not in line  # a name that somebody else has given would be run as shell
        assert len(parsed(line)) == 1


@pytest.mark.parametrize("line", ["invoke deploy --nonsense", "invoke diff --against", "invoke depoly", "invoke x y"])
def test_a_line_that_invoke_does_not_know_is_found(line: str) -> None:
    with pytest.raises(Exception, match=r"No idea what|needed value|Expected"):
        parsed(line)


def test_a_deploy_builds_first_and_gets_credentials_last() -> None:
    job = JOBS["deploy-aws.yaml: deploy"]
    assert lines(job) == [INSTALL, "invoke parts --only sops", "invoke build-image --push", "invoke deploy"]
    names = [step.get("uses", step.get("run", "")).partition("@")[0] for step in job["steps"]]
    assert names.index("invoke parts --only sops") + 1 == names.index(CREDENTIALS)
    role, keys, renewed = uses(job, CREDENTIALS)
    assert (role["if"], keys["if"], renewed["if"]) == ("vars.AWS_ROLE", "${{ !vars.AWS_ROLE }}", "vars.AWS_ROLE")


def test_a_bump_is_proposed_where_there_is_one_and_nothing_else_fails() -> None:
    """--check ends with 2 where there is something newer, and with 1 where it could not look: then the next line, too."""
    job = JOBS["bump-daskhub.yaml: bump"]
    assert lines(job) == [INSTALL, "invoke bump-daskhub --check", "invoke bump-daskhub"]
    look, bump, proposal = job["steps"][-3:]
    assert (look["id"], look["continue-on-error"]) == ("look", True)
    assert bump["if"] == proposal["if"] == "steps.look.outcome == 'failure'"
    assert "continue-on-error" not in bump
    (text,) = uses(job, PROPOSAL)
    assert text["with"]["body-path"] == REPORT
    assert list(WORKFLOWS["bump-daskhub.yaml"]["on"]) == ["schedule", "workflow_dispatch"]


@every_workflow
def test_a_deploy_is_never_cancelled(workflow: dict[str, Any]) -> None:
    group = workflow["concurrency"]
    assert "github.ref" in group["group"]
    if any(map(changes_the_hub, workflow["jobs"].values())):
        assert group["cancel-in-progress"] is False


def test_only_main_is_deployed() -> None:
    workflow = WORKFLOWS["deploy-aws.yaml"]
    assert workflow["on"]["push"]["branches"] == ["main"]
    assert workflow["jobs"]["deploy"]["if"] == "github.ref == 'refs/heads/main'"
    deploying = [name for name, found in WORKFLOWS.items() if any(map(changes_the_hub, found["jobs"].values()))]
    assert deploying == ["deploy-aws.yaml"]


@every_workflow
def test_no_workflow_has_rights_of_its_own(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {}
    assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(workflow["on"])


@every_job
def test_a_job_may_read_and_say_who_it_is_where_it_has_to(job: Any) -> None:
    wanted = {"contents": "read"} | ({"id-token": "write"} if uses(job, CREDENTIALS) else {})
    if uses(job, PROPOSAL):
        wanted |= {"contents": "write", "pull-requests": "write"}
    assert job["permissions"] == wanted
    assert job["runs-on"] == "ubuntu-24.04"
    assert job["timeout-minutes"]


def reachable_by_forks() -> Iterator[Any]:
    for workflow in WORKFLOWS.values():
        if "pull_request" in workflow["on"]:
            yield from (job for job in workflow["jobs"].values() if OURS not in job.get("if", "").split(" && "))


def test_forks_get_no_credentials() -> None:
    jobs = list(reachable_by_forks())
    assert len(jobs) >= 2
    for job in jobs:
        assert job["permissions"] == {"contents": "read"}
        assert "secrets" not in str(job)
        assert not uses(job, CREDENTIALS)


def test_a_pull_request_gets_one_of_two_jobs() -> None:
    jobs = WORKFLOWS["test-image-build.yaml"]["jobs"]
    assert jobs["branch"]["if"] == f"{OURS} && github.actor != 'dependabot[bot]'"
    assert jobs["fork"]["if"] == f"{OURS.replace('==', '!=')} || github.actor == 'dependabot[bot]'"


@every_job
def test_history_is_complete_and_no_token_stays_in_it(job: Any) -> None:
    (checkout,) = uses(job, "actions/checkout")
    assert checkout["with"] == {"fetch-depth": 0, "persist-credentials": False}


@every_job
def test_programs_are_those_that_tests_run(job: Any) -> None:
    for name in ("helm", "kubectl"):
        for step in uses(job, f"azure/setup-{name}"):
            assert step["with"] == {"version": f"v{PINS[name].version}"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_pinned_action_says_its_version(file: Path) -> None:
    for line in file.read_text().splitlines():
        if "uses:" in line:
            assert re.search(r"uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_one_action_is_one_version_everywhere() -> None:
    used = {found for file in FILES for found in re.findall(r"uses: (\S+) # (\S+)", file.read_text())}
    names = [action.partition("@")[0] for action, _ in used]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_workflow_names_no_deployment(file: Path) -> None:
    for folder in (ROOT / "deployments").iterdir():
        assert not re.search(rf"\b{re.escape(folder.name)}\b", file.read_text())
