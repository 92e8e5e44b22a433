"""`invoke write-kubeconfig`: access to the cluster for kubectl, private and tested."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.connect import context_names, current_context, kubeconfig_files
from tasks.errors import Refused
from tasks.observe import explain, explain_kubectl
from tasks.programs import refuse_missing
from tasks.seams import AwsError, Ran
from tasks.session import Session
from tasks.tools import eksctl
from tasks.tools.kubectl import Kubectl

LIMIT = 20.0  # seconds: eksctl itself tries an endpoint that does not answer for three minutes, without a word
PRIVATE = 0o600


def write(session: Session) -> None:
    """The whole task. Raises Refused with the cause."""
    screen, config = session.screen, session.config
    screen.says(f"AWS account {session.identity.account}, as {session.identity.arn}")
    line = eksctl.write_kubeconfig(session.seams.folder.path(session.file))
    if session.dry:
        screen.runs(line)
        return
    refuse_missing(session.seams)
    try:
        session.seams.aws("eks", "describe_cluster", name=config.name)
    except AwsError as error:
        raise Refused(explain(error, config)) from None
    file = _file()
    with _private(file):
        screen.runs(line)
        ran = session.seams.run(line, changes=True, limit=LIMIT)
    if ran.exit != 0:
        raise Refused(_explain_eksctl(ran))
    _say_what_kubectl_finds(session, file)


def _file() -> Path:
    """The one that eksctl will write, by the rule of Kubernetes' own client: the first that exists, else the last."""
    files = kubeconfig_files()
    return next((file for file in files if file.exists()), files[-1])


@contextmanager
def _private(file: Path) -> Iterator[None]:
    """Nobody else can read the file, not even for a moment, and no context of it gets lost."""
    before = file.read_bytes() if file.exists() else None
    contexts = context_names(file)
    if before is not None:
        file.chmod(PRIVATE)
    umask = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(umask)
        if file.exists():
            file.chmod(PRIVATE)
    if before is not None and (lost := contexts - _readable_contexts(file)):
        file.write_bytes(before)
        raise Refused(f"eksctl has lost {', '.join(sorted(lost))} from {file}, which was put back as it was.")


def _readable_contexts(file: Path) -> set[str]:
    """None of a file that eksctl left broken, by being ended in the middle of it."""
    try:
        return context_names(file)
    except Refused:
        return set()


def _say_what_kubectl_finds(session: Session, file: Path) -> None:
    context = current_context([file])
    kubectl = Kubectl(str(file), context.name)
    version = _answer(session, kubectl.server_version())
    namespaces = _answer(session, kubectl.namespaces())
    server = json.loads(version.stdout)["serverVersion"]["gitVersion"]
    count = len(json.loads(namespaces.stdout)["items"])
    session.screen.says(f"context {context.name} in {file}: Kubernetes {server}, {count} namespaces", "green")


def _answer(session: Session, argv: list[str]) -> Ran:
    ran = session.seams.run(argv, limit=LIMIT)
    if ran.exit != 0:
        raise Refused(explain_kubectl(ran))
    return ran


def _explain_eksctl(ran: Ran) -> str:
    if ran.exit == -9:
        return f"AWS has not answered eksctl for {round(LIMIT)} s: look at the network, and at AWS_ENDPOINT_URL if it is set."
    return f"eksctl could not write the kubeconfig: {ran.last_words.removeprefix('Error: ')}"
