"""Example secrets files: what is asked for and what is made up, and the file that comes of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tasks.plan.blanks import Blank, blanks, filled
from tests.rehearsal import ROOT
from tests.strategies import examples

EXAMPLES = sorted(ROOT.glob("deployments/*/secrets/*.example.yaml"))
TEXT = """\
# CHANGE-ME
a:
  token: A-TOKEN # generated: hex 32
  id: "AN-ID"   # asked: Which ID?
b: [{token: A-TOKEN # generated: hex 32
  }]
"""


def test_blanks_come_in_the_files_order_each_once() -> None:
    assert blanks(TEXT) == [Blank("A-TOKEN", 32, ""), Blank("AN-ID", 0, "Which ID?")]


def test_a_placeholder_in_two_places_is_the_same_secret() -> None:
    assert filled(TEXT, {"A-TOKEN": "x", "AN-ID": "y"}) == {"a": {"token": "x", "id": "y"}, "b": [{"token": "x"}]}


@pytest.mark.parametrize(
    "text",
    [
        "a: X\n",
        "a: X # something\n",
        "a: X # generated: hex\n",
        "a: X # generated: hex 0\n",
        "a: X # asked:\n",
        "a: {b: X, c: Y} # asked: Z?\n",
        "a: |\n  X\n",
        "a: |\n  X # asked: Y?",
        "a: X",
        "a:\n",
    ],
)
def test_a_value_that_does_not_say_where_it_comes_from_is_an_error_that_names_the_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"^line \d+ does not say"):
        blanks(text)


def test_a_placeholder_that_is_asked_for_here_and_generated_there_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^line 2 says otherwise"):
        blanks("a: X # asked: Y?\nb: X # generated: hex 8\n")


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}\n", "a: []\n"])
def test_a_file_without_values_has_no_blanks(text: str) -> None:
    assert blanks(text) == []


@examples(100)
@given(
    st.dictionaries(
        st.text("abcdef", min_size=1),
        st.sampled_from(["X", "Y-1", "0123", "yes", "1e3", "null", "", "'a: b'", '"c #"']),
        min_size=1,
    )
)
def test_every_blank_that_is_found_is_filled_in_whatever_yaml_takes_it_for(values: dict[str, str]) -> None:
    text = "".join(f"{key!r}: {value} # asked: {value}?\n" for key, value in values.items())
    answers = {blank.placeholder: f"answer to {blank.question}" for blank in blanks(text)}
    assert filled(text, answers) == {key: f"answer to {value}?" for key, value in values.items()}


@pytest.mark.parametrize("file", EXAMPLES, ids=[file.parts[-3] for file in EXAMPLES])
def test_the_repositorys_examples_say_where_each_value_comes_from(file: Path) -> None:
    text = file.read_text()
    found = blanks(text)
    assert found
    for blank in found:
        assert (blank.size >= 16) is not bool(blank.question), blank
        assert blank.placeholder.startswith("CHANGE-ME-")
    document = filled(text, {blank.placeholder: "x" for blank in found})
    assert "CHANGE-ME" not in yaml.safe_dump(document)
    assert len(re.findall("^[^#]*CHANGE-ME", text, re.MULTILINE)) == yaml.safe_dump(document).count(": x\n")


def test_there_are_examples() -> None:
    assert EXAMPLES
