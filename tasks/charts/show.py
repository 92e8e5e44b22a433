"""What a person sees of a bump, and the same as a document for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.charts.assess import Unknown
from tasks.charts.chartfile import NAME
from tasks.charts.proposal import Proposal
from tasks.plan.breaks import Finding
from tasks.plan.chartdiff import ChartDiff
from tasks.plan.charts import Packaged
from tasks.plan.route import Bump, Candidate, Raise, Step
from tasks.plan.version import Minor
from tasks.screen import Screen

STYLES = {"breaks": "bold red", "silent": "red", "action": "yellow", "check": "yellow"}


@dataclass(frozen=True)
class Outlook:
    """Where things stand. route: to the target; whole: to the newest there is. notes: what is not known, in sentences."""

    current: Packaged
    now: Candidate
    kubernetes: Minor
    newest: Candidate
    target: Candidate
    route: tuple[Step, ...]
    whole: tuple[Step, ...]
    notes: tuple[str, ...]

    @property
    def step(self) -> Bump | None:
        """What can be done now; None if nothing, or if Kubernetes has to go first."""
        first = self.route[0] if self.route else None
        return first if isinstance(first, Bump) else None


@dataclass(frozen=True)
class Assessment:
    """What a step does here. later: the steps after it, and how many findings they have in the files as they are."""

    step: Bump
    new: Packaged
    findings: tuple[Finding, ...]
    unknown: tuple[Unknown, ...]
    differences: tuple[ChartDiff, ...]
    proposal: Proposal
    changelogs: tuple[tuple[str, str], ...]
    later: tuple[tuple[Bump, int], ...]


def progress(screen: Screen) -> Callable[[int, int, str], None]:
    """A running line on a terminal, one line elsewhere."""

    def told(done: int, of: int, what: str) -> None:
        if screen.live:
            screen.running(f"fetching charts: {done} of {of} ({what})" if done < of else "")
        elif done == 0:
            screen.says(f"fetching {of} file{'s' * (of > 1)} from chart repositories, {what} first")

    return told


def brought(candidate: Candidate) -> str:
    return ", ".join(f"{name} {version}" for name, version in candidate.charts)


def outlook(screen: Screen, found: Outlook) -> None:
    screen.says(f"{NAME} {found.now.version} ({brought(found.now)}) on Kubernetes {found.kubernetes}", "bold")
    for note in found.notes:
        screen.says(f"! {note}", "yellow")
    if found.whole:
        _way(screen, f"The way to {found.newest.version}, the newest", found.whole)
    if found.whole[: len(found.route)] != found.route:
        _way(screen, f"The way to {found.target.version}", found.route)
    for step in (each for each in found.route if isinstance(each, Bump)):
        for warning in step.warnings:
            screen.says(f"! {step.to.version}: {warning}", "yellow")


def _way(screen: Screen, title: str, steps: Sequence[Step]) -> None:
    rows = [(str(number), *_row(step)) for number, step in enumerate(steps, 1)]
    screen.table(title, ("", "step", "brings", "needs"), rows)


def _row(step: Step) -> tuple[str, str, str]:
    if isinstance(step, Raise):
        return f"Kubernetes {step.to}", step.because, "invoke upgrade-k8s"
    return f"{NAME} {step.to.version}", brought(step.to), f"Kubernetes {step.to.floor}" if step.to.floor else ""


def newer(found: Outlook) -> str:
    """The last word of --check, where there is something newer."""
    if found.step:
        return f"{NAME} {found.target.version} fits; the next step there is {found.step.to.version}: `invoke bump-daskhub`."
    return f"{NAME} {found.newest.version} is newer, and needs another Kubernetes first: {_upgrade_line(found.whole)}."


def kubernetes_first(found: Outlook, wished: str) -> str:
    again = f"invoke bump-daskhub --to {wished}" if wished else "invoke bump-daskhub"
    return (
        f"{NAME} {found.target.version} needs another Kubernetes than {found.kubernetes}: "
        f"{_upgrade_line(found.route)}, then `{again}`."
    )


def _upgrade_line(steps: Sequence[Step]) -> str:
    first = next(step for step in steps if isinstance(step, Raise))
    return f"`invoke upgrade-k8s --to {first.to}`"


def nothing(screen: Screen, found: Outlook) -> None:
    if found.newest.key > found.now.key:
        screen.says(f"Nothing newer fits Kubernetes {found.kubernetes}. {newer(found)}", "bold")
    else:
        screen.says(f"There is nothing newer than {NAME} {found.now.version}.", "bold green")


def assessment(screen: Screen, look: Outlook, found: Assessment) -> None:
    screen.says(f"{NAME} {found.step.before.version} → {found.step.to.version}", "bold")
    screen.table("It brings", ("", "now", "then"), versions(look.current, found.new))
    if found.proposal.lacking:
        names = " and ".join(found.proposal.lacking)
        screen.says(
            f"! Compared without {names}: their archives can't be had here, and nothing of them changes", "yellow"
        )
    findings(screen, found)
    for each in found.differences:
        difference(screen, each)
    for edit in found.proposal.edits:
        screen.diff(edit.file, edit.before or b"", edit.after or b"")
    for step, number in found.later:
        screen.says(f"Later, {step.to.version}: {number} more finding{'s' * (number != 1)} in these files as they are")


def versions(old: Packaged, new: Packaged) -> list[tuple[str, str, str]]:
    """Charts, their applications, what Kubernetes they need, and their CRDs by digest: what differs."""
    rows = [("chart", old.version, new.version)]
    for name in [chart.name for chart in list(new.all())[1:]]:
        before, after = old.named(name), new.named(name)
        assert after
        rows += [
            (name, before.version if before else "", after.version),
            (f"{name}, application", before.app_version if before else "", after.app_version),
            (f"{name}, Kubernetes", before.kubernetes if before else "", after.kubernetes),
        ]
    return pairs(rows, crd_digests(old), crd_digests(new))


def image_versions(old: Packaged, new: Packaged) -> list[tuple[str, str, str]]:
    """The charts' own images by values path, whether this deployment uses them or not: what differs."""
    return pairs([], default_images(old), default_images(new))


