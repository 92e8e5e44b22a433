"""hubploy: its command lines, and what is worth reading in its tracebacks."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tasks.seams import Ran

# What hubploy calls instead of helm: see there.
HELM = Path(__file__).with_name("helm-for-hubploy")
# The folder of what hubploy finds as aws: see there.
PROGRAMS = Path(__file__).with_name("for-hubploy")
# The folder of what Docker's library calls for ECR's password: see there.
HELPERS = Path(__file__).with_name("docker-helpers")
STEP = re.compile(r"Step (\d+/\d+) : (.*)")
LOOKING, PUSHING = "Trying to fetch parent image ", "Pushing image"
EXCEPTION = re.compile(r"^[\w.]+(?:Error|Exception): ")
TRACEBACK = "Traceback (most recent call last)"
MOST_LINES = 20  # of a failed step


def deploy(deployment: str, namespace: str, chart: str, environment: str, timeout: str) -> list[str]:
    """As documented. hubploy wants the chart's folder as a path that helm does not take for a repository's chart.

    timeout: as helm writes it, such as 15m; "" for helm's own.
    """
    options = ["--namespace", namespace, "--cleanup-on-fail", *(["--timeout", timeout] if timeout else [])]
    return ["hubploy", "deploy", *options, deployment, f"./{chart}", environment]


def environment(description: str, kubeconfig: str, path: str) -> dict[str, str]:
    """For `deploy`. kubeconfig: of the preflight, with a token of the cluster's role. path: PATH without ours."""
    return {
        "HELM_EXECUTABLE": str(HELM),
        "RELEASE_DESCRIPTION": description,
        "RELEASE_KUBECONFIG": kubeconfig,
        "PATH": os.pathsep.join([str(PROGRAMS), path]),
    }


def why(ran: Ran) -> str:
    """The line in which a program below it says why, else the last line of the traceback. Command lines are left out:
    they name files and values."""
    lines = [line.strip() for line in (ran.stderr + "\n" + ran.stdout).splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("Error: ")]
    rest = [line for line in lines if "CalledProcessError" not in line]
    return (said or rest or ["it said nothing"])[-1].removeprefix("Error: ")


def build(deployment: str, image: str, push: bool, empty: str) -> list[str]:
    """Whether it is needed was settled before. hubploy wants to know what has changed since when: since nothing was
    there, so that it builds. It would ask the registry through Docker, in words that differ from version to version.
    """
    pushed = ["--push"] if push else []
    return ["hubploy", "build", deployment, *pushed, "--commit-range", empty, "--image", image]


def build_environment(environment: Mapping[str, str], login: Path) -> dict[str, str]:
    """login: the file with ECR's password, if there is one. Lines come when they are printed."""
    path = os.pathsep.join([str(HELPERS), environment["PATH"]])
    return {**environment, "PATH": path, "ECR_LOGIN": str(login), "PYTHONUNBUFFERED": "1"}


def progress(line: str) -> str:
    """A line of a build as a person wants to see it; "" if not at all."""
    line = line.strip()
    if line.startswith(LOOKING):
        return f"looking for {line.removeprefix(LOOKING)}, to build on what it has"
    if line == PUSHING:
        return "pushing"
    return line if STEP.fullmatch(line) else ""


@dataclass(frozen=True)
class Failure:
    """step: of the Dockerfile; "" if it was none of those. lines: the last ones. said: why."""

    step: str
    lines: list[str]
    said: str


def build_failure(ran: Ran) -> Failure:
    """A Dockerfile's step that failed is the last thing that Docker has told."""
    told = ran.stderr.partition(TRACEBACK)[0].replace("\r", "\n")
    lines = [line.rstrip() for line in told.splitlines() if line.strip()]
    begun = max((number for number, line in enumerate(lines) if STEP.match(line)), default=None)
    if begun is None or any(line.startswith(("Successfully built", PUSHING)) for line in lines[begun:]):
        return Failure("", [], EXCEPTION.sub("", why(replace(ran, stdout=""))))
    rest = [line for before, line in zip(lines[begun:], lines[begun + 1 :], strict=False) if line != before]
    return Failure(lines[begun], rest[-MOST_LINES:], rest[-1].rstrip(".") if rest else why(ran))
