"""An action's command lines: the same for the plan that is shown and for the run."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.plan import steps
from tasks.plan.addons import SELF_MANAGED
from tasks.plan.steps import Action
from tasks.tools import eksctl
from tasks.tools.kubectl import Kubectl

DRAIN_SECONDS = 15 * 60


@dataclass(frozen=True)
class Commands:
    """Builds them for one cluster. file: the configuration, as the command line has to name it."""

    cluster: str
    region: str
    file: str
    kubectl: Kubectl

    def of(self, action: Action) -> list[list[str]]:
        """Empty for what is not done by a command."""
        match action:
            case steps.RaiseControlPlane():
                return [eksctl.upgrade_cluster(self.file)]
            case steps.CreateGroups(names):
                return [eksctl.create_nodegroups(self.file, names)]
            case steps.DeleteGroup(name):
                return [eksctl.delete_nodegroup(self.cluster, self.region, name)]
            case steps.RaiseManagedGroup(name, to):
                return [eksctl.upgrade_nodegroup(self.cluster, self.region, name, to)]
            case steps.DrainGroup(name, force):
                return [self.kubectl.drain(name, force, DRAIN_SECONDS)]
            case steps.FenceGroup(name):
                return [self.kubectl.cordon(name)]
            case steps.UpdateAddons(updates):
                return [self.update_addon(name, version) for name, version in updates]
        return []

    def update_addon(self, name: str, version: str | None) -> list[str]:
        """version: None for an add-on that EKS does not manage."""
        if version is None:
            return eksctl.update_default_addon(self.file, SELF_MANAGED[name])
        return eksctl.update_addon(self.cluster, self.region, name, version)
