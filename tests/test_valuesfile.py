"""A person's values file, changed in place: what is asked for changes, and every other byte stays."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from tasks.errors import Refused
from tasks.hub.deployment import load
from tasks.hub.values import line_of
from tasks.valuesfile import edit, lines
from tests.nasty_values import CASES, Keys, Nasty, doubled, texts
from tests.strategies import examples

ROOT = Path(__file__).parent.parent
FILE = "config/common.yaml"


def change(text: str, **changes: str) -> str:
    """Of top-level keys, each of which can be changed."""
    done = edit(text.encode(), {(key,): new for key, new in changes.items()}, FILE)
    assert done.left == {}
    return done.content.decode()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_only_the_intended_bytes_of_a_nasty_file_change(case: Nasty) -> None:
    done = edit(case.content, case.wanted, case.name)
    assert done.content == case.expected
    assert done.left.keys() == case.left.keys()
    for path, words in case.left.items():
        assert words in done.left[path]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_second_time_changes_nothing(case: Nasty) -> None:
    once = edit(case.content, case.wanted, case.name)
    assert edit(once.content, case.wanted, case.name) == once


def test_the_deployments_own_file_changes_in_two_lines() -> None:
    content = (ROOT / "deployments/l2l/config/common.yaml").read_bytes()
    inside = ("daskhub", "jupyterhub", "singleuser", "extraEnv")
    keys = ("DASK_GATEWAY__CLUSTER__OPTIONS__IMAGE", "DASK_DISTRIBUTED__DASHBOARD_LINK")
    found = dict(texts(load(content, FILE)))
    done = edit(content, {(*inside, key): doubled(found[(*inside, key)]) for key in keys}, FILE)
    assert done.left == {}
    before, after = (text.decode().splitlines(keepends=True) for text in (content, done.content))
    differing = [number for number, (old, new) in enumerate(zip(before, after, strict=True), 1) if old != new]
    assert differing == [lines(content)[(*inside, key)] for key in keys]
    assert [after[number - 1].strip() for number in differing] == [
        "DASK_GATEWAY__CLUSTER__OPTIONS__IMAGE: '{{JUPYTER_IMAGE_SPEC}}'",
        "DASK_DISTRIBUTED__DASHBOARD_LINK: '/user/{{JUPYTERHUB_USER}}/proxy/{{port}}/status'",
    ]


# The whole file before, the new text of `a`, the whole file after.
WRITTEN = {
    "a version": ("a: 2021.7.2 # v\n", "2022.8.2", "a: 2022.8.2 # v\n"),
    "a text that would be a number": ("a: 2021.7.2\n", "1.10", "a: '1.10'\n"),
    "a text that would be a number to helm only": ("a: x\n", "1e3", "a: '1e3'\n"),
    "a text that would be true": ("a: x\n", "yes", "a: 'yes'\n"),
    "a text that would be true to helm only": ("a: x\n", "Y", "a: 'Y'\n"),
    "a text that would be null": ("a: x\n", "~", "a: '~'\n"),
    "a text that would be a date": ("a: x\n", "2022-08-02", "a: '2022-08-02'\n"),
    "a text that would be seconds": ("a: x\n", "1:30", "a: '1:30'\n"),
    "no text": ("a: x # y\n", "", "a: '' # y\n"),
    "a brace first": ("a: A # {A}", "{A}", "a: '{A}' # {A}"),
    "a colon": ("a: x\n", "b: c", "a: 'b: c'\n"),
    "a hash": ("a: x\n", "b #c", "a: 'b #c'\n"),
    "an apostrophe that needs none": ("a: x\n", "it's", "a: it's\n"),
    "an apostrophe": ("a: x\n", "'", "a: ''''\n"),
    "an apostrophe in its marks": ("a: 'x'\n", "it's", "a: 'it''s'\n"),
    "an alias of itself": ("a: &a x\n", "*a", "a: &a '*a'\n"),
    "a dash": ("a: x\n", "- b", "a: '- b'\n"),
    "dashes": ("a: x\n", "--foo={b}", "a: --foo={b}\n"),
    "a space first": ("a: x\n", " x", "a: ' x'\n"),
    "a space last": ("a: x # y\n", "x ", "a: 'x ' # y\n"),
    "lines": ("a: x # y\n", "b\nc", 'a: "b\\nc" # y\n'),
    "lines in single marks": ("a: 'x' # y\n", "x\n", 'a: "x\\n" # y\n'),
    "lines in double marks": ('a: "x"\n', "x\n\ty", 'a: "x\\n\\ty"\n'),
    "a control character": ("a: 'x'\n", "\0\x7f\x85\ufeff", 'a: "\\x00\\x7f\\x85\\ufeff"\n'),
    "in braces": ("{b: [1], a: x, c: 1}\n", "y, z", "{b: [1], a: 'y, z', c: 1}\n"),
    "in braces, not their end": ("{a: x}\n", "y}", "{a: 'y}'}\n"),
    "a plain text on two lines": ("a: x {A}\n  y\nb: 1\n", "x {{A}} y", "a: x {{A}}\n  y\nb: 1\n"),
    "a plain text on two lines that ends": ("a: x\n  y\nb: 1\n", "x: y", "a: 'x: y'\nb: 1\n"),
    "literal, another line": ("a: |\n  b\n  c\n# d\n", "b\nx\n\ny\nc\n", "a: |\n  b\n  x\n\n  y\n  c\n# d\n"),
    "literal, a line less": ("a: |\n  b\n  c\n  d\n", "b\nd\n", "a: |\n  b\n  d\n"),
    "literal, no line at all": ("a: | # b\n  c\n\nd: 1\n", "", 'a: "" # b\n\nd: 1\n'),
    "literal, no newline at the end": ("a: | # b\n  c\n\nd: 1\n", "c", "a: |- # b\n  c\n\nd: 1\n"),
    "literal, more newlines at the end": ("a: |-\n  c\nd: 1\n", "c\n\n", "a: |+\n  c\n\nd: 1\n"),
    "literal, fewer newlines at the end": ("a: |+\n  c\n\n\nd: 1\n", "c\n", "a: |\n  c\n\n\nd: 1\n"),
    "literal, a space first": ("a: |2\n   c\nd: 1\n", "  c\n", "a: |2\n    c\nd: 1\n"),
    "literal, a space first that none was": ("a: |\n  c\nd: 1\n", " c\n", 'a: " c\\n"\nd: 1\n'),
    "literal, unprintable": ("a: |\n  c\nd: 1\n", "c\ad\n", 'a: "c\\x07d\\n"\nd: 1\n'),
    "literal, CRLF": ("a: |\r\n  b\r\nc: 1\r\n", "b\nd\n", "a: |\r\n  b\r\n  d\r\nc: 1\r\n"),
    "literal, empty before": ("a: |\nb: 1\n", "c\n", 'a: "c\\n"\nb: 1\n'),
    "literal, at the end of the file": ("a: |\n  {b}", "{{b}}", "a: |\n  {{b}}"),
    "literal, not the first": ("b: [x]\na: |\n  {b}\nc: 1\n", "{{b}}\n", "b: [x]\na: |\n  {{b}}\nc: 1\n"),
    "literal, lines that no editor knows": ("a: |+ # b\n\x85c: 1\n", "", 'a: "" # b\n\x85c: 1\n'),
    "folded, a word more": ("a: >\n  b\n  c\n\n  d\n", "b x c\nd\n", "a: >\n  b x\n  c\n\n  d\n"),
    "folded, a line more": ("a: >\n  b\n  c\n", "b c\nd\n", "a: >\n  b c\n\n  d\n"),
    "folded, unprintable": ("a: >-\n  b\nc: 1\n", "\x01", 'a: "\\x01"\nc: 1\n'),
}


@pytest.mark.parametrize(("before", "new", "after"), WRITTEN.values(), ids=WRITTEN)
def test_a_text_keeps_its_style_as_long_as_that_can_hold_it(before: str, new: str, after: str) -> None:
    assert change(before, a=new) == after


def test_what_no_file_can_hold_is_left_and_the_rest_is_done() -> None:
    done = edit(b"a: x\nb: y\n", {("a",): "\ud800", ("b",): "z"}, FILE)
    assert (done.content, list(done.left)) == (b"a: x\nb: z\n", [("a",)])


def test_a_text_that_is_a_key_too_by_its_alias_is_left() -> None:
    text = b"a: &a x\n*a : y\nb: *a\n"
    done = edit(text, {("a",): "z", ("b",): "z"}, FILE)
    assert (done.content, sorted(done.left)) == (text, [("a",), ("b",)])


def test_an_encrypted_file_is_left_as_it_is() -> None:
    text = b"hub:\n    token: ENC[AES256_GCM,data:x==,type:str]\nsops:\n    mac: ENC[x]\n    kms: []\n"
    done = edit(text, {("hub", "token"): "x", ("hub", "other"): "x"}, "secrets/prod.yaml")
    assert done.content == text
    assert {why.partition(":")[2] for why in done.left.values()} == {" change it with `sops secrets/prod.yaml`"}
    assert lines(text)[("hub", "token")] == 2


def test_a_file_without_keys_stays_and_all_changes_are_left() -> None:
    for text in (b"", b"# nothing\n", b"{}\n", b"---\n"):
        assert edit(text, {("a",): "x"}, FILE).content == text
        assert list(edit(text, {("a",): "x"}, FILE).left) == [("a",)]


BOMB = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
MERGES = "a0: &a0 {x: y}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 30))
REFUSED = {
    "no YAML": (b"a: [\n", "is no YAML, line 2"),
    "two documents": (b"a: 1\n---\nb: 2\n", "is no YAML, line 2"),
    "an alias of nothing": (b"a: *b\n", "is no YAML, line 1"),
    "no number": (b"a: !!int x\n", "is no YAML"),
    "nothing for a number": (b"a: !!int ''\n", "is no YAML"),
    "no truth value": (b"a: !!bool x\n", "is no YAML"),
    "no date": (b"a: !!timestamp x\n", "is no YAML"),
    "a tag that nobody knows": (b"a: !x y\n", "is no YAML, line 1"),
    "UTF-16": ("a: b\n".encode("utf-16"), "is not UTF-8 text"),
    "Latin-1": ("a: ä\n".encode("latin-1"), "is not UTF-8 text"),
    "a list": (b"- a\n", "is no mapping"),
    "a text": (b"a\n", "is no mapping"),
    "itself": (b"a: &a {b: *a}\n", "contains itself"),
    "itself by a merge key": (b"a: &a {b: x, <<: *a}\n", "contains itself"),
    "very deep": (b"a: " + b"[" * 100_000, "is nested more than 200 deep"),
    "billions of aliases": (BOMB.encode(), "has more than 100000 keys"),
    "billions of merged keys": (MERGES.encode(), "has more than 100000 keys"),
}


@pytest.mark.parametrize(("content", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_values_file_is_refused_in_one_sentence_that_names_it(content: bytes, words: str) -> None:
    with pytest.raises(Refused) as refused:
        edit(content, {("a",): "x"}, FILE)
    message = str(refused.value.message)
    assert message.startswith(f"{FILE} {words}")
    assert message.endswith(".")
    assert "\n" not in message


def test_each_key_and_item_has_the_line_where_it_is_written() -> None:
    text = """\
