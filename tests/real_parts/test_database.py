"""hub-db is copied before JupyterHub becomes another version, and put back with it; no version runs on another's database."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.real_parts.centre import JUPYTERHUBS, SMALL
from tests.real_parts.hub import Hub
from tests.real_path.rig import Run, wait_for

OLD, NEW = JUPYTERHUBS
COPY = f"/srv/jupyterhub/jupyterhub.sqlite.r1-{OLD.version}"
SELECTOR = "--selector=kubernetes.io/os=linux"


@pytest.fixture
def old(hub: Hub) -> Iterator[Hub]:
    """Deployed, with the older JupyterHub."""
    remove_copies(hub)
    hub.depend_on(SMALL, OLD)
    hub.deploys()
    yield hub
    remove_copies(hub)


@pytest.fixture
def new(old: Hub) -> Hub:
    """Upgraded from it."""
    old.depend_on(SMALL, NEW)
    old.deploys()
    return old


def volume(hub: Hub) -> Path:
    return hub.datacentre.state / "hub"


def copies(hub: Hub) -> list[str]:
    return sorted(file.name for file in volume(hub).glob("jupyterhub.sqlite.r*"))


def remove_copies(hub: Hub) -> None:
    for name in copies(hub):
        (volume(hub) / name).unlink()


def get(hub: Hub, what: str) -> Any:
    return json.loads(hub.kubectl("get", what, "--output=json"))


def image(hub: Hub) -> str:
    return str(get(hub, "deployment/hub")["spec"]["template"]["spec"]["containers"][0]["image"])


def happened(hub: Hub) -> str:
    """What the namespace's events say."""
    return "\n".join(f"{item['involvedObject']['name']}: {item['message']}" for item in get(hub, "events")["items"])


def test_it_is_copied_before_anything_is_deployed_and_nothing_goes_back_without_it(new: Hub) -> None:
    """Whole, with what the hub has in it, and readable for nobody else."""
    out = new.runs[-1].out
    kept = f"  {COPY} on the hub's volume"
    assert out.index("database: copying hub-db before jupyterhub 1.1.1 becomes 2.0.0") < out.index(kept)
    assert out.index(kept) < out.index("deploy: hubploy deploy")
    assert image(new) == "hub:2.0.0"
    (name,) = copies(new)
    assert name == Path(COPY).name
    assert (volume(new) / name).stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(volume(new) / name)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert ("practice",) in copy.execute("SELECT name FROM services").fetchall()

    before = new.versions
    run = new.run("rollback", "--yes")
    assert run.exit == 1
    assert run.err == (
        "Revision 1 has jupyterhub 1.1.1, the present one 2.0.0, which may have migrated hub-db: add --restore-database "
        "to put its copy back; what happened on the hub since is lost.\n"
    )
    assert new.versions == before


def test_without_a_copy_nothing_is_deployed(old: Hub) -> None:
    script = old.tree / "tasks" / "tools" / "sqlite_copy.py"
    script.write_text(script.read_text().replace("MARGIN = 16", "MARGIN = 2**40"))
    old.depend_on(SMALL, NEW)
    before = old.versions
    run = old.run("deploy")
    assert run.exit == 1
    assert re.fullmatch(
        r"hub-db can't be copied before JupyterHub changes \(no room: \d+ bytes are needed in /srv/jupyterhub\): "
        r"make room on the hub's volume, or look at the hub's pod\.\n",
        run.err,
    )
    assert old.versions == before
    assert old.revisions == [(1, "deployed")]
    assert copies(old) == []
    assert old.holder == ""

    old.depend_on(SMALL, OLD)
    old.values(greeting="good evening")
    assert "hub-db" not in old.deploys()  # it is copied for nothing but another JupyterHub


def test_a_database_elsewhere_is_left_to_whoever_keeps_it(old: Hub) -> None:
    file = old.deployment / "config" / "common.yaml"
    file.write_text("jupyterhub: {hub: {db: {type: postgres, url: 'postgresql://db'}}}\n")
    old.depend_on(SMALL, NEW)
    out = old.deploys()
    assert "! jupyterhub 1.1.1 becomes 2.0.0, and its database is not on the hub's volume: copy it yourself" in out
    assert copies(old) == []


BACK = ("rollback", "--yes", "--restore-database")


