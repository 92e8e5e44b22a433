"""The Markdown report of an upgrade, as it lies in the folder afterwards."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from tasks.plan.steps import Plan, Step
from tasks.report import Story, markdown
from tests.rehearsal import Rehearsal

STEPS = ["control-plane-1.19", "addons-1.19", "control-plane-1.20", "addons-1.20", "nodes-1.20"]
TIME = "%Y-%m-%dT%H:%M:%S"
SHORT = ["rehearse", "upgrade-k8s", "--to", "1.19", "--until", "control-plane-1.19"]
SECTIONS = ["What ran when", "Versions", "Plan", "Warnings", "Next steps"]


def invoke(tree: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "invoke", *words],
        cwd=tree,
        env={name: value for name, value in os.environ.items() if name != "GITHUB_STEP_SUMMARY"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def rehearse(tree: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return invoke(tree, "rehearse", *words, "upgrade-k8s", "--to", "1.20", **environment)


def report_in(tree: Path) -> str:
    (file,) = (tree / ".rehearsal" / "reports").iterdir()
    return file.read_text(encoding="utf-8")


def section(report: str, title: str) -> str:
    return report.partition(f"## {title}\n")[2].partition("\n## ")[0].strip()


def table(text: str) -> list[list[str]]:
    """The rows of the table in it, below its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    assert set(rows[1]) == {"---"}
    assert {len(row) for row in rows} == {len(rows[0])}, "rows of different length"
    return rows[2:]


def chart(report: str) -> dict[str, tuple[str, datetime, datetime]]:
    """Step → state, beginning and end; what is no Mermaid that GitHub renders fails."""
    lines = re.findall(r"```mermaid\n(.*?)\n```", report, re.DOTALL)[0].splitlines()
    assert lines[0] == "gantt"
    settings = dict(line.split(maxsplit=1) for line in lines[1:4])
    # Not X: Mermaid 11 takes a start for milliseconds there and an end for seconds. Digits without a zone are the
    # same on every reader's axis, and the same as in the table.
    assert settings["dateFormat"] == "YYYY-MM-DDTHH:mm:ss"
    assert settings["axisFormat"] == "%H:%M"
    bars = {}
    for line in lines[4:]:
        if not re.fullmatch(r"    section [\w -]+", line):
            task = re.fullmatch(r"    ([\w.-]+) : (done|crit), (\S+), (\S+)", line)
            assert task, line
            bars[task[1]] = (task[2], datetime.strptime(task[3], TIME), datetime.strptime(task[4], TIME))
    return bars


def test_a_finished_upgrade_leaves_a_report_and_says_where(tree: Path) -> None:
    run = rehearse(tree)
    assert run.returncode == 0
    (path,) = re.findall(r"^Report: (\S+)$", run.stdout, re.MULTILINE)
    report = (tree / path).read_text(encoding="utf-8")
    assert report == report_in(tree)
    assert report.startswith("# l2l: Kubernetes 1.18 to 1.20, done\n")
    assert re.findall(r"^## (.+)$", report, re.MULTILINE) == SECTIONS
    assert [row[0] for row in table(section(report, "Plan"))] == STEPS
    ran = table(section(report, "What ran when"))
    assert [row[0] for row in ran] == STEPS
    assert ran[0] == ["control-plane-1.19", "2026-01-05 09:00", "26 min"]
    versions = {row[0]: row[1:] for row in table(section(report, "Versions"))}
    assert versions["control plane"] == ["1.18", "1.20"]
    assert versions["node group core-a"] == ["1.18, 1 nodes", "-"]
    assert versions["node group core-b"] == ["-", "1.20, 1 nodes"]
    assert versions["add-on kube-proxy"] == ["v1.18.7-eksbuild.2", "v1.20.9-eksbuild.1"]
    warnings = section(report, "Warnings").splitlines()
    assert len(warnings) >= 2
    assert all(re.fullmatch(r"- [\w.-]+: .+ \(https://\S+\)", line) for line in warnings)
    assert "cluster-autoscaler" in section(report, "Next steps")
    assert "Commit the configuration file" in section(report, "Next steps")


