"""What a rollback is verified against: what the revision had that it goes back to."""

from __future__ import annotations

from tasks.hub.rollback import as_deployed
from tasks.hub.values import Source, Values

DEPLOYED = {"hub": {"password": "the first password", "image": {"tag": "1234567"}}}
NOW = Values(
    (
        Source("config/common.yaml", "", {"hub": {"replicas": 2}}),
        Source("secrets/prod.yaml", "", {"hub": {"password": "the third password"}}, secret=True),
    ),
    {"hub.image.tag": "89abcde"},
    ({"hub": {"password": "the second password"}},),
)


def test_values_and_tags_are_the_revisions() -> None:
    found = as_deployed(NOW, DEPLOYED)
    assert found.document == DEPLOYED
    assert found.strings == {"hub.image.tag": "1234567"}


def test_what_was_ever_secret_still_is() -> None:
    redacted = as_deployed(NOW.after(DEPLOYED), DEPLOYED).redacted
    said = "the first password, the second password, the third password, 1234567"
    assert redacted(said) == "(secret), (secret), (secret), 1234567"