def pairs(
    rows: Sequence[tuple[str, str, str]], before: dict[str, str], after: dict[str, str]
) -> list[tuple[str, str, str]]:
    more = [(name, before.get(name, ""), after.get(name, "")) for name in sorted(before | after)]
    return [row for row in (*rows, *more) if row[1] != row[2]]


def crd_digests(chart: Packaged) -> dict[str, str]:
    return {f"crds/{file.name}": file.digest[:10] for each in chart.all() for file in each.crds}


def default_images(chart: Packaged) -> dict[str, str]:
    """Values path → name:tag."""
    found: dict[str, str] = {}
    for each in chart.all():
        found |= {f"{each.path}{path}": text for path, text in _images(each.values, "." if each.path else "")}
    return found


def _images(values: Any, path: str) -> list[tuple[str, str]]:
    if not isinstance(values, dict):
        return []
    name, tag = values.get("name") or values.get("repository"), values.get("tag")
    if isinstance(name, str) and isinstance(tag, str) and name and tag:
        return [(path.rstrip("."), f"{name}:{tag}")]
    return [each for key, item in values.items() for each in _images(item, f"{path}{key}.")]


def findings(screen: Screen, found: Assessment) -> None:
    """The gravest first: what it means, where it stands, what to do about it."""
    for each in found.findings:
        screen.says(f"{each.severity} ({each.rule}): {each.says}", STYLES.get(each.severity, ""))
        for line in (place(each), remedy(each), each.source):
            screen.says(line, indent=4)
    for file, path, why in found.proposal.left:
        screen.says(f"! {file}, {'.'.join(path)} can't be edited in place: {why}", "yellow")
    for unknown in found.unknown:
        screen.says(f"! {unknown_words(unknown)}", "yellow")
    if not (found.findings or found.unknown):
        screen.says("No rule and no key of the values has anything to say.")


def place(finding: Finding) -> str:
    return ", ".join(filter(None, (finding.file, f"line {finding.line}" if finding.line else "", finding.key)))


def remedy(finding: Finding) -> str:
    return f"edited: {finding.do}" if finding.edit else finding.do


def unknown_words(each: Unknown) -> str:
    since = "the new charts don't know" if each.before else "no chart knows, the installed ones neither"
    meant = f"; is {each.meant} meant?" if each.meant else ""
    return f"{each.file}, line {each.line}, {each.key}: a key that {since}{meant}"


