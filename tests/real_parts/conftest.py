"""One data centre for all tests here, which share a worker."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.loopback.datacentre import Datacentre
from tests.real_parts.centre import Programs, wanted
from tests.real_parts.hub import Hub
from tests.real_parts.sides import Practice, Real, Side


@pytest.fixture(scope="session")
def datacentre(tmp_path_factory: pytest.TempPathFactory, parts: Callable[..., None]) -> Iterator[Datacentre]:
    folder = tmp_path_factory.mktemp("datacentre")
    asked = wanted(folder / "sources")
    parts(*asked.parts)
    with Datacentre(folder / "state", asked) as opened:
        yield opened


@pytest.fixture
def programs(datacentre: Datacentre) -> Programs:
    return Programs(datacentre)


@pytest.fixture
def hub(datacentre: Datacentre, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Hub]:
    """With nothing deployed. Its name is the test's."""
    made = Hub(tmp_path, _short(request.node.name), datacentre)
    yield made
    made.close()


@pytest.fixture(params=["real", "practice"])
def side(request: pytest.FixtureRequest) -> Iterator[Side]:
    """The test runs on both, and nothing else is on its nodes."""
    name = f"drill-{secrets.token_hex(4)}"
    if request.param == "practice":
        yield Practice(name)
        return
    real = Real(name, request.getfixturevalue("programs"))
    yield real
    real.close()


def _short(name: str) -> str:
    """As a namespace and a release may be called."""
    words = re.sub(r"[^a-z0-9]+", "-", name.removeprefix("test_").lower())
    return words[:40].strip("-")
