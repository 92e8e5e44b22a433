"""Run as a script: starts programs for the process that holds its standard input, and ends them all when that is gone.

Killed, that process can't clean up; its end of the pipe is closed all the same. On Linux whatever the programs have
started and left becomes the keeper's own and is ended too, and nothing outlives a killed keeper. Standard library only.

One request per line, as JSON, and one answer: {"start": words, "environment", "folder", "log"} → {"number"};
{"exit": number} → {"exit": code or null}; {"stop": numbers, "grace": seconds} → {}.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
GRACE = 1.0  # seconds between asking and killing, when the holder is gone


library: Any = ctypes.CDLL(None) if sys.platform == "linux" else None


def prctl(option: int, value: int) -> None:
    if library:
        library.prctl(option, value, 0, 0, 0)


class Keeper:
    def __init__(self) -> None:
        self.running: set[int] = set()
        self.ended: dict[int, int] = {}

    def start(self, request: dict[str, Any]) -> dict[str, Any]:
        with open(request["log"], "ab") as log:
            try:
                process = subprocess.Popen(
                    request["start"],
                    env=request["environment"],
                    cwd=request["folder"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
                )
            except OSError as error:
                return {"error": str(error)}
        process.returncode = 0  # it is waited for here, not by Popen
        self.running.add(process.pid)
        return {"number": process.pid}

    def reap(self) -> None:
        """Those that are over, started by us or left to us."""
        while True:
            try:
                number, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if number == 0:
                return
            if number in self.running:
                self.running.discard(number)
                self.ended[number] = os.waitstatus_to_exitcode(status)

    def stop(self, numbers: Iterable[int], grace: float) -> None:
        self.reap()
        asked = [number for number in numbers if number in self.running]
        for number in asked:
            os.kill(number, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while self.running & set(asked) and time.monotonic() < deadline:
            time.sleep(0.02)
            self.reap()
        for number in self.running & set(asked):
            os.killpg(number, signal.SIGKILL)
        while self.running & set(asked):
            time.sleep(0.005)
            self.reap()

    def stop_everything(self) -> None:
        self.stop(list(self.running), GRACE)
        while orphans := _children():
            for number in orphans:
                os.kill(number, signal.SIGKILL)
            time.sleep(0.01)
            self.reap()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if "start" in request:
            return self.start(request)
        if "stop" in request:
            self.stop(request["stop"], request["grace"])
            return {}
        self.reap()
        return {"exit": self.ended.get(request["exit"])}


def _children() -> list[int]:
    try:
        return [int(number) for number in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:
        return []


def main() -> None:
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    keeper = Keeper()
    try:
        for line in sys.stdin:
            print(json.dumps(keeper.answer(json.loads(line))), flush=True)
    except BrokenPipeError:
        pass
    finally:
        keeper.stop_everything()


if __name__ == "__main__":
    main()
