"""`invoke rollback` brings back an earlier revision as it was, and no other."""

from __future__ import annotations

import json

import pytest

from tests.real_parts.hub import Hub

NOWHERE = {"nowhere": "true"}  # a label that no node has


@pytest.fixture
def twice(hub: Hub) -> Hub:
    """Deployed, and changed by another deploy."""
    hub.deploys()
    hub.values(greeting="good evening")
    hub.deploys()
    return hub


def last_description(hub: Hub) -> str:
    return str(json.loads(hub.helm("history", hub.release, "--output=json"))[-1]["description"])


def greeting(hub: Hub) -> str:
    return str(hub.state["ConfigMap greeting"]["data"]["greeting"])


def refuses(hub: Hub, said: str, *words: str) -> None:
    before = hub.versions
    run = hub.run("rollback", *words)
    assert (run.exit, run.err) == (1, f"{said}\n")
    assert hub.versions == before
    assert hub.holder == ""


def test_to_the_revision_before(twice: Hub) -> None:
    """Objects and values; what git says comes with the next deploy."""
    before = twice.versions
    out = twice.deploys("--dry", "rollback")
    assert "-  greeting: good evening" in out
    assert "+  greeting: hello" in out
    assert twice.versions == before
    refuses(twice, "Nobody is there to say yes: add --yes if the plan is to be carried out.")

    evening = twice.state
    out = twice.deploys("rollback", "--yes")
    assert f"{twice.release} is at revision 3, which is revision 1 again." in out
    assert twice.revisions == [(1, "superseded"), (2, "superseded"), (3, "deployed")]
    assert last_description(twice) == "Rollback to 1"
    assert twice.state == {**evening, "ConfigMap greeting": {"data": {"greeting": "hello"}}}
    assert "greeting" not in twice.deployed_values["small"]
    assert twice.holder == ""

    out = twice.deploys("rollback", "--to", "2", "--yes")
    assert "revision 4, which is revision 2 again" in out
    assert twice.state == evening
    assert twice.deployed_values["small"]["greeting"] == "good evening"
    assert "nothing to change" in twice.deploys()
    assert twice.revisions[-1] == (4, "deployed")


def test_to_a_revision_that_nobody_should_go_to(twice: Hub) -> None:
    twice.values(greeting="never seen", nodeSelector=NOWHERE)
    twice.helm(*twice.upgrade("--timeout=2s"), fails=True)
    assert twice.revisions[-1] == (3, "failed")
    name = twice.release
    for to, said in (
        ("nine", "--to 'nine' is no revision's number: `helm history` lists them."),
        ("9", f"{name}: helm has no revision 9, only 1 to 3."),
        ("3", f"{name}: revision 3 is failed, and nobody should go back to it: name one that was good."),
    ):
        refuses(twice, said, "--yes", "--to", to)

    twice.deploys("rollback", "--yes")  # from the failed one to the good one before it
    assert greeting(twice) == "good evening"
    assert twice.node_selector == {}
    last, status = twice.revisions[-1]
    assert status == "deployed"
    refuses(twice, f"{name}: it is at revision {last} already.", "--yes", "--to", str(last))


def test_a_secret_that_was_changed_since_is_still_one(hub: Hub) -> None:
    """Whichever of the revisions had it, and wherever the chart has put it."""
    secrets = ["the first pass phrase", "the second pass phrase"]
    for secret in secrets:
        hub.programs.encrypt({"small": {"token": hub.token, "greeting": secret}}, hub.secrets_file)
        hub.deploys()
        assert greeting(hub) == secret
    summary = hub.folder / "summary"
    more = {"GITHUB_STEP_SUMMARY": str(summary)}
    said = hub.deploys("--dry", "rollback", more=more) + hub.deploys("rollback", "--yes", more=more)
    assert greeting(hub) == secrets[0]
    for shown in (said, summary.read_text()):
        assert "small.greeting: changed (secret)" in shown
        assert "-  greeting: (secret)" in shown
        assert "+  greeting: (secret)" in shown
        assert [secret for secret in secrets if secret in shown] == []


def test_where_there_is_nothing_to_go_back_to(hub: Hub) -> None:
    refuses(hub, f"{hub.release}: there is no release to go back in.", "--yes")
    hub.deploys()
    refuses(hub, f"{hub.release}: there is no earlier revision that was good.", "--yes")
