"""Several files changed together: all of them, or none."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from tasks.endings import undisturbed
from tasks.errors import Refused
from tasks.seams import Folder

JOURNAL = ".runs/bump.json"  # what was there before, as long as the files are being written
Content = bytes | None  # None: there is no such file


@dataclass(frozen=True)
class Edit:
    """One file, before and after."""

    file: str
    before: Content
    after: Content


def carry_out(folder: Folder, edits: tuple[Edit, ...]) -> None:
    """Refused, with nothing changed, if a file is not what it was when the edits were worked out.

    Files can only be replaced one by one. What a kill leaves between the first and the last of them, `settle` undoes.
    """
    for edit in edits:
        if folder.read(edit.file) != edit.before:
            raise Refused(f"{edit.file} was changed meanwhile: start again.")
    with undisturbed():
        folder.write(JOURNAL, _written(edits))
        for edit in edits:
            _put(folder, edit.file, edit.after)
        folder.remove(JOURNAL)


def settle(folder: Folder) -> list[str]:
    """After a run that was killed while it wrote: the files that were put back to what they were. None if all had been
    written, or no run was killed. Refused if somebody has changed one of them since."""
    edits = _left(folder)
    if not edits:
        return []
    now = {edit.file: folder.read(edit.file) for edit in edits}
    for edit in edits:
        if now[edit.file] not in (edit.before, edit.after):
            raise Refused(
                f"A bump was killed while it wrote its edits, and {edit.file} was changed since: look at `git diff`, "
                f"put right what is half done, and remove {folder.path(JOURNAL)}."
            )
    written = [edit for edit in edits if now[edit.file] == edit.after]
    undone = [] if len(written) == len(edits) else written
    with undisturbed():
        for edit in undone:
            _put(folder, edit.file, edit.before)
        folder.remove(JOURNAL)
    return [edit.file for edit in undone]


def refuse_half_done(folder: Folder) -> None:
    """For whoever is about to deploy what the files say."""
    if _left(folder):
        raise Refused("A bump was killed while it wrote its edits: `invoke bump-daskhub --check` puts the files back.")


def _left(folder: Folder) -> tuple[Edit, ...]:
    content = folder.read(JOURNAL)
    if content is None:
        return ()
    return tuple(Edit(row["file"], _bytes(row["before"]), _bytes(row["after"])) for row in json.loads(content))


def _written(edits: tuple[Edit, ...]) -> bytes:
    rows: list[Mapping[str, str | None]] = [
        {"file": edit.file, "before": _text(edit.before), "after": _text(edit.after)} for edit in edits
    ]
    return json.dumps(rows).encode()


def _put(folder: Folder, file: str, content: Content) -> None:
    if content is None:
        folder.remove(file)
    else:
        folder.write(file, content)


def _text(content: Content) -> str | None:
    return None if content is None else b64encode(content).decode()


def _bytes(text: str | None) -> Content:
    return None if text is None else b64decode(text)
