"""`invoke build-image`: the registry decides what is built.

hubploy, its libraries and git are the real ones, and so are the registry on loopback and ECR's API. Docker's daemon is
a stand-in.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest

from tasks.private import PREFIX, _place
from tests.real_parts.building import push_image
from tests.real_parts.centre import PUSHING, REGION
from tests.real_parts.daemon import BROKEN, Daemon
from tests.real_parts.images import Repository


def test_what_is_missing_is_built_and_pushed_under_both_tags(either: Repository, daemon: Daemon) -> None:
    before = either.docker_config.read_bytes()
    said = push_image(either, daemon)
    found = either.store.tags()
    assert found.keys() == {either.tag, either.content}
    assert found[either.tag] == found[either.content]
    assert [build["t"] for build in daemon.builds] == [[f"{either.store.name}:{either.tag}"]]
    assert re.search(r"\d s: Step 2/2 : RUN make\n", said)
    assert re.search(rf"{either.store.name}:{either.tag} is in the registry, 3 kB, in \d+ s\.", said)
    assert either.docker_config.read_bytes() == before
    assert list(either.docker_config.parent.parent.iterdir()) == [either.docker_config.parent]
    assert not list(_place().glob(f"{PREFIX}-{os.getuid()}-*/build"))


def test_what_is_there_needs_no_docker(either: Repository) -> None:
    either.store.push(either.store.name, either.tag)
    assert "it is in the registry\n" in either.invoke()
    assert either.store.tags().keys() == {either.tag}
    assert "the tag for its content is added" in either.invoke("--push")
    found = either.store.tags()
    assert found.keys() == {either.tag, either.content}
    assert found[either.tag] == found[either.content]
    assert "it is in the registry\n" in either.invoke("--push")


def test_content_that_is_there_gets_another_tag_without_a_build(either: Repository) -> None:
    """A revert: the documented tag is new, what is in the image is not."""
    first, content = either.tag, either.content
    either.store.push(either.store.name, first)
    either.invoke("--push")
    either.commit("second", Dockerfile="FROM scratch\n")
    either.git("revert", "--no-edit", "HEAD")
    assert (either.tag != first, either.content) == (True, content)
    assert "with --push it gets this one too" in either.invoke()
    assert either.tag not in either.store.tags()
    begun = time.monotonic()
    said = either.invoke("--push")
    assert time.monotonic() - begun < 20  # a second of its own, on a machine that is nobody else's
    assert "nothing is built" in said
    assert either.store.tags()[either.tag] == either.store.tags()[first]


def test_a_build_that_failed_is_made_up_for_whatever_the_next_commit_is_about(ecr: Repository, daemon: Daemon) -> None:
    daemon.ends = BROKEN
    said = push_image(ecr, daemon, fails=1)
    assert "  | make: *** No rule to make target 'all'\n" in said
    (sentence,) = [line for line in said.splitlines() if "can't be built" in line]
    assert sentence.endswith(
        f"{ecr.store.name}:{ecr.tag} can't be built, Step 2/2 : RUN make: The command '/bin/sh -c make' returned a "
        "non-zero code: 2; mend deployments/x/image/, commit, and start again."
    )
    (ecr.tree / "README").write_text("elsewhere")
    ecr.commit("elsewhere")
    daemon.ends = [{"stream": "Successfully built 0123456789ab\n"}]
    push_image(ecr, daemon)
    assert ecr.tag in ecr.store.tags()


@pytest.mark.parametrize("event", [{}, {"before": "0" * 40}, {"before": "1234567" + "0" * 33}])
def test_no_commit_range_is_needed(ecr: Repository, daemon: Daemon, tmp_path: Path, event: dict[str, str]) -> None:
    """workflow_dispatch, a branch's first push, a force push."""
    (tmp_path / "event.json").write_text(json.dumps(event))
    push_image(ecr, daemon, GITHUB_ACTIONS="true", GITHUB_EVENT_PATH=str(tmp_path / "event.json"))
    assert ecr.tag in ecr.store.tags()


def test_earlier_images_are_built_upon(ecr: Repository, daemon: Daemon) -> None:
    daemon.parents = (f"{ecr.store.name}:{ecr.tag}",)
    ecr.commit("second", Dockerfile="FROM scratch\nRUN make all\n")
    said = push_image(ecr, daemon)
    assert json.loads(daemon.builds[0]["cachefrom"][0]) == list(daemon.parents)
    assert f"looking for {daemon.parents[0]}" in said


