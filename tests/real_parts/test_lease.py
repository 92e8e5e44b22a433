"""Leases on a real API server and in the practice world, and the lock that is made of one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import Refused
from tasks.folder import DiskFolder
from tasks.lock import NAME, NAMESPACE, SECONDS, Lock, Lost
from tasks.seams import AwsError, Ran, Seams
from tests.real_parts.real_side import Real
from tests.real_parts.sides import Side
from tests.test_lock import Person

HOLDER, VERSION, TIME = "/spec/holderIdentity", "/metadata/resourceVersion", "/spec/renewTime"
ANNA, BEN = Person("anna@laptop", 41), Person("ben@desk", 42)


@pytest.fixture
def lease(side: Side) -> Iterator[str]:
    """Its name. Not there yet."""
    yield side.namespace
    delete(side, side.namespace)


def delete(side: Side, name: str) -> None:
    """The practice world is gone with its test."""
    if isinstance(side, Real):
        side.programs.kubectl("delete", "lease", name, f"--namespace={NAMESPACE}", "--ignore-not-found")


def create(side: Side, name: str, file: Path, **spec: Any) -> Ran:
    metadata = {"name": name, "namespace": NAMESPACE}
    document = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
    file.write_text(json.dumps(document))
    return side.run(side.kubectl.create_lease(str(file)))


def read(side: Side, name: str) -> dict[str, Any]:
    ran = side.run(side.kubectl.get_lease(NAMESPACE, name))
    assert ran.exit == 0
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def patch(side: Side, name: str, *operations: tuple[str, str, str]) -> Ran:
    found = [{"op": op, "path": path, "value": value} for op, path, value in operations]
    return side.run(side.kubectl.patch_lease(NAMESPACE, name, found))


def test_a_lease_is_made_once(side: Side, lease: str, tmp_path: Path) -> None:
    absent = side.run(side.kubectl.get_lease(NAMESPACE, lease))
    assert (absent.exit, absent.stdout, absent.stderr) == (0, "", "")
    spec = {"holderIdentity": "anna", "leaseDurationSeconds": 60, "renewTime": "2026-01-05T09:00:00.000000Z"}
    assert create(side, lease, tmp_path / "lease.json", **spec).exit == 0
    assert read(side, lease)["spec"] == spec
    again = create(side, lease, tmp_path / "lease.json", holderIdentity="ben")
    assert again.exit == 1
    assert "AlreadyExists" in again.last_words
    assert f'"{lease}" already exists' in again.last_words
    assert read(side, lease)["spec"] == spec


def test_a_patch_whose_test_fails_changes_nothing(side: Side, lease: str, tmp_path: Path) -> None:
    """Whoever has it, and as whoever has read it has seen it."""
    create(side, lease, tmp_path / "lease.json", holderIdentity="anna")
    seen = read(side, lease)["metadata"]["resourceVersion"]
    assert patch(side, lease, ("test", VERSION, seen), ("replace", HOLDER, "ben")).exit == 0
    now = read(side, lease)
    assert (now["spec"]["holderIdentity"], now["metadata"]["resourceVersion"] != seen) == ("ben", True)
    for refused in (
        patch(side, lease, ("test", VERSION, seen), ("replace", HOLDER, "cleo")),
        patch(side, lease, ("test", HOLDER, "anna"), ("replace", HOLDER, "cleo")),
        patch(side, lease, ("replace", HOLDER, "cleo"), ("test", HOLDER, "anna")),
    ):
        assert refused.exit == 1
        assert refused.last_words.startswith("The request is invalid: ")
    assert read(side, lease) == now
    assert patch(side, lease, ("test", HOLDER, "ben"), ("replace", HOLDER, "")).exit == 0
    assert read(side, lease)["spec"]["holderIdentity"] == ""


def test_what_is_not_there_can_be_replaced_even_so(side: Side, lease: str, tmp_path: Path) -> None:
    """By the RFC it can't; the API server is not that strict, and a lease may be any that a person has made."""
    create(side, lease, tmp_path / "lease.json")
    assert patch(side, lease, ("test", HOLDER, "anna"), ("replace", HOLDER, "ben")).exit == 1
    assert patch(side, lease, ("replace", HOLDER, "anna")).exit == 0
    assert read(side, lease)["spec"] == {"holderIdentity": "anna"}


