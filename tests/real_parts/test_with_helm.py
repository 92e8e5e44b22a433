"""deploy.with: helm does what hubploy does, without hubploy."""

from __future__ import annotations

import re
import shutil

from tests.real_parts.hub import Hub

HELM = {"INVOKE_DEPLOY_WITH": "helm"}


def settled(hub: Hub) -> str:
    """The release's manifest without what differs at each rendering."""
    text, places = re.subn(r"random: \S+", "random", hub.helm("get", "manifest", hub.release))
    assert places == 1
    return text


def test_both_ways_give_the_same_release(hub: Hub) -> None:
    hub.deploys()
    manifest, values = settled(hub), hub.deployed_values
    assert "nothing to change" in hub.deploys("deploy", more=HELM)
    hub.helm("uninstall", hub.release, "--wait")
    said = hub.deploys("deploy", more=HELM)
    assert "helm upgrade --wait --install" in said
    assert "hubploy deploy" not in said
    assert settled(hub) == manifest
    assert hub.deployed_values == values
    assert "nothing to change" in hub.deploys()


def test_hubploy_is_not_needed_for_it_and_neither_are_its_environments(hub: Hub) -> None:
    shutil.copy(hub.secrets_file, hub.secrets_file.with_name("review.yaml"))
    run = hub.run("deploy", "--environment", "review")
    assert run.exit == 1
    assert "hubploy knows no environment 'review'" in run.err
    hub.deploys("deploy", "--environment", "review", more=HELM)
    assert hub.helm("list", "--short").split() == [f"{hub.name}-review"]
    run = hub.run("deploy", "--environment", "other", more=HELM)
    assert run.exit == 1
    assert "There is no environment 'other'" in run.err
