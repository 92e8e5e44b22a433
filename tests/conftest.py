"""Fixtures of all tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tasks.parts import cache
from tests.rehearsal import ROOT, Rehearsal

settings.register_profile("default", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", settings.get_profile("default"))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


NO_DAEMON = "no Docker daemon answers here, and a stand-in can't show that a real one builds"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything has to be there (CI), a test that was skipped for want of something has failed. Docker's daemon
    is the one thing that `invoke parts` can't get."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if os.environ.get("CI") and any(NO_DAEMON not in str(report.longrepr) for report in skipped):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


# These see each other's processes and private folders, and share one data centre.
TOGETHER = ("tests/real_parts/", "tests/test_private.py")


class OneAfterTheOther(LoadScopeScheduling):  # type: ignore[misc]
    """What may not happen side by side is for one worker; all the rest goes to whoever is free."""

    def _split_scope(self, nodeid: str) -> str:
        return "together" if nodeid.startswith(TOGETHER) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneAfterTheOther:
    return OneAfterTheOther(config, log)


@pytest.fixture(scope="session")
def parts() -> Callable[..., None]:
    """For a test that runs real programs: `parts("kubectl", "helm")` skips it where one of them is missing."""

    def need(*names: str) -> None:
        if lacking := cache.missing(names):
            pytest.skip(f"{', '.join(lacking)} {'are' if lacking[1:] else 'is'} missing: `invoke parts` gets it")

    return need


@pytest.fixture
def rehearsal(tmp_path: Path) -> Rehearsal:
    """The deployment's own cluster, as its configuration declares it."""
    return Rehearsal.begin(tmp_path / "practice")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the deployment, for tests that run `invoke` as a process and leave something behind."""
    copy = tmp_path / "tree"
    copy.mkdir()
    for name in ("tasks.py", "invoke.yaml"):
        shutil.copy(ROOT / name, copy)
    for name in ("tasks", "infra"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    return copy
