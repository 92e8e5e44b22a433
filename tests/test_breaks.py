"""The rules of tasks/plan/breaks.yaml: the table of the route for the deployment that lies here, and each rule for itself."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.charts.archive import read
from tasks.loopback import family
from tasks.plan import conditions
from tasks.plan.braces import doubled
from tasks.plan.breaks import LISTS, SEVERITIES, Facts, Finding, Image, Rule, findings, rules
from tests.breaks import BUNDLES, DEPENDENCY, LOCAL, PREFIX, Case, cases, daskhub, line_of, source, values
from tests.rehearsal import ROOT

COMMON, SECRETS, DOCKERFILE = (
    f"deployments/l2l/{name}" for name in ("config/common.yaml", "secrets/prod.example.yaml", "image/Dockerfile")
)
# A key below daskhub of common.yaml, the gateway's token of the secrets, or: FROM, that line of the Dockerfile; CHART,
# where daskhub's version is chosen.
FROM, CHART = "FROM", "CHART"
IMAGE = "jupyterhub.singleuser.extraEnv.DASK_GATEWAY__CLUSTER__OPTIONS__IMAGE"
LINK = "jupyterhub.singleuser.extraEnv.DASK_DISTRIBUTED__DASHBOARD_LINK"
GATEWAY_TOKEN = "dask-gateway.gateway.auth.jupyterhub.apiToken"

TO_GATEWAY_2022 = [("crds-v1", CHART), ("hub-network-policy", "jupyterhub.hub.networkPolicy.enabled")]
TO_JUPYTERHUB_2 = [
    ("admin-access", "jupyterhub.hub.config.JupyterHub.admin_access"),
    ("hub-db-migrates", CHART),
    ("egress-closed", "jupyterhub.singleuser"),
    ("image-unknown", FROM),
    ("gateway-token-optional", GATEWAY_TOKEN),
]
TO_JUPYTERHUB_3 = [
    ("crds-traefik-io", CHART),
    ("braces", IMAGE),
    ("braces", LINK),
    ("oauth-admins", "jupyterhub.hub.config.Authenticator.admin_users"),
    ("hub-db-migrates", CHART),
    ("image-unknown", FROM),
    ("dashboard-link", LINK),
]
TO_JUPYTERHUB_4 = [
    ("crds", CHART),
    ("daskhub-ends", CHART),
    ("hub-db-migrates", CHART),
    ("gateway-service-name", "dask-gateway.gateway.auth.type"),
    ("image-unknown", FROM),
    ("crds-orphaned", CHART),
]
TABLE: dict[tuple[str, str], list[tuple[str, str]]] = {
    ("2021.7.2", "2022.4.1"): [],
    ("2021.7.2", "2022.8.2"): TO_GATEWAY_2022,
    ("2021.7.2", "2022.11.0"): [*TO_GATEWAY_2022, *TO_JUPYTERHUB_2],
    ("2022.8.2", "2022.11.0"): TO_JUPYTERHUB_2,
    ("2022.8.2", "2023.1.0"): [*TO_JUPYTERHUB_2, ("crds", CHART)],
    ("2022.11.0", "2023.1.0"): [("crds", CHART)],
    ("2023.1.0", "2024.1.0"): TO_JUPYTERHUB_3,
    ("2023.1.0", "2024.1.1"): TO_JUPYTERHUB_3,
    ("2024.1.0", "2024.1.1"): [("crds", CHART)],
    ("2024.1.1", LOCAL): TO_JUPYTERHUB_4,
    **{(version, version): [] for version in BUNDLES},
}


def text_of(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


def deployment(common: str = "") -> Facts:
    """The one that lies here, with its one release. common: other text for its values file."""
    folder = ROOT / "chart/files"
    files = {str(path.relative_to(ROOT)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    sources = source(COMMON, common or text_of(COMMON)), source(SECRETS, text_of(SECRETS), secret=True)
    image = Image(dockerfile=DOCKERFILE, text=text_of(DOCKERFILE))
    return Facts(sources, {"l2l-prod": (COMMON, SECRETS)}, image, files, DEPENDENCY)


def found(old: str, new: str, common: str = "") -> list[Finding]:
    return findings(daskhub(old), daskhub(new), PREFIX, deployment(common))


def expected(place: str) -> tuple[str, int, tuple[str, ...]]:
    """file, line and path of a place of the table."""
    if place == CHART:
        return DEPENDENCY.file, DEPENDENCY.line, DEPENDENCY.path
    if place == FROM:
        return DOCKERFILE, [row[:5] for row in text_of(DOCKERFILE).splitlines()].index("FROM ") + 1, ()
    file = SECRETS if place == GATEWAY_TOKEN else COMMON
    path = (*PREFIX, *place.split("."))
    return file, line_of(text_of(file), path), path


@pytest.mark.parametrize("step", TABLE, ids=" to ".join)
def test_the_table(step: tuple[str, str]) -> None:
    """Exactly these, for the deployment that lies here."""
    told = sorted((each.rule, (each.file, each.line, each.path)) for each in found(*step))
    assert told == sorted((rule, expected(place)) for rule, place in TABLE[step])


@pytest.mark.parametrize("step", [step for step in TABLE if LOCAL not in step], ids=" to ".join)
def test_the_table_with_charts_out_of_archives(step: tuple[str, str]) -> None:
    old, new = (read(family.archive("daskhub", version), f"daskhub-{version}.tgz") for version in step)
    told = sorted((each.rule, (each.file, each.line, each.path)) for each in findings(old, new, PREFIX, deployment()))
    assert told == sorted((rule, expected(place)) for rule, place in TABLE[step])


def test_what_is_edited_is_not_found_again() -> None:
    text = text_of(COMMON)
    for value in re.findall(r"'([^'\n]*\{[^'\n]*)'", text):
        text = text.replace(value, doubled(value))
    before, after = found("2023.1.0", "2024.1.1"), found("2023.1.0", "2024.1.1", text)
    assert [each.key for each in before if each.edit] == [f"daskhub.{IMAGE}", f"daskhub.{LINK}"]
    assert [each for each in before if each.rule != "braces"] == after


def test_the_gravest_come_first() -> None:
    told = found("2021.7.2", LOCAL)
    order = [(list(SEVERITIES).index(each.severity), each.file, each.line) for each in told]
    assert order == sorted(order)
    assert {each.severity for each in told} == set(SEVERITIES)


def test_a_leap_says_no_more_of_the_crds_than_its_gravest_step() -> None:
    assert [each.rule for each in found("2021.7.2", "2024.1.1") if "crds" in each.rule] == ["crds-traefik-io"]


def test_crds_that_stay_as_they_are_are_not_spoken_of() -> None:
    old, new = daskhub("2021.7.2"), daskhub(LOCAL)
    hub, gateway = new.charts
    kept = replace(new, charts=(hub, replace(gateway, crds=old.charts[1].crds)))
    assert [each.rule for each in findings(old, kept, PREFIX, deployment()) if "crds" in each.rule] == []


# --- Each rule for itself


def shown(finding: Finding) -> str:
    """As breaks.yaml has it."""
    below = finding.path[: len(PREFIX)] == PREFIX
    return ".".join(finding.path[len(PREFIX) :]) if below else f"{finding.file}:{finding.line}"


@pytest.mark.parametrize(("rule", "case"), [(rule, case) for rule, known in cases().items() for case in known])
def test_a_rule_where_it_applies_and_where_it_does_not(rule: str, case: Case) -> None:
    told = case.found(rule)
    assert sorted(map(shown, told)) == sorted(case.at)
    known = next(each for each in rules() if each.id == rule)
    assert {(each.severity, each.source) for each in told} <= {(known.severity, known.source)}
    for each in told:
        keys = tuple(key for key in each.path if not key.isdigit())
        if each.file == "common.yaml" and keys == each.path:
            assert each.line == line_of(values(case.values), keys)


def test_every_rule_is_tried_both_ways() -> None:
    assert list(cases()) == [rule.id for rule in rules()]
    for rule, known in cases().items():
        assert {bool(case.at) for case in known} == {True, False}, rule


def just_below(version: str) -> str:
    """1.999.0 for 2.0.0, 2022.3.999 for 2022.4.0."""
    numbers = [int(number) for number in version.split(".")]
    last = max(place for place, number in enumerate(numbers) if number)
    return ".".join(map(str, [*numbers[:last], numbers[last] - 1, *[999] * (len(numbers) - last - 1)]))


@pytest.mark.parametrize(
    ("rule", "version"),
    [(rule, version) for rule in rules() for version in rule.entering],
    ids=lambda it: getattr(it, "id", it),
)
def test_a_rule_is_about_the_step_over_its_border_alone(rule: Rule, version: str) -> None:
    case = next(case for case in cases()[rule.id] if case.at)
    below, beta = just_below(version), f"{version}-beta.1"
    over = {(below, version), (beta, version)}
    beside = {(below, beta), (just_below(below), below), (version, version), (version, f"{version}.1")}
    for step in over | beside:
        moved = replace(case, step={**case.step, rule.chart: step})
        assert bool(moved.found(rule.id)) is (step in over), step


def test_a_rule_is_about_a_leap_over_its_border() -> None:
    for rule in rules():
        for version in rule.entering if not rule.unless else ():
            case = next(case for case in cases()[rule.id] if case.at)
            assert replace(case, step={**case.step, rule.chart: (just_below(version), "9999.0.0")}).found(rule.id)


def test_since_and_below_are_about_the_new_chart() -> None:
    bounds = {(rule.id, rule.since, rule.below) for rule in rules() if rule.since or rule.below}
    assert bounds == {("gateway-token-alone", "2022.10.0", ""), ("braces-too-early", "", "3.0.0")}
    early, alone = cases()["braces-too-early"][0], cases()["gateway-token-alone"][0]
    for new, applies in {"2.9.9": True, "3.0.0-beta.1": True, "3.0.0": False, "3.0.0-0.dev.git.6": True}.items():
        assert bool(replace(early, step={"jupyterhub": ("1.2.0", new)}).found("braces-too-early")) is applies, new
    for new, applies in {"2022.6.1": False, "2022.10.0": True, "2026.3.0": True}.items():
        assert bool(replace(alone, step={"dask-gateway": ("0.9.0", new)}).found("gateway-token-alone")) is applies, new


def test_a_chart_without_one_of_the_two_has_no_findings_of_it() -> None:
    old, new = (replace(chart, charts=chart.charts[:1]) for chart in (daskhub("2023.1.0"), daskhub("2024.1.1")))
    told = {each.rule for each in findings(old, new, PREFIX, deployment())}
    assert told == {rule for rule, _ in TO_JUPYTERHUB_3} - {"crds-traefik-io"}


# --- The file


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule.id))
def test_a_rule_says_what_where_and_on_whose_word(rule: Rule) -> None:
    assert [each.id for each in rules()].count(rule.id) == 1
    assert rule.chart in ("jupyterhub", "dask-gateway", "daskhub")
    assert rule.severity in SEVERITIES
    assert rule.says.endswith(".")
    assert rule.do.endswith(".")
    assert re.fullmatch(r"https://\S+", rule.source)
    assert set(rule.unless) <= {other.id for other in rules()}
    assert rule.find in conditions.FINDERS
    assert [bool(rule.path), bool(rule.at), rule.find != "step"].count(True) <= 1
    assert all(isinstance(getattr(rule, key), tuple) for key in LISTS)
    assert {pattern.split(".")[0] for pattern in (*rule.path, *rule.at)} <= {"jupyterhub", "dask-gateway"}


def test_only_braces_are_edited() -> None:
    """Whatever else is found is for a person to decide."""
    assert {rule.id: rule.edit for rule in rules() if rule.edit} == {"braces": "double-braces"}


def test_no_rule_is_about_this_deployment() -> None:
    folder = Path(conditions.__file__).parent
    for name in ("breaks.yaml", "breaks.py", "conditions.py", "facts.py"):
        assert not re.search(r"(?i)l2l|learning.2.learn|arokem", (folder / name).read_text(encoding="utf-8"))
