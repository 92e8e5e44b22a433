"""A plan's parts, as frozen values: plan, step, action."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.plan.survival import Ceiling
from tasks.plan.version import Minor


@dataclass(frozen=True)
class Edit:
    """Change the configuration file: the version, group names (old, new), desired sizes (new name, size)."""

    version: Minor | None = None
    renames: tuple[tuple[str, str], ...] = ()
    desired: tuple[tuple[str, int], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.version or self.renames or self.desired)


@dataclass(frozen=True)
class RaiseControlPlane:
    """One minor up, through eksctl; the file says `to`."""

    current: Minor
    to: Minor


@dataclass(frozen=True)
class UpdateAddons:
    """One after the other, each rolled out before the next: (name, version); None where eksctl picks it itself."""

    updates: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class AwaitAddons:
    """Until these have rolled out: no hop while one of them has not."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class CreateGroups:
    """All new groups of one roll, in one call; the file declares them at `version`."""

    names: tuple[str, ...]
    version: Minor


@dataclass(frozen=True)
class AwaitGroup:
    """Until the group has `nodes` Ready nodes at `version`, or, at zero, its Auto Scaling group."""

    name: str
    version: Minor
    nodes: int


@dataclass(frozen=True)
class StopForUsers:
    """The run ends here: people are at work on these groups, and nobody has said what is to become of them."""

    users: tuple[tuple[str, str], ...]  # (pod, group)


@dataclass(frozen=True)
class StopForCharts:
    """The run ends here: these installed charts don't survive Kubernetes `to`, and have to be raised before it."""

    to: Minor
    ceilings: tuple[Ceiling, ...]


@dataclass(frozen=True)
class FenceGroup:
    """New servers start elsewhere: no new nodes, and none of the present ones takes pods."""

    name: str
    scaling_group: str
    maximum: int  # the present number of nodes


@dataclass(frozen=True)
class AwaitUsers:
    """Until nobody is left on the group, or the time that was granted is over."""

    name: str


@dataclass(frozen=True)
class DrainGroup:
    """Evict the pods of all the group's nodes. force: bare pods too, which nobody starts anew."""

    name: str
    force: bool


@dataclass(frozen=True)
class DeleteGroup:
    """By its exact name, after it is drained; `successor` has to be Ready."""

    name: str
    successor: AwaitGroup


@dataclass(frozen=True)
class RaiseManagedGroup:
    """A managed group to the control plane's version; EKS replaces its nodes."""

    name: str
    to: Minor


Action = (
    Edit
    | RaiseControlPlane
    | UpdateAddons
    | AwaitAddons
    | CreateGroups
    | AwaitGroup
    | StopForUsers
    | StopForCharts
    | FenceGroup
    | AwaitUsers
    | DrainGroup
    | DeleteGroup
    | RaiseManagedGroup
)


@dataclass(frozen=True)
class Hazard:
    """Something that breaks when a control plane enters `minor`, and where it is written."""

    minor: Minor
    text: str
    source: str


@dataclass(frozen=True)
class Step:
    """One line of the plan.

    id: stable, such as `control-plane-1.20`. minutes: usual duration. breaks: the policies that are broken after it,
    and until which step.
    """

    id: str
    does: str
    why: str
    done_when: str
    minutes: int
    disturbs: str
    actions: tuple[Action, ...]
    hazards: tuple[Hazard, ...] = ()
    breaks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The steps from the live state to the target, and what to know before them."""

    start: Minor
    target: Minor
    strategy: str
    steps: tuple[Step, ...]
    warnings: tuple[str, ...] = ()

    @property
    def minutes(self) -> int:
        return sum(step.minutes for step in self.steps)
