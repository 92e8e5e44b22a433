"""Reads the live cluster: through AWS's API and kubectl's JSON, and nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tasks.errors import Refused
from tasks.plan.addons import route
from tasks.plan.values import Addon, Cluster, Config, ControlPlane, Group, Node, Shape
from tasks.plan.version import Minor
from tasks.seams import AwsError, Ran, Seams
from tasks.tools import aws
from tasks.tools.kubectl import Kubectl, Workloads, parse_workloads

DELETED = ("DELETE_COMPLETE",)
READ_LIMIT = 60.0  # seconds: kubectl retries an unreachable server for long


@dataclass(frozen=True)
class Observer:
    """Looks at one cluster, again and again. What can't change is asked once: offered versions, numbered templates."""

    seams: Seams
    config: Config
    account: str
    kubectl: Kubectl
    told: dict[str, Minor] = field(default_factory=dict)  # versions that the operator vouches for, or this run
    _constants: dict[Any, Any] = field(default_factory=dict)

    def observe(self) -> Cluster:
        """The whole cluster now. Raises Refused where it can't be read."""
        described = self._aws("eks", "describe_cluster", name=self.config.name)["cluster"]
        control_plane = self._control_plane(described)
        scaling = self._scaling_groups()
        stacks = self._stacks()
        managed = self._aws("eks", "list_nodegroups", clusterName=self.config.name)["nodegroups"]
        addon_names = self._aws("eks", "list_addons", clusterName=self.config.name)["addons"]
        workloads = self._workloads()
        groups = [
            self._group(name, stack, scaling, workloads)
            for name, stack in sorted(stacks.items())
            if name not in managed
        ]
        groups += [self._managed_group(name, workloads) for name in sorted(managed)]
        eks_addons = tuple(self._addon(name, control_plane.version) for name in sorted(addon_names))
        theirs = {addon.name for addon in eks_addons}
        return Cluster(
            self.config.name,
            self.config.region,
            self.account,
            control_plane,
            self._offered(),
            tuple(groups),
            workloads.pods,
            workloads.budgets,
            (*eks_addons, *(addon for addon in workloads.addons if addon.name not in theirs)),
            workloads.autoscaler,
            workloads.charts,
        )

    def _workloads(self) -> Workloads:
        answer = self._kubectl(self.kubectl.workloads()).stdout
        try:
            return parse_workloads(answer)
        except ValueError as error:
            raise Refused(
                f"kubectl's answer can't be understood ({error}): look at what `kubectl get nodes` says."
            ) from None

    def _control_plane(self, described: Mapping[str, Any]) -> ControlPlane:
        version, status = Minor.parse(described["version"]), described["status"]
        to = self._update_in_flight() if status == "UPDATING" else None
        return ControlPlane(version, status, described["endpoint"], to)

    def _update_in_flight(self) -> Minor | None:
        for number in self._aws("eks", "list_updates", name=self.config.name)["updateIds"]:
            update = self._aws("eks", "describe_update", name=self.config.name, updateId=number)["update"]
            if update["status"] == "InProgress":
                return aws.update_target(update)
        return None

    def _offered(self) -> tuple[Minor, ...]:
        def ask() -> tuple[Minor, ...]:
            rows = self._aws("eks", "describe_cluster_versions", includeAll=True)["clusterVersions"]
            usable = [row for row in rows if row.get("versionStatus", row.get("status")) != "UNSUPPORTED"]
            return tuple(sorted(Minor.parse(row["clusterVersion"]) for row in usable))

        offered: tuple[Minor, ...] = self._once("offered", ask)
        return offered

    def _stacks(self) -> dict[str, Mapping[str, Any]]:
        """Node group name → its eksctl stack, whatever state that is in."""
        prefix = f"eksctl-{self.config.name}-nodegroup-"
        found = [
            stack
            for stack in self._aws("cloudformation", "describe_stacks")["Stacks"]
            if stack["StackName"].startswith(prefix)
        ]
        live = [stack for stack in found if stack["StackStatus"] not in DELETED]
        return {aws.tags(stack).get(aws.STACK_GROUP, stack["StackName"].removeprefix(prefix)): stack for stack in live}

    def _scaling_groups(self) -> dict[str, Mapping[str, Any]]:
        """Stack name → its Auto Scaling group; CloudFormation tags it with the stack's name."""
        owned = {"Name": f"tag:kubernetes.io/cluster/{self.config.name}", "Values": ["owned"]}
        answer = self._aws("autoscaling", "describe_auto_scaling_groups", Filters=[owned])
        return {
            aws.tags(group).get("aws:cloudformation:stack-name", ""): group for group in answer["AutoScalingGroups"]
        }

    def _group(
        self, name: str, stack: Mapping[str, Any], scaling: Mapping[str, Mapping[str, Any]], workloads: Workloads
    ) -> Group:
        scaling_group = scaling.get(stack["StackName"])
        nodes = tuple(node for node in workloads.nodes if node.group == name)
        version = min((node.version for node in nodes), default=None) or self._image_version(name, scaling_group)
        return Group(
            name,
            False,
            version,
            stack["StackStatus"],
            stack.get("StackStatusReason", ""),
            self._shape(scaling_group, nodes, workloads),
            scaling_group["DesiredCapacity"] if scaling_group else 0,
            scaling_group["MaxSize"] if scaling_group else 0,
            scaling_group["AutoScalingGroupName"] if scaling_group else None,
            nodes,
        )

    def _shape(self, scaling_group: Mapping[str, Any] | None, nodes: tuple[Node, ...], workloads: Workloads) -> Shape:
        """By its nodes where it has some; a group at zero is known by its tags alone."""
        shape = aws.shape_of(scaling_group)
        if nodes:
            name = nodes[0].name
            shape = Shape(frozenset(workloads.labels[name].items()), workloads.taints[name], shape.zones)
        return shape.limited_to(self.config.shape_keys)

    def _image_version(self, name: str, scaling_group: Mapping[str, Any] | None) -> Minor | None:
        """What the group's next node would be: launch template → image → the minor in the image's name."""
        template = aws.template_of(scaling_group) if scaling_group else None
        if template is None:
            return self.told.get(name)
        number, version = template
        image = self._once(template, lambda: self._image(number, version), keep=not version.startswith("$"))
        names = self._once(image, lambda: self._image_name(image))
        return (aws.image_minor(names) if names else None) or self.told.get(name)

    def _image(self, template: str, version: str) -> str | None:
        answer = self._aws("ec2", "describe_launch_template_versions", LaunchTemplateId=template, Versions=[version])
        found = answer["LaunchTemplateVersions"]
        return found[0]["LaunchTemplateData"].get("ImageId") if found else None

    def _image_name(self, image: str | None) -> str | None:
        if image is None:
            return None
        found = self._aws("ec2", "describe_images", ImageIds=[image], IncludeDeprecated=True)["Images"]
        return found[0].get("Name") if found else None

    def _managed_group(self, name: str, workloads: Workloads) -> Group:
        group = self._aws("eks", "describe_nodegroup", clusterName=self.config.name, nodegroupName=name)["nodegroup"]
        scaling = group.get("scalingConfig", {})
        scaling_groups = group.get("resources", {}).get("autoScalingGroups", [])
        issues = "; ".join(issue.get("message", "") for issue in group.get("health", {}).get("issues", []))
        return Group(
            name,
            True,
            Minor.within(group.get("version") or ""),
            group["status"],
            issues,
            Shape(frozenset(group.get("labels", {}).items())),
            scaling.get("desiredSize", 0),
            scaling.get("maxSize", 0),
            scaling_groups[0]["name"] if scaling_groups else None,
            tuple(node for node in workloads.nodes if node.group == name),
        )

    def _addon(self, name: str, control_plane: Minor) -> Addon:
        addon = self._aws("eks", "describe_addon", clusterName=self.config.name, addonName=name)["addon"]
        wanted, fitting = self._once((name, control_plane), lambda: self._addon_versions(name, control_plane))
        current = addon["addonVersion"]
        issues = "; ".join(issue.get("message", "") for issue in addon.get("health", {}).get("issues", []))
        steps = route(name, current, wanted, fitting) if wanted else ()
        return Addon(name, current, True, addon["status"] == "ACTIVE", issues or addon["status"], wanted, steps)

    def _addon_versions(self, name: str, control_plane: Minor) -> tuple[str | None, list[str]]:
        answer = self._aws("eks", "describe_addon_versions", addonName=name, kubernetesVersion=str(control_plane))
        return aws.default_version(answer)

    def _once(self, key: Any, ask: Any, keep: bool = True) -> Any:
        if key not in self._constants or not keep:
            self._constants[key] = ask()
        return self._constants[key]

    def _aws(self, service: str, operation: str, **parameters: Any) -> Mapping[str, Any]:
        try:
            return self.seams.aws(service, operation, **parameters)
        except AwsError as error:
            raise Refused(explain(error, self.config)) from None

    def _kubectl(self, argv: list[str]) -> Ran:
        ran = self.seams.run(argv, limit=READ_LIMIT)
        if ran.exit != 0:
            raise Refused(explain_kubectl(ran))
        return ran


