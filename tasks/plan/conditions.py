"""The conditions and the finders that breaks.yaml names: whether a rule applies at a place, and places that are no keys."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tasks.plan.braces import trouble
from tasks.plan.charts import CrdFile, Packaged
from tasks.plan.facts import Encrypted, Place, View, at, said

Verdict = bool | str  # yes, no, or why it can't be told

UNSEEN = "its value is encrypted"
UNREAD = "hub.extraConfig may say who comes in"
OWN_WAYS = "some authenticators let people in by themselves"

HUB = ("jupyterhub", "hub")
# Names under which OAuthenticator registers its classes, beside their paths; each has a variant with `local-` before it.
# https://github.com/jupyterhub/oauthenticator/blob/main/setup.py
OAUTH = frozenset(
    """
    auth0 awscognito azuread azureadb2c bitbucket cilogon feishu generic-oauth github gitlab globus google mediawiki
    okpy openshift yandex
    """.split()
)
# Known not to let anybody in by themselves, and known to have a rule of their own (everybody, or nobody):
# https://jupyterhub.readthedocs.io/en/stable/reference/authenticators.html
CLOSED = frozenset("pam jupyterhub.auth.PAMAuthenticator ldap ldapauthenticator.LDAPAuthenticator".split())
OPEN = frozenset("dummy null nullauthenticator.NullAuthenticator tmp tmpauthenticator.TmpAuthenticator".split())
SWITCHES = ("allow_all", "allow_existing_users")
# https://github.com/jupyterhub/jupyterhub/tree/main/share/jupyterhub/templates
PAGES = frozenset(
    """
    404.html accept-share.html admin.html error.html home.html login.html logout.html not_running.html oauth.html
    page.html spawn.html spawn_pending.html stop_pending.html token.html
    """.split()
)


def major(version: str) -> int | None:
    """4 for `4.0.2`, `v4` or `4.*`; None for what is no version."""
    found = re.match(r"v?(\d+)(?![^.*+-])", version)
    return int(found[1]) if found else None


def holds(name: str, argument: Any, place: Place, view: View) -> Verdict:
    """Whether the condition of this name is met at the place."""
    if name in OF_RELEASE:
        return OF_RELEASE[name](argument, view)
    if name in OF_PLACE:
        return OF_PLACE[name](argument, place, view)
    return UNSEEN if isinstance(place.value, Encrypted) else OF_VALUE[name](argument, place.value)


def _is(wanted: Any, value: Any) -> bool:
    """The value is this, or one of these; 0 is not false."""
    return any(value == each and type(value) is type(each) for each in _list(wanted))


def _matches(pattern: Any, value: Any) -> bool:
    """The value is a text with this in it."""
    return isinstance(value, str) and bool(re.search(pattern, value))


def _braces(kind: Any, value: Any) -> bool:
    """broken: KubeSpawner can't fill the text in. filled: it does, and something of its own comes in."""
    if not isinstance(value, str) or trouble(value):
        return kind == "broken" and isinstance(value, str)
    return kind == "filled" and any(name is not None for _, name, _, _ in string.Formatter().parse(value))


def _unset_beside(key: Any, place: Place, view: View) -> bool:
    """The map that the key stands in has not this one."""
    return not view.stands((*place.path[len(view.prefix) : -1], key))


def _other_release(ending: Any, place: Place, view: View) -> bool:
    """The value is the name of another release with this ending."""
    return str(place.value).endswith(ending) and place.value != f"{view.release}{ending}"


def _unset(paths: Any, view: View) -> bool:
    """None of these stands in the release's files."""
    return not any(view.stands(_path(each)) for each in _list(paths))


def _set(paths: Any, view: View) -> bool:
    return all(view.stands(_path(each)) for each in _list(paths))


def _effective(wanted: Any, view: View) -> Verdict:
    """key → what it may be, whether the files or the new charts' defaults say it."""
    for path, values in wanted.items():
        value = at(view.effective, _path(path))
        if isinstance(value, Encrypted):
            return UNSEEN
        if value not in _list(values):
            return False
    return True


def _crds_change(wanted: Any, view: View) -> bool:
    """The new chart brings other CRDs than the old one."""
    old, new = ({crd.name: crd.digest for crd in _crds(chart)} for chart in (view.old, view.new))
    return (old != new) is wanted


def _crds(chart: Packaged) -> tuple[CrdFile, ...]:
    found = chart.named("dask-gateway")
    return found.crds if found else ()