def difference(screen: Screen, found: ChartDiff) -> None:
    if found.trouble:
        screen.says(f"breaks: {found.release} does not render with the new charts: {found.trouble}", STYLES["breaks"])
        return
    counts = ", ".join(f"{found.count(what)} {what}" for what in ("added", "removed", "changed"))
    screen.says(f"{found.release}: {counts}, {found.relabelled} in their chart's version alone", "bold")
    for change in found.changes:
        sign, style = {"added": ("+", "green"), "removed": ("-", "red")}.get(change.what, ("~", "yellow"))
        screen.says(f"  {sign} {change.name}", style)
    screen.table("Images", ("", "now", "then"), [(each.name, each.before, each.after) for each in found.images])
    for name, fields in found.immutable:
        screen.says(
            f"breaks: the upgrade will fail, for Kubernetes refuses to change {', '.join(fields)} of {name}: "
            "delete that object first, if what it holds can be spared",
            STYLES["breaks"],
        )
    for text in found.unserved:
        screen.says(f"breaks: {text}", STYLES["breaks"])


def done(screen: Screen, look: Outlook, found: Assessment, report: str) -> None:
    files = " ".join(edit.file for edit in found.proposal.edits)
    version = found.step.to.version
    screen.says(f"{NAME} {version} is in the files. A text for the pull request: {report}", "bold green")
    screen.says(f"Next: git add {files} && git commit --message='{NAME} {version}', then `invoke deploy`")
    if found.later or len(look.route) > 1:
        screen.says(f"and when that runs, the next step: {again(look)}")


def again(look: Outlook) -> str:
    following = look.route[1]
    if isinstance(following, Raise):
        return f"`invoke upgrade-k8s --to {following.to}`"
    return f"`invoke bump-daskhub --to {look.target.version}`"


def document(look: Outlook, found: Assessment | None) -> dict[str, Any]:
    """`bump-daskhub --output=json`."""
    return {
        "chart": NAME,
        "version": look.now.version,
        "brings": dict(look.now.charts),
        "kubernetes": str(look.kubernetes),
        "newest": look.newest.version,
        "target": look.target.version,
        "route": [step_document(step) for step in look.route],
        "whole_route": [step_document(step) for step in look.whole],
        "notes": list(look.notes),
        "step": assessment_document(look, found) if found else None,
    }


def step_document(step: Step) -> dict[str, Any]:
    if isinstance(step, Raise):
        return {"kubernetes": str(step.to), "because": step.because}
    return {
        "chart": step.to.version,
        "brings": dict(step.to.charts),
        "local": step.to.local,
        "kubernetes_floor": str(step.to.floor) if step.to.floor else None,
        "on_kubernetes": str(step.kubernetes),
        "warnings": list(step.warnings),
    }


def _rows(found: Sequence[tuple[str, str, str]]) -> list[dict[str, str]]:
    return [dict(zip(("what", "now", "then"), row, strict=True)) for row in found]


def assessment_document(look: Outlook, found: Assessment) -> dict[str, Any]:
    return {
        "from": found.step.before.version,
        "to": found.step.to.version,
        "versions": _rows(versions(look.current, found.new)),
        "default_images": _rows(image_versions(look.current, found.new)),
        "findings": [
            {
                "rule": each.rule,
                "severity": each.severity,
                "says": each.says,
                "do": each.do,
                "file": each.file,
                "line": each.line,
                "key": each.key,
                "edit": each.edit or None,
                "source": each.source,
            }
            for each in found.findings
        ],
        "unknown_keys": [
            {"file": each.file, "line": each.line, "key": each.key, "known_before": each.before, "meant": each.meant}
            for each in found.unknown
        ],
        "left": [{"file": file, "key": ".".join(path), "why": why} for file, path, why in found.proposal.left],
        "releases": [
            {
                "release": each.release,
                "trouble": each.trouble or None,
                "changes": [{"what": change.what, "object": change.name} for change in each.changes],
                "relabelled": each.relabelled,
                "images": [{"name": image.name, "now": image.before, "then": image.after} for image in each.images],
                "immutable": [{"object": name, "fields": list(fields)} for name, fields in each.immutable],
                "unserved": list(each.unserved),
            }
            for each in found.differences
        ],
        "edits": [edit.file for edit in found.proposal.edits],
        "changelogs": [{"what": what, "address": address} for what, address in found.changelogs],
        "later": [{"chart": step.to.version, "findings": number} for step, number in found.later],
    }
