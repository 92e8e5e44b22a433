"""`invoke build-image`: the registry decides what is built, a push is believed when the registry has it.

hubploy, its libraries and git are the real ones, and so are the registry on loopback and ECR's API. Docker's daemon is
a stand-in, but in the last test.
"""

from __future__ import annotations

import base64
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest
import yaml

from tasks.loopback.datacentre import Datacentre
from tasks.loopback.servers import Servers, free_port
from tasks.parts.cache import program
from tasks.private import PREFIX, _place
from tests.conftest import NO_DAEMON
from tests.real_parts.centre import KEY, PUSHING, REGION, Programs
from tests.real_parts.daemon import BROKEN, Daemon, nothing
from tests.real_parts.images import NOWHERE, Ecr, Local, Repository
from tests.rehearsal import ROOT

ROBOT = base64.b64encode(b"robot:xyzzy").decode()
HASHED = "robot:$2b$04$rAN.Ce4hQOEiEuumfXhmr.0D3uy69Fx7l.yHimmOFxJ/wPsH5lxOS\n"  # as htpasswd has it
PASSWORD = f"{PUSHING}-auth-token"  # moto's


@pytest.fixture
def ecr(datacentre: Datacentre, tmp_path: Path, request: pytest.FixtureRequest) -> Repository:
    return Repository(tmp_path, datacentre, Ecr(datacentre, _short(request)))


@pytest.fixture
def local(datacentre: Datacentre, tmp_path: Path, request: pytest.FixtureRequest) -> Repository:
    return Repository(tmp_path, datacentre, Local(datacentre.registry_name, _short(request)))


@pytest.fixture(params=["ecr", "local"])
def either(request: pytest.FixtureRequest) -> Repository:
    made: Repository = request.getfixturevalue(request.param)
    return made


def _short(request: pytest.FixtureRequest) -> str:
    return "hub/" + re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[5:60].strip("-")


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with Daemon() as opened:
        yield opened


def _push(repository: Repository, daemon: Daemon, *words: str, fails: int = 0, **more: str) -> str:
    daemon.push = repository.store.push
    return repository.invoke("--push", *words, fails=fails, more={"DOCKER_HOST": daemon.host, **more})


def test_what_is_missing_is_built_and_pushed_under_both_tags(either: Repository, daemon: Daemon) -> None:
    before = either.docker_config.read_bytes()
    said = _push(either, daemon)
    found = either.store.tags()
    assert found.keys() == {either.tag, either.content}
    assert found[either.tag] == found[either.content]
    assert [build["t"] for build in daemon.builds] == [[f"{either.store.name}:{either.tag}"]]
    assert re.search(r"\d s: Step 2/2 : RUN make\n", said)
    assert re.search(rf"{either.store.name}:{either.tag} is in the registry, 3 kB, in \d+ s\.", said)
    assert either.docker_config.read_bytes() == before
    assert list(either.docker_config.parent.parent.iterdir()) == [either.docker_config.parent]
    assert not list(_place().glob(f"{PREFIX}-{os.getuid()}-*/build"))


def test_hubploy_is_logged_in_to_ecr_without_amazons_helper(ecr: Repository, daemon: Daemon) -> None:
    """And the password is in files that nobody else can read: in no command line, in no environment."""
    seen: list[str] = []

    def push(name: str, tag: str) -> None:
        seen.extend(_processes_with(PASSWORD))
        ecr.store.push(name, tag)

    daemon.push = push
    assert not shutil.which("docker-credential-ecr-login", path=ecr.datacentre.environment["PATH"])
    ecr.invoke("--push", more={"DOCKER_HOST": daemon.host})
    assert seen == []
    assert (daemon.push_login["Username"], daemon.push_login["Password"]) == ("AWS", PASSWORD)
    logins = daemon.build_logins
    assert logins[f"{PUSHING}.dkr.ecr.{REGION}.amazonaws.com"]["Password"] == PASSWORD
    assert logins["base.example.org"]["username"] == "a"  # the person's own, for base images


def _processes_with(text: str) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if text.encode() in words and int(process.name) != os.getpid():
            found.append(process.name)
    return found


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
    said = _push(ecr, daemon, fails=1)
    assert "  | make: *** No rule to make target 'all'\n" in said
    (sentence,) = [line for line in said.splitlines() if "can't be built" in line]
    assert sentence.endswith(
        f"{ecr.store.name}:{ecr.tag} can't be built, Step 2/2 : RUN make: The command '/bin/sh -c make' returned a "
        "non-zero code: 2; mend deployments/x/image/, commit, and start again."
    )
    (ecr.tree / "README").write_text("elsewhere")
    ecr.commit("elsewhere")
    daemon.ends = [{"stream": "Successfully built 0123456789ab\n"}]
    _push(ecr, daemon)
    assert ecr.tag in ecr.store.tags()


