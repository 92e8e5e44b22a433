"""Fences: an old node group takes no new servers, until it is deleted or the run ends without it."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.errors import Refused
from tasks.journal import Journal
from tasks.observe import READ_LIMIT, Observer
from tasks.screen import Screen
from tasks.seams import AwsError, Seams


@dataclass(frozen=True)
class Fences:
    """What a fence has to give back is in the journal before the fence is put up."""

    seams: Seams
    observer: Observer
    journal: Journal
    screen: Screen

    def put_up(self, group: str, scaling_group: str, maximum: int, before: int) -> None:
        """No new nodes: the group's maximum becomes its present size. before: the maximum to give back."""
        self.journal.write("fence", group=group, scaling_group=scaling_group, maximum=before)
        if group not in self.journal.fences():
            raise Refused(
                "The journal in .runs/ does not keep what is written to it: look at the disk, then start again."
            )
        self._set_maximum(scaling_group, maximum)

    def lift_all(self) -> None:
        """At every end that is not sudden death. A group that is gone by then needs nothing back."""
        for name, fence in self.journal.fences().items():
            try:
                self._lift(name, fence["scaling_group"], fence["maximum"])
            except Refused as refused:
                self.screen.says(f"{name} still takes no new servers: {refused.message}", "yellow")

    def _lift(self, name: str, scaling_group: str, maximum: int) -> None:
        if self.observer.observe().group(name) is not None:
            self._set_maximum(scaling_group, maximum)
            self.seams.run(self.observer.kubectl.uncordon(name), changes=True, limit=READ_LIMIT)
            group = self.observer.observe().group(name)
            if group and (group.maximum != maximum or group.open_nodes < len(group.nodes)):
                raise Refused(f"its maximum should be {maximum} again and its nodes uncordoned; start again.")
            self.screen.says(f"{name} takes new servers again (maximum {maximum}).")
        self.journal.write("fence-lifted", group=name)

    def _set_maximum(self, scaling_group: str, maximum: int) -> None:
        try:
            self.seams.aws(
                "autoscaling", "update_auto_scaling_group", AutoScalingGroupName=scaling_group, MaxSize=maximum
            )
        except AwsError as error:
            raise Refused(
                f"The maximum of {scaling_group} could not be set to {maximum} ({error.message}): "
                "set it by hand, then start again."
            ) from None
