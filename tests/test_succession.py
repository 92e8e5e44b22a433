"""Which live group and which declared one are the same, and what the next one is called."""

from __future__ import annotations

import string

import pytest

from tasks.errors import Refused
from tasks.plan.succession import Succession, split_name, successions, successor_name, undeclared
from tasks.plan.upgrade import plan_upgrade
from tasks.plan.values import Cluster, Config, ConfigGroup, ControlPlane, Group, Shape
from tasks.plan.version import Minor, between

CORE = Shape(frozenset({("hub.jupyter.org/node-purpose", "core")}), frozenset(), frozenset({"us-west-2d"}))
OTHER_ZONE = Shape(CORE.labels, CORE.taints, frozenset({"us-west-2a"}))


def live(name: str, version: int | None = 18, shape: Shape = CORE, status: str = "CREATE_COMPLETE") -> Group:
    made = status != "CREATE_IN_PROGRESS"
    return Group(
        name,
        False,
        Minor(version) if version else None,
        status,
        shape=shape if made else Shape(),
        scaling_group=f"asg-{name}" if made else None,
    )


def world(*groups: Group, version: int = 18) -> Cluster:
    plane = ControlPlane(Minor(version), "ACTIVE", "https://practice.invalid")
    return Cluster("small", "us-west-2", "1", plane, tuple(between(Minor(18), Minor(36))), groups)


def file(*names: str, version: int = 18, shapes: tuple[Shape, ...] = ()) -> Config:
    every = zip(names, shapes or (CORE,) * len(names), strict=True)
    groups = tuple(ConfigGroup(name, False, shape, 1) for name, shape in every)
    return Config("small", "us-west-2", Minor(version), groups)


def only(config: Config, cluster: Cluster) -> Succession:
    (chain,) = successions(config, cluster)
    return chain


def names(chain: Succession) -> tuple[str, str | None, str | None]:
    """What the file should say, the live group of that name, and the one that has to go."""
    current, old = chain.current, chain.old
    return chain.name, current.name if current else None, old.name if old else None


def words_of(config: Config, cluster: Cluster, target: int = 19) -> str:
    with pytest.raises(Refused) as refused:
        plan_upgrade(cluster, config, Minor(target))
    return str(refused.value.message)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("core-b", ("core", "b")),
        ("core", ("core", "a")),
        ("worker-xlarge", ("worker-xlarge", "a")),
        ("worker-2-c", ("worker-2", "c")),
        ("core-B", ("core-B", "a")),
        ("a", ("a", "a")),
        ("core-ä", ("core-ä", "a")),
    ],
)
def test_a_name_is_a_stem_and_a_letter(name: str, parts: tuple[str, str]) -> None:
    assert split_name(name) == parts


@pytest.mark.parametrize(
    ("name", "taken", "successor"),
    [
        ("core-a", (), "core-b"),
        ("worker-xlarge", (), "worker-xlarge-b"),
        ("core-y", (), "core-z"),
        ("core-z", (), "core-a"),
        ("core-z", ("core-a", "core-b"), "core-c"),
        ("core-a", ("core-b",), "core-c"),
        ("core-y", ("core-z",), "core-a"),
        ("core-z", ("core",), "core-b"),  # no letter counts as a
        ("core-a", ("user-b", "core-b-b", "score-b"), "core-b"),  # other stems
    ],
)
def test_the_successor_has_the_next_free_letter(name: str, taken: tuple[str, ...], successor: str) -> None:
    assert successor_name(name, taken) == successor


def test_when_all_letters_are_taken_that_is_said() -> None:
    with pytest.raises(Refused, match="All 26 names from core-a to core-z are taken"):
        successor_name("core-m", [f"core-{letter}" for letter in string.ascii_lowercase])


@pytest.mark.parametrize("status", ["ACTIVE", "CREATING", "UPDATING", "DELETING"])
def test_the_name_of_a_group_in_any_state_is_taken(status: str) -> None:
    plan = plan_upgrade(world(live("core-a"), Group("core-b", True, Minor(18), status)), file("core-a"), Minor(19))
    assert "core-a → core-c" in next(step.does for step in plan.steps if step.id.startswith("nodes-"))


