"""What is written down of a deploy and of a way back: in helm's history, in Grafana, in the job's summary; and none of it fails a deploy."""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.loopback.servers import HOST, opener
from tests.real_parts.centre import GRAFANA, SMALL
from tests.real_parts.hub import Hub

PASSWORD = "correct-horse-battery-staple"
AUTHORIZATION = f"Basic {b64encode(f'admin:{PASSWORD}'.encode()).decode()}"


@dataclass
class Grafana:
    """In front of the hub, as the hub's own proxy is. status: what it answers with; 0: it hangs up."""

    hub: str
    status: int = 200
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        grafana = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with opener().open(urllib.request.Request(grafana.hub + self.path), timeout=30) as answer:
                    self.answers(answer.status, answer.read())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                grafana.asked.append((self.path, self.headers["Authorization"], json.loads(body)))
                if grafana.status:
                    self.answers(grafana.status, b"{}")

            def answers(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer((HOST, 0), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.server.server_port}"


@pytest.fixture
def grafana(hub: Hub) -> Iterator[Grafana]:
    """The hub's chart has it, and the values say where."""
    made = Grafana(hub.datacentre.hub_address)
    hub.depend_on(SMALL, GRAFANA)
    says(hub)
    hub.programs.encrypt({"small": {"token": hub.token}, "grafana": {"adminPassword": PASSWORD}}, hub.secrets_file)
    yield made
    made.server.shutdown()
    made.server.server_close()


def says(hub: Hub, **small: Any) -> None:
    server = {"domain": "hub.example.org", "root_url": "https://%(domain)s/services/grafana"}
    document = {"small": small, "grafana": {"grafana.ini": {"server": server}}}
    (hub.deployment / "config" / "common.yaml").write_text(yaml.safe_dump(document))


def more(hub: Hub, grafana: Grafana) -> dict[str, str]:
    return {"INVOKE_HUB_ADDRESS": grafana.address, "GITHUB_STEP_SUMMARY": str(hub.folder / "summary")}


def descriptions(hub: Hub) -> list[str]:
    return [row["description"] for row in json.loads(hub.helm("history", hub.release, "--output=json"))]


def printed(hub: Hub) -> str:
    """By all runs, and what they have left for others to read."""
    files = [*hub.folder.glob("run */*"), hub.folder / "summary"]
    return "".join(map(Path.read_text, files))


def test_a_deploy_is_written_down(hub: Hub, grafana: Grafana) -> None:
    begun = time.time()
    hub.deploys("deploy", more=more(hub, grafana))
    commit = hub.git("rev-parse", "--short", "HEAD").strip()
    (said,) = descriptions(hub)
    assert re.fullmatch(rf"\S+ deployed {commit}\w*(\+changes)? in \d+ s", said)

    ((path, authorization, region),) = grafana.asked
    assert (path, authorization) == ("/services/grafana/api/annotations", AUTHORIZATION)
    assert begun * 1000 - 1 < region["time"] < region["timeEnd"] < time.time() * 1000
    assert region["tags"] == ["deploy", hub.release, "done"]
    line = rf"deploy of {hub.release} by \S+, commit {commit}\w*: done in \d+ s"
    assert re.fullmatch(line, region["text"])
    assert region["text"] in (hub.folder / "summary").read_text().splitlines()

    hub.deploys("deploy", more=more(hub, grafana))  # nothing to change
    assert len(grafana.asked) == 1
    is_usable(hub, said)
    hub.deploys("rollback", "--yes", more=more(hub, grafana))
    assert grafana.asked[-1][2]["text"].startswith(f"rollback of {hub.release} by ")
    assert descriptions(hub)[-1] == "Rollback to 2"
    assert PASSWORD not in printed(hub)
    assert AUTHORIZATION.split()[1] not in printed(hub)


def is_usable(hub: Hub, said: str) -> None:
    """By helm itself, the release whose record was written anew."""
    values = hub.deployed_values
    hub.helm(*hub.upgrade("--set=small.greeting=another"))
    hub.helm("rollback", hub.release, "1", "--wait")
    assert hub.revisions == [(1, "superseded"), (2, "superseded"), (3, "deployed")]
    assert descriptions(hub) == [said, "Upgrade complete", "Rollback to 1"]
    assert hub.deployed_values == values
    assert hub.state["ConfigMap greeting"]["data"] == {"greeting": "hello"}


@pytest.mark.parametrize(("status", "said"), [(500, "it answers with 500"), (0, ".+")])
def test_a_grafana_that_takes_nothing(hub: Hub, grafana: Grafana, status: int, said: str) -> None:
    """The first deploy is done all the same, and the second fails for a reason of its own."""
    grafana.status = status
    trouble = rf"^! Grafana at {grafana.address}/services/grafana took no annotation \({said}\)$"
    out = hub.deploys("deploy", more=more(hub, grafana))
    assert re.search(trouble, out, re.MULTILINE)
    assert hub.revisions == [(1, "deployed")]
    says(hub, refused=True)
    run = hub.run("deploy", more=more(hub, grafana))
    assert run.exit == 1
    assert run.err.startswith("The deploy failed, ")
    assert re.search(trouble, run.out, re.MULTILINE)
    results = [
        (region["tags"][2], region["text"].partition(": ")[2].partition(" ")[0]) for _, _, region in grafana.asked
    ]
    assert results == [("done", "done"), ("failed", "failed")]
    summary = (hub.folder / "summary").read_text()
    assert len(re.findall(rf"^deploy of {hub.release} by .*: (?:done|failed) in \d+ s$", summary, re.MULTILINE)) == 2
    assert PASSWORD not in printed(hub)
    assert AUTHORIZATION.split()[1] not in printed(hub)
