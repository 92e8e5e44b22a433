"""A site for each test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bump.site import Site


@pytest.fixture
def site(tmp_path: Path, parts: Callable[..., None]) -> Site:
    parts("helm")
    return Site.begin(tmp_path)