@pytest.mark.parametrize(
    ("declared", "version", "groups", "found"),
    [
        ("core-a", 18, [live("core-a")], ("core-a", "core-a", None)),  # as declared
        ("core-a", 18, [live("core-b", 20)], ("core-b", "core-b", None)),  # the file is stale
        ("core-c", 20, [live("core-b", 20)], ("core-b", "core-b", None)),  # ahead in its name alone
        ("core-b", 20, [live("core-a")], ("core-b", None, "core-a")),  # the roll has begun in the file
        ("core-b", 20, [live("core-a"), live("core-b", 20)], ("core-b", "core-b", "core-a")),  # both are live
        ("core-a", 18, [live("core-a"), live("core-b", 20)], ("core-b", "core-b", "core-a")),  # by a stale file
        ("core-a", 20, [live("core-z")], ("core-a", None, "core-z")),  # after z comes an earlier letter
        ("core-c", 20, [live("core-z")], ("core-c", None, "core-z")),  # and another one if that was taken then
        ("core-b", 20, [live("user-a")], ("core-b", None, None)),  # of another stem
        ("core-b", 20, [live("core-a"), live("core-b", None, status="CREATE_IN_PROGRESS")], ("core-b", "core-b", "core-a")),
        ("core-a", 18, [live("core-a"), live("core-b", None, status="CREATE_IN_PROGRESS")], ("core-b", "core-b", "core-a")),
        ("core-b", 20, [live("core-a", None, status="DELETE_IN_PROGRESS"), live("core-b", 20)], ("core-b", "core-b", "core-a")),
    ],
)  # fmt: skip
def test_a_succession_is_told_by_names_and_versions(
    declared: str, version: int, groups: list[Group], found: tuple[str, str | None, str | None]
) -> None:
    assert names(only(file(declared, version=version), world(*groups))) == found


def test_a_letter_that_another_group_has_is_passed_over_in_both_directions() -> None:
    managed = Group("core-z", True, Minor(20), "ACTIVE")
    chain = only(file("core-a", version=20), world(live("core-y"), managed, version=20))
    assert names(chain) == ("core-a", None, "core-y")


def test_a_stale_file_is_given_the_live_name_and_nothing_is_created() -> None:
    plan = plan_upgrade(world(live("core-b", 20), version=20), file("core-a"), Minor(20))
    assert [step.id for step in plan.steps] == ["config-1.20"]
    assert [type(action).__name__ for action in plan.steps[0].actions] == ["Edit"]


@pytest.mark.parametrize("groups", [["core-b", "core-c"], ["core-a", "core-b"], ["core-a", "core-b", "core-c"]])
def test_what_can_not_be_told_apart_is_refused_by_name(groups: list[str]) -> None:
    words = words_of(file("core-a"), world(*map(live, groups)))
    assert words.startswith(f"Live node groups {' and '.join(groups)} could each be")


@pytest.mark.parametrize(
    ("shape", "what"),
    [
        (Shape(frozenset({("x", "y")}), CORE.taints, CORE.zones), "labels (hub.jupyter.org/node-purpose=core and x=y)"),
        (Shape(CORE.labels, frozenset({"a=b:NoSchedule"}), CORE.zones), "taints (none and a=b:NoSchedule)"),
        (OTHER_ZONE, "availability zones (us-west-2d and us-west-2a)"),
    ],
)
def test_one_stem_of_two_shapes_is_refused_with_both_names_and_the_difference(shape: Shape, what: str) -> None:
    words = words_of(file("core-a", shapes=(shape,)), world(live("core-b")))
    assert words.startswith(f"Live node group core-b and core-a in the configuration share a stem but not their {what}")


def test_a_group_of_another_shape_than_declared_is_refused_before_it_is_replaced_and_not_after() -> None:
    config, cluster = file("core-a", shapes=(OTHER_ZONE,)), world(live("core-a"))
    assert "is live with other availability zones than the configuration says" in words_of(config, cluster)
    assert plan_upgrade(cluster, config, Minor(18)).steps == ()


def test_zones_that_the_file_leaves_to_eksctl_agree_with_any() -> None:
    config = file("core-b", version=20, shapes=(Shape(CORE.labels),))
    assert names(only(config, world(live("core-a")))) == ("core-b", None, "core-a")


def test_a_group_that_shows_neither_nodes_nor_tags_is_known_by_its_stem() -> None:
    bare = live("core-a", shape=Shape(zones=CORE.zones))
    assert names(only(file("core-b", version=20), world(bare))) == ("core-b", None, "core-a")


def test_groups_of_one_stem_in_zones_of_their_own_are_told_apart_by_the_zone() -> None:
    config = file("core-c", "core-d", version=20, shapes=(CORE, OTHER_ZONE))
    cluster = world(live("core-b", shape=OTHER_ZONE), live("core-a"))
    assert list(map(names, successions(config, cluster))) == [("core-c", None, "core-a"), ("core-d", None, "core-b")]


def test_two_groups_of_one_stem_and_shape_are_refused_before_their_successors_are_mixed_up() -> None:
    config, cluster = file("core-a", "core-b"), world(live("core-a"), live("core-b"))
    assert words_of(config, cluster).startswith("Node group core-a could be core-a as well as core-b")
    assert plan_upgrade(cluster, config, Minor(18)).steps == ()


def test_live_groups_that_nothing_declares_are_found() -> None:
    cluster = world(live("core-a"), live("gpu"), Group("pool", True, Minor(18), "ACTIVE"))
    chains = successions(file("core-a"), cluster)
    assert [group.name for group in undeclared(cluster, chains)] == ["gpu"]