def test_the_way_back_with_the_database(new: Hub, tmp_path: Path) -> None:
    """The hub is stopped, a Job puts the copy in place, and helm starts the old version with it: at the third time, as
    the first is interrupted, and the second has a Job that fails."""
    with waiting(new) as (run, job):
        assert [pod for pod in get(new, "pods")["items"] if pod["metadata"]["labels"].get("component") == "hub"] == []
        assert get(new, "deployment/hub")["spec"]["replicas"] == 0
        acts_out(job, tmp_path / "volume")
        os.kill(run.process.pid, signal.SIGINT)
        assert run.exit == 130
        assert get(new, "deployment/hub")["spec"]["replicas"] == 1
        assert get(new, "jobs")["items"] == []
    assert new.holder == ""

    with waiting(new) as (run, _):
        wait_for(lambda: "hub-db-restore" in new.kubectl("get", "pods", "--output=name"), "its pod")
        (pod,) = new.kubectl("get", "pods", "--selector=job-name=hub-db-restore", "--output=name").split()
        new.kubectl("patch", pod, "--subresource=status", '--patch={"status": {"phase": "Failed"}}')
    assert run.exit == 1
    assert run.err.startswith("The database of jupyterhub 1.1.1 can't be restored (")
    assert new.revisions == [(1, "superseded"), (2, "deployed")]
    assert new.holder == ""
    new.kubectl("rollout", "status", "deployment/hub", "--timeout=60s")
    assert image(new) == "hub:2.0.0"

    new.deploys(*BACK)
    assert new.revisions == [(1, "superseded"), (2, "superseded"), (3, "deployed")]
    assert image(new) == "hub:1.1.1"
    assert get(new, "deployment/hub")["status"]["readyReplicas"] == 1
    assert get(new, "jobs")["items"] == []
    assert "hub-db-restore: Job completed" in happened(new)


@contextmanager
def waiting(hub: Hub) -> Iterator[tuple[Run, dict[str, Any]]]:
    """The way back, while its Job is held up by nodes that take no pods."""
    uid = ("get", "jobs", "--output=jsonpath={.items[*].metadata.uid}")
    before = hub.kubectl(*uid)
    hub.programs.kubectl("cordon", SELECTOR)
    try:
        run = hub.begin(*BACK)
        wait_for(lambda: hub.kubectl(*uid) not in ("", before) or run.process.poll() is not None, "the Job")
        assert run.process.poll() is None, run.out + run.err
        yield run, get(hub, "jobs/hub-db-restore")
    finally:
        hub.programs.kubectl("uncordon", SELECTOR)


def acts_out(job: dict[str, Any], folder: Path) -> None:
    """What its pod would do to the volume, which is all that it may see."""
    spec = job["spec"]["template"]["spec"]
    assert spec["volumes"] == [{"name": "pvc", "persistentVolumeClaim": {"claimName": "hub-db-dir"}}]
    assert spec["securityContext"] == {"fsGroup": 1000}
    assert spec["nodeSelector"] == {"hub.jupyter.org/node-purpose": "core"}
    folder.mkdir()
    for name, content in (("jupyterhub.sqlite", "migrated"), (Path(COPY).name, "old")):
        with closing(sqlite3.connect(folder / name)) as database, database:
            database.execute("CREATE TABLE version AS SELECT ? AS name", [content])
    containers = [*spec["initContainers"], *spec["containers"]]
    for container in (*containers, *containers):  # twice, as after a run that was killed: nothing is lost
        assert container["image"] == "hub:2.0.0"
        assert container["securityContext"] == {"runAsUser": 1000}
        assert container["volumeMounts"] == [{"name": "pvc", "mountPath": "/srv/jupyterhub"}]
        words = [word.replace("/srv/jupyterhub", str(folder)) for word in container["command"]]
        subprocess.run([sys.executable, *words[1:]], check=True)
    found = {file.name: content_of(file) for file in folder.iterdir()}
    assert found == {
        "jupyterhub.sqlite": "old",
        Path(COPY).name: "old",
        "jupyterhub.sqlite.r2-2.0.0": "migrated",
    }


def content_of(file: Path) -> str:
    with closing(sqlite3.connect(file)) as database:
        return str(database.execute("SELECT name FROM version").fetchone()[0])


def test_after_an_upgrade_that_failed_a_person_decides_about_the_database(old: Hub) -> None:
    """The newer JupyterHub may have migrated it: a deploy goes on to that one, and to the older one only with the copy."""
    old.depend_on(SMALL, NEW)
    old.values(refused=True)
    assert old.run("deploy").exit == 1
    assert copies(old) == [Path(COPY).name]
    old.depend_on(SMALL, OLD)
    old.values()
    run = old.run("deploy")
    assert run.exit == 1
    assert run.err == (
        "Revision 2 brought jupyterhub 2.0.0, which may have migrated hub-db, so that 1.1.1 would not start: `invoke "
        "rollback --to 1 --restore-database` puts back the copy from before.\n"
    )
    old.deploys(*BACK, "--to", "1")
    assert "hub-db-restore: Job completed" in happened(old)
    assert image(old) == "hub:1.1.1"
    assert "nothing to change" in old.deploys()

    old.depend_on(SMALL, NEW)
    old.values(refused=True)
    assert old.run("deploy").exit == 1
    old.values()
    assert "hub-db can't" not in old.deploys()
    assert image(old) == "hub:2.0.0"
    assert get(old, "jobs")["items"] == []
