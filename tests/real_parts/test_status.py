"""`invoke status` with a hub: what is deployed, who is there, what was changed by hand, and what git would change."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from typing import Any

from tests.real_parts.centre import ACCOUNT, CLUSTER, JUPYTERHUBS, NOTHING, REGION, SMALL
from tests.real_parts.forbidding import forbidding
from tests.real_parts.hub import LEASE, USER_IMAGE, Hub

ROWS = ("revision", "chart", "versions", "image", "pods ready", "people online", "changed by hand", "against git")


def person(hub: Hub) -> dict[str, str]:
    """Whose kubeconfig is the administrator's, and whose invoke.yaml names this account."""
    return {"KUBECONFIG": str(hub.datacentre.kubeconfig), "INVOKE_AWS_ACCOUNT": ACCOUNT}


def status(hub: Hub, *words: str, more: Mapping[str, str] = NOTHING) -> str:
    """Which has changed nothing."""
    before = state(hub)
    said = hub.deploys("status", *words, more=person(hub) | dict(more))
    assert state(hub) == before
    assert hub.token not in said
    return said


def state(hub: Hub) -> tuple[Any, ...]:
    lease = hub.programs.kubectl(*LEASE, "--output=jsonpath={.metadata}")
    return hub.versions, hub.files, lease, list(hub.temporary.iterdir())


def document(hub: Hub, more: Mapping[str, str] = NOTHING) -> dict[str, Any]:
    """All of it. That a program can read: nothing else is on stdout."""
    found: dict[str, Any] = json.loads(status(hub, "--output=json", more=more))
    return found


def described(hub: Hub, more: Mapping[str, str] = NOTHING) -> dict[str, Any]:
    (found,) = document(hub, more)["hubs"]
    assert isinstance(found, dict)
    return found


def row(said: str, name: str) -> str:
    (found,) = (line for line in said.splitlines() if line.startswith(f"  {name}  "))
    return found.removeprefix(f"  {name}").strip()


def add_server(hub: Hub, name: str, **labels: str) -> None:
    pairs = ",".join(f"{key}={text}" for key, text in {"app": "jupyterhub", **labels}.items())
    hub.kubectl("run", name, "--image=user", f"--labels={pairs}", "--restart=Never")
    hub.kubectl("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=60s")


def test_the_cluster_without_a_hub(hub: Hub) -> None:
    found = document(hub)
    assert found["hubs"] == []
    assert found["cluster"] == {"name": CLUSTER, "region": REGION, "account": ACCOUNT}
    assert found["control_plane"]["version"] == "1.33"
    assert "\nHub " not in status(hub)


def test_what_is_deployed(hub: Hub) -> None:
    hub.depend_on(SMALL, JUPYTERHUBS[1])
    hub.deploys()
    (description,) = (entry["description"] for entry in json.loads(hub.helm("history", hub.release, "--output=json")))
    assert described(hub) == {
        "release": hub.release,
        "revision": 1,
        "status": "deployed",
        "chart": "hub-0.0.1",
        "deployed": description,
        "images": {"small.image": f"{USER_IMAGE}:{hub.tag}"},
        "charts": ["jupyterhub-2.0.0"],
        "pods": {"ready": 2, "all": 2},
        "users": 0,
        "changed_by_hand": [],
        "against_git": "nothing to change",
        "unknown": None,
    }
    said = status(hub)
    assert f"\nHub {hub.release}\n" in said
    assert [row(said, name) for name in ROWS] == [
        f"1, deployed ({description})",
        "hub-0.0.1",
        "jupyterhub-2.0.0",
        f"{USER_IMAGE}:{hub.tag}",
        "2 of 2",
        "0",
        "nothing",
        "nothing to change",
    ]


def test_what_is_not_as_git_says(hub: Hub) -> None:
    """By hand on the cluster, and in the files; and people, who are nobody's change."""
    hub.deploys()
    edit(hub, "deployment/web", "s#image: .*/user:.*#image: somebody/else:1#")
    hub.kubectl("delete", "service", "web")
    add_server(hub, "jupyter-anna", component="singleuser-server")
    add_server(hub, "jupyter-ben", component="singleuser-server")
    add_server(hub, "continuous-image-puller", component="continuous-image-puller")
    hub.values(greeting="good evening")
    hub.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    found = described(hub)
    assert (found["pods"], found["users"]) == ({"ready": 1, "all": 1}, 2)
    assert found["changed_by_hand"] == ["Deployment web", "Service web"]
    assert found["images"] == {"small.image": f"{USER_IMAGE}:{hub.tag}"}  # of the release
    assert (found["against_git"], found["unknown"]) == ("1 changed", None)
    said = status(hub)
    assert (row(said, "pods ready"), row(said, "people online")) == ("1 of 1", "2")
    assert row(said, "changed by hand") == "Deployment web, Service web"
    assert row(said, "against git") == "1 changed"


def edit(hub: Hub, what: str, script: str) -> None:
    """`kubectl edit`, in an editor of few words."""
    more = {"KUBECONFIG": str(hub.datacentre.kubeconfig), "KUBE_EDITOR": f"sed -i '{script}'"}
    hub.programs.run("kubectl", "edit", what, f"--namespace={hub.name}", more=more)


def test_what_cannot_be_told_is_said_and_the_rest_is_told(hub: Hub) -> None:
    """Who looks need not be who deploys: the key may be another's, the charts not fetched yet."""
    hub.deploys()
    with forbidding(hub.datacentre.environment["AWS_ENDPOINT_URL"], "TrentService.Decrypt") as front:
        more = {"AWS_ENDPOINT_URL": front}
        found = described(hub, more)
        said = status(hub, more=more)
    assert (found["revision"], found["changed_by_hand"], found["against_git"]) == (1, [], None)
    secrets = hub.secrets_file.relative_to(hub.tree)
    trouble = f"This AWS identity may not use the key that {secrets} is encrypted with: "
    assert found["unknown"].startswith(trouble)
    assert row(said, "against git").startswith(f"unknown: {trouble}")
    assert row(said, "changed by hand") == "nothing"
    shutil.rmtree(hub.tree / "chart" / "charts")
    assert described(hub)["unknown"] == f"{SMALL.archive} was not fetched yet, which `invoke diff` does"
