"""Random small clusters for the property tests, each with the upgrade that it is to go through."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st

from tasks.plan.skew import newest_api_server
from tasks.plan.version import Minor
from tasks.practice.door import Accident
from tests.rehearsal import Rehearsal

OLDEST, NEWEST_START, NEWEST = 18, 33, 36  # minors: where clusters start, and the last one that EKS offers
TAGS = "k8s.io/cluster-autoscaler/node-template"
ZONES = ("us-west-2a", "us-west-2b", "us-west-2d")
LETTERS = ("", "-a", "-b", "-c", "-y", "-z")
CORE, USER = ((("hub.jupyter.org/node-purpose", purpose),) for purpose in ("core", "user"))
WORKERS = ("worker", "worker-xlarge", "gpu")
ADDONS = ("vpc-cni", "coredns", "kube-proxy")
SPANS = (1, 1, 1, 1, 2, 2, 3, 4)  # a short run leaves time for more accidents


def times(cases: int) -> int:
    """So many; a hundred times as many with HYPOTHESIS_PROFILE=long."""
    return cases * (100 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 1)


def examples(cases: int) -> settings:
    return settings(max_examples=times(cases))


@dataclass(frozen=True)
class Practice:
    """A cluster as it stands before its upgrade. versions: of the groups that are not at the control plane's."""

    config: str
    version: Minor
    target: Minor
    versions: tuple[tuple[str, Minor], ...] = ()
    managed_addons: tuple[str, ...] = ()

    def begin(self, folder: Path, users: int = 0) -> Rehearsal:
        return Rehearsal.begin(
            folder,
            self.config,
            version=self.version,
            versions=dict(self.versions),
            managed_addons=self.managed_addons,
            users=users,
        )

    def replay(self, *accidents: Accident, people: int = 0, wishes: str = "") -> str:
        """Command lines that do something like it: `invoke` looks at the cluster once more before it begins.

        wishes: what else stands on the line of the upgrade.
        """
        begin = f"invoke rehearse --users {people}" if people else "invoke rehearse"
        flags = [f" --{accident.kind} {accident.event}" for accident in accidents]
        starts = [begin, *["invoke rehearse --resume"] * len(flags)]
        upgrade = f" upgrade-k8s --to {self.target}{wishes}"
        lines = [start + flag + upgrade for start, flag in zip(starts, [*flags, ""], strict=True)]
        return f"{'; '.join(lines)}{self._unlike()}\nwith this infra/eksctl-cluster-config.yaml:\n{self.config}"

    def _unlike(self) -> str:
        """What no flag of `rehearse` says."""
        groups = [f"{name} is at {version}" for name, version in self.versions if version != self.version]
        found = [f"the cluster is at {self.version}"] * (f'"{self.version}"' not in self.config)
        found += groups + [f"EKS manages {name}" for name in self.managed_addons]
        return f"\nbut here, unlike there, {', '.join(found)}" if found else ""


@dataclass(frozen=True)
class NodeGroup:
    """A node group to be declared."""

    name: str
    labels: tuple[tuple[str, str], ...]
    desired: int
    maximum: int
    zones: tuple[str, ...] = ()
    taint: str = ""  # the form it is written in: "map", "list", or none at all
    spot: bool = False

    def text(self) -> str:
        taint = {"map": '    taints: {worker: "true:NoSchedule"}\n', "list": _TAINT_LIST}.get(self.taint, "")
        tags = [f"      {TAGS}/label/{key}: {value!r}\n" for key, value in self.labels]
        tags += [f'      {TAGS}/taint/worker: "true:NoSchedule"\n'] if taint else []
        return (
            f"  - name: {self.name}\n"
            + (f"    availabilityZones: [{', '.join(self.zones)}]\n" if self.zones else "")
            + f"    minSize: 0\n    maxSize: {self.maximum}\n    desiredCapacity: {self.desired}\n    labels:\n"
            + "".join(f"      {key}: {value!r}\n" for key, value in self.labels)
            + taint
            + "    tags:\n"
            + "".join(tags)
            + ("    instancesDistribution: {instanceTypes: [m5.xlarge, m5a.xlarge]}\n" if self.spot else "")
        )


