"""What a person sees of a deploy before it happens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tasks.plan.manifest import Change
from tasks.plan.redact import Redactor
from tasks.plan.release import CallFailed, Forget, GoBack, Revision
from tasks.screen import Screen
from tasks.summary import append_to_job_summary

if TYPE_CHECKING:
    from tasks.hub.opened import Hub
    from tasks.hub.release import Difference

SIGNS = {"added": "+", "removed": "-", "changed": "~"}
STYLES = {"+": "green", "-": "red", "@": "cyan"}


def heading(hub: Hub, revisions: Sequence[Revision]) -> None:
    """Who deploys what where, and what is there."""
    screen, chart = hub.screen, hub.chart.metadata()
    screen.says(f"{hub.release.name} on {hub.way.access.name or hub.way.server}, as {hub.way.who.arn}", "bold")
    screen.says(
        f"  chart {chart['name']} {chart['version']}: {', '.join(_version(entry) for entry in hub.chart.locked())}"
    )
    for name, tag in hub.tags.items():
        screen.says(f"  image {name}:{tag}")
    if hub.uncommitted and not hub.settings.rehearsal.line:
        screen.says("! the chart or this deployment's files have changes that no commit has", "yellow")
    last = revisions[-1] if revisions else None
    screen.says(f"  revision {last.number}, {last.status} ({last.description})" if last else "  no release yet")


def _version(entry: dict[str, Any]) -> str:
    return f"{entry['name']} {entry['version']}"


def repair(hub: Hub, todo: GoBack | Forget | CallFailed | None) -> None:
    screen = hub.screen
    if isinstance(todo, GoBack):
        screen.says(
            f"repair: revision {todo.bad.number} is {todo.bad.status}, left by a run that failed or died: "
            f"going back to revision {todo.to.number}, the last good one, so that nothing of it stays behind",
            "yellow",
        )
    elif todo:
        numbers = ", ".join(map(str, todo.numbers))
        what = (
            f"forgetting the record of revision {numbers}, {todo.why}"
            if isinstance(todo, Forget)
            else f"revision {numbers} is an install that nobody finishes: it is called failed, so that helm upgrades it"
        )
        screen.says(f"repair: {what}", "yellow")


def difference(hub: Hub, found: Difference) -> None:
    objects(hub.screen, hub.values.redacted, hub.release.name, found)


def objects(screen: Screen, redacted: Redactor, name: str, found: Difference) -> None:
    """Object by object; the same as Markdown, headed by the name, where CI has a summary for it."""
    screen.says(f"diff: {summary(found)}", "bold")
    for old in found.old_crds:
        screen.says(f"! {old} is in a form that Kubernetes gave up at 1.22: the cluster's own is kept", "yellow")
    for change in found.crds:
        screen.says(
            f"{SIGNS['added' if change.what == 'removed' else 'changed']} {change.name} (by the API server, before helm)",
            "yellow",
        )
    for line in found.values:
        screen.says(redacted(f"  {line}"))
    for change in found.changes:
        _change(screen, redacted, change, "")
    for change in found.drift:
        _change(screen, redacted, change, " (changed by hand; the deploy puts it right)")
    append_to_job_summary(redacted(markdown(name, found)))


def summary(found: Difference) -> str:
    if found.nothing and not found.crds:
        return "nothing to change"
    counts = {what: sum(change.what == what for change in found.changes) for what in SIGNS}
    parts = [f"{number} {what}" for what, number in counts.items() if number]
    parts += [f"{len(found.drift)} changed by hand"] if found.drift else []
    parts += [f"{len(found.crds)} CRDs not as the charts have them"] if found.crds else []
    return ", ".join(parts) or "the same objects from other values"


def _change(screen: Screen, redacted: Redactor, change: Change, note: str) -> None:
    sign = SIGNS[change.what]
    screen.says(redacted(f"{sign} {change.name}{note}"), STYLES.get(sign, "yellow"))
    if change.what == "changed":
        for line in change.lines:
            screen.says(redacted(f"    {line}"), STYLES.get(line[:1], ""))


def markdown(name: str, found: Difference) -> str:
    lines = [f"### {name}: {summary(found)}", ""]
    lines += [f"    {line}" for line in found.values] + [""]  # indented: as it stands
    for change in (*found.changes, *found.drift):
        text = "\n".join(change.lines)
        fence = "`" * max([3, *(len(run) + 1 for run in re.findall(r"`+", text))])
        lines += [
            f"<details><summary>{change.what}: {change.name}</summary>",
            "",
            f"{fence}diff",
            text,
            fence,
            "",
            "</details>",
        ]
    return "\n".join(lines) + "\n"
