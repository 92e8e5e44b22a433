"""What is observed, as frozen values: the live cluster and the cluster's configuration file."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from tasks.plan.version import Minor

Pairs = frozenset[tuple[str, str]]  # labels, or a budget's selector
NOBODY: Pairs = frozenset()

# CloudFormation's end states in which a node group is usable.
SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "ACTIVE")


class PodKind(Enum):
    """What a pod is to the people of a hub; told by its labels alone."""

    USER_SERVER = "user server"
    DASK_SCHEDULER = "Dask scheduler"
    DASK_WORKER = "Dask worker"
    SYSTEM = "system"
    OTHER = "other"

    @property
    def is_user(self) -> bool:
        """Somebody loses work if it is evicted: a scheduler holds a person's cluster."""
        return self in (PodKind.USER_SERVER, PodKind.DASK_SCHEDULER)


@dataclass(frozen=True)
class ControlPlane:
    """EKS's half: version, status (ACTIVE, UPDATING, …), endpoint URL, the version an update in flight goes to."""

    version: Minor
    status: str
    endpoint: str
    updating_to: Minor | None = None


@dataclass(frozen=True)
class Shape:
    """What makes a node group the same group as another one: where its nodes stand and what runs on them."""

    labels: Pairs = NOBODY
    taints: frozenset[str] = frozenset()  # "key=value:Effect"
    zones: frozenset[str] = frozenset()

    def keys(self) -> frozenset[str]:
        """Of its labels and taints."""
        return frozenset({key for key, _ in self.labels} | {taint.partition("=")[0] for taint in self.taints})

    def limited_to(self, keys: frozenset[str]) -> Shape:
        """Without labels and taints of other keys: what drivers, the autoscaler and Kubernetes itself put on nodes."""
        labels = frozenset((key, value) for key, value in self.labels if key in keys)
        return Shape(labels, frozenset(taint for taint in self.taints if taint.partition("=")[0] in keys), self.zones)


@dataclass(frozen=True)
class Node:
    """A live node; version is its kubelet's."""

    name: str
    group: str
    version: Minor
    ready: bool
    cordoned: bool


@dataclass(frozen=True)
class Group:
    """A live node group. version: its oldest kubelet, or its image's when it has no nodes; None if unknown."""

    name: str
    managed: bool
    version: Minor | None
    status: str  # of its stack, or of the managed group
    reason: str = ""  # why the status is a failed one
    shape: Shape = Shape()
    desired: int = 0
    maximum: int = 0
    scaling_group: str | None = None  # the Auto Scaling group's name; None: it does not exist (yet)
    nodes: tuple[Node, ...] = ()

    def ready_at(self, version: Minor) -> int:
        """How many of its nodes are Ready with a kubelet of at least this version."""
        return sum(node.ready and node.version >= version for node in self.nodes)

    @property
    def open_nodes(self) -> int:
        """Nodes that still take new pods: the capacity which a successor has to bring."""
        return sum(not node.cordoned for node in self.nodes)

    @property
    def busy(self) -> bool:
        return self.status.endswith("_IN_PROGRESS") or self.status in ("CREATING", "UPDATING", "DELETING")

    @property
    def failed(self) -> bool:
        return not self.busy and self.status not in SETTLED


@dataclass(frozen=True)
class Pod:
    """A live pod. bare: no controller would start it anew elsewhere."""

    namespace: str
    name: str
    node: str
    kind: PodKind
    bare: bool
    labels: Pairs = NOBODY


@dataclass(frozen=True)
class Budget:
    """A PodDisruptionBudget and how many evictions it allows at the moment."""

    namespace: str
    name: str
    selector: Pairs
    allowed: int


@dataclass(frozen=True)
class Addon:
    """A part of the cluster that follows its version. wanted: EKS's default now, for managed ones; minor of the tag."""

    name: str
    version: str
    managed: bool
    settled: bool  # rolled out, or ACTIVE
    trouble: str = ""
    wanted: str | None = None
    route: tuple[str, ...] = ()  # the versions to go through, wanted being the last

    @property
    def minor(self) -> Minor | None:
        return Minor.within(self.version)


@dataclass(frozen=True)
class Autoscaler:
    """cluster-autoscaler, found by its image: where it runs, and the minor that it is built for."""

    namespace: str
    workload: str
    container: str
    minor: Minor | None


@dataclass(frozen=True)
class Cluster:
    """The live cluster as one observation."""

    name: str
    region: str
    account: str
    control_plane: ControlPlane
    offered: tuple[Minor, ...]
    groups: tuple[Group, ...] = ()
    pods: tuple[Pod, ...] = ()
    budgets: tuple[Budget, ...] = ()
    addons: tuple[Addon, ...] = ()
    autoscaler: Autoscaler | None = None
    charts: tuple[tuple[str, str], ...] = ()  # (name, version), of all releases in all namespaces

    def group(self, name: str) -> Group | None:
        return next((group for group in self.groups if group.name == name), None)

    def pods_on(self, group: Group) -> list[Pod]:
        nodes = {node.name for node in group.nodes}
        return [pod for pod in self.pods if pod.node in nodes]

    def users_on(self, group: Group) -> list[Pod]:
        return [pod for pod in self.pods_on(group) if pod.kind.is_user]


@dataclass(frozen=True)
class ConfigGroup:
    """A node group as the configuration file declares it."""

    name: str
    managed: bool
    shape: Shape
    desired: int


@dataclass(frozen=True)
class Config:
    """The eksctl ClusterConfig, as far as decisions need it."""

    name: str
    region: str
    version: Minor
    groups: tuple[ConfigGroup, ...] = field(default=())

    @property
    def shape_keys(self) -> frozenset[str]:
        """The labels and taints by which this deployment tells its groups apart."""
        return frozenset().union(*(group.shape.keys() for group in self.groups))

    @property
    def self_managed(self) -> tuple[ConfigGroup, ...]:
        return tuple(group for group in self.groups if not group.managed)
