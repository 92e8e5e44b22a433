"""What ends before anything was changed: one sentence, exit 1, no traceback."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.connect import current_context
from tasks.errors import Refused
from tests.real_path.rig import Rig
from tests.rehearsal import CONFIG

UPGRADE = ("upgrade-k8s", "--to=1.19", "--yes")
Environment = dict[str, str | None]


def refused(rig: Rig, *sentence: str, environment: Environment | None = None, words: tuple[str, ...] = UPGRADE) -> None:
    run = rig.run(*words, environment=environment)
    assert run.exit == 1
    assert len(run.err.splitlines()) == 1, run.err
    assert all(part in run.err for part in sentence), run.err
    assert rig.untouched


@pytest.mark.parametrize(
    ("code", "message", "sentence"),
    [
        ("ExpiredToken", "The security token included in the request is expired", "expired: log in again"),
        ("Nonsense", "<", "What answers is not AWS"),
        ("AccessDenied", "User: me is not authorized", "may not do that (User: me is not authorized)"),
    ],
)
def test_aws_says_no(rig: Rig, code: str, message: str, sentence: str) -> None:
    rig.amazon.refusal = code, message
    refused(rig, sentence)


NOWHERE = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (NOWHERE, "There are no AWS credentials"),
        ({**NOWHERE, "AWS_PROFILE": "nobody"}, "nobody"),
        ({"AWS_SECRET_ACCESS_KEY": None}, "incomplete"),
        ({"INVOKE_AWS_ACCOUNT": "423786577274"}, "are for account 123456789012"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "AWS can't be reached"),
        ({"AWS_ENDPOINT_URL": "localhost"}, "AWS_ENDPOINT_URL"),
    ],
    ids=["none", "profile", "half", "account", "endpoint", "no address"],
)
def test_credentials_and_endpoints(rig: Rig, environment: Environment, sentence: str) -> None:
    refused(rig, sentence, environment=environment)


def test_an_unknown_cluster(rig: Rig) -> None:
    rig.config = rig.config.replace("l2l", "nowhere")
    rig.file.write_text(rig.config)
    refused(rig, "There is no cluster nowhere in us-west-2")


def test_a_context_of_another_cluster(rig: Rig) -> None:
    rig.write_kubeconfig("https://other.invalid")
    refused(rig, "operator@practice", "https://other.invalid", "https://practice.invalid")


@pytest.mark.parametrize(("kubeconfig", "sentence"), [(None, "There is no current context"), ("a: [", "is broken")])
def test_a_kubeconfig_that_is_of_no_use(rig: Rig, kubeconfig: str | None, sentence: str) -> None:
    rig.kubeconfig.unlink()
    if kubeconfig:
        rig.kubeconfig.write_text(kubeconfig)
    refused(rig, sentence, str(rig.kubeconfig))


@pytest.mark.parametrize(
    ("kubeconfig", "sentence"),
    [
        ("", "There is no current context"),
        ("just words", "is broken"),
        ("current-context: a\ncontexts: words", "is broken"),
        ("current-context: a\ncontexts: [words]", "is broken"),
        ("current-context: a\ncontexts: [{name: a, context: }]", "not complete"),
        ("current-context: a\ncontexts: [{name: a, context: {cluster: a}}]\nclusters: [{name: a}]", "not complete"),
    ],
)
def test_more_of_them(tmp_path: Path, kubeconfig: str, sentence: str) -> None:
    """Without a process for each."""
    (tmp_path / "config").write_text(kubeconfig)
    with pytest.raises(Refused, match=sentence):
        current_context([tmp_path / "config"])


@pytest.mark.parametrize(
    ("code", "stderr", "sentence"),
    [
        (0, "", "can't be understood"),
        (1, "error: You must be logged in to the server (Unauthorized)\n", "does not know this AWS identity"),
    ],
)
def test_kubernetes_says_no(rig: Rig, code: int, stderr: str, sentence: str) -> None:
    rig.stage("kubectl", "get", exit=code, stderr=stderr, effect=False)
    refused(rig, sentence)


@pytest.mark.parametrize("program", ["eksctl", "kubectl"])
def test_a_program_is_missing(rig: Rig, program: str) -> None:
    (rig.bin / program).unlink()
    refused(rig, f"{program} is not installed")


def test_nobody_is_there_to_say_yes(rig: Rig) -> None:
    refused(rig, "add --yes", words=UPGRADE[:2])


def test_dry_shows_the_plan_and_its_commands_and_does_nothing(make_rig: Callable[..., Rig]) -> None:
    """In plain lines, for this is a pipe."""
    rig = make_rig(CONFIG.read_text())
    run = rig.run("--dry", "upgrade-k8s", "--to=1.22")
    assert (run.exit, run.err) == (0, "")
    assert re.search(r"^ +\d+ +nodes-1\.20 .* worker-4xlarge → worker-4xlarge-b ", run.out, re.MULTILINE)
    assert "eksctl create nodegroup --config-file=infra/cluster.yaml --include=core-b,user-b," in run.out
    assert not re.search(r"[\x1b\r]", run.out)
    assert rig.untouched
    assert rig.amazon.maxima == []
    assert not [request for request in rig.amazon.requests if "PUT" in request or "DELETE" in request]
