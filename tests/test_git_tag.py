"""The image's tag is hubploy's, whatever the commit."""

from __future__ import annotations

import pytest
from hubploy.utils import substring_with_alpha  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from tasks.tools.git import image_tag
from tests.strategies import examples


def hashes() -> st.SearchStrategy[str]:
    """Of 40 digits, some of them letters: few have their first one late."""
    late = st.builds(
        lambda digits, rest: (digits + rest)[:40],
        st.text("0123456789", max_size=39),
        st.text("abcdef", min_size=1, max_size=1).flatmap(lambda one: st.just(one + "0a1b2c3d4e" * 4)),
    )
    return st.one_of(late, st.text("0123456789abcdef", min_size=40, max_size=40)).filter(
        lambda one: not one.isdecimal()
    )


@examples(300)
@given(hashes())
def test_the_tag_is_the_one_that_hubploy_makes(commit: str) -> None:
    assert image_tag(commit) == substring_with_alpha(commit)


@pytest.mark.parametrize(
    ("commit", "tag"),
    [
        ("a" * 40, "aaaaaaa"),
        ("0123456a" + "1" * 32, "0123456a"),
        ("012345a" + "1" * 33, "012345a"),
        ("0" * 39 + "f", "0" * 39 + "f"),
    ],
)
def test_a_tag_has_seven_characters_or_as_many_as_it_takes_to_have_a_letter(commit: str, tag: str) -> None:
    assert image_tag(commit) == tag


@pytest.mark.parametrize("commit", ["", "abc", "1" * 40])
def test_what_gives_no_tag_is_an_error(commit: str) -> None:
    with pytest.raises(ValueError, match="is no commit"):
        image_tag(commit)
