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

MARGIN = 16 * 1024 * 1024  # bytes that have to stay free: the hub goes on writing


def revision(path: str) -> int:
    found = re.search(r"\.r(\d+)-[^/]*$", path)
    return int(found.group(1)) if found else -1


def copy(source: str, target: str) -> None:
    size, room = os.path.getsize(source), os.statvfs(os.path.dirname(target))
    if room.f_bavail * room.f_frsize < size + MARGIN:
        sys.exit(f"no room: {size + MARGIN} bytes are needed in {os.path.dirname(target)}")
    aside = target + ".new"
    if os.path.exists(aside):
        os.remove(aside)
    os.close(os.open(aside, os.O_WRONLY | os.O_CREAT, 0o600))  # it holds tokens
    origin, result = sqlite3.connect(f"file:{source}?mode=ro", uri=True), sqlite3.connect(aside)
    with result:
        origin.backup(result)
    if result.execute("PRAGMA integrity_check").fetchone() != ("ok",):
        sys.exit(f"the copy of {source} is damaged")
    result.close()
    for rest in ("-wal", "-shm"):  # of the database that is replaced
        if os.path.exists(target + rest):
            os.remove(target + rest)
    os.replace(aside, target)
    print(json.dumps({"source": source, "target": target, "bytes": size}))


if __name__ == "__main__":
    wanted = sorted(glob.glob(sys.argv[1]), key=revision)
    if not wanted:
        sys.exit(f"there is no {sys.argv[1]}")
    copy(wanted[-1], sys.argv[2])