@pytest.mark.parametrize("event", [{}, {"before": "0" * 40}, {"before": "1234567" + "0" * 33}])
def test_no_commit_range_is_needed(ecr: Repository, daemon: Daemon, tmp_path: Path, event: dict[str, str]) -> None:
    """workflow_dispatch, a branch's first push, a force push."""
    (tmp_path / "event.json").write_text(json.dumps(event))
    _push(ecr, daemon, GITHUB_ACTIONS="true", GITHUB_EVENT_PATH=str(tmp_path / "event.json"))
    assert ecr.tag in ecr.store.tags()


def test_earlier_images_are_built_upon(ecr: Repository, daemon: Daemon) -> None:
    daemon.parents = (f"{ecr.store.name}:{ecr.tag}",)
    ecr.commit("second", Dockerfile="FROM scratch\nRUN make all\n")
    said = _push(ecr, daemon)
    assert json.loads(daemon.builds[0]["cachefrom"][0]) == list(daemon.parents)
    assert f"looking for {daemon.parents[0]}" in said


@pytest.mark.parametrize("how", ["changed", "staged", "untracked"])
def test_what_no_commit_has_is_not_pushed(ecr: Repository, daemon: Daemon, how: str) -> None:
    ecr.write("new" if how == "untracked" else "Dockerfile", "FROM scratch\n")
    if how == "staged":
        ecr.git("add", ".")
    said = _push(ecr, daemon, fails=1)
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


def test_a_trial_needs_no_credentials(ecr: Repository, daemon: Daemon) -> None:
    """A proposal from outside gets none in its workflow."""
    nobody = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    said = ecr.invoke(more={"DOCKER_HOST": daemon.host, **nobody})
    assert "no AWS credentials" in said
    assert len(daemon.builds) == 1
    assert "There are no AWS credentials" in ecr.invoke("--push", more=nobody, fails=1)


def test_a_profile_of_the_persons_does_not_stand_in_the_way(ecr: Repository, daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "aws").write_text("[profile work]\nregion = us-east-1\n")
    _push(ecr, daemon, AWS_PROFILE="work", AWS_CONFIG_FILE=str(tmp_path / "aws"))
    assert ecr.tag in ecr.store.tags()


def test_a_push_is_believed_when_the_registry_has_it(ecr: Repository, daemon: Daemon) -> None:
    daemon.push = nothing
    said = ecr.invoke("--push", more={"DOCKER_HOST": daemon.host}, fails=1)
    assert f"{ecr.store.name}:{ecr.tag} is not in the registry, though nothing has failed" in said
    assert ecr.store.tags() == {}


def test_a_push_that_fails_says_why(ecr: Repository, daemon: Daemon) -> None:
    daemon.refuses = "denied: the repository is full"
    assert "hubploy could not build and push" in (said := _push(ecr, daemon, fails=1))
    assert "denied: the repository is full" in said


def test_without_docker_it_is_said_how_to_get_it(ecr: Repository) -> None:
    said = ecr.invoke("--push", fails=1)
    assert f"no Docker daemon answers at {NOWHERE['DOCKER_HOST']}: start Docker" in said


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


@pytest.mark.parametrize("encrypted", [False, True])
def test_the_login_is_that_of_the_docker_config_file(local: Repository, daemon: Daemon, encrypted: bool) -> None:
    file = local.tree / "deployments" / "x" / "secrets" / "docker.json"
    file.write_text(json.dumps({"auths": {local.store.name.partition("/")[0]: {"auth": ROBOT}}}))
    if encrypted:
        Programs(local.datacentre).run("sops", "encrypt", "--in-place", "--kms", KEY, str(file), folder=file.parent)
        assert ROBOT not in file.read_text()
    local.commit("login")
    _push(local, daemon)
    assert (daemon.push_login["username"], daemon.push_login["password"]) == ("robot", "xyzzy")
    assert local.store.tags().keys() == {local.tag, local.content}