def test_the_chart_shows_each_step_when_it_ran(tree: Path) -> None:
    rehearse(tree)
    report = report_in(tree)
    bars = chart(report)
    assert sorted(bars) == sorted(STEPS)
    assert {state for state, *_ in bars.values()} == {"done"}
    began = {row[0]: row[1] for row in table(section(report, "What ran when"))}
    assert {name: f"{bar[1]:%Y-%m-%d %H:%M}" for name, bar in bars.items()} == began
    for step, following in zip(STEPS, [*STEPS[1:], None], strict=True):
        assert bars[step][1] < bars[step][2]
        assert following is None or bars[step][2] == bars[following][1]


def test_a_run_that_stops_for_people_has_a_report_that_says_why(tree: Path) -> None:
    run = rehearse(tree, "--users", "3")
    assert run.returncode == 3
    report = report_in(tree)
    assert report.startswith("# l2l: Kubernetes 1.18 to 1.20, ended early\n")
    assert run.stderr.strip().endswith("to end their servers.")
    assert run.stderr.strip() in report
    assert [row[2] == "not done" for row in table(section(report, "What ran when"))] == [False] * 4 + [True]
    assert {row[2] for row in table(section(report, "Versions"))} == {"?"}
    assert re.findall(r"^ +(\S+) : crit", report, re.MULTILINE) == ["nodes-1.20"]


def test_the_command_that_goes_on_is_the_one_that_was_given(tree: Path) -> None:
    line = ["--users", "3", "upgrade-k8s", "--to", "1.20", "--strategy", "documented", "--until", "nodes-1.20"]
    assert invoke(tree, "rehearse", *line).returncode == 3
    (command,) = re.findall(r"`(invoke .+)`", section(report_in(tree), "Next steps"))
    words = command.split()
    assert words[1:3] == ["rehearse", "--resume"]
    assert {"documented", "nodes-1.20"} <= set(re.split(r"[ =]", command))


def test_the_report_of_a_killed_and_resumed_run_covers_both(tree: Path) -> None:
    assert rehearse(tree, "--die-after", "150").returncode == -9
    assert not (tree / ".rehearsal" / "reports").exists()
    assert rehearse(tree, "--resume").returncode == 0
    report = report_in(tree)
    ran = table(section(report, "What ran when"))
    assert [row[0] for row in ran] == STEPS
    assert "not done" not in [row[2] for row in ran]
    assert " : crit" not in report


def test_the_report_of_a_resumed_run_begins_where_the_first_one_began(tree: Path) -> None:
    assert rehearse(tree, "--die-after", "150").returncode == -9
    assert rehearse(tree, "--resume").returncode == 0
    report = report_in(tree)
    assert report.startswith("# l2l: Kubernetes 1.18 to 1.20, done\n")
    assert ["control plane", "1.18", "1.20"] in table(section(report, "Versions"))


def test_no_cell_can_break_its_table(rehearsal: Rehearsal) -> None:
    now = rehearsal.observe()
    step = Step("nodes-1.20", "core|user", "why", "done when", 5, "nobody", ())
    plan = Plan(now.control_plane.version, now.control_plane.version, "supported", (step,))
    report = markdown(Story("1.18", plan, [], now, None, "", [], []))
    assert table(section(report, "Plan")) == [["nodes-1.20", r"core\|user", "why", "done when", "5 min"]]


def test_in_github_actions_the_job_summary_gets_the_same_text(tree: Path) -> None:
    summary = tree / "summary.md"
    summary.write_text("What another step said.\n\n")
    assert invoke(tree, *SHORT, GITHUB_STEP_SUMMARY=str(summary)).returncode == 0
    assert summary.read_text(encoding="utf-8") == "What another step said.\n\n" + report_in(tree)


def test_a_report_that_cannot_be_written_does_not_fail_the_run(tree: Path) -> None:
    events = re.findall(r"^(\d+) events$", invoke(tree, *SHORT).stdout, re.MULTILINE)[0]  # the report is the last one
    run = invoke(tree, "rehearse", "--fail-at", events, *SHORT[1:])
    assert (run.returncode, run.stderr) == (0, "")
    assert "The report could not be written." in run.stdout
    assert "Stopped after control-plane-1.19, as asked" in run.stdout
    assert not (tree / ".rehearsal" / "reports").exists()


def test_a_summary_that_cannot_be_written_does_not_deny_the_report(tree: Path) -> None:
    run = invoke(tree, *SHORT, GITHUB_STEP_SUMMARY=str(tree / "missing" / "summary.md"))
    assert (run.returncode, run.stderr) == (0, "")
    assert report_in(tree)
    assert "Report: .rehearsal/reports/" in run.stdout
