"""`invoke deploy` changes what differs, shows exactly that before, and leaves alone what is as it should be."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

import pytest
import yaml

from tests.real_parts.centre import DEFINITIONS, SMALL
from tests.real_parts.hub import Hub

GREETING = """diff: 1 changed
  small.greeting: "good evening"
~ ConfigMap greeting
    @@ -1,5 +1,5 @@
     apiVersion: v1
     data:
    -  greeting: hello
    +  greeting: good evening
     kind: ConfigMap
     metadata:"""


def shown(out: str) -> str:
    """The difference alone."""
    lines = out.splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("diff: "))
    end = next((n for n, line in enumerate(lines) if line.startswith(("deploy: ", "verify: "))), len(lines))
    return "\n".join(lines[begin:end])


def test_an_install_and_nothing_after_it(hub: Hub) -> None:
    before = hub.datacentre.downloads[SMALL.archive]
    out = hub.deploys()
    assert shown(out).splitlines()[0] == "diff: 5 added"
    assert hub.revisions == [(1, "deployed")]
    assert hub.datacentre.downloads[SMALL.archive] == before + 1

    versions, downloads = hub.versions, hub.datacentre.downloads.copy()
    assert shown(hub.deploys()) == "diff: nothing to change"
    assert (hub.versions, hub.revisions) == (versions, [(1, "deployed")])
    assert hub.datacentre.downloads == downloads  # not even of index.yaml
    assert hub.holder == ""


def test_a_changed_value_is_one_revision(hub: Hub) -> None:
    hub.deploys()
    downloads = hub.datacentre.downloads.copy()
    hub.values(greeting="good evening")
    assert shown(hub.deploys()) == GREETING
    assert hub.revisions == [(1, "superseded"), (2, "deployed")]
    assert hub.state["ConfigMap greeting"]["data"] == {"greeting": "good evening"}
    assert hub.datacentre.downloads == downloads


def test_values_that_make_no_difference_are_kept_all_the_same(hub: Hub) -> None:
    hub.deploys()
    hub.values(nobody="reads this")
    assert shown(hub.deploys()) == 'diff: the same objects from other values\n  small.nobody: "reads this"'
    assert hub.deployed_values["small"]["nobody"] == "reads this"
    assert shown(hub.deploys()) == "diff: nothing to change"


@pytest.mark.parametrize("words", [("--dry", "deploy"), ("diff",)])
def test_looking_changes_nothing(hub: Hub, words: tuple[str, ...]) -> None:
    """Before there is a release, and where there is everything to do."""
    files = hub.files
    assert shown(hub.deploys(*words)).splitlines()[0] == "diff: 5 added"
    assert hub.items == []
    assert {name: text for name, text in hub.files.items() if not name.startswith("chart/charts/")} == files

    hub.deploys()
    hub.values(greeting="good evening")
    hub.kubectl("delete", "service", "web")
    before = hub.versions, hub.revisions, hub.files, lease(hub)
    out = hub.deploys(*words)
    assert "diff: 1 changed, 1 changed by hand" in out
    assert "+  greeting: good evening" in out
    assert "Service web (changed by hand; the deploy puts it right)" in out
    assert (hub.versions, hub.revisions, hub.files, lease(hub)) == before
    assert hub.holder == ""


def lease(hub: Hub) -> str:
    return hub.programs.kubectl(
        "get", "lease", "cluster-maintenance", "--namespace=kube-system", "--output=jsonpath={.metadata}"
    )


def test_what_differs_at_each_rendering_is_no_change(hub: Hub) -> None:
    hub.deploys()
    renderings = {hub.helm("template", *hub.upgrade()[3:]) for _ in range(2)}
    assert len(renderings) == 2
    hub.values(greeting="good evening")
    assert shown(hub.deploys("diff")) == GREETING


def test_a_secret_is_shown_as_changed_and_its_value_nowhere(hub: Hub) -> None:
    old = hub.token
    hub.deploys()
    hub.token = "n3w" + old[::-1]
    hub.encrypt()
    hub.values(greeting=f"a secret in the wrong place: {hub.token}")
    summary = hub.folder / "summary"
    out = hub.deploys(more={"GITHUB_STEP_SUMMARY": str(summary)})
    for said in (out, summary.read_text()):
        assert "Secret token" in said
        assert "+  token: (changed)" in said
        assert "+  greeting: 'a secret in the wrong place: (secret)'" in said
        for token in (old, hub.token):
            assert token not in said
            assert b64encode(token.encode()).decode() not in said
    assert hub.state["Secret token"]["data"] == {"token": b64encode(hub.token.encode()).decode()}


def test_what_was_changed_by_hand_is_seen_and_put_right(hub: Hub) -> None:
    hub.deploys()
    before = hub.state
    hub.kubectl("set", "image", "deployment/web", "web=somebody/else:1")
    hub.kubectl("delete", "service", "web")
    out = shown(hub.deploys())
    assert "diff: 2 changed by hand" in out
    assert "~ Deployment web (changed by hand; the deploy puts it right)" in out
    assert "-      - image: somebody/else:1" in out
    assert "- Service web (changed by hand; the deploy puts it right)" in out
    assert hub.revisions == [(1, "superseded"), (2, "deployed")]
    after = hub.state
    for address in ("clusterIP", "clusterIPs"):
        assert after["Service web"]["spec"].pop(address)
        before["Service web"]["spec"].pop(address)
    assert after == before
    assert shown(hub.deploys()) == "diff: nothing to change"


LAMPS, CANDLES = "lamps.practice.example.org", "candles.practice.example.org"


def test_definitions_are_brought_up_to_date(hub: Hub) -> None:
    """helm installs them once and never looks at them again; and could not give up-to-date clusters old ones."""
    hub.deploys()
    hub.depend_on(SMALL, DEFINITIONS)
    out = hub.deploys()
    assert f"crds: kubectl apply --server-side {LAMPS}" in out
    assert f"! {CANDLES} is in a form that Kubernetes gave up at 1.22: the cluster's own is kept" in out
    assert "watts" in definition(hub, LAMPS)
    assert CANDLES not in hub.programs.kubectl("get", "crds", "--output=name")

    hub.programs.kubectl("apply", "--server-side", "--filename=-", text=definition_of_candles())
    old = '[{"op": "remove", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/watts"}]'
    hub.programs.kubectl("patch", "crd", LAMPS, "--type=json", f"--patch={old}")
    candles, revisions = definition(hub, CANDLES), hub.revisions
    out = hub.deploys()
    assert f"crds: kubectl apply --server-side {LAMPS}" in out
    assert f"! {CANDLES} is in a form" in out
    assert "watts" in definition(hub, LAMPS)
    assert definition(hub, CANDLES) == candles
    assert hub.revisions == revisions
    assert "crds: " not in hub.deploys()


def definition(hub: Hub, name: str) -> str:
    return hub.programs.kubectl("get", "crd", name, "--output=jsonpath={.spec}")


def definition_of_candles() -> str:
    """The cluster's own, in today's form."""
    file = Path(__file__).with_name("charts") / "definitions" / "crds" / "lamps.yaml"
    document = yaml.safe_load(file.read_text().replace("lamp", "candle").replace("Lamp", "Candle"))
    return json.dumps(document)
