"""`python -m tests.benchmarks` prints a table: what, ratio, goal."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from tasks import clusterconfig
from tasks.plan.upgrade import plan_upgrade
from tasks.plan.version import Minor
from tests.benchmarks import deploys
from tests.rehearsal import CONFIG, ROOT, Rehearsal

RUNS = 9
BARE = 'from invoke import task\n\n\n@task\ndef hello(c):\n    """Say hello."""\n'


def seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def ratio(act: Callable[[], object], to: Callable[[], object], runs: int = RUNS) -> float:
    """Of the medians of alternating runs, so that what else the machine does hits both alike."""
    act(), to()  # caches are warm for both
    pairs = [(seconds(act), seconds(to)) for _ in range(runs)]
    return statistics.median(pair[0] for pair in pairs) / statistics.median(pair[1] for pair in pairs)


def invoke(folder: Path, *words: str) -> Callable[[], object]:
    line = [sys.executable, "-m", "invoke", *words]
    return lambda: subprocess.run(line, cwd=folder, capture_output=True, check=True)


def fifty_groups() -> str:
    """The deployment's configuration with each of its groups ten times over."""
    document = yaml.safe_load(CONFIG.read_text())
    groups = document["nodeGroups"]
    document["nodeGroups"] = [{**group, "name": f"{group['name']}{n}"} for n in range(10) for group in groups]
    return yaml.safe_dump(document, sort_keys=False)


def main() -> None:
    listing = invoke(ROOT, "--list")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tasks.py").write_text(BARE)
        rows = [("invoke --list ÷ a bare Invoke with one task", ratio(listing, invoke(Path(folder), "--list")), 1.2)]
        rehearsal = invoke(ROOT, "rehearse", "upgrade-k8s", "--to", "1.22")
        rows.append(("rehearsal 1.18 → 1.22 ÷ invoke --list", ratio(rehearsal, listing), 10))
        practice = Rehearsal.begin(Path(folder) / "practice", fifty_groups())
        cluster, config = practice.observe(), clusterconfig.parse(practice.config, "cluster.yaml")
        plan = ratio(
            lambda: plan_upgrade(cluster, config, Minor(35)),
            lambda: clusterconfig.parse(practice.config, "cluster.yaml"),
        )
        rows.append(("planning 50 groups × 17 hops ÷ one read of the configuration", plan, 5))
    rows += deploys.rows(ratio)
    for what, found, goal in rows:
        print(f"{what}: {found:.2f} (goal {goal})")


if __name__ == "__main__":
    main()