@pytest.fixture
def guarded(parts: Callable[..., None], tmp_path: Path) -> Iterator[str]:
    """The host of a registry that wants a login."""
    parts("registry")
    host = f"127.0.0.1:{free_port()}"
    (tmp_path / "htpasswd").write_text(HASHED)
    settings = {
        "version": "0.1",
        "storage": {"inmemory": {}},
        "http": {"addr": host, "secret": "x"},
        "auth": {"htpasswd": {"realm": "practice", "path": str(tmp_path / "htpasswd")}},
    }
    (tmp_path / "registry.yaml").write_text(yaml.safe_dump(settings))
    servers = Servers(tmp_path / "logs", os.environ)
    server = servers.start("registry", [program("registry"), "serve", tmp_path / "registry.yaml"])
    servers.wait(server, f"http://{host}/")  # the one address that is open to all
    yield host
    servers.close()


def test_a_registry_that_wants_a_login_gets_it(
    guarded: str, datacentre: Datacentre, daemon: Daemon, tmp_path: Path
) -> None:
    made = Repository(tmp_path, datacentre, Local(guarded, "hub/user", f"Basic {ROBOT}"))
    assert "may not be looked at with this login (401)" in made.invoke("--push", fails=1)
    _log_in(made, guarded)
    _push(made, daemon)
    assert made.store.tags().keys() == {made.tag, made.content}


def _log_in(repository: Repository, host: str) -> None:
    file = repository.tree / "deployments" / "x" / "secrets" / "docker.json"
    file.write_text(json.dumps({"auths": {host: {"auth": ROBOT}}}))


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
    _push(local, daemon)
    assert [build["t"] for build in daemon.builds] == [[f"{names[1]}:{local.tag}"]]


def test_ctrl_c_ends_the_build_and_leaves_nothing(ecr: Repository, daemon: Daemon) -> None:
    begun, over = Event(), Event()

    def push(name: str, tag: str) -> None:
        begun.set()
        assert over.wait(60), f"{name}:{tag} was never let go"

    daemon.push = push
    environment = ecr.environment({"DOCKER_HOST": daemon.host})
    words = [sys.executable, "-m", "invoke", "build-image", "--push"]
    with subprocess.Popen(words, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert begun.wait(60)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    over.set()
    assert (process.returncode, "Traceback" in said) == (130, False)
    assert "Interrupted: the same command begins again" in said
    assert not list(_place().glob(f"{PREFIX}-{os.getuid()}-{process.pid}-*"))
    assert not _processes_with(f"{PREFIX}-{os.getuid()}-{process.pid}-")


def test_a_terminal_shows_the_time(ecr: Repository, daemon: Daemon) -> None:
    def push(name: str, tag: str) -> None:
        time.sleep(2.5)
        ecr.store.push(name, tag)

    daemon.push = push
    ours, theirs = pty.openpty()
    environment = ecr.environment({"DOCKER_HOST": daemon.host, "TERM": "xterm"})
    words = [sys.executable, "-m", "invoke", "build-image", "--push"]
    with subprocess.Popen(words, cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        said = _all_of(ours)
    assert process.returncode == 0, said
    assert re.search(r"build: \d+ s so far", said)


def _all_of(terminal: int) -> str:
    said = b""
    with suppress(OSError):  # Linux's way to say that nobody is at the other end any more
        while piece := os.read(terminal, 65536):
            said += piece
    os.close(terminal)
    return said.decode(errors="replace")


def test_the_real_docker_builds_it(guarded: str, datacentre: Datacentre, tmp_path: Path) -> None:
    host = os.environ.get("DOCKER_HOST", "")
    ask = [sys.executable, "-c", "import docker; docker.from_env().version()"]
    if subprocess.run(ask, capture_output=True).returncode != 0:
        pytest.skip(NO_DAEMON)
    local = Repository(tmp_path, datacentre, Local(guarded, "hub/user", f"Basic {ROBOT}"))
    _log_in(local, guarded)
    local.commit("real", Dockerfile="FROM scratch\nCOPY Dockerfile /\n")
    said = local.invoke("--push", more={"DOCKER_HOST": host})
    assert re.search(r"Step 2/\d : COPY Dockerfile /", said)
    assert local.store.tags().keys() == {local.tag, local.content}
    local.commit("broken", Dockerfile="FROM scratch\nCOPY absent /\n")
    said = local.invoke("--push", more={"DOCKER_HOST": host}, fails=1)
    assert re.search(r"can't be built, Step 2/\d : COPY absent /: COPY failed", said)
