"""Which minors a chart's kubeVersion admits. Real helm is asked the same in tests/real_parts/test_constraint.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.plan.constraint import admits, lowest
from tasks.plan.version import Minor, between

ALL = between(Minor(10), Minor(40))
numbers = st.integers(10, 40)
conditions = st.builds(
    lambda operator, space, minor, rest: f"{operator}{space}1.{minor}{rest}",
    st.sampled_from(["", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^"]),
    st.sampled_from(["", " "]),
    numbers,
    st.sampled_from(["", ".0", ".3", ".x", ".0-0", "-0", ".3-alpha.1+build"]),
)


def admitted(constraint: str) -> list[int]:
    return [minor.minor for minor in ALL if admits(constraint, minor)]


@pytest.mark.parametrize(
    ("constraint", "first", "last"),
    [
        ("", 10, 40),
        ("*", 10, 40),
        ("1.x", 10, 40),
        ("^1.20", 20, 40),
        (">=1.20.0-0", 20, 40),
        (">= 1.24.0-0, < 1.33", 24, 32),
        (">= 1.24.0-0 < 1.33.0-0", 24, 32),
        (">=1.24 <=1.33", 24, 33),
        (">1.24 <=1.33.0-0", 25, 32),
        (">1.24.0", 24, 40),  # 1.24.1
        ("<1.24.1", 10, 24),
        ("~1.21.0", 21, 21),
        ("~1", 10, 40),
        ("1.20 - 1.25", 20, 25),
        ("v1.20.4", 20, 20),
        (">=1.16 || >=1.20", 16, 40),
        (">=1.10-0 <1.12 || =1.12.*", 10, 12),
    ],
)
def test_from_and_until(constraint: str, first: int, last: int) -> None:
    assert admitted(constraint) == list(range(first, last + 1))


@pytest.mark.parametrize(
    "constraint", ["<1", ">1", "^0.9", "2.x", ">=1.25 <1.25", "=1.22.3-0", "!=1", "=1.20.1, =1.20.2"]
)
def test_none_at_all(constraint: str) -> None:
    assert admitted(constraint) == []
    assert lowest([constraint]) is None


def test_a_minor_can_be_left_out() -> None:
    assert 22 not in admitted("!=1.22")
    assert 22 in admitted("!=1.22.5"), "the other patch releases of 1.22 are still there"


@pytest.mark.parametrize(
    "constraint",
    [" ", "latest", ">=", ">=1.20.0.0", "1.20 -1.25", ">=1.20 ||", "1.2a", "1|2", ">=1.20 and <1.25", "1.22-a..b"],
)
def test_what_is_no_constraint_is_told(constraint: str) -> None:
    with pytest.raises(ValueError, match="no constraint of Kubernetes versions"):
        admits(constraint, Minor(22))


def test_a_nasty_one_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="no constraint"):
        admits("1    " * 200 + "!", Minor(22))


def test_the_lowest_for_all_of_them() -> None:
    assert lowest([]) == Minor(10)
    assert lowest([">=1.17.0-0", "", ">=1.20.0-0"]) == Minor(20)
    assert lowest([">=1.25.0-0", "<1.22"]) is None
    assert lowest(iter(["1.99", ">=1.20"])) == Minor(99)


@given(conditions, conditions, st.sampled_from([" ", ", ", ","]))
def test_more_conditions_admit_less_and_alternatives_more(one: str, other: str, between_them: str) -> None:
    both = set(admitted(f"{one}{between_them}{other}"))
    assert both <= set(admitted(one)) & set(admitted(other))
    assert set(admitted(f"{one} || {other}")) == set(admitted(one)) | set(admitted(other))


@given(numbers, numbers)
def test_an_interval_is_one(first: int, last: int) -> None:
    inside = [minor.minor for minor in ALL if first <= minor.minor < last]
    assert admitted(f">=1.{first}.0-0, <1.{last}.0-0") == inside
    assert admitted(f"1.{first} - 1.{last}") == [minor.minor for minor in ALL if first <= minor.minor <= last]


@given(conditions)
def test_suffixes_alone_change_nothing(condition: str) -> None:
    assert admitted(condition) == admitted(f"  {condition}  ")
