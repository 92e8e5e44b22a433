"""Keys that a chart doesn't know. The charts here are small, and say what they know in the ways that real ones do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tasks.plan.charts import Packaged
from tasks.plan.unknown import close_to, unknown_keys
from tests.rehearsal import ROOT

PRACTICE = ROOT / "tasks" / "loopback" / "charts" / "daskhub"
OPEN: dict[str, Any] = {"type": "object", "additionalProperties": True}
WORDS = {"type": "object", "additionalProperties": False, "patternProperties": {".*": {"type": "string"}}}


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def chart(name: str, values: Any, schema: Any = None, charts: tuple[Packaged, ...] = (), **more: Any) -> Packaged:
    text = json.dumps(schema).encode() if schema else b""
    return Packaged("", {"name": name, "version": "1.0.0"} | more, yaml.safe_dump(values).encode(), text, (), charts)


def unpacked(folder: Path) -> Packaged:
    schema = folder / "values.schema.json"
    inside = sorted((folder / "charts").iterdir()) if (folder / "charts").exists() else []
    return Packaged(
        "",
        yaml.safe_load((folder / "Chart.yaml").read_text()),
        (folder / "values.yaml").read_bytes(),
        schema.read_bytes() if schema.exists() else b"",
        (),
        tuple(unpacked(each) for each in inside),
    )


# As the real ones say it: closed maps with open ones in them, the same once as an alternative and once by reference.
HUB = closed(
    enabled={"type": ["boolean", "null"]},
    hub=closed(
        config=OPEN,
        services=OPEN | {"properties": {"name": {"type": "string"}}},
        cookieSecret={"type": ["string", "null"]},
        extraFiles={"patternProperties": {".*": closed(mountPath={}, stringData={})}, "additionalProperties": False},
        labels=WORDS,
        image={"$ref": "#/definitions/image"},
        pdb={"allOf": [{"$ref": "#/definitions/switch"}, {"properties": {"minAvailable": {"type": "integer"}}}]},
        resources={"type": "object"},
    ),
    imagePullSecret={"if": {"properties": {"create": {"const": True}}}, "then": closed(create={}, registry={})},
) | {"definitions": {"image": closed(name={}, tag={}), "switch": {"properties": {"enabled": {"type": "boolean"}}}}}
JUPYTERHUB = chart("jupyterhub", {"hub": {"baseUrl": "/", "extraEnv": {}, "resources": {"requests": {"cpu": 1}}}}, HUB)
GATEWAY = chart(
    "dask-gateway",
    {
        "gateway": {"auth": {"type": "simple", "jupyterhub": {"apiToken": None}}, "extraConfig": {}, "annotations": {}},
        "traefik": {"nodeSelector": {"disk": "ssd"}, "tolerations": [], "image": {"name": "traefik", "tag": "2.1.3"}},
    },
)
DASKHUB = chart(
    "daskhub",
    {
        "rbac": {"enabled": True},
        "jupyterhub": {"singleuser": {"defaultUrl": "/lab"}, "hub": {"services": {"dask-gateway": {"display": False}}}},
    },
    None,
    (JUPYTERHUB, GATEWAY),
    dependencies=[
        {"name": "jupyterhub"},
        {"name": "dask-gateway", "condition": "dask-gateway.enabled, parts.gateway"},
        {"name": "dask-kubernetes", "condition": "dask-kubernetes.enabled"},
    ],
)


def unknown(text: str, of: Packaged = DASKHUB) -> list[str]:
    return [".".join(path) for path in unknown_keys(yaml.safe_load(text), of)]


@pytest.mark.parametrize(
    "known",
    [
        "{rbac: {enabled: false}, tags: {metrics: true}, global: {whatever: {is: here}}}",
        "{dask-gateway: {enabled: false}, parts: {gateway: true}, dask-kubernetes: {enabled: true}}",
        "{jupyterhub: {global: {a: 1}, enabled: true, hub: {baseUrl: /x, cookieSecret: a}}}",
        "{jupyterhub: {singleuser: {defaultUrl: /tree}}}",
        "{jupyterhub: {hub: {config: {JupyterHub: {admin_access: false}}, extraEnv: {A: {name: b}}}}}",
        "{jupyterhub: {hub: {services: {grafana: {url: x}, dask-gateway: {apiToken: y}}}}}",
        "{jupyterhub: {hub: {extraFiles: {mine: {mountPath: /x, stringData: y}}, labels: {a.b/c: d}}}}",
        "{jupyterhub: {hub: {image: {name: x, tag: y}, pdb: {enabled: false, minAvailable: 1}}}}",
        "{jupyterhub: {hub: {resources: {limits: {memory: 1Gi}}}, imagePullSecret: {create: true, registry: x}}}",
        "{dask-gateway: {traefik: {nodeSelector: {worker: 'true'}, tolerations: [{key: x, operatr: y}]}}}",
        "{dask-gateway: {gateway: {annotations: {any: thing}, extraConfig: one block, auth: {jupyterhub: {apiToken: x}}}}}",
        "{}",
    ],
)
def test_what_is_known_is_not_told(known: str) -> None:
    assert unknown(known) == []


@pytest.mark.parametrize(
    ("values", "told", "meant"),
    [
        ("{jupyterhubb: {hub: {}}}", "jupyterhubb", "jupyterhub"),
        ("{hub: {config: {}}}", "hub", ""),
        ("{rbac: {enable: false}}", "rbac.enable", "enabled"),
        ("{jupyterhub: {hub: {cookieSecrett: x}}}", "jupyterhub.hub.cookieSecrett", "cookieSecret"),
        ("{jupyterhub: {hub: {extraenv: {A: b}}}}", "jupyterhub.hub.extraenv", "extraEnv"),
        ("{jupyterhub: {hub: {image: {tagg: x}}}}", "jupyterhub.hub.image.tagg", "tag"),
        ("{jupyterhub: {hub: {pdb: {minAvail: 1}}}}", "jupyterhub.hub.pdb.minAvail", "minAvailable"),
        ("{jupyterhub: {hub: {extraFiles: {a: {path: x}}}}}", "jupyterhub.hub.extraFiles.a.path", ""),
        ("{jupyterhub: {imagePullSecret: {registri: x}}}", "jupyterhub.imagePullSecret.registri", "registry"),
        ("{jupyterhub: {singleuser: {defaultURL: x}}}", "jupyterhub.singleuser.defaultURL", "defaultUrl"),
        (
            "{dask-gateway: {gateway: {auth: {jupyterhub: {token: x}}}}}",
            "dask-gateway.gateway.auth.jupyterhub.token",
            "",
        ),
        ("{dask-gateway: {traefik: {image: {2: x}}}}", "dask-gateway.traefik.image.2", ""),
        ("{dask_gateway: {}}", "dask_gateway", "dask-gateway"),
        ("{dask-gateway: {enabledd: true}}", "dask-gateway.enabledd", "enabled"),
    ],
)
def test_what_is_unknown_is_told_with_what_may_be_meant(values: str, told: str, meant: str) -> None:
    (path,) = unknown_keys(yaml.safe_load(values), DASKHUB)
    assert ".".join(path) == told
    assert close_to(path, DASKHUB) == meant


def test_of_several_all_are_told_in_their_order() -> None:
    text = "{zzz: {below: 1}, jupyterhub: {hub: {b: 1, baseUrl: x, a: 2}}, aaa: }"
    assert unknown(text) == ["zzz", "jupyterhub.hub.b", "jupyterhub.hub.a", "aaa"]


def test_two_names_for_one_chart() -> None:
    entries = [{"name": "jupyterhub", "alias": "first"}, {"name": "jupyterhub", "alias": "second"}]
    made = chart("two", {}, None, (JUPYTERHUB,), dependencies=entries)
    assert unknown("{first: {hub: {config: {}}}, second: {hub: {confg: {}}}, jupyterhub: {}}", made) == [
        "second.hub.confg",
        "jupyterhub",
    ]


def test_a_schema_may_refer_to_itself_and_to_what_is_elsewhere() -> None:
    schema = {
        "properties": {
            "tree": {"$ref": "#/$defs/tree"},
            "elsewhere": {"$ref": "https://example.org/schema.json"},
            "lost": {"$ref": "#/$defs/lost"},
            "odd": {"patternProperties": {"(": {}}},
        },
        "$defs": {"tree": {"anyOf": [{"$ref": "#/$defs/tree"}, closed(leaf={}, branch={"$ref": "#/$defs/tree"})]}},
    }
    made = chart("odd", {}, schema)
    assert unknown("{elsewhere: {a: {b: 1}}, lost: {a: {b: 1}}, odd: {a: 1}}", made) == []
    assert unknown("{tree: {branch: {branch: {leaf: 1, leef: 2}}}, others: 1}", made) == [
        "tree.branch.branch.leef",
        "others",
    ]


def test_a_chart_that_says_nothing_takes_anything() -> None:
    made = chart("outer", {"silent": {"a": 1}}, None, (chart("silent", None),))
    assert unknown("{a: {b: 1}}", chart("silent", None)) == []
    assert unknown("{silent: {b: 1}}", made) == []


def test_the_deployments_values_fit_the_practice_chart_and_slips_in_them_dont() -> None:
    practice = unpacked(PRACTICE)
    values = yaml.safe_load((ROOT / "deployments" / "l2l" / "config" / "common.yaml").read_text())["daskhub"]
    assert unknown_keys(values, practice) == []
    values["jupyterhub"]["hub"]["cookieSecrett"] = "x"
    values["dask-gateway"]["gateway"]["prefx"] = "/"
    values["jupyterhubb"] = {}
    assert [(path[-1], close_to(path, practice)) for path in unknown_keys(values, practice)] == [
        ("cookieSecrett", "cookieSecret"),
        ("prefx", "prefix"),
        ("jupyterhubb", "jupyterhub"),
    ]


keys = st.sampled_from(["a", "b", "labels", "config", "global"])
trees = st.recursive(
    st.none() | st.integers() | st.lists(st.integers(), max_size=2),
    lambda below: st.dictionaries(keys, below, max_size=3),
    max_leaves=8,
)
maps = st.dictionaries(keys, trees, max_size=4)


@given(maps)
def test_a_charts_own_defaults_are_known(values: dict[str, Any]) -> None:
    assert unknown_keys(values, chart("any", values)) == []
    assert unknown_keys({"any": values}, chart("outer", {"any": values}, None, (chart("any", {"c": 1}),))) == []


@given(maps, maps)
def test_what_is_told_is_in_the_values_and_not_in_the_defaults(
    values: dict[str, Any], defaults: dict[str, Any]
) -> None:
    def has(tree: Any, path: tuple[str, ...]) -> bool:
        return not path or (isinstance(tree, dict) and path[0] in tree and has(tree[path[0]], path[1:]))

    made = chart("any", defaults)
    for path in unknown_keys(values, made):
        assert has(values, path)
        assert not has(defaults, path)
        assert path[0] != "global"
