"""What `kubectl diff` prints, read: its header, diff's hunks, and a file's name that says which object it is."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.plan.manifest import Change
from tasks.tools.kubectl import parse_diff
from tests.strategies import examples

LIVE, MERGED = "/tmp/LIVE-3270458735", "/tmp/MERGED-1040317543"


def part(name: str, *lines: str) -> str:
    head = (
        f"diff -u -N {LIVE}/{name} {MERGED}/{name}",
        f"--- {LIVE}/{name}\t2026-11-23 05:00:00.000000000 +0000",
        f"+++ {MERGED}/{name}\t2026-11-23 05:00:00.000000000 +0000",
    )
    return "\n".join([*head, *lines]) + "\n"


SCALED = part(
    "apps.v1.Deployment.hub.proxy",
    "@@ -4,12 +4,12 @@",
    "   annotations:",
    '     deployment.kubernetes.io/revision: "1"',
    '   creationTimestamp: "2026-11-23T04:00:00Z"',
    "-  generation: 2",
    "+  generation: 3",
    "   name: proxy",
    "@@ -20,7 +20,7 @@",
    " spec:",
    "-  replicas: 2",
    "+  replicas: 1",
    "   selector:",
)


def test_an_object_that_was_changed_by_hand_is_shown_without_what_always_differs() -> None:
    (change,) = parse_diff(SCALED, "hub")
    assert (change.what, change.key, change.name) == ("changed", ("Deployment", "hub", "proxy"), "Deployment proxy")
    assert [line for line in change.lines if line[0] in "+-"] == ["-  replicas: 2", "+  replicas: 1"]


def test_an_object_that_is_gone_is_known_by_its_hunk() -> None:
    text = part("v1.ConfigMap.hub.pages", "@@ -0,0 +1,4 @@", "+apiVersion: v1", "+data: {}", "+kind: ConfigMap")
    (change,) = parse_diff(text, "hub")
    assert (change.what, change.key) == ("removed", ("ConfigMap", "hub", "pages"))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("apps.v1.Deployment.hub.proxy", ("Deployment", "hub", "proxy")),
        ("v1.Secret.other.sh.helm.release.v1.x.v1", ("Secret", "other", "sh.helm.release.v1.x.v1")),
        (
            "apiextensions.k8s.io.v1.CustomResourceDefinition..daskclusters.gateway.dask.org",
            ("CustomResourceDefinition", "hub", "daskclusters.gateway.dask.org"),
        ),
        ("rbac.authorization.k8s.io.v1.ClusterRole..l2l:reader", ("ClusterRole", "hub", "l2l:reader")),
    ],
)
def test_kind_namespace_and_name_come_from_the_files_name(name: str, key: tuple[str, str, str]) -> None:
    (change,) = parse_diff(part(name, "@@ -1 +1 @@", "-a: 1", "+a: 2"), "hub")
    assert change.key == key


@pytest.mark.parametrize("name", ["generation", "resourceVersion", "creationTimestamp", "uid", "observedGeneration"])
def test_where_nothing_else_differs_there_is_no_change(name: str) -> None:
    text = part(
        "v1.Service.hub.proxy-public", "@@ -1,3 +1,3 @@", " a: 1", f"-  {name}: 1", f"+  {name}: 2", "", " b: 1"
    )
    assert parse_diff(text, "hub") == []


@pytest.mark.parametrize("text", ["", "\n", "Warning: resource is deprecated\n"])
def test_where_nothing_differs_there_is_nothing(text: str) -> None:
    assert parse_diff(text, "hub") == []


def test_what_comes_before_the_first_object_is_no_object() -> None:
    assert len(parse_diff("Warning: v1 ComponentStatus is deprecated\n" + SCALED, "hub")) == 1


def contents() -> st.SearchStrategy[list[str]]:
    """Lines of YAML, some of which look like parts of a diff."""
    line = st.sampled_from(
        ["a: 1", "b: 2", "  c: |", "diff -u -N a b", "-- /tmp/LIVE-1/v1.Pod.x.y", "@@ -0,0 +1 @@", "+ d", "- e"]
    )
    return st.lists(line, min_size=1, max_size=8)


@examples(200)
@given(st.lists(st.tuples(contents(), contents()), max_size=4))
def test_every_object_that_differs_is_found_with_all_its_lines(pairs: list[tuple[list[str], list[str]]]) -> None:
    text, wanted = "", []
    for number, (live, merged) in enumerate(pairs):
        lines = list(difflib.unified_diff(live, merged, lineterm=""))[2:]
        if lines:
            text += part(f"v1.Pod.hub.p{number}", *lines)
            wanted.append(Change("changed", ("Pod", "hub", f"p{number}"), tuple(lines)))
    assert parse_diff(text, "hub") == wanted
