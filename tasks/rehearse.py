"""`invoke rehearse …`: the rest of the line happens on a practice cluster."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from invoke.config import Config as Settings
from invoke.context import Context
from invoke.tasks import task

from tasks.errors import Refused
from tasks.folder import ROOT, DiskFolder
from tasks.plan.version import Minor

_ends = ExitStack()  # what has to be given back when the line is over
HELP = {
    "resume": "go on with the last rehearsal instead of beginning anew",
    "from": "the practice cluster's version, such as 1.20, instead of the configuration's",
    "users": "how many people have a server open",
    "managed": "node groups that EKS manages, such as core-a,user-a",
    "offered": "the versions that EKS offers, such as 1.31-1.36",
    "die-after": "kill this process when event N is over",
    "die-during": "kill this process while event N is under way; its effect arrives later",
    "fail-at": "event N fails and has no effect",
    "fail-after": "event N has its effect and fails all the same",
    "lie-at": "event N says that it succeeded and has no effect",
}


@task(positional=[], auto_shortflags=False, help=HELP)
def rehearse(
    c: Context,
    resume: bool = False,
    from_: str = "",
    users: str = "",
    managed: str = "",
    offered: str = "",
    die_after: str = "",
    die_during: str = "",
    fail_at: str = "",
    fail_after: str = "",
    lie_at: str = "",
) -> None:
    """Turn the rest of the line to a practice cluster: no AWS account, no Kubernetes, nothing real is touched.

    The cluster is made from this repository's configuration, of which a copy in .rehearsal/ is edited. The same words
    are the same run. The last line says how many events there were: every call to the outside and every file write is
    one, and the flags that take an N let something go wrong at it. The practice hub has the charts that this repository
    has, in a resumed rehearsal too: as if they had been deployed meanwhile. `rehearse deploy` runs real programs on
    loopback instead (`invoke parts` gets them) and goes on with the hub of the last rehearsal. Its Kubernetes is
    the API server that runs there, whatever the configuration says. The files are copied anew each time: what
    `rehearse bump-daskhub deploy` has raised is not raised in the next rehearsal, if it isn't in the repository.
    """
    if not c.config.rehearsal.line:
        raise Refused(
            "A rehearsal needs tasks.executor_class: tasks.line.Line in invoke.yaml, which is not in effect here."
        )
    from tasks.practice import rehearsal
    from tasks.practice.charts import brought

    wanted = {
        "die-after": die_after,
        "die-during": die_during,
        "fail-at": fail_at,
        "fail-after": fail_after,
        "lie-at": lie_at,
    }
    shape = {"from": from_, "users": users, "managed": managed, "offered": offered}
    if c.config.rehearsal.line == "hub":
        _rehearse_hub(c, {**shape, **wanted})
        return
    accidents = rehearsal.accidents(wanted)
    folder = ROOT / rehearsal.FOLDER
    if resume:
        _refuse_shape_of_old_cluster(folder, shape)
    else:
        _begin(c, folder, shape)
    rehearsal.shut_the_world_out(folder)
    rehearsal.door.cache_clear()
    entrance = rehearsal.door(folder)
    entrance.accidents = accidents
    chart = c.config.get("deploy", {}).get("chart")
    entrance.world.kubernetes.deploy(brought(DiskFolder(ROOT), chart) if chart else [])
    c.config.runners.local = rehearsal.PracticeRunner
    c.config.rehearsal.folder = str(folder)
    c.config.seams = "tasks.practice.rehearsal.seams"


def _rehearse_hub(c: Context, given: Mapping[str, str]) -> None:
    """A deploy is rehearsed with real programs on loopback, which go on with the hub of the last rehearsal."""
    if flags := [f"--{name}" for name, value in given.items() if value]:
        raise Refused(
            f"{' and '.join(flags)} is for the practice cluster, and a deploy has real programs: leave it out."
        )
    from tasks.loopback.rehearsal import practised

    _ends.enter_context(practised(c.config))


def _refuse_shape_of_old_cluster(folder: Path, shape: Mapping[str, str]) -> None:
    from tasks.practice.rehearsal import WORLD

    if given := [f"--{name}" for name, value in shape.items() if value]:
        raise Refused(
            f"{' and '.join(given)} can't change a cluster that is there already: leave it out, or leave out --resume."
        )
    if not (folder / WORLD).exists():
        raise Refused("There is no rehearsal to resume: leave out --resume to begin one.")


def _begin(c: Context, folder: Path, shape: Mapping[str, str]) -> None:
    from tasks import clusterconfig
    from tasks.plan.steps import Edit
    from tasks.practice import rehearsal
    from tasks.practice.cluster import OFFERED, practice_world

    file = c.config.cluster.config
    content = DiskFolder(ROOT).read(file)
    clusterconfig.parse(content, file)
    assert content is not None
    users = _count(shape["users"])
    offered = _span(shape["offered"]) if shape["offered"] else OFFERED
    if shape["from"]:
        content = clusterconfig.edit(content, Edit(_minor("from", shape["from"])), file)
    if shape["managed"]:
        content = clusterconfig.with_managed_groups(content, shape["managed"].split(","), file)
        clusterconfig.parse(content, file)
    world = practice_world(clusterconfig.document(content, file), offered=offered, users=users)
    rehearsal.begin(folder, world)
    DiskFolder(folder).write(file, content)


def _minor(flag: str, text: str) -> Minor:
    try:
        return Minor.parse(text)
    except ValueError as error:
        raise Refused(f"--{flag}: {error}.") from None


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", text or "0", re.ASCII):
        raise Refused(f"--users {text!r} is not a number of people from 0 to 999.")
    return int(text or "0")


def _span(text: str) -> tuple[str, str]:
    first, dash, last = text.partition("-")
    if not dash or _minor("offered", first) > _minor("offered", last):
        raise Refused(f"--offered {text!r} is not a span of versions such as 1.31-1.36.")
    return first, last


def end(settings: Settings, results_of: Any) -> None:
    """How many events there were; after a run to its end also what it says about a real one."""
    _ends.close()
    if not settings.rehearsal.folder:
        return
    from tasks.practice import rehearsal

    entrance = rehearsal.door(Path(settings.rehearsal.folder))
    stream = sys.stderr if settings.rehearsal.json else sys.stdout
    if results_of and settings.rehearsal.finished:
        print(rehearsal.closing_words(entrance.world), file=stream)
    print(f"{entrance.events} event{'s' * (entrance.events != 1)}", file=stream)