_TAINT_LIST = '    taints:\n      - {key: worker, value: "true", effect: NoSchedule}\n'


def config_text(
    version: Minor, groups: Sequence[NodeGroup], managed: Sequence[NodeGroup] = (), zones: Sequence[str] = ZONES
) -> str:
    """An eksctl ClusterConfig. zones: none where eksctl is to choose them."""
    head = (
        "apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\n"
        f'metadata:\n  name: small\n  region: us-west-2\n  version: "{version}"\n'
    )
    head += f"availabilityZones: [{', '.join(zones)}]\n" if zones else ""
    sections = {"nodeGroups": groups, "managedNodeGroups": managed}
    return head + "".join(
        f"{key}:\n" + "".join(group.text() for group in some) for key, some in sections.items() if some
    )


@st.composite
def node_groups(draw: st.DrawFn, stem: str, labels: tuple[tuple[str, str], ...], least: int = 0) -> NodeGroup:
    """least: nodes that it has to have."""
    worker = stem in WORKERS
    return NodeGroup(
        name=stem + draw(st.sampled_from(LETTERS)),
        labels=labels,
        desired=draw(st.integers(least, 2)),
        maximum=draw(st.integers(2, 20)),
        zones=draw(st.sampled_from([(), *((zone,) for zone in ZONES)])),
        taint=draw(st.sampled_from(["map", "list", ""])) if worker else "",
        spot=worker and draw(st.booleans()),
    )


def core_groups() -> st.SearchStrategy[NodeGroup]:
    return node_groups("core", CORE, least=1)


def user_groups(least: int = 0) -> st.SearchStrategy[NodeGroup]:
    return node_groups("user", USER, least)


def worker_groups(stem: str) -> st.SearchStrategy[NodeGroup]:
    return node_groups(stem, (("worker", "true"),))


@st.composite
def other_groups(draw: st.DrawFn, most: int = 2) -> list[NodeGroup]:
    """Of different stems; or of the same one, a zone each, as groups with disks in their zone are declared."""
    stems = draw(st.lists(st.sampled_from(["user", *WORKERS]), max_size=most, unique=True))
    groups = [draw(user_groups() if stem == "user" else worker_groups(stem)) for stem in stems]
    if len(groups) == 1 and draw(st.booleans()):
        (one,) = groups
        letter = draw(st.sampled_from([letter for letter in LETTERS if letter > "-a"]))
        groups = [
            replace(one, name=stems[0], zones=ZONES[:1], desired=1),
            replace(one, name=stems[0] + letter, zones=ZONES[1:2]),
        ]
    return groups


@st.composite
def practices(draw: st.DrawFn, spans: Sequence[int] = SPANS, people: bool = False) -> Practice:
    """A core group, up to two others, sometimes one that EKS manages; groups may lag as far as the policy lets them.

    people: there is a group for their servers, and now and then it is the one that EKS manages.
    """
    version = Minor(draw(st.integers(OLDEST, NEWEST_START)))
    target = min(version + draw(st.sampled_from(spans)), Minor(NEWEST))
    core, pool = draw(core_groups()), draw(node_groups("pool", (("pool", "true"),)))
    others, managed = draw(other_groups()), [pool] if draw(st.sampled_from([0, 0, 1])) else []
    if people:
        users = draw(user_groups())
        others, managed = draw(st.sampled_from([([users], managed), ([users], managed), ([], [users])]))
    groups = draw(st.permutations([core, *others]))
    versions = tuple((group.name, draw(lagging(version))) for group in groups)
    addons = draw(st.sets(st.sampled_from(ADDONS))) if draw(st.sampled_from([0, 0, 1])) else set()
    declared = max(version + -draw(st.sampled_from([0, 0, 0, 1, 2])), Minor(OLDEST))
    text = config_text(declared, groups, managed, draw(st.sampled_from([ZONES, ()])))
    return Practice(text, version, target, versions, tuple(sorted(addons)))


def lagging(control_plane: Minor) -> st.SearchStrategy[Minor]:
    """Kubelet versions that the policy allows beside it, its own version first."""
    lags = [lag for lag in range(4) if newest_api_server(control_plane + -lag) >= control_plane]
    return st.sampled_from([control_plane + -lag for lag in lags])