class Named(Protocol):
    """A cluster, as far as a sentence about it goes."""

    @property
    def name(self) -> str: ...

    @property
    def region(self) -> str: ...


def explain(error: AwsError, config: Named) -> str:
    """A sentence for what AWS answered, with what to do about it."""
    known = {
        "NoCredentialsError": "There are no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        "PartialCredentialsError": "The AWS credentials are incomplete: set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        "ProfileNotFound": f"{error.message}: name one of `aws configure list-profiles` in AWS_PROFILE.",
        "EndpointConnectionError": "AWS can't be reached: look at the network, and at AWS_ENDPOINT_URL if it is set.",
        "ResponseParserError": "What answers is not AWS: look at AWS_ENDPOINT_URL if it is set, and for a proxy on the way.",
        "InvalidEndpoint": f"AWS can't be reached ({error.message}): AWS_ENDPOINT_URL has to be of the form https://….",
        "ConnectTimeoutError": "AWS does not answer: look at the network, and at AWS_ENDPOINT_URL if it is set.",
        "ReadTimeoutError": "AWS does not answer: look at the network, and at AWS_ENDPOINT_URL if it is set.",
    }
    if error.code in known:
        return known[error.code]
    if error.code in ("ExpiredToken", "ExpiredTokenException", "RequestExpired"):
        return "The AWS credentials have expired: log in again (`aws sso login`, or new keys), then start again."
    if error.code in ("InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "AuthFailure"):
        return "AWS does not know these credentials: look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_PROFILE."
    if error.code in ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"):
        return f"This AWS identity may not do that ({error.message}): use your high privilege account."
    if error.code == "ResourceNotFoundException" and "luster" in error.message:
        return f"There is no cluster {config.name} in {config.region} in this AWS account: look at name and region in the configuration, and at the account in use."
    return f"AWS refused: {error.message} ({error.code})."


def explain_kubectl(ran: Ran) -> str:
    """A sentence for why the API server's answer did not come."""
    words = ran.last_words
    if ran.exit == -9:
        return "The Kubernetes API server does not answer: look at the network (VPN, firewall, the cluster's public access)."
    if ran.exit == 127:
        return "kubectl is not installed: install a version within one minor of the cluster's."
    if "executable" in words and "not found" in words:
        return f"The program that the kubeconfig takes its tokens from is not installed ({words}): install the AWS CLI."
    if "client.authentication.k8s.io/v1alpha1" in words:
        return "The kubeconfig asks for tokens in a form that is gone since 1.24: run `invoke write-kubeconfig`."
    if "Unauthorized" in words or "provide credentials" in words:
        return "The Kubernetes API server does not know this AWS identity: it needs an access entry, or a line in the ConfigMap aws-auth."
    if "Forbidden" in words or "forbidden" in words:
        return f"This AWS identity may not do that inside the cluster ({words}): use the one that made the cluster, or give it the group system:masters."
    if any(sign in words for sign in ("refused", "no such host", "timeout", "Unable to connect")):
        return f"The Kubernetes API server can't be reached ({words}): run `invoke write-kubeconfig`, and look at the network."
    return f"kubectl failed: {words}"
