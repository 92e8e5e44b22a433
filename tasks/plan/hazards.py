"""What bites at which minor: the data are in hazards.yaml, beside this file, with their sources."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tasks.plan.steps import Hazard
from tasks.plan.version import Minor


def entering(minor: Minor) -> tuple[Hazard, ...]:
    """What breaks, in a hub like this one, when the control plane enters `minor`."""
    return tuple(hazard for hazard in _all() if hazard.minor == minor)


@cache
def _all() -> tuple[Hazard, ...]:
    """The one file that a decision reads: a constant of the program, not a state of the world."""
    import yaml

    text = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return tuple(Hazard(Minor.parse(row["entering"]), row["bites"], row["source"]) for row in yaml.load(text, loader))