@pytest.mark.parametrize("how", ["changed", "staged", "untracked"])
def test_what_no_commit_has_is_not_pushed(ecr: Repository, daemon: Daemon, how: str) -> None:
    ecr.write("new" if how == "untracked" else "Dockerfile", "FROM scratch\n")
    if how == "staged":
        ecr.git("add", ".")
    said = push_image(ecr, daemon, fails=1)
    assert "has what no commit has (deployments/x/image/" in said
    assert daemon.builds == []
    ecr.store.push(ecr.store.name, ecr.tag)  # what the registry has is of the commit, and says nothing about this
    said = ecr.invoke(more={"DOCKER_HOST": daemon.host})
    assert "it will be built, to try it out" in said
    assert "can be built" in said
    assert len(daemon.builds) == 1


def test_what_git_ignores_is_said(ecr: Repository) -> None:
    (ecr.tree / ".gitignore").write_text("*.key\n")
    ecr.commit("ignoring")
    ecr.store.push(ecr.store.name, ecr.tag)
    ecr.write("my.key", "x")
    assert "git ignores deployments/x/image/my.key, and Docker doesn't" in ecr.invoke("--push")


def test_a_shallow_clone_is_completed(ecr: Repository, tmp_path: Path) -> None:
    ecr.store.push(ecr.store.name, ecr.tag)
    (ecr.tree / "README").write_text("elsewhere")
    ecr.commit("elsewhere")
    shallow = tmp_path / "shallow"
    ecr.git("clone", "--quiet", "--depth=1", f"file://{ecr.tree}", str(shallow))
    said = ecr.invoke(tree=shallow, before="--dry", fails=1)  # changes nothing, so that it can't know
    assert "git fetch --quiet --unshallow" in said
    assert "it is in the registry\n" in ecr.invoke(tree=shallow)
    assert ecr.git("rev-parse", "--is-shallow-repository", folder=shallow) == "false\n"


def test_a_shallow_clone_that_cannot_be_completed_is_refused(ecr: Repository, tmp_path: Path) -> None:
    ecr.commit("second")
    shallow = tmp_path / "shallow"
    ecr.git("clone", "--quiet", "--depth=1", f"file://{ecr.tree}", str(shallow))
    ecr.git("remote", "remove", "origin", folder=shallow)
    assert "This clone is shallow" in ecr.invoke("--push", tree=shallow, fails=1)


def test_a_trial_pushes_nothing(either: Repository, daemon: Daemon) -> None:
    said = either.invoke(more={"DOCKER_HOST": daemon.host})
    assert "it was not pushed" in said
    assert len(daemon.builds) == 1
    assert either.store.tags() == {}


def test_dry_tells_and_does_nothing(either: Repository) -> None:
    said = either.invoke("--push", before="--dry")
    assert re.search(r"build: hubploy build x --push --commit-range [0-9a-f]{40} --image ", said)
    either.store.push(either.store.name, either.tag)
    assert f"mark: {either.tag} → {either.content}" in either.invoke("--push", before="--dry")
    either.invoke("--push")
    before = either.store.tags()
    either.commit("second", Dockerfile="FROM scratch\n")
    either.git("revert", "--no-edit", "HEAD")
    assert f"retag: {either.content} → {either.tag}" in either.invoke("--push", before="--dry")
    assert either.store.tags() == before


def test_what_hubploy_yaml_lacks_is_said(ecr: Repository) -> None:
    section = ecr.store.section
    section["aws"].pop("role_arn")
    ecr.say(section)
    assert "has no images.registry.aws.role_arn" in ecr.invoke("--push", fails=1)
    ecr.say({"provider": "dockerconfig", "dockerconfig": {"filename": "absent.json"}})
    assert "secrets/absent.json is missing" in ecr.invoke("--push", fails=1)
    ecr.say({"provider": "dockerconfig", "dockerconfig": {"filename": "docker.yaml"}})
    assert "hubploy reads only .json" in ecr.invoke("--push", fails=1)
    ecr.say(ecr.store.section, name=f"{PUSHING}.dkr.ecr.{REGION}.amazonaws.com/hub/absent")
    assert f"There is no repository hub/absent in {PUSHING}, {REGION}" in ecr.invoke("--push", fails=1)
    (ecr.tree / "deployments" / "y").mkdir()
    shutil.copy(ecr.tree / "deployments" / "x" / "hubploy.yaml", ecr.tree / "deployments" / "y")
    assert "There are several deployments" in ecr.invoke("--push", fails=1)
    assert "No commit has deployments/y/image/ yet" in ecr.invoke("--push", "--deployment", "y", fails=1)


def test_of_several_images_only_the_missing_one_is_built(local: Repository, daemon: Daemon) -> None:
    names = [f"{local.store.name}/{each}" for each in ("a", "b")]
    images = [{"name": name, "path": f"image/{name[-1]}"} for name in names]
    local.commit("two", **{"a/Dockerfile": "FROM scratch\n", "b/Dockerfile": "FROM scratch\n"})
    local.say(local.store.section, images=images)
    local.store.push(names[0], local.tag)
    push_image(local, daemon)
    assert [build["t"] for build in daemon.builds] == [[f"{names[1]}:{local.tag}"]]
