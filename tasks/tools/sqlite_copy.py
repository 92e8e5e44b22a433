"""Runs in the hub's own image, by its python3, and imports nothing of ours: a database copied whole, or not at all.

sqlite_copy.py SOURCE TARGET: sqlite's backup, which may run while the hub writes. SOURCE may be a pattern: the newest
by its revision (….rN-…) is taken. Prints a line of JSON: source, target, bytes.
"""

import glob
import json
import os
import re
import sqlite3
import sys
from urllib.parse import quote

MARGIN = 16 * 1024 * 1024  # bytes that have to stay free: the hub goes on writing
REST = ("-journal", "-wal", "-shm")  # what sqlite has beside a file, when it is in use or was left in the middle


def revision(path: str) -> int:
    found = re.search(r"\.r(\d+)-[^/]*$", path)
    return int(found.group(1)) if found else -1


def copy(source: str, target: str) -> None:
    size, room = os.path.getsize(source), os.statvfs(os.path.dirname(target))
    if room.f_bavail * room.f_frsize < size + MARGIN:
        sys.exit(f"no room: {size + MARGIN} bytes are needed in {os.path.dirname(target)}")
    aside = target + ".new"
    try:
        _whole(source, aside)
        for rest in REST:  # of the database that is replaced: sqlite would take them for the new one's
            _remove(target + rest)
        os.replace(aside, target)
    except sqlite3.Error as error:
        sys.exit(f"{source} can't be copied: {error}")
    finally:
        for rest in ("", *REST):
            _remove(aside + rest)
    print(json.dumps({"source": source, "target": target, "bytes": size}))


def _whole(source: str, aside: str) -> None:
    for rest in ("", *REST):  # of a run that was killed
        _remove(aside + rest)
    os.close(os.open(aside, os.O_WRONLY | os.O_CREAT, 0o600))  # it holds tokens
    # Not to be written, and yet rw: what a killed hub has left half done is undone when it is opened.
    origin, result = sqlite3.connect(f"file:{quote(source)}?mode=rw", uri=True), sqlite3.connect(aside)
    with result:
        origin.backup(result)
    if result.execute("PRAGMA integrity_check").fetchone() != ("ok",):
        sys.exit(f"the copy of {source} is damaged")
    result.close()
    origin.close()


def _remove(file: str) -> None:
    if os.path.exists(file):
        os.remove(file)


if __name__ == "__main__":
    wanted = sorted(glob.glob(sys.argv[1]), key=revision)
    if not wanted:
        sys.exit(f"there is no {sys.argv[1]}")
    if sys.argv[3:] != ["keep"] or not os.path.exists(sys.argv[2]):
        copy(wanted[-1], sys.argv[2])
