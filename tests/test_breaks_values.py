"""What the rules take of a value: nothing if it is encrypted, for each release what counts there, and what braces do."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tasks.plan.braces import doubled, trouble
from tasks.plan.breaks import Facts, Finding, findings
from tasks.plan.conditions import major
from tests.breaks import JUPYTERHUB, PREFIX, Case, daskhub, source, values
from tests.strategies import examples

CONFIG = "jupyterhub.hub.config"
CLASS = f"{CONFIG}.JupyterHub.authenticator_class"
ADMIN = f"{CONFIG}.JupyterHub.admin_access"
SCHEDULER = "dask-gateway.gateway.backend.worker.extraPodConfig.schedulerName"
ALLOWED = {f"{CONFIG}.OAuthenticator.allow_all": "ENC"}
VARIABLE = "jupyterhub.singleuser.extraEnv.A"


def into(version: str, **what: Any) -> Case:
    """The step into a major version of jupyterhub."""
    return Case(step={"jupyterhub": JUPYTERHUB[version]}, **what)


# --- Encrypted


@pytest.mark.parametrize(
    ("rule", "version", "plain", "secret"),
    [
        ("admin-access", "2", {}, ADMIN),
        ("hub-db-migrates", "2", {}, "jupyterhub.hub.db.type"),
        ("hub-db-outside", "2", {}, "jupyterhub.hub.db.type"),
        ("egress-closed", "2", {}, "jupyterhub.singleuser.networkPolicy.enabled"),
        ("sudo", "2", {"jupyterhub.singleuser.uid": 1000}, "jupyterhub.singleuser.extraEnv.GRANT_SUDO"),
        ("braces", "3", {}, VARIABLE),
        ("oauth-nobody", "3", {}, CLASS),
        ("oauth-nobody", "3", {CLASS: "github"}, f"{CONFIG}.OAuthenticator.allow_all"),
        ("slug-scheme", "4", {}, "jupyterhub.singleuser.storage.capacity"),
    ],
)
def test_an_encrypted_value_is_never_fine_and_never_judged(
    rule: str, version: str, plain: dict[str, Any], secret: str
) -> None:
    (told,) = into(version, values=plain, secrets={secret: "ENC"}).found(rule)
    assert (told.severity, told.edit) == ("check", "")
    assert told.says.endswith("Whether that is so here can't be told: its value is encrypted.")


def test_of_one_encrypted_variable_braces_are_said_once() -> None:
    assert [each.rule for each in into("3", secrets={VARIABLE: "ENC"}).all() if each.key.endswith(".A")] == ["braces"]


@given(st.lists(st.text("{}ab1 ", max_size=8), min_size=4, max_size=4), st.sampled_from(list(JUPYTERHUB)))
@examples(30)
def test_what_is_encrypted_makes_no_difference(texts: list[str], version: str) -> None:
    """Secret values of any kind: the findings are those of placeholders."""
    keys = VARIABLE, ADMIN, f"{CONFIG}.OAuthenticator.allow_all", SCHEDULER

    def told(texts: list[str]) -> list[tuple[str, str, str, str]]:
        case = into(version, values={CLASS: "github"}, secrets=dict(zip(keys, texts, strict=True)))
        return [(each.rule, each.key, each.severity, each.says) for each in case.all()]

    assert told(texts) == told(["ENC"] * 4)


# --- What can't be told for other reasons


def test_what_the_hubs_own_code_says_can_not_be_told() -> None:
    code = {CLASS: "github", "jupyterhub.hub.extraConfig.a": "c.GitHubOAuthenticator.allowed_organizations = {'a'}"}
    (told,) = into("3", values=code).found("oauth-nobody")
    assert told.severity == "check"
    assert "hub.extraConfig" in told.says


def test_an_authenticator_that_is_not_known_may_let_people_in_by_itself() -> None:
    (told,) = into("4", values={CLASS: "mine.OwnAuthenticator"}).found("authenticator-nobody")
    assert told.severity == "check"


@pytest.mark.parametrize(
    ("version", "found"),
    {"4.0.2": 4, "v4": 4, "4.*": 4, "3-beta.1": 3, "10.1": 10, "": None, "latest": None, "2x": None}.items(),
)
def test_the_major_of_a_version(version: str, found: int | None) -> None:
    assert major(version) == found


# --- Releases


def judged(rule: str, releases: dict[str, list[str]], files: dict[str, dict[str, Any]]) -> list[Finding]:
    """In the step into jupyterhub 2. releases: name → files, files: name → values."""
    sources = tuple(source(file, values(keys)) for file, keys in files.items())
    facts = Facts(sources, {name: tuple(of) for name, of in releases.items()})
    return [each for each in findings(*into("2").charts, PREFIX, facts) if each.rule == rule]


def test_the_file_that_counts_is_the_last_that_says_it() -> None:
    files = {"common.yaml": {ADMIN: True}, "prod.yaml": {ADMIN: False}}
    (told,) = judged("admin-access", {"hub-prod": ["common.yaml", "prod.yaml"]}, files)
    assert told.file == "prod.yaml"
    assert judged("admin-access", {"hub-prod": ["prod.yaml", "common.yaml"]}, files) == []


def test_what_a_later_file_takes_away_is_not_found() -> None:
    files: dict[str, dict[str, Any]] = {"common.yaml": {ADMIN: False}, "prod.yaml": {ADMIN: None}}
    assert judged("admin-access", {"hub-prod": list(files)}, files) == []


def test_a_map_of_several_files_is_shown_in_the_first() -> None:
    files = {name: {f"jupyterhub.singleuser.{name[0]}": 1} for name in ("common.yaml", "prod.yaml")}
    (told,) = judged("egress-closed", {"hub-prod": list(files)}, files)
    assert told.file == "common.yaml"


def test_what_several_releases_have_from_one_file_is_found_once() -> None:
    files = {"common.yaml": {ADMIN: False}}
    one, two = (judged("admin-access", {name: list(files) for name in names}, files) for names in ("a", "ab"))
    assert len(one) == 1
    assert one == two


def test_what_only_one_of_them_has_is_said_of_that_one() -> None:
    files = {"common.yaml": {ADMIN: False}, "prod.yaml": {ADMIN: True}}
    releases = {"hub-prod": ["common.yaml", "prod.yaml"], "hub-staging": ["common.yaml"]}
    (told,) = judged("admin-access", releases, files)
    assert told.says.startswith("In hub-staging: Admins ")
    assert told.file == "common.yaml"


def test_a_schedulers_name_is_right_for_one_release_only() -> None:
    files = {"common.yaml": {SCHEDULER: "a-user-scheduler"}, "b.yaml": {SCHEDULER: "b-user-scheduler"}}
    assert judged("scheduler-name", {"a": ["common.yaml"], "b": ["common.yaml", "b.yaml"]}, files) == []
    (told,) = judged("scheduler-name", {name: ["common.yaml"] for name in "abc"}, files)
    assert told.says.startswith("Dask's pods of b and c stay Pending")


def test_a_file_that_no_release_is_made_of_is_not_judged() -> None:
    files: dict[str, dict[str, Any]] = {"common.yaml": {}, "old.yaml": {ADMIN: False}}
    assert judged("admin-access", {"hub-prod": ["common.yaml"]}, files) == []


def test_values_may_be_at_any_level() -> None:
    facts = Facts(
        (source("a.yaml", "jupyterhub: {hub: {config: {JupyterHub: {admin_access: false}}}}"),),
        {"a": ("a.yaml",)},
    )
    told = findings(daskhub("2022.8.2"), daskhub("2022.11.0"), (), facts)
    assert ADMIN in [each.key for each in told]


def test_without_a_release_there_is_nothing_to_judge() -> None:
    with pytest.raises(ValueError, match="release"):
        findings(daskhub("2023.1.0"), daskhub("2024.1.1"), PREFIX, Facts((), {}))


def test_what_can_be_told_of_one_release_is_told() -> None:
    """Nobody gets in in b; in a that is encrypted."""
    files = source("common.yaml", values({CLASS: "github"})), source("a.yaml", values(ALLOWED), secret=True)
    facts = Facts(files, {"a": ("common.yaml", "a.yaml"), "b": ("common.yaml",)})
    (told,) = (each for each in findings(*into("3").charts, PREFIX, facts) if each.rule == "oauth-nobody")
    assert told.severity == "breaks"


# --- Braces


def braces(text: str, version: str) -> dict[str, Finding]:
    return {each.rule: each for each in into(version, values={VARIABLE: text}).all() if each.rule.startswith("braces")}


@given(
    st.text("{}ab!:", min_size=1, max_size=10)
    | st.sampled_from(["{username}", "{JUPYTER_IMAGE_SPEC}", "/{hubnamespace}/{port}", "{{port}}"])
)
@examples(200)
def test_braces_are_doubled_exactly_when_they_have_to_be(text: str) -> None:
    """What breaks in the step to jupyterhub 3 gets the edit there, and no other; edited too early it is found out."""
    early, entering, after = (braces(text, version) for version in JUPYTERHUB)
    assert set(after) == set()
    assert set(early) == ({"braces-too-early"} if re.search(r"\{\{[^{}]*\}\}", text) else set())
    assert ("braces" in entering) == bool(trouble(text))
    assume(trouble(text))
    assert set(entering) == {"braces"}
    assert entering["braces"].edit == "double-braces"
    assert trouble(text) in entering["braces"].says
    assert "braces" not in braces(doubled(text), "3")


@pytest.mark.parametrize("text", ["{JUPYTER_IMAGE_SPEC}", "/user/{JUPYTERHUB_USER}/proxy/{port}/status"])
def test_doubled_too_early_is_wrong_too(text: str) -> None:
    assert set(braces(text, "2")) == set()
    assert set(braces(doubled(text), "2")) == {"braces-too-early"}
    assert set(braces(doubled(text), "3")) == set()
