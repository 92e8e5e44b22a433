"""One data centre for all tests here, which share a worker."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.loopback.datacentre import Datacentre, Wanted
from tests.real_parts import clone as clones
from tests.real_parts.building import guarded_registry
from tests.real_parts.centre import Programs, wanted
from tests.real_parts.daemon import Daemon
from tests.real_parts.hub import Hub
from tests.real_parts.images import Ecr, Local, Repository
from tests.real_parts.practice_side import Practice
from tests.real_parts.real_side import Real
from tests.real_parts.sides import Side


@pytest.fixture(scope="session")
def datacentre(tmp_path_factory: pytest.TempPathFactory, parts: Callable[..., None]) -> Iterator[Datacentre]:
    folder = tmp_path_factory.mktemp("datacentre")
    asked = wanted(folder / "sources")
    parts(*asked.parts)
    with Datacentre(folder / "state", asked) as opened:
        yield opened


@pytest.fixture
def clone(tmp_path: Path, parts: Callable[..., None]) -> Path:
    """For rehearsals, with data centres of its own."""
    parts(*Wanted("", {}, hub_token="any").parts)
    return clones.fresh(tmp_path / "clone")


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


@pytest.fixture
def ecr(datacentre: Datacentre, tmp_path: Path, request: pytest.FixtureRequest) -> Repository:
    return Repository(tmp_path, datacentre, Ecr(datacentre, _image_name(request)))


@pytest.fixture
def local(datacentre: Datacentre, tmp_path: Path, request: pytest.FixtureRequest) -> Repository:
    return Repository(tmp_path, datacentre, Local(datacentre.registry_name, _image_name(request)))


@pytest.fixture(params=["ecr", "local"])
def either(request: pytest.FixtureRequest) -> Repository:
    made: Repository = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with Daemon() as opened:
        yield opened


@pytest.fixture
def guarded(parts: Callable[..., None], tmp_path: Path) -> Iterator[str]:
    """The host of a registry that wants a login."""
    parts("registry")
    with guarded_registry(tmp_path) as host:
        yield host


def _short(name: str) -> str:
    """As a namespace and a release may be called."""
    words = re.sub(r"[^a-z0-9]+", "-", name.removeprefix("test_").lower())
    return words[:40].strip("-")


def _image_name(request: pytest.FixtureRequest) -> str:
    return "hub/" + re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[5:60].strip("-")
