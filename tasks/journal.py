"""What runs leave behind for the next one: `.runs/journal.jsonl`, one line an event.

It is history. The next run takes from it only what the live system can't tell: children that may still run, and the
sizes that a fence has to give back.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tasks.seams import Seams

PATH = ".runs/journal.jsonl"
Entry = dict[str, Any]


@dataclass(frozen=True)
class Journal:
    """The journal of one cluster. Entries have `at` (seconds since 1970), `cluster`, `event`, and what belongs to it."""

    seams: Seams
    cluster: str

    def write(self, event: str, **details: Any) -> None:
        entry = {"at": round(self.seams.clock.now()), "cluster": self.cluster, "event": event, **details}
        self.seams.folder.append(PATH, json.dumps(entry).encode() + b"\n")

    def entries(self) -> list[Entry]:
        """Oldest first. A line that a power cut has torn is left out."""
        found = []
        for line in (self.seams.folder.read(PATH) or b"").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict) and entry.get("cluster") == self.cluster:
                found.append(entry)
        return found

    def survivors(self) -> list[tuple[int, str, str]]:
        """Number, start and command line of children that were begun and whose end nobody has written down."""
        open_children: dict[int, tuple[int, str, str]] = {}
        for entry in self.entries():
            if entry["event"] == "child":
                open_children[entry["pid"]] = (entry["pid"], entry["start"], entry["command"])
            elif entry["event"] == "child-ended":
                open_children.pop(entry["pid"], None)
        return list(open_children.values())

    def fences(self) -> dict[str, Entry]:
        """Node group → its newest fence that was not lifted: `scaling_group`, `maximum` before it."""
        fences: dict[str, Entry] = {}
        for entry in self.entries():
            if entry["event"] == "fence":
                fences.setdefault(entry["group"], entry)
            elif entry["event"] == "fence-lifted":
                fences.pop(entry["group"], None)
        return fences
