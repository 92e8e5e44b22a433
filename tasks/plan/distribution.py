"""A container registry as its protocol has it: where an image is, who may ask, and how an answer of 401 is met.

https://distribution.github.io/distribution/spec/api/, and .../spec/auth/token/ for the tokens.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

LOOPBACK = re.compile(r"localhost|127(?:\.\d+){3}|\[::1\]")
HUB, HUB_KEY = "registry-1.docker.io", "https://index.docker.io/v1/"  # where Docker Hub is, and what logins call it


@dataclass(frozen=True)
class Login:
    """token: an identity token, which stands for a password. Never printed."""

    name: str = field(repr=False)
    password: str = field(repr=False)
    token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        return "Basic " + base64.b64encode(f"{self.name}:{self.password}".encode()).decode()


def split(image: str) -> tuple[str, str]:
    """Host and path. As Docker tells them apart: a first part without dot, colon and `localhost` is no host."""
    first, slash, rest = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return (HUB, rest) if first in ("docker.io", "index.docker.io") else (first, rest)
    return HUB, image if slash else f"library/{image}"


def address(image: str, *parts: str) -> str:
    """Without encryption on loopback only."""
    host, path = split(image)
    return f"{'http' if is_loopback(host) else 'https'}://{host}/v2/{path}/{'/'.join(parts)}"


def is_loopback(host: str) -> bool:
    return bool(LOOPBACK.fullmatch(re.sub(r":\d+$", "", host)))


def login(config: Mapping[str, Any], host: str) -> Login | None:
    """What a Docker config file has for a host. Raises ValueError if that is broken."""
    auths = config.get("auths") or {}
    names = {HUB_KEY if host == HUB else host, host}
    entry = next((entry for key, entry in auths.items() if key in names or _host(key) in names), None)
    if not entry:
        return None
    name, password = str(entry.get("username", "")), str(entry.get("password", ""))
    if entry.get("auth"):
        try:
            name, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
        except ValueError:  # Base64's, and that of bytes which are no text
            raise ValueError(f"the auth of {host} is no Base64") from None
    return Login(name, password, str(entry.get("identitytoken", "")))


def _host(key: str) -> str:
    return (urlsplit(key).netloc if "://" in key else key.partition("/")[0]) or key


@dataclass(frozen=True)
class Challenge:
    """WWW-Authenticate. scheme: in lower case."""

    scheme: str
    parameters: Mapping[str, str]

    @classmethod
    def parse(cls, header: str) -> Challenge:
        scheme, _, rest = header.strip().partition(" ")
        return cls(scheme.lower(), dict(re.findall(r'(\w+)="([^"]*)"', rest)))

    @property
    def safe(self) -> bool:
        """Whether a password may go there."""
        found = urlsplit(self.parameters.get("realm", ""))
        return found.scheme == "https" or (found.scheme == "http" and is_loopback(found.netloc))


@dataclass(frozen=True)
class TokenRequest:
    """body: None of a GET."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


def token_request(challenge: Challenge, image: str, writes: bool, who: Login | None) -> TokenRequest:
    """For a token that is good for this image, as anybody if there is no login."""
    realm = challenge.parameters["realm"]
    scope = challenge.parameters.get("scope") or f"repository:{split(image)[1]}:{'pull,push' if writes else 'pull'}"
    query = {"service": challenge.parameters.get("service", ""), "scope": scope}
    if who and who.token:
        form = {**query, "grant_type": "refresh_token", "refresh_token": who.token, "client_id": "hub-maintenance"}
        return TokenRequest(
            realm, {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(form, quote_via=quote).encode()
        )
    return TokenRequest(
        f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}", {"Authorization": who.basic} if who else {}
    )
