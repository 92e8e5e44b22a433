"""One data centre for all tests here. They share a worker (xdist_group), so that there are not two at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tasks.loopback.datacentre import Datacentre
from tests.real_parts.centre import Programs, wanted


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
