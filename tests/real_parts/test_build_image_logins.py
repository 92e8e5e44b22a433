"""`invoke build-image`: who hubploy and Docker's daemon are for a registry, and that nobody else gets to know it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tasks.loopback.datacentre import Datacentre
from tests.real_parts.building import ROBOT, log_in, processes_with, push_image
from tests.real_parts.centre import KEY, PUSHING, REGION, Programs
from tests.real_parts.daemon import Daemon
from tests.real_parts.images import Local, Repository

PASSWORD = f"{PUSHING}-auth-token"  # moto's


def test_hubploy_is_logged_in_to_ecr_without_amazons_helper(ecr: Repository, daemon: Daemon) -> None:
    """And the password is in files that nobody else can read: in no command line, in no environment."""
    seen: list[str] = []

    def push(name: str, tag: str) -> None:
        seen.extend(processes_with(PASSWORD))
        ecr.store.push(name, tag)

    daemon.push = push
    assert not shutil.which("docker-credential-ecr-login", path=ecr.datacentre.environment["PATH"])
    ecr.invoke("--push", more={"DOCKER_HOST": daemon.host})
    assert seen == []
    assert (daemon.push_login["Username"], daemon.push_login["Password"]) == ("AWS", PASSWORD)
    logins = daemon.build_logins
    assert logins[f"{PUSHING}.dkr.ecr.{REGION}.amazonaws.com"]["Password"] == PASSWORD
    assert logins["base.example.org"]["username"] == "a"  # the person's own, for base images


def test_a_trial_needs_no_credentials(ecr: Repository, daemon: Daemon) -> None:
    """A proposal from outside gets none in its workflow."""
    nobody = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    said = ecr.invoke(more={"DOCKER_HOST": daemon.host, **nobody})
    assert "no AWS credentials" in said
    assert len(daemon.builds) == 1
    assert "There are no AWS credentials" in ecr.invoke("--push", more=nobody, fails=1)


def test_a_profile_of_the_persons_does_not_stand_in_the_way(ecr: Repository, daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "aws").write_text("[profile work]\nregion = us-east-1\n")
    push_image(ecr, daemon, AWS_PROFILE="work", AWS_CONFIG_FILE=str(tmp_path / "aws"))
    assert ecr.tag in ecr.store.tags()


@pytest.mark.parametrize("encrypted", [False, True])
def test_the_login_is_that_of_the_docker_config_file(local: Repository, daemon: Daemon, encrypted: bool) -> None:
    file = local.tree / "deployments" / "x" / "secrets" / "docker.json"
    file.write_text(json.dumps({"auths": {local.store.name.partition("/")[0]: {"auth": ROBOT}}}))
    if encrypted:
        Programs(local.datacentre).run("sops", "encrypt", "--in-place", "--kms", KEY, str(file), folder=file.parent)
        assert ROBOT not in file.read_text()
    local.commit("login")
    push_image(local, daemon)
    assert (daemon.push_login["username"], daemon.push_login["password"]) == ("robot", "xyzzy")
    assert local.store.tags().keys() == {local.tag, local.content}


def test_a_registry_that_wants_a_login_gets_it(
    guarded: str, datacentre: Datacentre, daemon: Daemon, tmp_path: Path
) -> None:
    made = Repository(tmp_path, datacentre, Local(guarded, "hub/user", f"Basic {ROBOT}"))
    assert "may not be looked at with this login (401)" in made.invoke("--push", fails=1)
    log_in(made, guarded)
    push_image(made, daemon)
    assert made.store.tags().keys() == {made.tag, made.content}
