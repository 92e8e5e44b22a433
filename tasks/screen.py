"""What a person sees while a task works: tables and a running line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import difflib
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

from tasks.errors import Refused
from tasks.plan.steps import Plan, Step, StopForCharts, StopForUsers
from tasks.plan.survival import why_it_stops

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH = 100_000  # piped text is never wrapped: whoever reads it has a width of his own


def duration(seconds: float) -> str:
    """`3 h 40 min`, `25 min`, `40 s`."""
    minutes = round(seconds / 60)
    if round(seconds) < 60:
        return f"{round(seconds)} s"
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"


@dataclass
class Screen:
    """Prints to stdout; or, with `json`, keeps stdout free for the JSON alone and prints to stderr."""

    json: bool = False
    _status: Any = None
    _label: str = ""
    _began: float = 0.0
    _console: Console | None = field(default=None, repr=False)

    @property
    def console(self) -> Console:
        if self._console is None:
            from rich.console import Console

            stream = sys.stderr if self.json else sys.stdout
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="replace")  # a terminal that has no arrows gets question marks
            width = None if stream.isatty() else PLAIN_WIDTH
            self._console = Console(
                file=stream, width=width, highlight=False, emoji=False, markup=False, soft_wrap=width is not None
            )
        return self._console

    @property
    def live(self) -> bool:
        return self.console.is_terminal and not self.console.is_dumb_terminal

    def says(self, text: str, style: str = "", indent: int = 0) -> None:
        """indent: columns, also of the lines that it takes on a terminal."""
        if not (indent and self.live):
            self.console.print(" " * indent + text, style=style)
            return
        from rich.padding import Padding
        from rich.text import Text

        self.console.print(Padding(Text(text, style=style), (0, 0, 0, indent), expand=False))

    def data(self, document: Any) -> None:
        """The JSON that was asked for, alone on stdout."""
        import json

        sys.stdout.write(json.dumps(document, indent=2) + "\n")

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Columns on a terminal; elsewhere a line a row, its cells parted by two spaces and more. No names: no head."""
        if not rows:
            self.says(f"{title}: none")
            return
        if not self.live:
            self._plain_table(title, columns, rows)
            return
        from rich.table import Table

        table = Table(title=title, title_justify="left", header_style="bold", expand=False, show_header=any(columns))
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*row)
        self.console.print(table)

    def _plain_table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        lines = [columns, *rows] if any(columns) else list(rows)
        widths = [max(len(line[number]) for line in lines) for number in range(len(columns))]
        self.says(title)
        for line in lines:
            self.says("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())

    def plan(self, plan: Plan) -> None:
        """The steps as a table, then what to know before the first one."""
        rows = [
            (str(number), step.id, step.does, duration(step.minutes * 60) if step.minutes else "-", step.disturbs)
            for number, step in enumerate(plan.steps, 1)
        ]
        title = f"From {plan.start} to {plan.target} ({plan.strategy}): {len(rows)} steps, usually {duration(plan.minutes * 60)}"
        self.table(title, ("", "step", "what it does", "usually", "whom it disturbs"), rows)
        for warning in plan.warnings:
            self.says(f"! {warning}", "yellow")
        for step in plan.steps:
            for text in step.breaks:
                self.says(f"! {step.id} breaks a policy: {text}", "yellow")
            for hazard in step.hazards:
                self.says(f"! {step.id}: {hazard.text} [{hazard.source}]", "yellow")
            for action in step.actions:
                if isinstance(action, StopForUsers):
                    who = ", ".join(f"{pod} on {group}" for pod, group in action.users)
                    self.says(f"! {step.id} will stop for people at work: {who}", "yellow")
                elif isinstance(action, StopForCharts):
                    self.says(f"! {step.id} will stop: {why_it_stops(action.ceilings, action.to)}", "yellow")

    def commands(self, lines: Sequence[tuple[str, Sequence[str]]]) -> None:
        for step, argv in lines:
            self.says(f"{step}: {shlex.join(argv)}")

    def step_begins(self, step: Step, now: float) -> None:
        self.begins(step.id, step.does, now, step.minutes * 60)

    def begins(self, name: str, does: str, now: float, usual_seconds: float = 0) -> None:
        self.says(f"{name}: {does}", "bold")
        usual = f" (usually {duration(usual_seconds)})" if usual_seconds else ""
        self._label, self._began = f"{name}{usual}", now
        if self.live:
            self._status = self.console.status(self._label)
            self._status.start()

    def step_ends(self, step: Step, seconds: float) -> None:
        self.ends(step.id, seconds)

    def ends(self, name: str, seconds: float) -> None:
        self.rest()
        self.says(f"{name}: done in {duration(seconds)}", "green")

    def tick(self, now: float) -> None:
        """The running step's elapsed time; nothing where lines can't be overwritten. now: seconds since 1970."""
        if self._status is not None:
            self._status.update(f"{self._label}: {duration(now - self._began)} so far")

    def running(self, text: str) -> None:
        """A line that is overwritten by the next one; "" is none. Only on a terminal."""
        if not (text and self.live):
            self.rest()
        elif self._status is None:
            self._status = self.console.status(text)
            self._status.start()
        else:
            self._status.update(text)

    def rest(self) -> None:
        """No running line any more: whatever ended the step."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def runs(self, argv: Sequence[str]) -> None:
        self.console.print(f"  $ {shlex.join(argv)}", style="dim", soft_wrap=True)  # whole, so that it can be copied

    def waits_for(self, what: str) -> None:
        if what != self._waiting:
            self._waiting = what
            self.says(f"  waiting for {what}")

    _waiting: str = ""

    def confirms(self, question: str) -> bool:
        """Asks on a terminal. Refused where nobody can answer."""
        if sys.stdin is None or not sys.stdin.isatty():
            raise Refused("Nobody is there to say yes: add --yes if the plan is to be carried out.")
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")

    def diff(self, path: str, before: bytes, after: bytes) -> None:
        """The changed lines of a file; on a terminal in colours."""
        old, new = (text.decode(errors="replace").splitlines() for text in (before, after))
        styles = {"+": "green", "-": "red", "@": "cyan"}
        for line in difflib.unified_diff(old, new, f"a/{path}", f"b/{path}", lineterm="", n=0):
            self.says(f"  {line}", styles.get(line[:1], ""))


@dataclass
class Silence(Screen):
    """Says nothing: for tests that look at what was done."""

    def says(self, text: str, style: str = "", indent: int = 0) -> None:
        pass

    def runs(self, argv: Sequence[str]) -> None:
        pass

    @property
    def live(self) -> bool:
        return False
