"""Whether the world has really moved: workloads rolled out, the hub well and of the right version, the image the right one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.errors import Refused
from tasks.hub.release import Release
from tasks.hub.values import Values
from tasks.plan import rollout
from tasks.plan.deployment import Deployment
from tasks.plan.hubstate import at, is_ready
from tasks.plan.manifest import Key, Object
from tasks.seams import WebError

PATIENCE, PAUSE = 300.0, 2.0  # seconds
LINES = 8  # of a pod's log


@dataclass(frozen=True)
class Verification:
    """Looks at one release after a deploy. wanted: the objects that were sent, from these values. address: the hub's,
    or "" for the values'. version: JupyterHub's, or "" if any will do."""

    release: Release
    deployment: Deployment
    values: Values
    wanted: Mapping[Key, Object]
    address: str
    version: str

    def all(self, tick: Callable[[], None]) -> Iterator[str]:
        """One after the other, with a line for each. Waits; refused where something is not as it has to be."""
        yield self.rolled_out(tick)
        yield self.right_image()
        yield self.healthy(tick)

    def rolled_out(self, tick: Callable[[], None]) -> str:
        """Waits. Refused with what the pods say if it takes too long."""
        clock = self.release.way.seams.clock
        begun = clock.now()
        while troubles := rollout.unready(self._workloads(self._live())):
            if clock.now() - begun > PATIENCE:
                raise Refused(f"Not rolled out: {'; '.join(map(': '.join, troubles.items()))}.{self.pods_words()}")
            tick()
            clock.sleep(PAUSE)
        return f"{len(self._workloads(self._live()))} workloads are rolled out"

    def right_image(self) -> str:
        """Every workload that runs the deployment's image runs the tag that was deployed."""
        live = self._workloads(self._live())
        for image in self.deployment.images:
            wanted = f"{image.name}:{self.values.strings[f'{image.values_path}.tag']}"
            for item in live:
                other = [
                    found for found in rollout.images(item) if _without_tag(found) == image.name and found != wanted
                ]
                if other:
                    raise Refused(
                        f"{rollout.name(item)} runs {other[0]} instead of {wanted}: look who else deploys this hub, then deploy again."
                    )
        return f"image {', '.join(tag for path, tag in self.values.strings.items() if path.endswith('.tag'))}"

    def healthy(self, tick: Callable[[], None]) -> str:
        """The hub answers through its proxy, and is the chart's version. Waits for it."""
        address, version = self.hub_address(), self.version
        clock = self.release.way.seams.clock
        begun, trouble = clock.now(), ""
        while True:
            trouble = self._sick(address, version)
            if not trouble:
                return f"JupyterHub {version or '(of an unknown version)'} answers at {address}"
            if clock.now() - begun > PATIENCE:
                raise Refused(f"The hub is not well: {trouble}{self._hint()}.")
            tick()
            clock.sleep(PAUSE)

    def hub_address(self) -> str:
        """Where people reach it, with a slash at the end: the first host of the values, or else the load balancer."""
        if self.address:
            return self.address.rstrip("/") + "/"
        hosts = self._hub_values("proxy", "https", "hosts") or []
        base = str(self._hub_values("hub", "baseUrl") or "/").strip("/")
        host = f"https://{hosts[0]}" if hosts else f"http://{self._balancer()}"
        if host == "http://":
            raise Refused("The hub has no address: set proxy.https.hosts in its values, or hub.address in invoke.yaml.")
        return f"{host}/{base}/" if base else f"{host}/"

    def _sick(self, address: str, version: str) -> str:
        web = self.release.way.seams.web
        try:
            health = web(f"{address}hub/health")
            if health.status != 200:
                return f"{address}hub/health answers with {health.status}"
            answer = web(f"{address}hub/api/")
            found = json.loads(answer.body).get("version")
        except WebError as error:
            return f"{address} does not answer ({error})"
        except (ValueError, AttributeError):
            return f"what answers at {address}hub/api/ is no JupyterHub"
        if version and found != version:
            return f"JupyterHub {found} answers at {address}, the chart has {version}"
        return ""

    def _hint(self) -> str:
        balancer = self._balancer()
        return f"; its load balancer is {balancer}, which its name in DNS has to point to" if balancer else ""

    def _hub_values(self, *keys: str) -> Any:
        path = self.release.chart.path_of("jupyterhub")
        return at(self.values.document, ".".join((path, *keys)))

    def _balancer(self) -> str:
        service = self.release.live("service/proxy-public")
        entries = (service[0].get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]) if service else [{}]
        return str(entries[0].get("hostname") or entries[0].get("ip") or "")

    def _live(self) -> list[Object]:
        return self.release.live("deployments,statefulsets,daemonsets,pods")

    def _workloads(self, live: Sequence[Object]) -> list[Object]:
        names = {(kind, name) for kind, _, name in self.wanted}
        return [item for item in live if (item["kind"], item["metadata"]["name"]) in names and item["kind"] != "Pod"]

    def pods_words(self) -> str:
        """What the pods of workloads that are not rolled out say: events and last log lines, a line each."""
        live = self._live()
        pods, events = [item for item in live if item["kind"] == "Pod"], self.release.live("events")
        workloads = self._workloads(live)
        troubles = rollout.unready(workloads)
        said = [
            line
            for item in workloads
            if rollout.name(item) in troubles
            for pod in [pod for pod in rollout.owned(pods, item) if not is_ready(pod)][:2]
            for line in self._pod_says(pod["metadata"]["name"], events)
        ]
        return self.values.redacted("".join(f"\n  {line}" for line in said))

    def _pod_says(self, pod: str, events: Sequence[Object]) -> list[str]:
        way = self.release.way
        mine = [event for event in events if event.get("involvedObject", {}).get("name") == pod]
        said = [f"{pod}: {event.get('reason', '')}: {event.get('message', '')}" for event in mine[-3:]]
        ran = way.seams.run(way.kubectl.logs(pod, self.release.namespace, LINES), limit=PATIENCE)
        return said + (ran.stdout.splitlines()[-LINES:] if ran.exit == 0 else [])


def _without_tag(image: str) -> str:
    head, colon, tag = image.rpartition(":")
    return head if colon and "/" not in tag else image
