"""Braces that KubeSpawner would stumble over are doubled; what it fills in, and what was doubled before, is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.plan.braces import FIELDS, doubled, trouble
from tests.strategies import examples

IMAGE, LINK = "{JUPYTER_IMAGE_SPEC}", "/user/{JUPYTERHUB_USER}/proxy/{port}/status"
FAULTS = {
    IMAGE: "KeyError 'JUPYTER_IMAGE_SPEC'",
    LINK: "KeyError 'JUPYTERHUB_USER'",
    "{": "ValueError Single '{' encountered in format string",
    "a}b": "ValueError Single '}' encountered in format string",
    "{username": "ValueError expected '}' before end of string",
    '{"a": 1}': "KeyError '\"a\"'",
    "{ username}": "KeyError ' username'",
    "{username.nick}": "AttributeError 'str' object has no attribute 'nick'",
    "{username:d}": "ValueError Unknown format code 'd' for object of type 'str'",
    "{legacy_escape_username}": "KeyError 'legacy_escape_username'",  # gone in 7.0.0
    "{safe_username}": "KeyError 'safe_username'",  # new in 7.0.0
}
FINE = ["", "/lab", "{username}", "{userid:05d}", "{username!r:>9}", "{{PORT}}", "{{{username}}}", "{{{{ x }}}}"]
PIECES = [
    "{",
    "}",
    "{{",
    "}}",
    "{}",
    "{0}",
    "x",
    "-",
    "{port}",
    *(f"{{{name}}}" for name in FIELDS),
    *(":d", "!r", "[0]"),
]
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=8).map("".join)
without_fields = st.text(st.sampled_from("{}ab :!.[]0-"), max_size=12)


@pytest.mark.parametrize(("text", "fault"), FAULTS.items())
def test_it_is_said_what_ends_a_spawn(text: str, fault: str) -> None:
    assert trouble(text) == fault


@pytest.mark.parametrize("text", ["{}", "{0}", "{servername[0]}", "{username[x]}"])
def test_every_other_way_to_fail_is_found(text: str) -> None:
    assert trouble(text)


@pytest.mark.parametrize("text", FINE)
def test_what_is_fine_stays(text: str) -> None:
    assert (trouble(text), doubled(text)) == ("", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (IMAGE, "{{JUPYTER_IMAGE_SPEC}}"),
        (LINK, "/user/{{JUPYTERHUB_USER}}/proxy/{{port}}/status"),
        ("{", "{{"),
        ('{"user": "{username}"}', '{{"user": "{username}"}}'),
        ('{"user": {userid}}', '{{"user": {userid}}}'),
        ("{username}/{port}", "{username}/{{port}}"),
        ("{{username}}/{port}", "{{{{username}}}}/{{port}}"),
        ("{{PORT}}/{port}", "{{{{PORT}}}}/{{port}}"),
        ("{username:d}", "{{username:d}}"),
    ],
)
def test_all_is_doubled_but_what_is_filled_in(text: str, expected: str) -> None:
    assert doubled(text) == expected


@examples(500)
@given(text=texts)
def test_what_is_doubled_is_fine_and_stays(text: str) -> None:
    assert trouble(doubled(text)) == ""
    assert doubled(doubled(text)) == doubled(text)


@examples(500)
@given(text=without_fields)
def test_the_same_text_arrives_as_before(text: str) -> None:
    assert doubled(text).format(**FIELDS) == (text if trouble(text) else text.replace("{{", "{").replace("}}", "}"))


@examples(500)
@given(text=without_fields, name=st.sampled_from(list(FIELDS)))
def test_around_a_field_too(text: str, name: str) -> None:
    """Which alone is filled in. Before it is no brace, which with the field's own would be two."""
    before = "{port}" + text.rstrip("{")
    assert doubled(f"{before}{{{name}}}{text}").format(**FIELDS) == f"{before}{FIELDS[name]}{text}"
