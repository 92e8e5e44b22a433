"""The cluster: its state, access to it, its upgrade."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.tasks import task

from tasks.errors import Refused

if TYPE_CHECKING:
    from tasks.plan.version import Minor
    from tasks.session import Session

OUTPUT_HELP = "json: print it as JSON, and nothing else, on stdout"


@task(positional=[], auto_shortflags=False, help={"output": OUTPUT_HELP})
def status(c: Context, output: str = "") -> None:
    """Show the live cluster: control plane, node groups, add-ons, its hubs, and where the configuration differs.

    Reads only, through AWS's API, kubectl and helm.
    """
    from tasks.hub.status import hubs
    from tasks.show import status_document, status_tables

    session = _session(c, output)
    observer = session.observer()
    cluster = observer.observe()
    found = hubs(session, observer.kubectl)
    if session.screen.json:
        session.screen.data(status_document(session.config, cluster, found))
    else:
        status_tables(session.screen, session.config, cluster, found)


@task(positional=[], auto_shortflags=False)
def write_kubeconfig(c: Context) -> None:
    """Let kubectl reach the cluster: write its access into your kubeconfig, and test it.

    It is `eksctl utils write-kubeconfig --config-file=…` and `kubectl get namespaces`, with the AWS identity that is
    used before, and what kubectl finds after. The file is private then, and its other contexts stay.
    """
    from tasks.kubeconfig import write

    write(_session(c, ""))


@task(
    positional=[],
    auto_shortflags=False,  # -e is Invoke's --echo elsewhere, and would end servers here
    iterable=["group_version"],
    help={
        "to": "the Kubernetes version to go to, such as 1.22",
        "strategy": "supported (keeps every version policy) or documented (the order of the hub's documentation)",
        "until": "stop after this step of the plan, such as nodes-1.20",
        "wait-for-users": "how long to wait for people to leave nodes that have to go, such as 8h or 30m",
        "evict-users": "end the servers of people on nodes that have to go",
        "group-version": "NAME=1.20: the version of a node group that can't be found out (can be given several times)",
        "strict": "stop in a rehearsal too where a real run would, before a hop that the installed charts don't survive",
        "yes": "do not ask before it begins",
        "output": "json: print the plan as JSON, and do nothing",
    },
)
def upgrade_k8s(
    c: Context,
    to: str = "",
    strategy: str = "supported",
    until: str = "",
    wait_for_users: str = "",
    evict_users: bool = False,
    group_version: list[str] | None = None,
    strict: bool = False,
    yes: bool = False,
    output: str = "",
) -> None:
    """Upgrade the cluster's Kubernetes version, one minor at a time, node groups and add-ons included.

    Looks at the live cluster, shows the plan, asks, and carries it out step by step, looking again after each. It can
    be stopped or killed at any point: the same command goes on. Try it first: invoke rehearse upgrade-k8s --to 1.22.
    """
    from tasks.upgrade import Wishes, upgrade

    target = _minor("to", to)
    told = dict(_told(text) for text in group_version or [])
    if wait_for_users and evict_users:
        raise Refused("--wait-for-users and --evict-users exclude each other: name one.")
    users = "evict" if evict_users else "wait" if wait_for_users else "stop"
    if strategy not in ("supported", "documented"):
        raise Refused(f"--strategy {strategy!r} is neither supported nor documented: name one of them.")
    wishes = Wishes(target, strategy, users, _seconds(wait_for_users), until or None, yes, told, strict)
    upgrade(_session(c, output), wishes)


def _session(c: Context, output: str) -> Session:
    json = wants_json(output)
    from tasks.session import Session

    return Session.begin(c, json)


def wants_json(output: str) -> bool:
    """What --output says."""
    if output not in ("", "json"):
        raise Refused(f"--output {output!r} is not known: leave it out, or say --output=json.")
    return bool(output)


def _minor(flag: str, text: str) -> Minor:
    from tasks.plan.version import Minor

    try:
        return Minor.parse(text)
    except ValueError as error:
        raise Refused(
            f"--{flag}: {error}." if text else f"--{flag} is missing: say --{flag} 1.22, for example."
        ) from None


def _told(text: str) -> tuple[str, Minor]:
    name, sign, version = text.partition("=")
    if not name or not sign:
        raise Refused(f"--group-version {text!r} is not of the form NAME=1.20.")
    return name, _minor("group-version", version)


def _seconds(text: str) -> float:
    if not text:
        return 0.0
    found = re.fullmatch(r"([1-9][0-9]{0,3})([hm])", text, re.ASCII)
    if not found:
        raise Refused(f"--wait-for-users {text!r} is not a time such as 8h or 30m.")
    return int(found[1]) * (3600.0 if found[2] == "h" else 60.0)
