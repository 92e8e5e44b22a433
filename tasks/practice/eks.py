"""The practice cluster's EKS half: control plane, stacks, groups, add-ons; it answers in botocore's shapes."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tasks.plan import durations
from tasks.plan.succession import split_name
from tasks.plan.version import Minor, between
from tasks.practice.kubernetes import PracticeKubernetes
from tasks.seams import AwsError

if TYPE_CHECKING:
    from tasks.practice.world import World

State = dict[str, Any]
ACCOUNT = "000000000000"
NODE_READY = 60.0  # seconds from a complete stack to a Ready node


class PracticeEks:
    """state: cluster, updates, offered, stacks (node group → its stack), managed (groups), addons (EKS-managed)."""

    def __init__(self, state: State, world: World, kubernetes: PracticeKubernetes) -> None:
        self.state, self.world, self.kubernetes = state, world, kubernetes
        self.cluster: State = state["cluster"]
        self.stacks: dict[str, State] = state["stacks"]
        self.managed: dict[str, State] = state["managed"]
        self.addons: dict[str, State] = state["addons"]

    def effects(self) -> dict[str, Callable[..., None]]:
        return {
            "control plane raised": self.control_plane_raised,
            "stack complete": self.stack_complete,
            "nodes join": self.nodes_join,
            "stack gone": self.stack_gone,
            "managed group raised": self.managed_group_raised,
            "managed addon active": self.managed_addon_active,
        }

    # What happens in EKS, begun by a program and finished in its own time

    @property
    def version(self) -> Minor:
        return Minor.parse(self.cluster["version"])

    @property
    def offered(self) -> list[Minor]:
        first, last = self.state["offered"]
        return between(Minor.parse(first), Minor.parse(last))

    def raise_control_plane(self, to: Minor) -> float:
        """Begins an update. Returns when it will be over. Raises AwsError where EKS would refuse."""
        lagging = [name for name, group in self.managed.items() if group["version"] != self.cluster["version"]]
        if lagging:
            raise AwsError(
                "InvalidRequestException",
                f"Nodegroups {', '.join(lagging)} must be updated to match cluster version {self.version} before updating cluster version",
            )
        update = {"id": f"update-{self.world.serial()}", "to": str(to), "status": "InProgress"}
        self.state["updates"].insert(0, update)
        self.cluster["status"] = "UPDATING"
        return self.world.after(durations.CONTROL_PLANE * 60, "control plane raised", update["id"])

    def control_plane_raised(self, number: str) -> None:
        update = next(update for update in self.state["updates"] if update["id"] == number)
        update["status"] = "Successful"
        self.cluster.update(version=update["to"], status="ACTIVE")
        self.kubernetes.state["version"] = update["to"]
        self.kubernetes.judge()

    def create_stack(self, name: str, group: State, version: Minor) -> float:
        """group: what the configuration says of it. Returns when its stack is complete and its nodes are Ready."""
        twins = [other for other, stack in self.stacks.items() if self._same(name, group, version, other, stack)]
        self.state["created_twice"] += [f"{twin} and {name}" for twin in twins]
        number = self.world.serial()
        self.stacks[name] = {
            **group,
            "status": "CREATE_IN_PROGRESS",
            "version": str(version),
            "number": number,
            "scaling_group": False,
        }
        complete = durations.CREATE_GROUPS * 60 - NODE_READY
        self.world.after(complete, "stack complete", name)
        return self.world.after(complete + NODE_READY, "nodes join", name)

    @staticmethod
    def _same(name: str, group: State, version: Minor, other: str, stack: State) -> bool:
        """Two groups for one purpose at one version: the second has been made for nothing."""
        alike = all(stack[key] == group[key] for key in ("labels", "taints", "zones"))
        return alike and split_name(name)[0] == split_name(other)[0] and stack["version"] == str(version)

    def stack_complete(self, name: str) -> None:
        self.stacks[name].update(status="CREATE_COMPLETE", scaling_group=True)

    def nodes_join(self, name: str) -> None:
        stack = self.stacks.get(name)
        if stack and stack["status"] == "CREATE_COMPLETE":
            for _ in range(stack["desired"]):
                self.kubernetes.join(name, False, stack["version"], stack["labels"], stack["taints"], stack["zones"][0])

    def delete_stack(self, name: str) -> float:
        self.stacks[name]["status"] = "DELETE_IN_PROGRESS"
        return self.world.after(durations.DELETE_GROUP * 60, "stack gone", name)

    def stack_gone(self, name: str) -> None:
        self.stacks.pop(name, None)
        self.kubernetes.leave(name)

    def raise_managed_group(self, name: str, to: Minor) -> float:
        self.managed[name]["status"] = "UPDATING"
        return self.world.after(durations.RAISE_MANAGED_GROUP * 60, "managed group raised", name, str(to))

    def managed_group_raised(self, name: str, to: str) -> None:
        """New nodes first, then the old ones are emptied: EKS surges by one."""
        group = self.managed[name]
        old = [node for node, found in self.kubernetes.nodes.items() if found["group"] == name]
        group.update(version=to, status="ACTIVE")
        for node in old:
            self.kubernetes.nodes[node].update(cordoned=True)
        for _ in range(max(len(old), group["desired"])):
            self.kubernetes.join(name, True, to, group["labels"], group["taints"], group["zones"][0])
        for key in [key for key, pod in self.kubernetes.pods.items() if pod["node"] in old]:
            self.kubernetes.evict(key)
        for node in old:
            del self.kubernetes.nodes[node]
        self.kubernetes.judge()

    def update_managed_addon(self, name: str, version: str) -> float:
        self.addons[name].update(version=version, status="UPDATING")
        return self.world.after(durations.ADDON * 60, "managed addon active", name)

    def managed_addon_active(self, name: str) -> None:
        self.addons[name]["status"] = "ACTIVE"

    @staticmethod
    def addon_versions(name: str, cluster: Minor) -> list[str]:
        """Two builds that fit a Kubernetes version, the default first."""
        if name == "kube-proxy":
            return [f"v{cluster}.7-eksbuild.2", f"v{cluster}.9-eksbuild.1"]
        return [f"v1.{cluster.minor - 8}.3-eksbuild.1", f"v1.{cluster.minor - 8}.5-eksbuild.2"]

    # AWS's API

    def call(self, service: str, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """One operation's answer, in the shape that botocore gives it. Raises AwsError."""
        answer = getattr(self, f"_{service}_{operation}", None)
        if answer is None:
            raise AwsError("InvalidAction", f"the practice cluster has no {service} {operation}")
        result: dict[str, Any] = answer(**parameters)
        return result

    def _found(self, name: str) -> None:
        if name != self.cluster["name"]:
            raise AwsError("ResourceNotFoundException", f"No cluster found for name: {name}.")

    def _sts_get_caller_identity(self) -> dict[str, Any]:
        return {"UserId": "AIDAPRACTICE", "Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/practice"}

    def _eks_describe_cluster(self, name: str) -> dict[str, Any]:
        self._found(name)
        keys = ("name", "version", "status", "endpoint")
        authority = {"data": base64.b64encode(b"practice").decode()}
        return {"cluster": {**{key: self.cluster[key] for key in keys}, "certificateAuthority": authority}}

    def _eks_describe_cluster_versions(self, includeAll: bool = False) -> dict[str, Any]:
        rows = [
            {"clusterVersion": str(minor), "versionStatus": "STANDARD_SUPPORT", "defaultVersion": False}
            for minor in reversed(self.offered)
        ]
        return {"clusterVersions": rows}

    def _eks_list_updates(self, name: str) -> dict[str, Any]:
        self._found(name)
        return {"updateIds": [update["id"] for update in self.state["updates"]]}

    def _eks_describe_update(self, name: str, updateId: str) -> dict[str, Any]:
        self._found(name)
        update = next((update for update in self.state["updates"] if update["id"] == updateId), None)
        if update is None:
            raise AwsError("ResourceNotFoundException", f"No update found for ID: {updateId}")
        parameters = [{"type": "Version", "value": update["to"]}]
        return {"update": {"id": updateId, "status": update["status"], "type": "VersionUpdate", "params": parameters}}

    def _eks_list_nodegroups(self, clusterName: str) -> dict[str, Any]:
        self._found(clusterName)
        return {"nodegroups": sorted(self.managed)}

    def _eks_describe_nodegroup(self, clusterName: str, nodegroupName: str) -> dict[str, Any]:
        self._found(clusterName)
        if nodegroupName not in self.managed:
            raise AwsError("ResourceNotFoundException", f"No node group found for name: {nodegroupName}.")
        group = self.managed[nodegroupName]
        return {
            "nodegroup": {
                "nodegroupName": nodegroupName,
                "clusterName": clusterName,
                "version": group["version"],
                "status": group["status"],
                "labels": group["labels"],
                "scalingConfig": {
                    "minSize": group["minimum"],
                    "maxSize": group["maximum"],
                    "desiredSize": group["desired"],
                },
                "resources": {"autoScalingGroups": [{"name": f"eks-{nodegroupName}"}]},
                "health": {"issues": []},
            }
        }

    def _eks_list_addons(self, clusterName: str) -> dict[str, Any]:
        self._found(clusterName)
        return {"addons": sorted(self.addons)}

    def _eks_describe_addon(self, clusterName: str, addonName: str) -> dict[str, Any]:
        self._found(clusterName)
        if addonName not in self.addons:
            raise AwsError("ResourceNotFoundException", f"No addon: {addonName} found in cluster: {clusterName}")
        addon = self.addons[addonName]
        return {
            "addon": {
                "addonName": addonName,
                "clusterName": clusterName,
                "addonVersion": addon["version"],
                "status": addon["status"],
                "health": {"issues": []},
            }
        }

    def _eks_describe_addon_versions(self, addonName: str, kubernetesVersion: str) -> dict[str, Any]:
        versions = [
            {
                "addonVersion": version,
                "compatibilities": [{"clusterVersion": kubernetesVersion, "defaultVersion": not number}],
            }
            for number, version in enumerate(self.addon_versions(addonName, Minor.parse(kubernetesVersion)))
        ]
        return {"addons": [{"addonName": addonName, "addonVersions": versions}]}

    def _cloudformation_describe_stacks(self) -> dict[str, Any]:
        return {"Stacks": [self._stack(name, stack) for name, stack in self.stacks.items()]}

    def _stack(self, name: str, stack: State) -> dict[str, Any]:
        answer = {
            "StackName": self._stack_name(name),
            "CreationTime": datetime.fromtimestamp(self.world.now, UTC),
            "StackStatus": stack["status"],
            "Tags": [{"Key": "alpha.eksctl.io/nodegroup-name", "Value": name}],
        }
        return answer | ({"StackStatusReason": stack["reason"]} if stack.get("reason") else {})

    def _stack_name(self, group: str) -> str:
        return f"eksctl-{self.cluster['name']}-nodegroup-{group}"

    def _autoscaling_describe_auto_scaling_groups(self, Filters: list[State]) -> dict[str, Any]:
        return {
            "AutoScalingGroups": [
                self._scaling_group(name, stack) for name, stack in self.stacks.items() if stack["scaling_group"]
            ]
        }

    def _scaling_group(self, name: str, stack: State) -> dict[str, Any]:
        tags = {
            f"kubernetes.io/cluster/{self.cluster['name']}": "owned",
            "aws:cloudformation:stack-name": self._stack_name(name),
            **stack["tags"],
        }
        template = {"LaunchTemplateId": f"lt-{stack['number']:017x}", "Version": "1"}
        mixed = {"MixedInstancesPolicy": {"LaunchTemplate": {"LaunchTemplateSpecification": template}}}
        return {
            "AutoScalingGroupName": self.scaling_group_name(name),
            "MinSize": stack["minimum"],
            "MaxSize": stack["maximum"],
            "DesiredCapacity": stack["desired"],
            "DefaultCooldown": 300,
            "AvailabilityZones": stack["zones"],
            "HealthCheckType": "EC2",
            "CreatedTime": datetime.fromtimestamp(self.world.now, UTC),
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
            **(mixed if stack["spot"] else {"LaunchTemplate": template}),
        }

    def scaling_group_name(self, group: str) -> str:
        return f"{self._stack_name(group)}-NodeGroup-{self.stacks[group]['number']}"

    def _autoscaling_update_auto_scaling_group(self, AutoScalingGroupName: str, MaxSize: int) -> dict[str, Any]:
        for name, stack in self.stacks.items():
            if self.scaling_group_name(name) == AutoScalingGroupName:
                stack["maximum"] = MaxSize
                return {}
        raise AwsError("ValidationError", "AutoScalingGroup name not found - null")

    def _ec2_describe_launch_template_versions(self, LaunchTemplateId: str, Versions: list[str]) -> dict[str, Any]:
        number = int(LaunchTemplateId.removeprefix("lt-"), 16)
        version = {
            "LaunchTemplateId": LaunchTemplateId,
            "VersionNumber": 1,
            "LaunchTemplateData": {"ImageId": f"ami-{number:017x}"},
        }
        return {"LaunchTemplateVersions": [version]}

    def _ec2_describe_images(self, ImageIds: list[str], IncludeDeprecated: bool) -> dict[str, Any]:
        number = int(ImageIds[0].removeprefix("ami-"), 16)
        version = next(stack["version"] for stack in self.stacks.values() if stack["number"] == number)
        return {"Images": [{"ImageId": ImageIds[0], "Name": f"amazon-eks-node-{version}-v20260105"}]}
