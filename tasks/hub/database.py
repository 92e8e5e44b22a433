"""hub-db: a copy before JupyterHub changes, and the way back.

The hub migrates its database when it starts in a new version, and an older one does not start with it again. The copy
lies beside the database, on the hub's own volume: it holds tokens.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from tasks.endings import undisturbed
from tasks.errors import Refused
from tasks.hub.release import Release
from tasks.plan import hubstate
from tasks.plan.manifest import Key, Object
from tasks.seams import Ran, Watch

FOLDER, FILE = "/srv/jupyterhub", "jupyterhub.sqlite"  # Zero to JupyterHub's, where hub.db.type is sqlite-pvc
SCRIPT = Path(__file__).parent.parent / "tools" / "sqlite_copy.py"
LIMIT, PAUSE = 600.0, 2.0  # seconds for a copy; between two looks at it
JOB = "hub-db-restore"
KEEP = "keep"  # to the script: a copy that is there is left alone, for after a restore it is the only one


def version(objects: Mapping[Key, Object]) -> str:
    """The jupyterhub chart's version in a set of objects; "" if there is none."""
    return _version(objects.values())


def _version(items: Iterable[Object]) -> str:
    found = [chart for chart in hubstate.charts(items) if chart.startswith("jupyterhub-")]
    return found[0].removeprefix("jupyterhub-") if found else ""


def is_file(values: Any) -> bool:
    """Whether the hub keeps a sqlite file on its volume, and not a database elsewhere. values: of the jupyterhub chart."""
    return hubstate.at(values, "hub.db.type") in (None, "sqlite-pvc") and not hubstate.at(values, "hub.db.url")


@dataclass(frozen=True)
class Database:
    """Of one release. watch: told of copies that take long."""

    release: Release
    watch: Watch

    def copy(self, revision: int, chart: str) -> str:
        """Beside the database, with the revision whose it is. Again is no harm: nothing was migrated yet."""
        target = f"{FOLDER}/{FILE}.r{revision}-{chart}"
        line = ("python3", "-c", SCRIPT.read_text(), f"{FOLDER}/{FILE}", target)
        name = f"deployment/{self._hub()['metadata']['name']}"
        ran = self._run(self.release.way.kubectl.exec(name, self.release.namespace, line))
        if ran.exit != 0 or json.loads(ran.stdout or "{}").get("target") != target:
            raise Refused(
                f"hub-db can't be copied before JupyterHub changes ({_said(ran)}): make room on the hub's volume, or look at the hub's pod."
            )
        return target

    def restore(self, chart: str, current: int, leaving: str) -> None:
        """The newest copy that a hub of that chart left, in place of the database, of which a copy is kept too.

        The hub is stopped for it, by a Job that has its volume and its image; whatever comes after starts it again.
        """
        kubectl, namespace = self.release.way.kubectl, self.release.namespace
        hub = self._hub()
        name = f"deployment/{hub['metadata']['name']}"
        file = self.release.keep([_job(hub["spec"]["template"]["spec"], current, leaving, chart)], "restore.json")
        try:
            self._must(kubectl.scale(name, namespace, 0), "The hub can't be stopped")
            self._must(kubectl.wait_deleted(self._selector, namespace, int(LIMIT)), "The hub does not stop")
            self._run(kubectl.delete_job(JOB, namespace))
            self._must(kubectl.create(file, namespace), "The database can't be restored")
            if not self._is_done():
                said = self._run(kubectl.logs(f"job/{JOB}", namespace, 3)).last_words
                raise Refused(
                    f"The database of jupyterhub {chart} can't be restored ({said}): the hub goes on as it was."
                )
        except BaseException:
            with undisturbed():  # never two that write, and never a hub that stays stopped
                self._run(kubectl.delete_job(JOB, namespace))
                self._run(kubectl.scale(name, namespace, 1))
            raise
        self._run(kubectl.delete_job(JOB, namespace))

    def _is_done(self) -> bool:
        """The Job, for which this waits. `kubectl wait` has one condition, and would wait on for a Job that has failed."""
        clock = self.release.way.seams.clock
        begun = clock.now()
        while clock.now() - begun < LIMIT:
            conditions = [
                condition["type"]
                for job in self.release.live(f"job/{JOB}")
                for condition in job.get("status", {}).get("conditions") or []
                if condition["status"] == "True"
            ]
            if "Complete" in conditions or "Failed" in conditions:
                return "Complete" in conditions
            self.watch.pause()
            clock.sleep(PAUSE)
        return False

    @property
    def _selector(self) -> str:
        return f"component=hub,release={self.release.name}"

    def live_version(self) -> str:
        """The jupyterhub chart's version that the hub on the cluster is of; "" if there is none."""
        found = [item for item in self.release.live("deployments") if self._is_hub(item)]
        return _version(found)

    def _is_hub(self, item: Object) -> bool:
        wanted = dict(pair.split("=") for pair in self._selector.split(","))
        return wanted.items() <= (item["metadata"].get("labels") or {}).items()

    def _hub(self) -> Object:
        for item in self.release.live("deployments"):
            if self._is_hub(item):
                return item
        raise Refused(f"There is no Deployment with {self._selector}: look whether this is the hub's namespace.")

    def _must(self, line: list[str], trouble: str) -> None:
        ran = self._run(line)
        if ran.exit != 0:
            raise Refused(f"{trouble} ({ran.last_words}): look at the hub's pod, and start again.")

    def _run(self, line: list[str]) -> Ran:
        return self.release.way.seams.run(line, changes=True, limit=LIMIT, watch=self.watch)


def _said(ran: Ran) -> str:
    """By the script, before kubectl says that it has failed."""
    own = ("command terminated with exit code", "error: ")
    said = list(takewhile(lambda line: not line.startswith(own), ran.stderr.strip().splitlines()))
    return said[-1].strip() if said else ran.last_words


def _job(spec: Mapping[str, Any], current: int, leaving: str, chart: str) -> dict[str, Any]:
    """Two copies in the hub's own image, with its volumes and its place: the database aside, then the old one back."""
    hub = next(container for container in spec["containers"] if container["name"] == "hub")
    base = f"{FOLDER}/{FILE}"

    def container(name: str, source: str, target: str) -> dict[str, Any]:
        kept = {key: hub[key] for key in ("image", "imagePullPolicy", "securityContext") if key in hub}
        mounts = [mount for mount in hub.get("volumeMounts") or [] if mount["mountPath"] == FOLDER]
        return {
            "name": name,
            **kept,
            "volumeMounts": mounts,
            "command": ["python3", "-c", SCRIPT.read_text(), source, target],
        }

    if not any(mount["mountPath"] == FOLDER for mount in hub.get("volumeMounts") or []):
        raise Refused(f"The hub has no volume at {FOLDER}, so that its database can't be put back: do it by hand.")
    aside = container("keep", base, f"{base}.r{current}-{leaving}")
    aside["command"].append(KEEP)
    back = container("restore", f"{base}.r*-{chart}", base)
    volumes = [volume for volume in spec.get("volumes") or [] if volume["name"] == back["volumeMounts"][0]["name"]]
    place = {
        key: spec[key]
        for key in ("nodeSelector", "tolerations", "affinity", "securityContext", "imagePullSecrets")
        if key in spec
    }
    pod = {**place, "restartPolicy": "Never", "volumes": volumes, "initContainers": [aside], "containers": [back]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": JOB},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}},
    }