a: &a
  b:
    - c

    - d: {e: 1,
          f: 2}
g: *a
h:
  <<: [{x: 1}, *a]
  x: 2
i:
  - *a
"j k":
  ? l
  : |
    m: n
x: 1
x: 2
"""
    own = {("a",): 1, ("g",): 7, ("h",): 8, ("h", "x"): 10, ("i",): 11, ("i", "0"): 12, ("j k",): 13, ("x",): 18}
    below = {("b",): 2, ("b", "0"): 3, ("b", "1"): 5, ("b", "1", "d"): 5, ("b", "1", "d", "e"): 5}
    below[("b", "1", "d", "f")] = 6
    for above in (("a",), ("g",), ("h",), ("i", "0")):
        own |= {(*above, *path): line for path, line in below.items()}
    own[("j k", "l")] = 14
    assert lines(text.encode()) == own
    assert lines(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()) == own


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"a\n"])
def test_a_file_without_keys_has_no_lines(content: bytes) -> None:
    assert lines(content) == {}


def test_lines_of_files_that_contain_themselves_or_are_far_too_large_come_to_an_end() -> None:
    assert lines(b"a: &a {b: *a, c: {<<: *a, d: 1}}\n").keys() >= {("a",), ("a", "b"), ("a", "c"), ("a", "c", "d")}
    assert lines(b"&a [*a, {b: *a}]\n") == {("0",): 1, ("1",): 1, ("1", "b"): 1}
    assert len(lines(BOMB.encode())) == 100_000
    assert lines(MERGES.encode())[("a29", "x")] == 1


def test_a_key_that_is_not_there_has_the_line_of_the_deepest_parent_that_is() -> None:
    content = b"a:\n  b: &b\n    - c: 1\nd: *b\n"
    assert [line_of(content, path) for path in (["a", "b", "0", "c"], ["a", "b", "1"], ["a", "x"], ["d", "0"])] == [
        3,
        2,
        1,
        3,
    ]
    assert line_of(content, ["x", "y"]) is None
    assert line_of(content, []) is None
    assert line_of(b"", ["a"]) is None


# The property. Documents are made by PyYAML, in all of its styles, and get comments, anchors and merge keys.

WORDS = st.sampled_from(
    [
        "{A}",
        "a",
        "2021.7.2",
        "1.10",
        "yes",
        "it's",
        '"',
        "\\",
        "# no",
        "k: v",
        "",
        " ",
        "\n",
        "\n\n",
        "  x\n",
        "\t",
        "é😀",
    ]
)
TEXTS = st.lists(WORDS, max_size=4).map("".join) | st.text(max_size=12)
KEYS = st.sampled_from(["a", "b.c", "d/e", "f g", "{h}", "é😀", "yes", "8", "<", "'i'"])
TREES = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def files(draw: st.DrawFn, shared: bool) -> bytes:
    found: dict[str, Any] = draw(st.dictionaries(KEYS, TREES, min_size=1, max_size=4))
    if shared:
        common = draw(st.dictionaries(KEYS, TREES, min_size=1, max_size=3))
        found |= {"origin": common, "again": {"x": common}, "list": [common, draw(TEXTS)]}
    text = yaml.dump(
        found,
        default_style=draw(st.sampled_from([None, "'", '"', "|", ">"])),
        default_flow_style=draw(st.sampled_from([True, False, None])),
        allow_unicode=draw(st.booleans()),
        width=draw(st.sampled_from([12, 80])),
        indent=draw(st.sampled_from([2, 4])),
        explicit_start=draw(st.booleans()),
        sort_keys=False,
    )
    if shared and not text.rstrip().endswith("}"):
        text = (
            text.removesuffix("...\n")
            + "merged:\n  <<: *id001\n  own: '{own}'\nscalar: &scalar '{S}'\nalias: *scalar   # '{S}'\n"
        )
    text = _commented(text, draw(st.integers(0, 1000)))
    if draw(st.booleans()):
        text = re.sub("\r?\n", "\r\n", text)
    if draw(st.booleans()):
        text = text.rstrip("\r\n")
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode()


def _commented(text: str, seed: int) -> str:
    """With comments wherever the lines still say the same."""
    draws = random.Random(seed)
    said = yaml.safe_load(text)
    found = text.split("\n")
    for _ in range(6):
        number = draws.randrange(len(found))
        comment = draws.choice(["# {A}", "   # 'it", ' # "a: b', "#"])
        tried = [*found[:number], comment, *found[number:]]
        if draws.random() < 0.5:
            tried = [*found[:number], f"{found[number]}  {comment.lstrip()}", *found[number + 1 :]]
        try:
            found = tried if yaml.safe_load("\n".join(tried)) == said else found
        except (yaml.YAMLError, ValueError, LookupError):  # a number or a truth value that the comment became part of
            continue
    return "\n".join(found)


def _with(document: Any, changes: dict[Keys, str], path: Keys = ()) -> Any:
    if isinstance(document, dict):
        return {key: _with(value, changes, (*path, str(key))) for key, value in document.items()}
    if isinstance(document, list):
        return [_with(value, changes, (*path, str(key))) for key, value in enumerate(document)]
    return changes.get(path, document)


def _loaded(content: bytes) -> Any:
    try:
        return load(content, FILE)
    except Refused:
        return assume(False)


@given(st.data())
@examples(150)
def test_every_text_of_a_file_without_aliases_can_become_any_other(data: st.DataObject) -> None:
    content = data.draw(files(shared=False))
    document = _loaded(content)
    there = dict(texts(document))
    assume(there)
    changes = data.draw(st.dictionaries(st.sampled_from(list(there)), TEXTS, min_size=1, max_size=3))
    done = edit(content, changes, FILE)
    assert done.left == {}
    assert load(done.content, FILE) == _with(document, changes)
    _assert_the_rest_stayed(content, done.content, {path for path in changes if changes[path] != there[path]})


@given(st.data())
@examples(150)
def test_what_is_not_left_is_as_wanted_and_what_is_left_is_as_it_was(data: st.DataObject) -> None:
    content = data.draw(files(shared=True))
    document = _loaded(content)
    there = dict(texts(document))
    assume(there)
    some = data.draw(st.sets(st.sampled_from(list(there)), min_size=1, max_size=8) | st.just(set(there)))
    changes = {path: doubled(there[path]) + data.draw(st.sampled_from(["", "x"])) for path in some}
    done = edit(content, changes, FILE)
    made = {path: text for path, text in changes.items() if path not in done.left}
    _assert_the_rest_stayed(content, done.content, {path for path in made if made[path] != there[path]})
    assert done.left.keys() <= changes.keys()
    assert load(done.content, FILE) == _with(copy.deepcopy(document), made)
    if some == set(there) and all(text == doubled(there[path]) for path, text in changes.items()):
        assert done.left == {}


def _assert_the_rest_stayed(before: bytes, after: bytes, changed: set[Keys]) -> None:
    """All lines in which no changed text stands are there, in their order. Where texts stand is told by PyYAML, but for
    the alias of a text."""
    text, pattern, at = before.decode(), "", 0
    spans = [*_spans(yaml.compose(text, yaml.SafeLoader), changed)]
    if ("alias",) in changed:
        spans.append((text.rindex("*scalar"), text.rindex("*scalar") + 7))
    for start, end in sorted(spans):
        first = text.rfind("\n", 0, start) + 1
        pattern += re.escape(text[at:first]) + ".*"
        at = max(at, end if text[:end].endswith("\n") else text.find("\n", end) % (len(text) + 1))
    assert re.fullmatch(pattern + re.escape(text[at:]), after.decode(), re.DOTALL)


def _spans(node: yaml.Node | None, changed: set[Keys], path: Keys = ()) -> Iterator[tuple[int, int]]:
    if path in changed and node and node.start_mark and node.end_mark:
        yield node.start_mark.index, node.end_mark.index
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _spans(value, changed, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _spans(value, changed, (*path, str(number)))
