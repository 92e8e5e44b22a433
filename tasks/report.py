"""The Markdown report of an upgrade: for whoever wants to know next year how it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tasks.errors import Refused
from tasks.journal import Entry, Journal
from tasks.plan.steps import Plan
from tasks.plan.values import Cluster
from tasks.screen import duration
from tasks.seams import Seams
from tasks.summary import append_to_job_summary

BAR_TIME = "%Y-%m-%dT%H:%M:%S"  # not Mermaid's X: it takes a start for milliseconds there, and an end for seconds


@dataclass(frozen=True)
class Passage:
    """One step as it really went, over all runs that had to do with it. Seconds since 1970; ended: None if it has not."""

    step: str
    began: float
    ended: float | None


@dataclass(frozen=True)
class Story:
    """What a report tells. after: None where the run ended early, with `trouble` as the reason."""

    start: str  # the control plane's version when the first of the runs began
    plan: Plan
    passages: Sequence[Passage]
    before: Cluster
    after: Cluster | None
    trouble: str
    warnings: Sequence[str]
    next_steps: Sequence[str]


def since_the_last_end(journal: Journal) -> list[Entry]:
    """The entries since the last upgrade that came to its end before this one: of all runs that were needed for it."""
    entries = journal.entries()
    ends = [number for number, entry in enumerate(entries[:-1]) if entry["event"] == "done"]
    return entries[ends[-1] + 1 :] if ends else entries


def passages(entries: Sequence[Entry]) -> list[Passage]:
    """Each step once, from its first beginning to its last end.

    A step whose end was not written down, because the run was killed, is over when the next one begins.
    """
    found: dict[str, Passage] = {}
    for entry in entries:
        if entry["event"] == "step":
            known = found.get(entry["step"])
            for name, other in found.items():
                if other.ended is None and name != entry["step"]:
                    found[name] = Passage(name, other.began, entry["at"])
            found[entry["step"]] = Passage(entry["step"], known.began if known else entry["at"], None)
        elif entry["event"] == "step-done" and entry["step"] in found:
            found[entry["step"]] = Passage(entry["step"], found[entry["step"]].began, entry["at"])
        elif entry["event"] == "done":
            found = {name: Passage(name, p.began, p.ended or entry["at"]) for name, p in found.items()}
    return list(found.values())


def start(entries: Sequence[Entry], otherwise: str) -> str:
    """The control plane's version when the first of the runs began."""
    return next((str(entry["version"]) for entry in entries if entry["event"] == "begin"), otherwise)


def markdown(story: Story) -> str:
    """GitHub renders it, the Mermaid chart included."""
    plan, before = story.plan, story.before
    verdict = "done" if story.after and not story.trouble else "ended early"
    parts = [
        f"# {before.name}: Kubernetes {story.start} to {plan.target}, {verdict}",
        story.trouble or f"Strategy {plan.strategy}; usually {duration(plan.minutes * 60)}.",
        "## What ran when",
        _chart(story),
        table(("step", "began (UTC)", "took"), [_passage_row(passage) for passage in story.passages]),
        "## Versions",
        table(("", "before", "after"), _versions(story)),
        "## Plan",
        table(
            ("step", "what it does", "why", "done when", "usually"),
            [(step.id, step.does, step.why, step.done_when, f"{step.minutes} min") for step in plan.steps],
        ),
        "## Warnings",
        items(story.warnings),
        "## Next steps",
        items(story.next_steps),
    ]
    return "\n\n".join(parts) + "\n"


def write(seams: Seams, story: Story) -> str | None:
    """Writes it to reports/, and to the job summary of GitHub Actions. Returns the path; None if that failed.

    A report never makes a run fail.
    """
    began = story.passages[0].began if story.passages else seams.clock.now()
    name = f"{_time(began, '%Y-%m-%d-%H%M')}-{story.before.name}-kubernetes-{story.plan.target}.md"
    text = markdown(story)
    append_to_job_summary(text)
    try:
        seams.folder.write(f"reports/{name}", text.encode())
    except (Refused, OSError):
        return None
    return seams.folder.path(f"reports/{name}")


def _chart(story: Story) -> str:
    lines = [
        "```mermaid",
        "gantt",
        f"    title {story.before.name} {story.start} to {story.plan.target}",
        "    dateFormat YYYY-MM-DDTHH:mm:ss",
        "    axisFormat %H:%M",
    ]
    titles = {"control-plane": "Control plane", "addons": "Add-ons", "nodes": "Node groups", "config": "Configuration"}
    for kind, title in titles.items():
        rows = [passage for passage in story.passages if passage.step.startswith(kind)]
        if rows:
            lines.append(f"    section {title}")
            lines += map(_bar, rows)
    return "\n".join([*lines, "```"])


def _bar(passage: Passage) -> str:
    """One that did not end is drawn a minute long, and red."""
    state, end = ("done", passage.ended) if passage.ended else ("crit", passage.began + 60)
    return f"    {passage.step} : {state}, {_time(passage.began, BAR_TIME)}, {_time(end, BAR_TIME)}"


def _passage_row(passage: Passage) -> tuple[str, str, str]:
    took = duration(passage.ended - passage.began) if passage.ended else "not done"
    return passage.step, _time(passage.began, "%Y-%m-%d %H:%M"), took


def _versions(story: Story) -> list[tuple[str, str, str]]:
    before, after = story.before, story.after
    rows = [("control plane", story.start, str(after.control_plane.version) if after else "?")]
    for title, versions in (("node group", _group_versions), ("add-on", _addon_versions)):
        old, new = versions(before), versions(after) if after else {}
        rows += [
            (f"{title} {name}", old.get(name, "-"), new.get(name, "-" if after else "?")) for name in sorted(old | new)
        ]
    return rows


def _group_versions(cluster: Cluster) -> dict[str, str]:
    return {group.name: f"{group.version or 'unknown'}, {len(group.nodes)} nodes" for group in cluster.groups}


def _addon_versions(cluster: Cluster) -> dict[str, str]:
    return {addon.name: addon.version for addon in cluster.addons}


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def items(texts: Sequence[str]) -> str:
    """A list in Markdown."""
    return "\n".join(f"- {text}" for text in texts) or "None."


def _time(seconds: float, form: str) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(form)
