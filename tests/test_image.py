"""What becomes of an image, what manifests and Docker's logins say, and how a registry is asked."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tasks.errors import Refused
from tasks.hub.distribution import Distribution
from tasks.plan.distribution import Challenge, Login, address, is_loopback, login, split, token_request
from tasks.plan.image import IMAGES, INDEXES, Found, Manifest, amount, because, content_tag, decide, some
from tasks.seams import Answer, Ran, WebError
from tasks.tools import git, hubploy

FOUND = Found("registry.example.org/hub/user", "deployments/x/image", "abc1234", "content-1")


@pytest.mark.parametrize(
    ("tagged", "marked", "pushed", "tried"),
    [
        (True, True, "nothing", "nothing"),
        (True, False, "mark", "nothing"),
        (False, True, "retag", "nothing"),
        (False, False, "build", "build"),
    ],
)
def test_only_what_is_missing_is_made(tagged: bool, marked: bool, pushed: str, tried: str) -> None:
    found = Found(FOUND.name, FOUND.folder, FOUND.tag, FOUND.content, (), tagged, marked)
    assert (decide(found, True), decide(found, False)) == (pushed, tried)
    assert because(found, True)


def test_a_dirty_folder_is_always_built() -> None:
    found = Found(FOUND.name, FOUND.folder, FOUND.tag, FOUND.content, ("a", "b", "c", "d"), True, True)
    assert decide(found, False) == "build"
    assert "a, b, c and 1 more" in because(found, False)


def test_the_same_content_has_the_same_tag() -> None:
    assert content_tag("9c86b3d") == "content-9c86b3d"
    assert some(["a"]) == "a"


@pytest.mark.parametrize(
    ("size", "text"), [(1, "1 kB"), (3000, "3 kB"), (214_600_000, "215 MB"), (1_900_000_000, "1.9 GB")]
)
def test_amounts_are_told_as_docker_tells_them(size: int, text: str) -> None:
    assert amount(size) == text


def test_the_size_is_that_of_all_layers() -> None:
    assert Manifest(json.dumps({"layers": [{"size": 3}, {"size": 4}]}), IMAGES[0]).size == 7


def test_of_several_platforms_it_is_that_of_the_hubs() -> None:
    entries = [
        {"digest": "sha256:1", "platform": {"os": "linux", "architecture": "arm64"}},
        {"digest": "sha256:2", "platform": {"os": "linux", "architecture": "amd64"}},
        {"digest": "sha256:3", "platform": {"os": "unknown", "architecture": "unknown"}},
    ]
    assert Manifest(json.dumps({"manifests": entries}), INDEXES[0]).inside == "sha256:2"
    assert Manifest(json.dumps({"manifests": entries[:1]}), INDEXES[1]).inside == "sha256:1"
    assert Manifest("[]", INDEXES[0]).inside == ""
    assert Manifest("{}", INDEXES[0]).size is None


@pytest.mark.parametrize(
    ("image", "url"),
    [
        ("user", "https://registry-1.docker.io/v2/library/user/manifests/1"),
        ("hub/user", "https://registry-1.docker.io/v2/hub/user/manifests/1"),
        ("docker.io/hub/user", "https://registry-1.docker.io/v2/hub/user/manifests/1"),
        ("quay.io/hub/user", "https://quay.io/v2/hub/user/manifests/1"),
        ("localhost/user", "http://localhost/v2/user/manifests/1"),
        ("127.0.0.1:5000/hub/user", "http://127.0.0.1:5000/v2/hub/user/manifests/1"),
        ("registry:5000/user", "https://registry:5000/v2/user/manifests/1"),
    ],
)
def test_an_image_is_where_docker_looks_for_it(image: str, url: str) -> None:
    assert address(image, "manifests", "1") == url


@pytest.mark.parametrize("host", ["127.0.0.1.example.org", "localhost.example.org", "example.org:127"])
def test_only_loopback_goes_without_encryption(host: str) -> None:
    assert not is_loopback(host)
    assert not Challenge.parse(f'Bearer realm="http://{host}/token"').safe


def test_logins_are_found_as_docker_finds_them() -> None:
    word = base64.b64encode(b"name:pass:word").decode()
    config = {
        "auths": {
            "https://index.docker.io/v1/": {"auth": word},
            "https://quay.io/v2/": {"username": "q", "password": "r"},
            "ghcr.io": {"auth": word, "identitytoken": "t"},
            "broken.io": {"auth": "ä"},
        }
    }
    assert login(config, split("hub/user")[0]) == Login("name", "pass:word")
    assert login(config, "quay.io") == Login("q", "r")
    assert login(config, "ghcr.io") == Login("name", "pass:word", "t")
    assert login(config, "example.org") is None
    assert login({}, "quay.io") is None
    with pytest.raises(ValueError, match="no Base64"):
        login(config, "broken.io")
    assert "word" not in repr(login(config, "ghcr.io"))


@dataclass
class Server:
    """A registry that wants a login, as a Web."""

    challenge: str
    image: str = "https://r.example.org/v2/hub/user/manifests/1"
    accepts: str = "Bearer t0ken"
    asked: list[tuple[str, str, Mapping[str, str], bytes | None]] = field(default_factory=list)
    status: int = 200

    def __call__(self, url: str, *, method: str = "GET", headers: Any = None, body: bytes | None = None) -> Answer:
        self.asked.append((method, url, headers, body))
        if url.startswith("https://auth."):
            return Answer(200, b'{"access_token": "t0ken"}', {})
        assert url == self.image
        if headers.get("Authorization") != self.accepts:
            return Answer(401, b"", {"Www-Authenticate": self.challenge})
        return Answer(self.status if method != "PUT" else 201, b'{"layers": []}', {"content-type": IMAGES[0]})


NAME = "r.example.org/hub/user"
BEARER = 'Bearer realm="https://auth.example.org/token",service="r",scope="repository:hub/user:pull"'
CONFIG = {"auths": {"r.example.org": {"auth": base64.b64encode(b"a:b").decode()}}}


def test_a_token_is_asked_for_once() -> None:
    server = Server(BEARER)
    registry = Distribution(server, CONFIG)
    assert registry.has(NAME, "1")
    assert registry.manifest(NAME, "1") == Manifest('{"layers": []}', IMAGES[0])
    methods = [method for method, *_ in server.asked]
    assert methods == ["HEAD", "GET", "HEAD", "GET"]
    _, url, headers, _ = server.asked[1]
    assert url == "https://auth.example.org/token?service=r&scope=repository%3Ahub%2Fuser%3Apull"
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"a:b").decode()
    assert "application/vnd.oci.image.index.v1+json" in server.asked[0][2]["Accept"]
    registry.put(NAME, "1", Manifest("{}", IMAGES[0]))
    assert server.asked[-1][2]["Content-Type"] == IMAGES[0]


def test_anybody_may_have_a_token_too() -> None:
    server = Server(BEARER)
    assert Distribution(server, {}).has(NAME, "1")
    assert "Authorization" not in server.asked[1][2]


def test_an_identity_token_is_posted() -> None:
    asked = token_request(Challenge.parse(BEARER), NAME, True, Login("", "", "secret"))
    assert asked.url == "https://auth.example.org/token"
    assert b"refresh_token=secret" in (asked.body or b"")
    assert "secret" not in repr(asked)


def test_a_name_and_a_password_are_enough_for_some() -> None:
    server = Server('Basic realm="r"', accepts="Basic " + base64.b64encode(b"a:b").decode())
    assert Distribution(server, CONFIG).has(NAME, "1")


@pytest.mark.parametrize(
    ("status", "words"), [(403, "may not be looked at"), (500, "answered 500"), (429, "answered 429")]
)
def test_a_registry_that_does_not_say_is_no_registry_without_the_image(status: int, words: str) -> None:
    with pytest.raises(Refused, match=words):
        Distribution(Server(BEARER, status=status), CONFIG).has(NAME, "1")
    assert not Distribution(Server(BEARER, status=404), CONFIG).has(NAME, "1")


def test_a_login_that_is_not_known_is_refused() -> None:
    with pytest.raises(Refused, match="may not be looked at"):
        Distribution(Server('Basic realm="r"'), CONFIG).has(NAME, "1")
    for challenge in ("Negotiate", 'Bearer realm="http://auth.example.org/token"'):
        with pytest.raises(Refused, match="a kind that is not known"):
            Distribution(Server(challenge), CONFIG).has(NAME, "1")


def test_a_registry_that_is_away_is_said() -> None:
    def nobody(*_: Any, **__: Any) -> Answer:
        raise WebError("refused")

    with pytest.raises(Refused, match=r"r\.example\.org can't be asked \(refused\)"):
        Distribution(nobody, {}).has(NAME, "1")


def test_git_tells_what_no_commit_has() -> None:
    changed, ignored = git.parse_status(" M image/a b\0R  image/new\0image/old\0?? image/c\0!! image/d\0")
    assert (changed, ignored) == (["image/a b", "image/new", "image/c"], ["image/d"])


LOG = "Step 1/2 : FROM x\nFetching base image...\rFetching base image...\rStep 2/2 : RUN make\n ---> Running\n"
TRACE = "Traceback (most recent call last):\n  File\ndocker.errors.BuildError: no\n"


def test_a_failed_step_is_told_with_its_last_lines() -> None:
    failure = hubploy.build_failure(Ran((), 1, "", LOG + "boom\nThe command returned 2." + TRACE))
    assert failure.step == "Step 2/2 : RUN make"
    assert failure.lines == [" ---> Running", "boom", "The command returned 2."]
    assert failure.said == "The command returned 2"


@pytest.mark.parametrize("after", ["Successfully built 1\n", "Pushing image\n"])
def test_a_failed_push_is_no_failed_step(after: str) -> None:
    failure = hubploy.build_failure(Ran((), 1, "", LOG + after + "denied" + TRACE))
    assert (failure.step, failure.said) == ("", "no")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("Step 1/2 : FROM x\n", "Step 1/2 : FROM x"),
        ("Trying to fetch parent image r/x:1", "looking for r/x:1, to build on what it has"),
        ("Pushing image\n", "pushing"),
        ("Get:1 http://deb.example.org", ""),
    ],
)
def test_progress_is_the_steps(line: str, text: str) -> None:
    assert hubploy.progress(line) == text
