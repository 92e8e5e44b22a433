"""Kubernetes minor versions."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Minor:
    """A Kubernetes minor version, such as 1.22. Ordered: 1.9 is older than 1.10."""

    minor: int

    @classmethod
    def parse(cls, text: str) -> Minor:
        """Exactly `1.22`; anything else is a ValueError whose text says what was expected."""
        found = re.fullmatch(r"1\.(0|[1-9][0-9]?)", text, re.ASCII)
        if not found:
            raise ValueError(f"{text!r} is not a Kubernetes minor version such as 1.22")
        if len(found[1]) == 1:
            raise ValueError(f"{text!r} is Kubernetes 1.{found[1]} of 2018 or earlier: is 1.{found[1]}0 meant?")
        return cls(int(found[1]))

    @classmethod
    def within(cls, text: str) -> Minor | None:
        """The minor in a longer version such as `v1.20.4-eks-6b7464` or `1.22`; None if there is none."""
        found = re.match(r"v?1\.([0-9]{1,2})(?![0-9])", text, re.ASCII)
        return cls(int(found[1])) if found else None

    def __add__(self, hops: int) -> Minor:
        return Minor(self.minor + hops)

    def __sub__(self, other: Minor) -> int:
        return self.minor - other.minor

    def __str__(self) -> str:
        return f"1.{self.minor}"


def between(first: Minor, last: Minor) -> list[Minor]:
    """Both ends included; empty if last is older than first."""
    return [Minor(minor) for minor in range(first.minor, last.minor + 1)]
