"""A bump as Markdown: the text of its pull request, and the summary of a look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasks.charts.chartfile import NAME
from tasks.charts.show import Assessment, Outlook, again, brought, image_versions, place, unknown_words, versions
from tasks.plan.breaks import SEVERITIES, Finding
from tasks.plan.chartdiff import ChartDiff
from tasks.plan.route import Raise, Step
from tasks.report import items, table


def summary(look: Outlook) -> str:
    """Whether there is something newer, and the way there."""
    word = f"{look.newest.version} is the newest" if look.whole else "there is nothing newer"
    lines = [f"### {NAME} {look.now.version} on Kubernetes {look.kubernetes}: {word}", "", items(route(look.whole))]
    return "\n".join([*lines, "", items(look.notes)]) + "\n" if look.notes else "\n".join(lines) + "\n"


def route(steps: Sequence[Step]) -> list[str]:
    return [
        f"Kubernetes {step.to}: {step.because}"
        if isinstance(step, Raise)
        else f"{NAME} {step.to.version}: {brought(step.to)}"
        for step in steps
    ]


def markdown(look: Outlook, found: Assessment) -> str:
    step = found.step
    parts = [
        f"# {NAME} {step.before.version} → {step.to.version}",
        f"On Kubernetes {look.kubernetes}. It is deployed by `invoke deploy` when this is merged; `invoke rollback` goes "
        "back, and does not undo what a newer JupyterHub has made of the hub's database.",
        table(("", "now", "then"), versions(look.current, found.new)),
        *_default_images(look, found),
        *_findings(found),
        *_checklist(found),
        *(text for each in found.differences for text in _difference(each)),
        "## What changed upstream",
        items([f"[{what}]({address})" for what, address in found.changelogs]),
    ]
    if len(look.route) > 1:
        parts += ["## After this", items(route(look.route[1:])), f"Next, when this runs: {again(look)}."]
    return "\n\n".join(parts) + "\n"


def _default_images(look: Outlook, found: Assessment) -> Iterator[str]:
    if rows := image_versions(look.current, found.new):
        yield "<details><summary>The charts' own images</summary>"
        yield table(("values", "now", "then"), rows)
        yield "</details>"


def _findings(found: Assessment) -> Iterator[str]:
    yield "## What it does to these values"
    for severity, means in SEVERITIES.items():
        if these := [each for each in found.findings if each.severity == severity]:
            yield f"### {severity}: {means}"
            yield items([_finding(each) for each in these])
    if not found.findings:
        yield "Nothing that a rule knows of."


def _finding(each: Finding) -> str:
    return f"{each.says} ([{each.rule}]({each.source})) — {_code(place(each))}"


def _code(text: str) -> str:
    return f"`{text}`" if text else "nowhere in particular"


def _checklist(found: Assessment) -> Iterator[str]:
    """What a person does, to be ticked off; what is done is."""
    boxes = [f"[{'x' if each.edit else ' '}] {each.do} ({each.rule})" for each in found.findings]
    boxes += [f"[ ] {file}, `{'.'.join(path)}`, by hand: {why}" for file, path, why in found.proposal.left]
    boxes += [f"[ ] {unknown_words(each)}" for each in found.unknown]
    if boxes:
        yield "## To do"
        yield items(list(dict.fromkeys(boxes)))


def _difference(each: ChartDiff) -> Iterator[str]:
    yield f"## What becomes of {each.release}"
    if each.trouble:
        yield f"**It does not render with the new charts**: {each.trouble}"
        return
    yield items([f"{change.what}: {change.name}" for change in each.changes])
    if each.relabelled:
        yield f"{each.relabelled} more differ in their chart's version alone."
    if each.images:
        yield table(("image", "now", "then"), [(image.name, image.before, image.after) for image in each.images])
    troubles = [
        f"**The upgrade will fail**: {', '.join(fields)} of {name} can't be changed" for name, fields in each.immutable
    ]
    if troubles := [*troubles, *(f"**{text}**" for text in each.unserved)]:
        yield items(troubles)
