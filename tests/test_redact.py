"""Secrets in what is shown: none survives, in any of the forms in which programs write it; other text stays."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from tasks.plan.manifest import changes
from tasks.plan.redact import MASK, SHORTEST, Redactor
from tests.strategies import examples

AWKWARD = "'\"\\{}<>&%+/=: #|\n\t\réß漢😀\x85\u2028\x07"
STYLES = [None, '"', "'", "|", ">"]


def characters() -> st.SearchStrategy[str]:
    return st.one_of(
        st.sampled_from(AWKWARD), st.characters(max_codepoint=127), st.characters(exclude_categories=["Cs"])
    )


def texts() -> st.SearchStrategy[str]:
    return st.text(characters(), max_size=12)


def secrets() -> st.SearchStrategy[str]:
    """As values files have them: of the blank space around them, nothing is known afterwards."""
    return st.text(characters(), min_size=SHORTEST, max_size=40).map(str.strip).filter(lambda s: len(s) >= SHORTEST)


def survives(secret: str, text: str) -> bool:
    """What stands on both sides of a mask is no text of its own."""
    return any(secret in piece for piece in text.split(MASK))


def long_lines(secret: str) -> list[str]:
    return [line for line in map(str.strip, secret.splitlines()) if len(line) >= SHORTEST]


WRITTEN: dict[str, Callable[[str], str]] = {
    "as it stands": lambda text: text,
    "JSON": json.dumps,
    "JSON, not only ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON as Go writes it": lambda text: (
        json.dumps(text, ensure_ascii=False).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    ),
    "URL": quote,
    "URL, slashes too": lambda text: quote(text, safe=""),
    "form": quote_plus,
}


@pytest.mark.parametrize("form", WRITTEN)
@examples(100)
@given(secret=secrets(), before=texts(), behind=texts())
def test_no_secret_survives_in_a_longer_text(form: str, secret: str, before: str, behind: str) -> None:
    written = Redactor.of({"a": [secret]})(WRITTEN[form](before + secret + behind))
    assert MASK in written
    assert not survives(secret, written)
    assert not survives(WRITTEN[form](secret)[1:-1], written)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("unicode", [False, True])
@examples(60)
@given(secret=secrets(), before=texts(), behind=texts())
def test_no_secret_survives_in_yaml(style: str | None, unicode: bool, secret: str, before: str, behind: str) -> None:
    """Of one that is written on several lines, each line counts."""
    redacted = Redactor.of({"a": secret})
    document = {"a": {"b": before + secret + behind}}
    text = redacted(yaml.safe_dump(document, default_style=style, allow_unicode=unicode, width=1 << 30))
    for part in (secret, *long_lines(secret)):
        assert not survives(part, text)
        assert not survives(part.replace("'", "''"), text)
        assert not survives(json.dumps(part)[1:-1], text)


@examples(100)
@given(secret=secrets(), before=texts(), behind=texts())
def test_no_secret_survives_in_a_diff_that_is_shown_line_by_line(secret: str, before: str, behind: str) -> None:
    redacted, key = Redactor.of({"a": secret}), ("ConfigMap", "hub", "hub")
    item = {"kind": "ConfigMap", "data": {"x": before + secret + behind}}
    (change,) = changes({}, {key: item})
    shown = "\n".join(map(redacted, change.lines))
    for part in (secret, *long_lines(secret)):
        assert not survives(part, shown)
        assert not survives(part.replace("'", "''"), shown)


def test_a_long_secret_with_blanks_is_not_folded_out_of_the_redactors_sight() -> None:
    secret = " ".join(["word"] * 2_000)
    (change,) = changes({}, {("ConfigMap", "hub", "hub"): {"kind": "ConfigMap", "data": {"x": secret}}})
    assert "word" not in "".join(map(Redactor.of(secret), change.lines))


def only_its_own(secret: bytes, before: int) -> slice:
    """Of the base64 of a text with the secret in it: the characters whose six bits are all the secret's."""
    places = [
        n for n in range(4 * (before + len(secret))) if before * 8 <= n * 6 and n * 6 + 6 <= 8 * (before + len(secret))
    ]
    return slice(places[0], places[-1] + 1)


@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
@pytest.mark.parametrize("form", ["as it stands", "JSON", "JSON, not only ASCII", "JSON as Go writes it"])
@examples(50)
@given(secret=secrets(), before=texts(), behind=texts())
def test_no_part_of_a_secret_survives_in_base64(
    encode: Callable[[bytes], bytes], form: str, secret: str, before: str, behind: str
) -> None:
    written = WRITTEN[form](secret)[1:-1] if form != "as it stands" else secret
    whole = (before.encode(), written.encode(), behind.encode())
    text = encode(b"".join(whole)).decode()
    own = only_its_own(whole[1], len(whole[0]))
    windows = {text[own][n : n + SHORTEST] for n in range(len(text[own]) - SHORTEST + 1)}
    # Not where its neighbours, or parts of its own, look like it: what is left may be theirs.
    assume(all(text.count(window) == 1 for window in windows))
    shown = Redactor.of({"a": secret})(text)
    assert windows
    assert not any(survives(window, shown) for window in windows)


@examples(200)
@given(st.lists(st.text("abcd", min_size=SHORTEST, max_size=20), max_size=3), st.text("wxyz123 .:\n", max_size=200))
def test_text_without_secrets_stays_as_it_is(secrets: list[str], text: str) -> None:
    assert Redactor.of({"a": secrets})(text) == text


def test_short_values_and_what_is_no_text_are_let_through() -> None:
    redacted = Redactor.of({"a": "short", "b": True, "c": None, "d": {}, "e": []})
    assert redacted("short True None {} []") == "short True None {} []"


def test_numbers_are_secrets_too() -> None:
    assert Redactor.of({"pin": 1234567890})("pin=1234567890.") == f"pin={MASK}."


def test_keys_are_no_secrets() -> None:
    assert Redactor.of({"cookieSecret": "0123456789abcdef"})("cookieSecret: x") == "cookieSecret: x"


def test_a_secret_in_another_one_leaves_nothing_of_the_longer_one() -> None:
    assert Redactor.of(["abcdefgh", "abcdefghijklmnop"])("abcdefghijklmnop abcdefgh") == f"{MASK} {MASK}"
