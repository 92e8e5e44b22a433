"""`invoke deploy` beside the `hubploy deploy` that it calls, on the practice data centre."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from tasks.loopback.datacentre import Datacentre
from tasks.parts import cache
from tasks.tools import hubploy
from tests.real_parts.centre import wanted
from tests.real_parts.hub import Hub

RUNS = 3  # a deploy takes seconds
Ratio = Callable[[Callable[[], object], Callable[[], object], int], float]


def rows(ratio: Ratio) -> Iterator[tuple[str, float, float]]:
    """What, ratio, goal. Nothing where parts are missing, which is said."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asked = wanted(folder / "sources")
        if lacking := cache.missing(asked.parts):
            print(f"no deploys: {', '.join(lacking)} is missing, which `invoke parts` gets", file=sys.stderr)
            return
        (folder / "hub").mkdir()
        with Datacentre(folder / "state", asked) as datacentre:
            hub = Hub(folder / "hub", "benchmark", datacentre)
            hub.deploys()
            yield "invoke deploy, nothing to change ÷ hubploy deploy", ratio(hub.deploys, bare(hub), RUNS), 1
            yield "invoke deploy, a changed value ÷ hubploy deploy", ratio(changing(hub), bare(hub), RUNS), 1
            hub.close()


def bare(hub: Hub) -> Callable[[], object]:
    line = hubploy.deploy(hub.name, hub.name, "chart", "prod", "")
    return lambda: subprocess.run(line, cwd=hub.tree, env=hub.environment, capture_output=True, check=True)


def changing(hub: Hub) -> Callable[[], object]:
    numbers = count()

    def change() -> str:
        hub.values(greeting=f"hello {next(numbers)}")
        return hub.deploys()

    return change
