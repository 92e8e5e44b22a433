"""What is written down of a deploy: in the release's description, in Grafana, in the job's summary.

None of it ever fails a deploy: what could not be written is said, and that is all.
"""

from __future__ import annotations

import json
import re
import zlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

from tasks.errors import Refused
from tasks.hub.opened import Hub
from tasks.hub.repair import LIMIT
from tasks.plan.hubstate import at
from tasks.screen import duration
from tasks.seams import WebError
from tasks.summary import append_to_job_summary
from tasks.tools import helm


@contextmanager
def recorded(hub: Hub, what: str) -> Iterator[None]:
    """what: a deploy or a rollback, which happens inside."""
    clock = hub.seams.clock
    begun, result = clock.now(), "interrupted"
    try:
        yield
        result = "done"
    except Refused:
        result = "failed"
        raise
    finally:
        line = f"{what} of {hub.release.name} by {hub.who}, commit {hub.commit}: {result} in {duration(clock.now() - begun)}"
        if result != "interrupted":
            annotate(hub, line, begun, result)
        append_to_job_summary(f"\n{line}\n")


def describe(hub: Hub, number: int, begun: float) -> None:
    """The revision's description gets what only its end can tell: how long it took. helm has no command for that."""
    kubectl, namespace = hub.way.kubectl, hub.release.namespace
    text = hub.seams.run(kubectl.get(f"secret/{hub.release.record(number)}", namespace), limit=LIMIT).stdout
    took = duration(hub.seams.clock.now() - begun)
    try:
        document = helm.redescribed(json.loads(text), lambda before: f"{before} in {took}")
    except (ValueError, KeyError, OSError, zlib.error) as error:
        hub.screen.says(f"! the time it took can't be written into the release ({error})", "yellow")
        return
    file = hub.private / "record.json"
    file.write_text(json.dumps(document))
    ran = hub.seams.run(kubectl.replace(str(file), namespace), changes=True, limit=LIMIT)
    if ran.exit != 0:
        hub.screen.says(f"! the time it took was not written into the release ({ran.last_words})", "yellow")


def annotate(hub: Hub, line: str, begun: float, result: str) -> None:
    """A region in Grafana's graphs, from start to end. A rehearsal has no Grafana."""
    address = grafana(hub)
    if not address or hub.settings.rehearsal.line:
        return
    password = str(at(hub.values.document, "grafana.adminPassword") or "")
    user = str(at(hub.values.document, "grafana.adminUser") or "admin")
    body = {
        "time": round(begun * 1000),
        "timeEnd": round(hub.seams.clock.now() * 1000),
        "tags": ["deploy", hub.release.name, result],
        "text": line,
    }
    headers = {
        "Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}",
        "Content-Type": "application/json",
    }
    url = f"{address}/api/annotations"
    try:
        answer = hub.seams.web(url, method="POST", headers=headers, body=json.dumps(body).encode())
        trouble = "" if answer.status == 200 else f"it answers with {answer.status}"
    except WebError as error:
        trouble = str(error)
    if trouble:
        hub.screen.says(f"! Grafana at {address} took no annotation ({trouble})", "yellow")


def grafana(hub: Hub) -> str:
    """Where Grafana answers by the values' grafana.ini; "" if the chart has none. hub.address stands for its host too."""
    chart = next((found for found in hub.chart.inside() if found.name == "grafana" and "." not in found.path), None)
    server = ((hub.values.document.get(chart.path) or {}).get("grafana.ini") or {}).get("server") if chart else None
    if not isinstance(server, Mapping) or not server.get("root_url"):
        return ""
    url = re.sub(r"%\((\w+)\)s", lambda found: str(server.get(found[1], "")), str(server["root_url"])).rstrip("/")
    if hub.settings.hub.address:
        return str(hub.settings.hub.address).rstrip("/") + urlsplit(url).path
    return url
