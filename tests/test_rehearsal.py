"""`invoke rehearse …` as a process of its own: it fails closed, it touches nothing, and the same words are the same run."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

# Runs in every Python process below, before anything else: whatever would leave the process is written down, and at the
# end what is left of its environment.
AUDIT = """
import atexit, json, os, sys

log = os.open(os.environ.pop("AUDIT_LOG"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
LEAVES = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "pty.spawn")

def hook(event, arguments):
    if event.startswith(LEAVES) and event != "socket.gethostname":
        os.write(log, json.dumps({"event": event}).encode() + b"\\n")

sys.addaudithook(hook)
atexit.register(lambda: os.write(log, json.dumps({"environment": dict(os.environ)}).encode() + b"\\n"))
"""
# What a person's shell may have set, and a rehearsal must never use.
PERSON = {
    "AWS_PROFILE": "production",
    "AWS_ACCESS_KEY_ID": "AKIAREAL",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "AWS_ENDPOINT_URL": "https://aws.example",
    "AWS_ENDPOINT_URL_EKS": "https://eks.example",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/token",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials",
    "KUBECONFIG": "/home/person/.kube/config",
}


@dataclass(frozen=True)
class Ended:
    exit: int
    stdout: str
    stderr: str
    events: list[str]  # what left the process
    environment: dict[str, str]  # what it had at its end; empty where it was killed

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


def python(tree: Path, *words: str) -> Ended:
    hooks = tree.parent / "hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "sitecustomize.py").write_text(AUDIT)
    log = hooks / "log"
    log.write_text("")
    own = {"PATH": os.environ["PATH"], "HOME": str(tree.parent), "PYTHONPATH": str(hooks), "AUDIT_LOG": str(log)}
    command = [sys.executable, *words]
    ran = subprocess.run(command, cwd=tree, env=PERSON | own, capture_output=True, text=True, timeout=60)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    events = [line["event"] for line in lines if "event" in line]
    environments = [line["environment"] for line in lines if "environment" in line]
    return Ended(ran.returncode, ran.stdout, ran.stderr, events, environments[0] if environments else {})


def invoke(tree: Path, line: str) -> Ended:
    return python(tree, "-m", "invoke", *shlex.split(line))


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.mark.parametrize(
    ("statement", "event"),
    [
        ("import socket; socket.socket().connect(('127.0.0.1', 9))", "socket.connect"),
        ("import subprocess; subprocess.run(['true'])", "subprocess.Popen"),
        ("import os; os.fork()", "os.fork"),
        ("import os; os.system('true')", "os.system"),
        ("import os; os.execv('/bin/true', ['true'])", "os.exec"),
    ],
)
def test_whatever_leaves_a_process_is_noticed(tree: Path, statement: str, event: str) -> None:
    """Or the next test could not fail."""
    assert event in python(tree, "-c", statement).events


def test_a_rehearsal_opens_no_socket_starts_no_process_and_knows_no_credentials(tree: Path) -> None:
    (tree / ".env").write_text("AWS_ACCESS_KEY_ID=AKIAENV\nAWS_BEARER_TOKEN=env\n")
    before = files(tree)
    ended = invoke(tree, "rehearse upgrade-k8s --to 1.22")
    assert (ended.exit, ended.stderr) == (0, "")
    assert ended.events == []
    folder = str(tree / ".rehearsal")
    aws = {name: value for name, value in ended.environment.items() if name.startswith("AWS_")}
    assert aws == {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_CONFIG_FILE": f"{folder}/no-config",
        "AWS_SHARED_CREDENTIALS_FILE": f"{folder}/no-credentials",
    }
    assert not any((tree / ".rehearsal" / name).exists() for name in ("no-config", "no-credentials"))
    assert ended.environment["KUBECONFIG"] == f"{folder}/kubeconfig"
    assert ended.environment["PATH"] == f"{folder}/bin"
    assert list((tree / ".rehearsal" / "bin").iterdir()) == []
    after = files(tree)
    assert {name: content for name, content in after.items() if not name.startswith(".rehearsal/")} == before


def test_the_same_words_are_the_same_run(tree: Path) -> None:
    first, second = (invoke(tree, "rehearse --users 2 upgrade-k8s --to 1.20 --evict-users") for _ in range(2))
    assert first.exit == 0
    assert (first.stdout, first.stderr) == (second.stdout, second.stderr)
    *_, said, last = first.stdout.splitlines()
    assert re.fullmatch(r"\d+ events", last)
    assert re.match(r"A real run takes about \d", said)


def test_the_plan_is_json_alone_on_stdout_and_begins_nothing(tree: Path) -> None:
    plan = invoke(tree, "--dry rehearse upgrade-k8s --to 1.22 --output=json").json
    steps = [step["id"] for step in plan["steps"] if step["id"].startswith(("control-plane-", "nodes-"))]
    assert " ".join(steps) == (
        "control-plane-1.19 control-plane-1.20 nodes-1.20 control-plane-1.21 control-plane-1.22 nodes-1.22"
    )
    status = invoke(tree, "rehearse --resume status --output=json")
    assert status.json["control_plane"]["version"] == "1.18"
    assert re.fullmatch(r"\d+ events\n", status.stderr)


def test_a_run_that_was_really_killed_is_resumed(tree: Path) -> None:
    killed = invoke(tree, "rehearse --die-after 60 upgrade-k8s --to 1.20")
    assert killed.exit == -signal.SIGKILL
    assert invoke(tree, "rehearse --resume upgrade-k8s --to 1.20").exit == 0
    resumed = invoke(tree, "rehearse --resume status --output=json").stdout
    assert invoke(tree, "rehearse upgrade-k8s --to 1.20").exit == 0
    assert invoke(tree, "rehearse --resume status --output=json").stdout == resumed


def test_a_version_that_eks_no_longer_offers_is_refused(tree: Path) -> None:
    ended = invoke(tree, "rehearse --offered 1.31-1.36 upgrade-k8s --to 1.22")
    assert ended.exit == 1
    assert "EKS does not offer 1.18, 1.19, 1.20, 1.21, 1.22 (it offers 1.31 to 1.36)" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_rehearsal_can_begin_at_a_later_version(tree: Path) -> None:
    ended = invoke(tree, "rehearse --from 1.20 upgrade-k8s --to 1.21 --output=json")
    assert (ended.json["from"], ended.json["to"]) == ("1.20", "1.21")
    copy = yaml.safe_load((tree / ".rehearsal" / "infra" / "eksctl-cluster-config.yaml").read_bytes())
    assert copy["metadata"]["version"] == "1.20"


def test_people_at_work_stop_an_upgrade_by_name_and_are_waited_for_on_request(tree: Path) -> None:
    """The first of the three leaves after 45 minutes, while the control plane is being raised."""
    stopped = invoke(tree, "rehearse --users 3 upgrade-k8s --to 1.20")
    assert stopped.exit == 3
    assert stopped.stderr.startswith("2 people are at work")
    assert re.findall(r"jupyter-user-\d on \S+(?=[,)])", stopped.stderr) == [
        "jupyter-user-2 on user-a",
        "jupyter-user-3 on user-a",
    ]
    assert stopped.stderr.count("\n") == 1
    assert invoke(tree, "rehearse --resume upgrade-k8s --to 1.20 --wait-for-users 8h").exit == 0
    world = json.loads((tree / ".rehearsal" / "world.json").read_text())
    assert world["kubernetes"]["evicted_users"] == []


def test_node_groups_can_be_managed_by_eks(tree: Path) -> None:
    assert invoke(tree, "rehearse --managed core-a,user-a upgrade-k8s --to 1.19").exit == 0
    groups = invoke(tree, "rehearse --resume status --output=json").json["node_groups"]
    managed = {group["name"]: group["version"] for group in groups if group["managed"]}
    assert managed == {"core-a": "1.19", "user-a": "1.19"}
