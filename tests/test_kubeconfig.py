"""`write-kubeconfig`: access that is private, keeps what was there, and is tested; a failure names its cause."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from invoke.config import Config

from tasks.errors import Refused
from tasks.kubeconfig import write
from tasks.practice.behind import practice_seams
from tasks.practice.cluster import practice_world
from tasks.practice.door import Door
from tasks.screen import Screen
from tasks.seams import AwsError, Ran
from tasks.session import Session
from tests.rehearsal import CONFIG, ROOT

ACCOUNT = "123456789012"
ARN = f"arn:aws:sts::{ACCOUNT}:assumed-role/admin/anna"
NEW = "anna@l2l.us-west-2.eksctl.io"
EKSCTL = "eksctl utils write-kubeconfig --config-file=infra/eksctl-cluster-config.yaml"
OTHERS = """contexts:
- {name: home, context: {cluster: home, user: home}}
- {name: work, context: {cluster: work, user: work}}
users: [{name: work, user: {token: secret}}]
"""


@dataclass
class Outside:
    """AWS, eksctl and kubectl. answers: what a program answers instead, by words of its command line.

    refusals: what AWS refuses, by operation. loses: a context that eksctl drops. tears: it dies while it writes.
    modes: the file's when eksctl had just written it.
    """

    file: Path
    answers: dict[str, Ran] = field(default_factory=dict)
    refusals: dict[str, AwsError] = field(default_factory=dict)
    loses: str = ""
    tears: bool = False
    modes: list[int] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def run(self, argv: Sequence[str], *, limit: float, changes: bool = False, watch: object = None) -> Ran:
        self.lines.append(" ".join(argv))
        for words, answer in self.answers.items():
            if words in self.lines[-1]:
                return answer
        if "write-kubeconfig" in argv:
            assert limit <= 20
            self._merge()
            return Ran(tuple(argv), -9 if self.tears else 0, "", "")
        found = {"serverVersion": {"gitVersion": "v1.30.7-eks-1"}, "items": [{}, {}, {}]}  # for version and for get
        return Ran(tuple(argv), 0, "0.231.0" if argv[0] == "eksctl" else json.dumps(found), "")

    def _merge(self) -> None:
        """As eksctl does it: a context more, which is the current one now; a file keeps its mode."""
        document = yaml.safe_load(self.file.read_text()) if self.file.exists() else {}
        what = {"contexts": {"cluster": NEW, "user": NEW}, "clusters": {"server": "https://l2l"}}
        for section, entry in what.items():
            kept = [old for old in document.get(section, []) if old["name"] not in (NEW, self.loses)]
            document[section] = [*kept, {"name": NEW, section[:-1]: entry}]
        self.file.parent.mkdir(exist_ok=True)
        self.file.write_text("contexts:\n- cont" if self.tears else yaml.safe_dump(document | {"current-context": NEW}))
        self.modes.append(mode(self.file))

    def aws(self, service: str, operation: str, **parameters: Any) -> Mapping[str, Any]:
        if operation in self.refusals:
            raise self.refusals[operation]
        return {"Account": ACCOUNT, "Arn": ARN} if service == "sts" else {"cluster": {"endpoint": "https://l2l"}}

    def write(self, dry: bool = False, account: str = ACCOUNT) -> None:
        practice = practice_seams(Door(practice_world(yaml.safe_load(CONFIG.read_text()))), ROOT, 1)
        seams = replace(practice, run=self.run, aws=self.aws)  # type: ignore[arg-type]
        told = {"rehearsal": {"folder": ""}, "run": {"dry": dry}, "aws": {"account": account}}
        write(Session(Config(overrides=told), seams, Screen(), str(CONFIG.relative_to(ROOT))))


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    monkeypatch.chdir(ROOT)
    before = os.umask(0o022)
    yield Outside(tmp_path / "config")
    os.umask(before)


def mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


def test_it_says_as_whom_and_what_kubectl_finds(outside: Outside, capsys: pytest.CaptureFixture[str]) -> None:
    outside.write()
    first, _, last = capsys.readouterr().out.splitlines()
    assert first == f"AWS account {ACCOUNT}, as {ARN}"
    assert last == f"context {NEW} in {outside.file}: Kubernetes v1.30.7-eks-1, 3 namespaces"
    kubectl = [line for line in outside.lines if line.startswith("kubectl")]
    assert len(kubectl) == 2
    assert all(f"--kubeconfig={outside.file} --context={NEW}" in line for line in kubectl)


@pytest.mark.parametrize("before", [None, 0o644, 0o664, 0o600])
def test_the_file_is_private_from_the_first_moment(outside: Outside, before: int | None) -> None:
    if before is not None:
        outside.file.write_text(OTHERS)
        outside.file.chmod(before)
    outside.write()
    assert (outside.modes, mode(outside.file)) == ([0o600], 0o600)
    assert os.umask(0o022) == 0o022


def test_a_file_in_the_home_folder_is_private_too(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG")
    monkeypatch.setenv("HOME", str(outside.file.parent))
    outside.file = outside.file.parent / ".kube" / "config"
    outside.write()
    assert mode(outside.file) == 0o600


def test_other_contexts_survive_and_their_secrets_with_them(outside: Outside) -> None:
    outside.file.write_text(OTHERS)
    outside.write()
    outside.write()
    document = yaml.safe_load(outside.file.read_text())
    assert [context["name"] for context in document["contexts"]] == ["home", "work", NEW]
    assert document["users"] == [{"name": "work", "user": {"token": "secret"}}]


@pytest.mark.parametrize(("loses", "tears"), [("home", False), ("", True)], ids=["drops one", "dies in the middle"])
def test_what_costs_a_context_is_put_back_and_refused(outside: Outside, loses: str, tears: bool) -> None:
    outside.file.write_text(OTHERS)
    outside.loses, outside.tears = loses, tears
    fails(outside, f"{loses}.*put back" if loses else "put back|20 s")
    assert (outside.file.read_text(), mode(outside.file)) == (OTHERS, 0o600)


def test_dry_it_shows_the_command_and_changes_nothing(outside: Outside, capsys: pytest.CaptureFixture[str]) -> None:
    outside.file.write_text(OTHERS)
    outside.file.chmod(0o644)
    outside.write(dry=True)
    assert capsys.readouterr().out.splitlines() == [f"AWS account {ACCOUNT}, as {ARN}", f"  $ {EKSCTL}"]
    assert (outside.lines, outside.file.read_text(), mode(outside.file)) == ([], OTHERS, 0o644)


LOGGED_OUT = "error: You must be logged in to the server (Unauthorized)"
# Who fails at what (AWS's operations; words of a program's command line), what it says, and what we say.
FAILURES = [
    ("get_caller_identity", "NoCredentialsError", "There are no AWS credentials: set AWS_PROFILE"),
    ("get_caller_identity", "ExpiredToken", "The AWS credentials have expired: log in again"),
    ("get_caller_identity", "EndpointConnectionError", "AWS can't be reached: look at the network"),
    ("describe_cluster", "ResourceNotFoundException", "There is no cluster l2l in us-west-2 in this AWS account"),
    ("eksctl version", (127, "bash: eksctl: command not found"), "eksctl is not installed: https://"),
    ("eksctl version", (0, "0.95.0"), "eksctl 0.95.0 is too old: install "),
    ("write-kubeconfig", (-9, ""), "AWS has not answered eksctl for 20 s"),
    ("write-kubeconfig", (1, "Error: writing: disk full"), "could not write the kubeconfig: writing: disk full"),
    ("namespaces", (1, "Error from server (Forbidden): it is forbidden"), "may not do that inside the cluster"),
    ("namespaces", (1, LOGGED_OUT), "does not know this AWS identity"),
    ("namespaces", (1, "Unable to connect to the server: dial tcp: connection refused"), "can't be reached"),
    ("namespaces", (1, "getting credentials: exec: executable aws not found"), "install the AWS CLI"),
    ("kubectl", (127, ""), "kubectl is not installed"),
]


@pytest.mark.parametrize(("where", "what", "sentence"), FAILURES)
def test_a_failure_names_its_cause(outside: Outside, where: str, what: str | tuple[int, str], sentence: str) -> None:
    if isinstance(what, str):
        outside.refusals[where] = AwsError(what, "No cluster found for name: l2l.")
    else:
        outside.answers[where] = Ran((), what[0], what[1], what[1])
    fails(outside, sentence)
    assert (EKSCTL in outside.lines) == (where in ("write-kubeconfig", "namespaces", "kubectl"))


def test_another_account_is_refused_naming_both(outside: Outside) -> None:
    fails(outside, rf"for account {ACCOUNT} \({ARN}\), the deployment is in 210987654321", account="210987654321")
    assert outside.lines == []


@pytest.mark.parametrize("content", ["contexts: [", "\t", "- a\n- b\n", "contexts: 7", "contexts: [7]", "\xff"])
def test_a_broken_kubeconfig_is_named_and_left_alone(outside: Outside, content: str) -> None:
    outside.file.write_bytes(content.encode("latin-1"))
    fails(outside, f"The kubeconfig {outside.file} is broken: move it away")
    assert EKSCTL not in outside.lines
    assert outside.file.read_bytes() == content.encode("latin-1")


def fails(outside: Outside, sentence: str, **how: Any) -> None:
    with pytest.raises(Refused, match=sentence):
        outside.write(**how)