def test_a_lease_that_is_gone_cannot_be_patched(side: Side, lease: str) -> None:
    ran = patch(side, lease, ("replace", HOLDER, "anna"))
    assert ran.exit == 1
    assert "NotFound" in ran.last_words


def test_a_time_keeps_its_microseconds(side: Side, lease: str, tmp_path: Path) -> None:
    create(side, lease, tmp_path / "lease.json", renewTime="2026-01-05T09:00:00.000000Z")
    assert patch(side, lease, ("replace", TIME, "2026-01-05T09:00:01.000001Z")).exit == 0
    assert read(side, lease)["spec"]["renewTime"] == "2026-01-05T09:00:01.000001Z"


# The lock


@pytest.fixture
def free(side: Side) -> Iterator[Side]:
    """There is no lock on the cluster yet."""
    delete(side, NAME)
    yield side
    delete(side, NAME)


def lock(side: Side, folder: Path, person: Person) -> Lock:
    def aws(*_: Any, **__: Any) -> Any:
        raise AwsError("none", "nobody asks AWS for a lock")

    return Lock(Seams(side.run, aws, side, DiskFolder(folder), person), side.kubectl)


def renewed(side: Side) -> float:
    return datetime.fromisoformat(read(side, NAME)["spec"]["renewTime"]).timestamp()


def test_a_lock_is_taken_renewed_and_given_back(free: Side, tmp_path: Path) -> None:
    anna = lock(free, tmp_path, ANNA)
    anna.take()
    spec = read(free, NAME)["spec"]
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"]) == (anna.me, SECONDS)
    before = renewed(free)
    assert abs(before - free.now()) < SECONDS / 2
    anna.renew()
    assert renewed(free) == before  # not due
    free.sleep(SECONDS - 15)
    anna.renew()
    assert renewed(free) - before >= SECONDS - 15
    anna.release()
    assert read(free, NAME)["spec"]["holderIdentity"] == ""
    lock(free, tmp_path, BEN).take()
    assert read(free, NAME)["spec"]["holderIdentity"].startswith(BEN.name)


def test_a_second_one_is_refused_and_told_who_has_it(free: Side, tmp_path: Path) -> None:
    lock(free, tmp_path, ANNA).take()
    before = read(free, NAME)
    with pytest.raises(Refused, match=r"^anna@laptop is at work on this cluster \(process 41\): .* in (59|60) s\.$"):
        lock(free, tmp_path, BEN).take()
    assert read(free, NAME) == before


def test_a_lock_that_has_run_out_is_taken_over(free: Side, tmp_path: Path) -> None:
    """Whoever had it hears of it, and leaves it alone."""
    anna, ben = (lock(free, tmp_path, person) for person in (ANNA, BEN))
    anna.take()
    free.sleep(SECONDS + 1)
    ben.take()
    taken = read(free, NAME)
    assert taken["spec"]["holderIdentity"] == ben.me
    with pytest.raises(Lost, match=r"^ben@desk has taken the lock on the cluster over"):
        anna.renew()
    anna.release()
    assert read(free, NAME) == taken


def test_of_two_who_see_the_same_free_lock_one_gets_it(free: Side, tmp_path: Path) -> None:
    """Also where neither finds one."""
    anna, ben = (lock(free, tmp_path, person) for person in (ANNA, BEN))
    for winner, loser in ((anna, ben), (ben, anna)):
        answer = free.run(free.kubectl.get_lease(NAMESPACE, NAME))
        winner.take()
        late = Lock(replace(loser.seams, run=_seeing(answer, free)), free.kubectl)
        with pytest.raises(Refused, match=r"could not be taken .*start again"):
            late.take()
        assert read(free, NAME)["spec"]["holderIdentity"] == winner.me
        winner.release()


def _seeing(answer: Ran, side: Side) -> Any:
    """Looks too early."""

    def run(argv: Sequence[str], **how: Any) -> Ran:
        return answer if "get" in argv else side.run(argv, **how)

    return run


@pytest.mark.parametrize("spec", [{}, {"holderIdentity": "", "leaseDurationSeconds": 60}])
def test_a_lease_that_a_person_has_made_is_taken(free: Side, tmp_path: Path, spec: dict[str, Any]) -> None:
    create(free, NAME, tmp_path / "lease.json", **spec)
    anna = lock(free, tmp_path, ANNA)
    anna.take()
    free.sleep(SECONDS - 15)
    anna.renew()
    assert read(free, NAME)["spec"]["holderIdentity"] == anna.me