def _released(wanted: Any, view: View) -> bool:
    """false: the new daskhub is one of this repository, in place of a released one."""
    return ("+" in view.new.version and "+" not in view.old.version) is not wanted


def _image(kind: Any, view: View) -> bool:
    """different: the image's JupyterHub is known, and of another major than the new hub's. unknown: nothing tells, and the
    hub's major changes."""
    old, new, mine = map(major, (hub(view.old), hub(view.new), view.facts.image.version))
    return mine is None and old != new if kind == "unknown" else None not in (mine, new) and mine != new


def hub(chart: Packaged) -> str:
    """Version of the JupyterHub that a chart brings; "" if it brings none."""
    found = chart.named("jupyterhub")
    return found.app_version if found else ""


def _authenticator(kind: Any, view: View) -> Verdict:
    """oauth: one of OAuthenticator's. other: another one, that lets nobody in unless told to."""
    chosen = at(view.effective, (*HUB, "config", "JupyterHub", "authenticator_class"))
    if isinstance(chosen, Encrypted):
        return UNSEEN
    if chosen is None:
        return False
    oauth = str(chosen).removeprefix("local-") in OAUTH or "OAuthenticator" in str(chosen)
    if kind == "oauth" or oauth:
        return oauth is (kind == "oauth")
    return chosen not in OPEN and (chosen in CLOSED or OWN_WAYS)


def _lets_in(kind: Any, view: View) -> Verdict:
    """nobody: no rule says who may come in, administrators apart. members: one says it of all members of something."""
    rules = list(_allow_rules(view))
    if kind == "members":
        return any(key.startswith("allowed_") and key != "allowed_users" for key, _ in rules)
    if any(value is True or (key not in SWITCHES and said(value)) for key, value in rules):
        return False
    if any(isinstance(value, Encrypted) for _, value in rules):
        return UNSEEN
    code = at(view.values, (*HUB, "extraConfig"))
    return UNREAD if re.search(r"\ballow(_|ed_)\w+|whitelist", str(code)) else True


def _allow_rules(view: View) -> Iterator[tuple[str, Any]]:
    """key and value. The old names count too: OAuthenticator still knows them."""
    for place in view.places("jupyterhub.hub.config.*.*"):
        section, key = place.path[-2:]
        if section.endswith("Authenticator") and re.match(r"allow(ed)?_|\w*whitelist$", key):
            yield key, place.value


def _path(dotted: str) -> tuple[str, ...]:
    return tuple(dotted.split("."))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _dockerfile(view: View) -> Iterator[Place]:
    """The line that says what the image is made from."""
    image = view.facts.image
    if image.dockerfile:
        yield Place(image.dockerfile, max(image.lines(r"(?i)^\s*FROM\s"), default=1))
    else:
        yield from _step(view)


def _sudo(view: View) -> Iterator[Place]:
    """Where the image is made with it."""
    yield from (Place(view.facts.image.dockerfile, line) for line in view.facts.image.lines(r"\bsudo\b"))


def _pages(view: View) -> Iterator[Place]:
    """Copies of JupyterHub's pages. One that extends the original brings no old text with it."""
    for file, content in sorted(view.facts.chart_files.items()):
        if file.rpartition("/")[2] in PAGES and not re.search(rb"\{%-?\s*extends\s+.templates/", content):
            yield Place(file, 1)


def _step(view: View) -> Iterator[Place]:
    """Of no key: where the chart's version is chosen."""
    where = view.facts.dependency
    yield Place(where.file, where.line, where.path)


OF_VALUE: Mapping[str, Callable[[Any, Any], Verdict]] = {"is": _is, "matches": _matches, "braces": _braces}
OF_PLACE: Mapping[str, Callable[[Any, Place, View], Verdict]] = {
    "unset-beside": _unset_beside,
    "other-release": _other_release,
}
OF_RELEASE: Mapping[str, Callable[[Any, View], Verdict]] = {
    "unset": _unset,
    "set": _set,
    "effective": _effective,
    "crds-change": _crds_change,
    "released": _released,
    "image": _image,
    "authenticator": _authenticator,
    "lets-in": _lets_in,
}
FINDERS: Mapping[str, Callable[[View], Iterator[Place]]] = {
    "dockerfile": _dockerfile,
    "sudo": _sudo,
    "pages": _pages,
    "step": _step,
}
