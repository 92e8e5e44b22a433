"""Objects as charts render them: what differs between two sets of them, and how values files are merged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tasks.plan.manifest import (
    CHANGED,
    DIFFERS,
    SAME,
    Key,
    Object,
    changes,
    is_hook,
    lasting_changes,
    merged,
    nested,
    objects,
    random_places,
    settled,
)
from tests.strategies import examples

KEY = ("ConfigMap", "hub", "hub")


def item(kind: str = "ConfigMap", **content: Any) -> Object:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "hub"}, **content}


def test_every_document_is_an_object_and_lists_are_their_items() -> None:
    text = yaml.safe_dump_all(
        [
            item(),
            None,
            item("Role", metadata={"name": "r", "namespace": "other"}),
            {"kind": "List", "items": [item("Pod")]},
        ]
    )
    assert list(objects(text, "hub")) == [KEY, ("Role", "other", "r"), ("Pod", "hub", "hub")]
    assert objects("# Source: hub/templates/empty.yaml\n---\n---\n", "hub") == {}


def test_a_list_without_items_has_none_and_an_object_may_be_called_a_list() -> None:
    text = yaml.safe_dump_all([{"kind": "ConfigMapList", "items": None}, item("AccessList", spec={})])
    assert list(objects(text, "hub")) == [("AccessList", "hub", "hub")]


def test_an_object_in_another_api_version_is_the_same_one() -> None:
    (change,) = changes({KEY: item()}, {KEY: item(apiVersion="v2")})
    assert (change.what, change.lines) == (
        "changed",
        ("@@ -1,3 +1,3 @@", "-apiVersion: v1", "+apiVersion: v2", " kind: ConfigMap", " metadata:"),
    )


def test_changes_come_in_the_order_of_kinds_and_names() -> None:
    before = {("B", "n", "1"): item("B"), ("A", "n", "2"): item("A")}
    after = {("A", "n", "2"): item("A", spec=1), ("A", "n", "1"): item("A")}
    found = changes(before, after)
    assert [(change.what, change.name) for change in found] == [
        ("added", "A 1"),
        ("changed", "A 2"),
        ("removed", "B 1"),
    ]
    assert all(line.startswith("+") for line in found[0].lines[1:])
    assert all(line.startswith("-") for line in found[2].lines[1:])


def values() -> st.SearchStrategy[Any]:
    leaf = st.one_of(st.integers(), st.text(max_size=5), st.booleans(), st.none())
    return st.recursive(
        leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    )


def sets() -> st.SearchStrategy[dict[Any, Object]]:
    keys = st.tuples(st.sampled_from(["ConfigMap", "Pod"]), st.just("n"), st.sampled_from("xy"))
    return st.dictionaries(keys, st.dictionaries(st.sampled_from("abc"), values()), max_size=4)


@examples(100)
@given(sets(), sets())
def test_whatever_differs_is_a_change_and_nothing_else(before: dict[Any, Object], after: dict[Any, Object]) -> None:
    assert changes(before, before) == []
    differing = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert [change.key for change in changes(before, after)] == sorted(differing)


def hidden() -> st.SearchStrategy[str]:
    """Nothing that stands in a Secret beside its data."""
    return st.text("ABCDEFGHJKLMNOP0123456789+/=\n: ", min_size=4).filter(lambda text: len(text.strip()) >= 4)


def secrets() -> st.SearchStrategy[Object]:
    data = st.dictionaries(st.sampled_from(["a.yaml", "token", "x"]), hidden() | st.just("QUJDRA=="))
    return st.builds(lambda one, two: item("Secret", data=one, stringData=two), data, data)


@examples(200)
@given(st.none() | secrets(), st.none() | secrets())
def test_of_a_secret_no_value_is_ever_shown(old: Object | None, new: Object | None) -> None:
    key = ("Secret", "hub", "hub")
    before, after = ({key: one} if one else {} for one in (old, new))
    shown = "\n".join(line for change in changes(before, after) for line in change.lines)
    for one in (old or {}, new or {}):
        for section in ("data", "stringData"):
            for value in one.get(section, {}).values():
                assert not any(part.strip() in shown for part in [value, *value.split("\n")] if len(part.strip()) >= 4)


def test_of_a_secret_it_is_shown_which_keys_come_go_and_change() -> None:
    key = ("Secret", "hub", "hub")
    old, new = (
        item("Secret", data={"a": "QQ==", "b": "Qg==", "c": "Qw=="}),
        item("Secret", data={"a": "QQ==", "b": "WA==", "d": "RA=="}),
    )
    (change,) = changes({key: old}, {key: new})
    inside = [line for line in change.lines if line[1:].startswith("  ") and "name:" not in line]
    assert inside == [
        f"   a: {SAME}",
        "-  b: (secret)",
        "-  c: (secret)",
        f"+  b: {CHANGED}",
        "+  d: (secret)",
    ]


@examples(150)
@given(st.dictionaries(st.just(KEY), st.dictionaries(st.sampled_from("abc"), values(), min_size=1)), st.data())
def test_what_is_random_is_made_equal_and_the_rest_stays(first: dict[Any, Object], data: st.DataObject) -> None:
    second = {
        key: {name: data.draw(st.just(part) | values()) for name, part in one.items()} for key, one in first.items()
    }
    places = random_places(first, second)
    assert settled(first, places) == settled(second, places)
    assert settled(first, random_places(first, first)) == first
    for key, one in settled(first, places).items():
        assert all(one[name] == first[key][name] for name in one if first[key][name] == second[key][name])


def test_only_the_random_place_itself_is_masked() -> None:
    first, second = ({KEY: item(data={"a": 1, "b": [{"c": number, "d": 2}]})} for number in (3, 4))
    assert random_places(first, second) == {KEY: {("data", "b", 0, "c")}}
    assert settled(first, random_places(first, second)) == {KEY: item(data={"a": 1, "b": [{"c": DIFFERS, "d": 2}]})}


def test_what_is_in_one_rendering_only_is_no_random_place() -> None:
    assert random_places({KEY: item()}, {}) == {}


def rendered(password: int, **data: Any) -> dict[Key, Object]:
    """With a password that is another one at each rendering."""
    return {KEY: item(data={**data, "password": password})}


def never() -> dict[Key, Object]:
    raise AssertionError("Nothing differs: there is no need to render it again.")


def test_what_differs_at_each_rendering_is_no_lasting_change() -> None:
    old, new = rendered(1, a=1), rendered(2, a=1)
    assert changes(old, new) != []
    assert lasting_changes(old, new, []) == changes(old, new)
    assert lasting_changes(old, new, [(new, lambda: rendered(3, a=1))]) == []


def test_a_lasting_change_is_shown_beside_what_is_random() -> None:
    old, new = rendered(1, a=1), rendered(2, a=2)
    (change,) = lasting_changes(old, new, [(new, lambda: rendered(3, a=2))])
    assert [line for line in change.lines if line[0] in "+-"] == ["-  a: 1", "+  a: 2"]
    assert f"   password: {DIFFERS}" in change.lines


def test_what_is_random_on_one_side_only_is_found_there() -> None:
    """A template that has become a constant, or was one."""
    old, new = rendered(1), rendered(7)
    assert lasting_changes(old, new, [(new, lambda: rendered(7))]) != []
    assert lasting_changes(old, new, [(old, lambda: rendered(2)), (new, never)]) == []


def test_nothing_is_rendered_again_if_nothing_differs() -> None:
    assert lasting_changes(rendered(1), rendered(1), [(rendered(1), never)]) == []


@examples(100)
@given(sets(), sets(), sets())
def test_a_rendering_that_repeats_itself_takes_nothing_out(
    before: dict[Any, Object], after: dict[Any, Object], other: dict[Any, Object]
) -> None:
    again = [(each, each.copy) for each in (before, after, other)]
    assert lasting_changes(before, after, again) == changes(before, after)


@pytest.mark.parametrize(
    ("metadata", "hook"),
    [
        ({"annotations": {"helm.sh/hook": "pre-upgrade"}}, True),
        ({"annotations": {"other": "x"}}, False),
        ({"annotations": None}, False),
        ({}, False),
        (None, False),
    ],
)
def test_a_hook_is_known_by_its_annotation(metadata: dict[str, Any] | None, hook: bool) -> None:
    assert is_hook(item(metadata=metadata)) is hook


def helms(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """helm's mergeMaps, written out anew."""
    out = dict(one)
    for key in other:
        both = isinstance(other[key], dict) and isinstance(out.get(key), dict)
        out[key] = helms(out[key], other[key]) if both else other[key]
    return out


