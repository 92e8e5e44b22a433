"""Fixtures of all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.rehearsal import Rehearsal

settings.register_profile("default", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", settings.get_profile("default"))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture
def rehearsal(tmp_path: Path) -> Rehearsal:
    """The deployment's own cluster, as its configuration declares it."""
    return Rehearsal.begin(tmp_path / "practice")
