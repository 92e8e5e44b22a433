"""Addresses of chart repositories and of what lies in them, as helm takes them; and how they may be shown."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from tasks.errors import Refused

KEPT = "/%!$&'()*+,;=:@~"  # in a path as it is: some indexes have it escaped already, some have blanks in it


def checked(repository: str) -> str:
    """Without a slash at its end, so that one repository has one address. Refused for what has no index to read."""
    found = _split(repository)
    if found.scheme == "oci":
        raise Refused(
            f"{shown(repository)} is an OCI registry, which has no index of its charts: fetch the archives "
            "(`helm pull`) into a folder, and name that with --mirror."
        )
    local = found.scheme == "file" and found.netloc in ("", "localhost") and found.path.startswith("/")
    if not (local or (found.scheme in ("http", "https") and found.hostname)):
        raise Refused(
            f"{shown(repository) or 'What is named'} is no chart repository's address: Chart.yaml has to name one that "
            "begins with https://, or name a folder of archives with --mirror."
        )
    return found._replace(path=found.path.rstrip("/"), fragment="").geturl()


def is_local(repository: str) -> bool:
    return _split(repository).scheme == "file"


def local_path(repository: str) -> str:
    """Of a file:// address."""
    return unquote(_split(repository).path) or "/"


def resolved(repository: str, url: str) -> str:
    """Where a url of the index leads: as helm's repo.ResolveReferenceURL, the repository is a folder, and a query of
    its address is for everything in it."""
    if _split(url).scheme:
        return url
    base = _split(repository)
    joined = _split(urljoin(base._replace(path=base.path.rstrip("/") + "/", query="").geturl(), url))
    return joined._replace(query=base.query if joined.netloc == base.netloc else joined.query).geturl()


def request(repository: str, url: str) -> tuple[str, Mapping[str, str]]:
    """What to ask for, and with which headers. A login in the repository's address is for its own host only."""
    found, owner = _split(url), _split(repository)
    if found.scheme not in ("http", "https") or not found.hostname:
        raise Refused(
            f"The index of {shown(repository)} sends to {shown(url)}, which is no web address: ask whoever runs that "
            "chart repository, or name a folder of archives with --mirror."
        )
    bare = found._replace(netloc=_host(found), path=quote(found.path, safe=KEPT), fragment="").geturl()
    login = found if "@" in found.netloc else owner
    if "@" not in login.netloc or (login.scheme, _host(login)) != (found.scheme, _host(found)):
        return bare, {}
    words = f"{unquote(login.username or '')}:{unquote(login.password or '')}"
    return bare, {"Authorization": f"Basic {b64encode(words.encode()).decode()}"}


def shown(url: str) -> str:
    """Without what only its owner may know: a login, or a token in its query."""
    found = _split(url)
    return found._replace(netloc=_host(found), query="", fragment="").geturl()


def _host(found: SplitResult) -> str:
    return found.netloc.rpartition("@")[2]


def _split(url: str) -> SplitResult:
    """An address that can't even be taken apart is none of the known kinds, and nothing of it is shown."""
    try:
        found = urlsplit(url.strip())
        found.hostname, found.port  # noqa: B018 - raise where they are no such thing
    except ValueError:
        return SplitResult("", "", "", "", "")
    return found
