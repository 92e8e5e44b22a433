"""The KubeSpawners that the charts bring start servers with the deployment's own singleuser.extraEnv: those up to 4.3.0
with the texts as they are, those from 5.0.0 on with what `braces` makes of them, and neither with the other's."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache as once
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.loopback.datacentre import Datacentre
from tasks.parts import cache, pins
from tasks.plan.braces import FIELDS, doubled, trouble
from tasks.valuesfile import edit
from tests.real_parts.centre import Programs
from tests.rehearsal import ROOT

OLD = ("1.1.0", "4.2.0")  # of the charts jupyterhub 1.1.1 and 1.2.0, and 2.0.0
NEW = ("6.2.0", "7.0.0")  # of 3.2.1, and 4.4.0
VALUES = "deployments/l2l/config/common.yaml"
EXTRA = ("daskhub", "jupyterhub", "singleuser", "extraEnv")
IMAGE, LINK = "DASK_GATEWAY__CLUSTER__OPTIONS__IMAGE", "DASK_DISTRIBUTED__DASHBOARD_LINK"
AS_ALWAYS = {IMAGE: "{JUPYTER_IMAGE_SPEC}", LINK: "/user/{JUPYTERHUB_USER}/proxy/{port}/status"}
TOO_EARLY = {IMAGE: "{{JUPYTER_IMAGE_SPEC}}", LINK: "/user/{{JUPYTERHUB_USER}}/proxy/{{port}}/status"}
BAD = (
    "{",
    "}",
    "{port}",
    '{"a": 1}',
    "{}",
    "{username.nick}",
    "{username:d}",
    "{{port}} {port}",
    "{servername[0]}",
    "{a",
)
SPAWN = Path(__file__).with_name("spawn.py")

Environment = dict[str, str]
Spawn = Callable[[str, Mapping[str, Environment]], dict[str, Environment | str]]


@pytest.fixture(scope="module")
def spawn(datacentre: Datacentre, parts: Callable[..., None]) -> Spawn:
    """A version of KubeSpawner, and the extraEnv that each person's server is to have → what the API server has of it in
    the person's pod, or the exception that ended the spawn. The pods are gone then."""
    programs = Programs(datacentre)

    def run(version: str, environments: Mapping[str, Environment]) -> dict[str, Environment | str]:
        parts(name := f"kubespawner-{version}")
        namespace = name.replace(".", "-")
        kubectl = f"--namespace={namespace}"
        if not programs.kubectl("get", "namespace", namespace, "--ignore-not-found"):
            programs.kubectl("create", "namespace", namespace)
        asked = json.dumps({"namespace": namespace, "environments": environments})
        place = {"KUBECONFIG": str(datacentre.kubeconfig)}
        said: dict[str, str] = json.loads(
            programs.run(str(cache.python(name)), "-I", str(SPAWN), text=asked, more=place)
        )
        pods = json.loads(programs.kubectl("get", "pods", kubectl, "--output=json"))["items"]
        programs.kubectl("delete", "pods", "--all", kubectl)
        found = {pod["metadata"]["name"]: pod for pod in pods}
        assert found.keys() <= set(said.values())
        return {
            person: _variables(found[answer], environments[person]) if answer in found else answer
            for person, answer in said.items()
        }

    return run


def _variables(pod: dict[str, Any], asked: Environment) -> Environment:
    assert pod["status"]["phase"] == "Running"
    (container,) = pod["spec"]["containers"]
    return {variable["name"]: variable["value"] for variable in container["env"] if variable["name"] in asked}


@once
def unedited() -> Environment:
    return _extra((ROOT / VALUES).read_bytes())


@once
def edited() -> Environment:
    """As the file has it after it was edited."""
    changes: dict[tuple[str, ...], str] = {(*EXTRA, name): doubled(text) for name, text in unedited().items()}
    done = edit((ROOT / VALUES).read_bytes(), changes, VALUES)
    assert not done.left
    return _extra(done.content)


def _extra(content: bytes) -> Environment:
    found: Any = yaml.safe_load(content)
    for key in EXTRA:
        found = found[key]
    environment: Environment = found
    return environment


def test_each_version_that_a_chart_brings_is_tried() -> None:
    assert (*OLD, *NEW) == pins.KUBESPAWNERS


@pytest.mark.parametrize("version", OLD)
def test_the_old_ones_want_single_braces(spawn: Spawn, version: str) -> None:
    said = spawn(version, {"unedited": unedited(), "edited": edited()})
    assert said["unedited"] == unedited() | AS_ALWAYS
    assert said["edited"] == unedited() | TOO_EARLY  # which Dask can't use


@pytest.mark.parametrize("version", NEW)
def test_the_new_ones_want_double_braces(spawn: Spawn, version: str) -> None:
    said = spawn(version, {"unedited": unedited(), "edited": edited(), "sorted": dict(sorted(unedited().items()))})
    assert said["unedited"] == "KeyError 'JUPYTER_IMAGE_SPEC'"
    assert said["sorted"] == "KeyError 'JUPYTERHUB_USER'"  # as helm hands them on
    assert said["edited"] == unedited() | AS_ALWAYS


@pytest.mark.parametrize("version", OLD)
def test_the_old_ones_fill_nothing_in(spawn: Spawn, version: str) -> None:
    texts = {f"TEXT_{number}": text for number, text in enumerate((*BAD, "{username}"))}
    assert spawn(version, {"anna": texts}) == {"anna": texts}


@pytest.mark.parametrize("version", NEW)
def test_the_new_ones_stumble_where_it_is_said(spawn: Spawn, version: str) -> None:
    said = spawn(version, {f"p{number}": {"TEXT": text} for number, text in enumerate(BAD)})
    assert list(said.values()) == [trouble(text) for text in BAD]


@pytest.mark.parametrize("version", NEW)
def test_what_is_doubled_arrives_as_before_and_what_is_filled_in_is(spawn: Spawn, version: str) -> None:
    texts = {f"TEXT_{number}": text for number, text in enumerate(BAD)}
    filled = {"NAME": "{username}", "JSON": '{"user": "{username}"}', "ALL": " ".join(f"{{{name}}}" for name in FIELDS)}
    (said,) = spawn(version, {"anna": {name: doubled(text) for name, text in (texts | filled).items()}}).values()
    assert said == texts | {"NAME": "anna", "JSON": '{"user": "anna"}', "ALL": "1 anna anna   user"}


def test_what_only_some_fill_in_is_no_field(spawn: Spawn) -> None:
    fields = ("legacy_escape_username", "safe_username", "user_server", "escaped_username", "pod_name", "namespace")
    environments = {f"p{number}": {"TEXT": f"{{{name}}}"} for number, name in enumerate(fields)}
    former, latter = (list(spawn(version, environments).values()) for version in NEW)
    faults = [trouble(f"{{{name}}}") for name in fields]
    assert former == [{"TEXT": "p0"}, *faults[1:]]
    assert latter == [faults[0], *({"TEXT": text} for text in ("p1", "p2", "p3", "jupyter-p4", "kubespawner-7-0-0"))]
