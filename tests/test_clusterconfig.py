"""The cluster's configuration file: what is refused about it, and edits that leave every other byte alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tasks.clusterconfig import KEYS, document, edit, parse, with_managed_groups
from tasks.errors import Refused
from tasks.plan.steps import Edit
from tasks.plan.version import Minor

HEAD = 'apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nmetadata:\n  name: l2l\n  region: us-west-2\n  version: "1.18"\n'
GROUPS = "nodeGroups:\n  - name: core-a\n"
ROLL = Edit(Minor(19), (("core-a", "core-b"),), (("core-b", 2),))

REFUSED = {
    "empty": ("", "is empty"),
    "only a comment": ("# nothing\n", "is empty"),
    "not YAML": (HEAD + "nodeGroups: [\n", "is not valid YAML in line 8"),
    "tabs": (HEAD + "nodeGroups:\n\t- name: core-a\n", "spaces, never with tabs"),
    "a date that does not exist": (HEAD + "nodeGroups:\n  - name: a\n    tags: {x: 2024-02-30}\n", "is not valid YAML"),
    "a list": ("- kind: ClusterConfig\n", "is not a mapping"),
    "a word": ("ClusterConfig\n", "is not a mapping"),
    "another kind": (HEAD.replace("ClusterConfig", "Deployment"), "is not an eksctl ClusterConfig"),
    "no kind": (HEAD.replace("kind: ClusterConfig\n", ""), "is not an eksctl ClusterConfig"),
    "no metadata": ("kind: ClusterConfig\n", "is not an eksctl ClusterConfig"),
    "no name": (HEAD.replace("  name: l2l\n", ""), "has no metadata.name"),
    "no region": (HEAD.replace("  region: us-west-2\n", ""), "has no metadata.region"),
    "no version": (HEAD.replace('  version: "1.18"\n', ""), "has no metadata.version"),
    "a name that is a number": (HEAD.replace("l2l", "12"), "not text"),
    "an unquoted version": (HEAD.replace('"1.18"', "1.30"), "1.30 is 1.3"),
    "half a version": (HEAD.replace("1.18", "1.3"), "1.30"),
    "auto": (HEAD.replace('"1.18"', "auto"), "such as 1.22"),
    "an unknown key": (HEAD + "nodegroups: []\n", "unknown key 'nodegroups'"),
    "groups that are no list": (HEAD + "nodeGroups:\n  core-a: {}\n", "begin each group with a dash"),
    "a group without a name": (HEAD + "nodeGroups:\n  - minSize: 0\n", "without a name"),
    "a group that is a word": (HEAD + "nodeGroups:\n  - core-a\n", "without a name"),
    "a name with a comma": (HEAD + 'nodeGroups:\n  - name: "a,b"\n', "letters, digits and dashes only"),
    "equal names": (HEAD + GROUPS + "managedNodeGroups:\n  - name: core-a\n", "2 node groups called core-a"),
    "labels that are no text": (HEAD + GROUPS + "    labels: {worker: true}\n", "quotation marks"),
    "labels with a number as key": (HEAD + GROUPS + '    labels: {1: "x"}\n', "labels of core-a"),
    "tags that are a list": (HEAD + GROUPS + "    tags: [a]\n", "tags of core-a"),
    "a size in words": (HEAD + GROUPS + "    desiredCapacity: two\n", "desiredCapacity of core-a"),
    "a size in quotation marks": (HEAD + GROUPS + '    minSize: "2"\n', "minSize of core-a"),
    "a negative size": (HEAD + GROUPS + "    maxSize: -1\n", "maxSize of core-a"),
    "one zone without a list": (HEAD + GROUPS + "    availabilityZones: us-west-2a\n", "availabilityZones"),
    "zones that are a number": (HEAD + "availabilityZones: 3\n", "availabilityZones"),
    "a taint that is true": (HEAD + GROUPS + "    taints: {worker: true}\n", "taints of core-a"),
    "a taint without an effect": (HEAD + GROUPS + "    taints: [{key: worker}]\n", "taints of core-a"),
    "taints that are words": (HEAD + GROUPS + "    taints: [worker]\n", "taints of core-a"),
}


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED)
def test_what_eksctl_would_refuse_is_refused_in_one_sentence_that_names_the_file(text: str, words: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(text.encode(), "infra/cluster.yaml")
    message = str(refused.value.message)
    assert words in message
    assert "infra/cluster.yaml" in message
    assert "\n" not in message
    assert message.endswith((".", "…"))


def test_a_file_that_is_missing_is_refused() -> None:
    with pytest.raises(Refused, match=r"There is no cluster\.yaml"):
        parse(None, "cluster.yaml")


@pytest.mark.parametrize("content", [HEAD.encode("utf-16"), (HEAD + "# für\n").encode("latin-1")])
def test_a_file_in_another_encoding_is_refused(content: bytes) -> None:
    with pytest.raises(Refused, match="is not UTF-8 text"):
        parse(content, "cluster.yaml")
    with pytest.raises(Refused, match="is not UTF-8 text"):
        edit(content, ROLL, "cluster.yaml")


@pytest.mark.parametrize("key", sorted(KEYS - {"apiVersion", "kind", "metadata", "nodeGroups", "managedNodeGroups"}))
def test_every_key_of_eksctls_schema_may_be_there(key: str) -> None:
    value = "[us-west-2a]" if key == "availabilityZones" else "{}"
    assert parse(f"{HEAD}{key}: {value}\n".encode(), "cluster.yaml").name == "l2l"


def test_a_group_has_what_it_says_itself_and_else_what_stands_at_the_top() -> None:
    own = "[{name: a, minSize: 1, labels: {x: y}, availabilityZones: [us-west-2d]}]"
    text = f"{HEAD}availabilityZones: [us-west-2a]\nnodeGroups: {own}\nmanagedNodeGroups: [{{name: b, desiredCapacity: 3}}]\n"
    config = parse(text.encode(), "cluster.yaml")
    assert (config.name, config.region, config.version) == ("l2l", "us-west-2", Minor(18))
    assert [(group.name, group.managed, group.desired) for group in config.groups] == [("a", False, 1), ("b", True, 3)]
    assert [group.shape.zones for group in config.groups] == [{"us-west-2d"}, {"us-west-2a"}]
    assert [group.shape.labels for group in config.groups] == [{("x", "y")}, set()]


@pytest.mark.parametrize(
    "taints", ['{worker: "true:NoSchedule"}', '[{key: worker, value: "true", effect: NoSchedule}]']
)
def test_taints_are_the_same_in_both_of_their_forms(taints: str) -> None:
    (group,) = parse(f"{HEAD}{GROUPS}    taints: {taints}\n".encode(), "cluster.yaml").groups
    assert group.shape.taints == {"worker=true:NoSchedule"}


def test_a_taint_may_have_no_value() -> None:
    texts = ['{worker: ":NoSchedule"}', "[{key: worker, effect: NoSchedule}]"]
    configs = [parse(f"{HEAD}{GROUPS}    taints: {text}\n".encode(), "cluster.yaml") for text in texts]
    assert {config.groups[0].shape.taints for config in configs} == {frozenset({"worker=:NoSchedule"})}


# What follows the head, before and after ROLL.
EDITED = {
    "in its place": ("  - name: core-a\n    desiredCapacity: 1\n", "  - name: core-b\n    desiredCapacity: 2\n"),
    "no size yet": ("  - name: core-a\n    minSize: 0\n", "  - name: core-b\n    desiredCapacity: 2\n    minSize: 0\n"),
    "no indentation": ("- name: core-a\n  minSize: 0\n", "- name: core-b\n  desiredCapacity: 2\n  minSize: 0\n"),
    "wide": (
        "    -   name: core-a\n        a: 0\n",
        "    -   name: core-b\n        desiredCapacity: 2\n        a: 0\n",
    ),
    "single marks": ("  - name: 'core-a'\n", "  - name: 'core-b'\n    desiredCapacity: 2\n"),
    "double marks": ('  - name: "core-a"   # é\n', '  - name: "core-b"   # é\n    desiredCapacity: 2\n'),
    "flow": ("  - {name: core-a, a: 0}\n", "  - {name: core-b, desiredCapacity: 2, a: 0}\n"),
    "flow, name last": ("  - {a: 0, name: core-a }\n", "  - {a: 0, name: core-b, desiredCapacity: 2 }\n"),
    "flow with size": ("  - {desiredCapacity: 1,name: core-a}\n", "  - {desiredCapacity: 2,name: core-b}\n"),
    "flow as JSON": ('  - {"name":"core-a"}\n', '  - {"name":"core-b", desiredCapacity: 2}\n'),
    "name last": ("  - a: 0\n    name: core-a\n", "  - a: 0\n    name: core-b\n    desiredCapacity: 2\n"),
    "no last newline": ("  - a: 0\n    name: core-a", "  - a: 0\n    name: core-b\n    desiredCapacity: 2"),
    "on the next line": ("  - name:\n      core-a\n", "  - name:\n      core-b\n    desiredCapacity: 2\n"),
    "comments": (
        "  - # name: core-a\n    name: core-a # core-a\n    # z",
        "  - # name: core-a\n    name: core-b # core-a\n    desiredCapacity: 2\n    # z",
    ),
    "a text like it": (
        "  - name: core-a\n    preBootstrapCommands:\n      - |\n        name: core-a\n        version: 1.18\n",
        "  - name: core-b\n    desiredCapacity: 2\n    preBootstrapCommands:\n      - |\n        name: core-a\n        version: 1.18\n",
    ),
    "an anchor nobody uses": ("  - name: &n core-a\n", "  - name: &n core-b\n    desiredCapacity: 2\n"),
    "a merge that it does not reach": (
        "  - name: core-a\n    labels: &l {x: y}\n  - {name: user-a, labels: {<<: *l}}\n",
        "  - name: core-b\n    desiredCapacity: 2\n    labels: &l {x: y}\n  - {name: user-a, labels: {<<: *l}}\n",
    ),
}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("begin", ["", "\ufeff", "---\n", "# \U0001f600 ü\n\n"], ids=["", "BOM", "marker", "comment"])
@pytest.mark.parametrize(("before", "after"), EDITED.values(), ids=EDITED)
def test_an_edit_changes_what_was_asked_for_and_no_other_byte(
    before: str, after: str, begin: str, line_end: str
) -> None:
    old = f"{begin}{HEAD}nodeGroups:\n{before}".replace("\n", line_end)
    new = f"{begin}{HEAD.replace('1.18', '1.19')}nodeGroups:\n{after}".replace("\n", line_end)
    assert edit(old.encode(), ROLL, "cluster.yaml") == new.encode()


BY_HAND = "by hand, set metadata.version to 1.19, rename core-a to core-b, set desiredCapacity of core-b to 2."
UNSAFE = {
    "the size is inherited": (
        "  - &a\n    name: core-a\n    desiredCapacity: 1\n  - <<: *a\n    name: user-a\n",
        BY_HAND,
    ),
    "the size would be inherited": ("  - &a\n    name: core-a\n  - <<: *a\n    name: user-a\n", BY_HAND),
    "the name is used again": ("  - name: &n core-a\n    labels: {x: *n}\n", BY_HAND),
    "the name comes from elsewhere": ("  - labels: &l {name: core-a}\n    <<: *l\n", "comes from a merge key"),
    "two names": ("  - name: core-x\n    name: core-a\n", BY_HAND),
    "two sizes": ("  - name: core-a\n    desiredCapacity: 1\n    desiredCapacity: 3\n", BY_HAND),
    "no size": ("  - name: core-a\n    desiredCapacity:\n    minSize: 0\n", "without a value before line 10"),
    "question marks": ("  - ? name\n    : core-a\n", BY_HAND),
    "a tab": ("  - name: core-a\t# core\n", "because of line 8: write spaces"),
}


@pytest.mark.parametrize(("groups", "words"), UNSAFE.values(), ids=UNSAFE)
def test_an_edit_that_would_reach_further_is_refused_in_words_for_a_person(groups: str, words: str) -> None:
    with pytest.raises(Refused) as refused:
        edit(f"{HEAD}nodeGroups:\n{groups}".encode(), ROLL, "cluster.yaml")
    assert "cluster.yaml" in str(refused.value.message)
    assert words in str(refused.value.message)


@dataclass(frozen=True)
class Group:
    """A node group and the way it is written. place: where its size stands (None: it has none so far)."""

    name: str
    size: int
    place: str | None
    quote: str
    flow: bool
    comment: str

    def text(self, indent: str) -> str:
        size, name = f"desiredCapacity: {self.size}", f"name: {self.quote}{self.name}{self.quote}"
        places = {None: [name], "edited": [name, size], "after": [name, "minSize: 0", size], "before": [size, name]}
        parts = [*places[self.place], "maxSize: 9"]
        if self.flow:
            return f"{indent}- {{{', '.join(parts)}}}{self.comment}\n"
        return f"{indent}- " + f"\n{indent}  ".join(part + self.comment * (part == name) for part in parts) + "\n"


names = st.from_regex(r"[a-z]{1,6}(-[a-z])?", fullmatch=True).filter(lambda name: yaml.safe_load(name) == name)
places = st.sampled_from([None, "after", "before"])
comments = st.sampled_from(["", " # name: core-a", "  # ünï \U0001f600", " #"])
groups = st.builds(Group, names, st.integers(0, 99), places, st.sampled_from(["", "'", '"']), st.booleans(), comments)


@given(
    st.lists(groups, min_size=1, max_size=5, unique_by=lambda group: group.name),
    st.sampled_from(["", "  ", "    "]),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(19, 36),
    st.data(),
)
def test_any_edit_of_any_configuration_gives_the_text_that_a_careful_person_writes(
    before: list[Group], indent: str, line_end: str, version: int, data: st.DataObject
) -> None:
    after = []
    for group in before:
        new = replace(group, name=f"{group.name}-z9") if data.draw(st.booleans()) else group
        sized = data.draw(st.none() | st.integers(0, 99))
        after.append(new if sized is None else replace(new, size=sized, place=group.place or "edited"))
    change = Edit(
        Minor(version),
        tuple((old.name, new.name) for old, new in zip(before, after, strict=True) if old.name != new.name),
        tuple(
            (new.name, new.size) for old, new in zip(before, after, strict=True) if old != replace(new, name=old.name)
        ),
    )
    texts = [
        (head + "nodeGroups:\n" + "".join(group.text(indent) for group in found)).replace("\n", line_end).encode()
        for head, found in ((HEAD, before), (HEAD.replace("1.18", f"1.{version}"), after))
    ]
    assert edit(texts[0], change, "cluster.yaml") == texts[1]


def test_groups_that_eks_is_to_manage_for_practice_are_moved_as_they_are() -> None:
    text = HEAD + "nodeGroups:\n  - {name: core-a, minSize: 1}\n  - {name: user-a}\n"
    found = document(with_managed_groups(text.encode(), ["core-a"], "cluster.yaml"), "cluster.yaml")
    assert found["managedNodeGroups"] == [{"name": "core-a", "minSize": 1}]
    assert found["nodeGroups"] == [{"name": "user-a"}]
    with pytest.raises(Refused, match="--managed names nope, which"):
        with_managed_groups(text.encode(), ["nope"], "cluster.yaml")
