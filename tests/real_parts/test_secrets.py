"""A secret stands in plain text nowhere but in memory and in the private folder, which goes however the run ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real_parts.hub import Hub
from tests.real_parts.watcher import Watcher, forms
from tests.real_path.rig import Run, wait_for

PROGRAMS = {"helm", "sops", "kubectl", "hubploy"}
NOWHERE = {"nowhere": "true"}  # a label that no node has
PRIVATE = Path("/dev/shm")


@pytest.fixture
def watcher(hub: Hub) -> Iterator[Watcher]:
    with Watcher(forms(hub.token)) as made:
        yield made


def begin(hub: Hub, watcher: Watcher) -> Run:
    """With all that is started written down, and looked at while it runs."""
    folder = hub.folder / "python"
    folder.mkdir()
    shutil.copy(Path(__file__).with_name("recorder.py"), folder / "sitecustomize.py")
    run = hub.begin("deploy", more={"PYTHONPATH": str(folder), "RECORD": str(hub.folder / "record")})
    watcher.leader = run.process.pid
    return run


def private_folder(run: Run) -> list[Path]:
    return list(PRIVATE.glob(f"hub-maintenance-*-{run.process.pid}-*"))


def nothing_shows(hub: Hub, run: Run, watcher: Watcher) -> None:
    """Not in any process, nor in what the run said, nor in what it has left."""
    assert watcher.seen >= PROGRAMS
    assert watcher.found == set()
    record = (hub.folder / "record").read_text()
    assert [name for name in (*PROGRAMS, "git", "aws") if not re.search(f"exec {name} |'{name}'", record)] == []
    for secret in watcher.secrets:
        assert secret not in (run.out + run.err + record).encode()
    assert private_folder(run) == []
    assert watcher.left(hub.tree, hub.home, hub.temporary, hub.datacentre.state / "home") == []
    assert hub.holder == ""


def is_under_way(hub: Hub) -> bool:
    """helm waits for pods that no node takes."""
    return hub.kubectl("get", "deployments", "--output=name") != "" and hub.node_selector == NOWHERE


def test_the_watcher_sees_what_it_is_there_for(hub: Hub) -> None:
    with Watcher(forms(hub.token)) as watcher:
        (hub.home / "new").write_bytes(forms(hub.token)[1])
        more = {"SECRET": hub.token}
        run = hub.begin("--list", more=more)
        watcher.leader = run.process.pid
        wait_for(lambda: bool(watcher.found) or run.process.poll() is not None, "a look")
        assert run.exit == 0
    assert watcher.found == {f"environ of {Path(sys.executable).name}"}
    assert watcher.left(hub.home) == [str(hub.home / "new")]


def test_a_deploy_that_succeeds(hub: Hub, watcher: Watcher) -> None:
    run = begin(hub, watcher)
    assert run.exit == 0, run.err
    nothing_shows(hub, run, watcher)
    assert hub.state["Secret token"]["data"]["token"].encode() in watcher.secrets


def test_a_deploy_that_fails(hub: Hub, watcher: Watcher) -> None:
    """The API server refuses an object, and would quote it."""
    hub.values(refused=True, greeting=f"with a secret in it: {hub.token}")
    run = begin(hub, watcher)
    assert run.exit == 1
    assert "The deploy failed" in run.err
    hub.values(refused=True)  # what stands in values files is nobody's leak but theirs
    nothing_shows(hub, run, watcher)


@pytest.mark.parametrize("everybody", [False, True], ids=["the task", "everybody"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_deploy_that_is_ended(hub: Hub, watcher: Watcher, number: signal.Signals, everybody: bool) -> None:
    """While helm waits; by a signal to the task alone, or to all that it has started."""
    hub.values(nodeSelector=NOWHERE)
    run = begin(hub, watcher)
    wait_for(lambda: is_under_way(hub), "helm")
    for group in {os.getpgid(each) for each in session(run)} if everybody else ():
        os.killpg(group, number)
    if not everybody:
        run.process.send_signal(number)
    assert run.exit in (128 + number, 1), run.out + run.err  # 1: helm's end was seen before the signal
    assert "Traceback" not in run.err
    assert len(run.err.splitlines()) == 1 or "The deploy failed" in run.err
    assert session(run) == []
    nothing_shows(hub, run, watcher)
    assert hub.revisions in ([(1, "failed")], [(1, "pending-install")])  # hubploy gives helm a quarter of a second


def session(run: Run) -> list[int]:
    """The processes of a run that are there."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == run.process.pid and fields[0] != "Z":
            found.append(int(process.name))
    return found


def test_what_a_killed_deploy_leaves_goes_at_the_next_start(hub: Hub, watcher: Watcher) -> None:
    """Its helm is ended too, which would go on with the secrets."""
    hub.values(nodeSelector=NOWHERE)
    killed = begin(hub, watcher)
    wait_for(lambda: is_under_way(hub), "helm")
    killed.process.kill()
    assert killed.exit == -signal.SIGKILL
    assert session(killed) != []
    (left,) = private_folder(killed)
    assert left.stat().st_mode & 0o777 == 0o700
    hub.values()
    run = hub.run("deploy")
    assert run.exit == 0, run.out + run.err
    assert session(killed) == []
    for each in (killed, run):
        nothing_shows(hub, each, watcher)
    assert hub.node_selector == {}