def documents() -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from("abc"), values(), max_size=3)


@examples(150)
@given(documents(), documents(), documents())
def test_values_files_are_merged_as_helm_does(one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]) -> None:
    assert merged([one, two, three]) == helms(helms(one, two), three)


@pytest.mark.parametrize(
    ("files", "result"),
    [
        ([], {}),
        ([{"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}], {"a": {"b": 3, "c": 2}}),
        ([{"a": [1, 2]}, {"a": [3]}], {"a": [3]}),
        ([{"a": {"b": 1}}, {"a": None}], {"a": None}),
        ([{"a": None}, {"a": {"b": 1}}], {"a": {"b": 1}}),
        ([{"a": {"b": 1}}, {"a": "x"}], {"a": "x"}),
        ([{"a": {"b": 1}}, {}], {"a": {"b": 1}}),
        ([{"a": {"b": 1}}, {"a": {}}], {"a": {"b": 1}}),
    ],
)
def test_later_values_win_mappings_join_and_lists_do_not(files: list[dict[str, Any]], result: dict[str, Any]) -> None:
    assert merged(files) == result


def test_merging_changes_none_of_the_files() -> None:
    one, two = {"a": {"b": 1}}, {"a": {"b": 2}}
    merged([one, two])
    assert one == {"a": {"b": 1}}


def test_a_path_is_a_document_of_one_value() -> None:
    assert nested("a.b.c", "x") == {"a": {"b": {"c": "x"}}}
    assert nested("a", "x") == {"a": "x"}
