"""hubploy: its command lines, and what is worth reading in its tracebacks."""

from __future__ import annotations

from pathlib import Path

from tasks.seams import Ran

# What hubploy calls instead of helm: see there.
HELM = Path(__file__).with_name("helm-for-hubploy")


def deploy(deployment: str, namespace: str, chart: str, environment: str) -> list[str]:
    """As documented. hubploy wants the chart's folder as a path that helm does not take for a repository's chart."""
    return ["hubploy", "deploy", "--namespace", namespace, "--cleanup-on-fail", deployment, f"./{chart}", environment]


def environment(description: str) -> dict[str, str]:
    return {"HELM_EXECUTABLE": str(HELM), "RELEASE_DESCRIPTION": description}


def why(ran: Ran) -> str:
    """The line in which a program below it says why, else the last line of the traceback. Command lines are left out:
    they name files and values."""
    lines = [line.strip() for line in (ran.stderr + "\n" + ran.stdout).splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("Error: ")]
    rest = [line for line in lines if "CalledProcessError" not in line]
    return (said or rest or ["it said nothing"])[-1].removeprefix("Error: ")
