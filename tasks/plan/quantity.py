"""Amounts as Kubernetes writes them: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/"""

from __future__ import annotations

import re
from fractions import Fraction

THOUSANDS = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
SHAPE = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:([KMGTPE])i|([numkMGTPE]?)|[eE]([+-]?[0-9]{1,3}))", re.ASCII)


def number(text: str) -> Fraction | None:
    """Of `1Gi`, `500m`, `1e3`, exactly; None if it is no amount."""
    found = SHAPE.fullmatch(text)
    if not found:
        return None
    base = 1024 if found[2] else 10
    power = THOUSANDS[found[2].replace("K", "k")] if found[2] else int(found[4] or 3 * THOUSANDS[found[3] or ""])
    unit: Fraction = Fraction(base) ** power
    return Fraction(found[1]) * unit
