"""The upgrade from its first look to its last, on the practice cluster."""

from __future__ import annotations

from tests.rehearsal import Rehearsal


def test_the_clusters_upgrade_ends_where_it_should(rehearsal: Rehearsal) -> None:
    assert rehearsal.run("1.22") == "done"
    end = rehearsal.end()
    assert end["control plane"] == ("1.22", "ACTIVE")
    assert set(end["groups"]) == {"core-c", "user-c", "worker-xlarge-c", "worker-2xlarge-c", "worker-4xlarge-c"}
    assert {version for version, *_ in end["groups"].values()} == {"1.22"}
    assert not any(rehearsal.wrongs().values())
