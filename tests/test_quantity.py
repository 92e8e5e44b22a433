"""Amounts as Kubernetes writes them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.plan.quantity import number


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("1Gi", "1024Mi"),
        ("1Ki", "1024"),
        ("0.5Gi", "512Mi"),
        ("1000m", "1"),
        ("1500m", "1.5"),
        ("1k", "1e3"),
        ("2E3", "2k"),
        (".5", "500m"),
        ("1.", "1"),
        ("-1u", "-1000n"),
        ("1E", "1000P"),
    ],
)
def test_the_same_amount_in_other_words(text: str, same: str) -> None:
    assert number(text) == number(same) is not None


@pytest.mark.parametrize("text", ["", "Gi", "1GB", "1 Gi", "1K", "1.2.3", "large", "1e", "None", "1e9999"])
def test_what_is_no_amount(text: str) -> None:
    assert number(text) is None


@given(st.integers(0, 10**12))
def test_a_number_is_itself(value: int) -> None:
    assert number(str(value)) == value
    assert number(f"{value}m") == Fraction(value, 1000)
    assert (number(f"{value}Mi") or 0) >= (number(f"{value}M") or 0)
