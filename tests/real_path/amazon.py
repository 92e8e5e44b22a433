"""AWS for a test: moto, brought up to the practice world before every request, and the EKS operations that moto lacks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from moto.backends import get_backend
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from tasks.practice.world import World
from tasks.seams import AwsError

ACCOUNT, REGION = "123456789012", "us-west-2"  # moto's account
ROLE = f"arn:aws:iam::{ACCOUNT}:role/practice"

# What moto's EKS does not have: method and path → operation; the path's names and the query are its parameters.
MISSING = {
    r"/cluster-versions": "describe_cluster_versions",
    r"/clusters/(?P<name>[^/]+)/updates": "list_updates",
    r"/clusters/(?P<name>[^/]+)/updates/(?P<updateId>[^/]+)": "describe_update",
    r"/clusters/(?P<clusterName>[^/]+)/addons": "list_addons",
    r"/clusters/(?P<clusterName>[^/]+)/addons/(?P<addonName>[^/]+)": "describe_addon",
    r"/addons/supported-versions": "describe_addon_versions",
}

Start = Callable[[str, list[tuple[str, str]]], Any]
moto = DomainDispatcherApplication(create_backend_app)


@dataclass
class Amazon:
    """A WSGI application. refusal: the error that AWS answers everything with. images: node group → its image's name."""

    world: World
    refusal: tuple[str, str] | None = None
    images: dict[str, str] = field(default_factory=dict)
    maxima: list[tuple[str, int]] = field(default_factory=list)  # that were set: node group, its new maximum
    requests: list[str] = field(default_factory=list)  # service and operation, or service, method and path
    _made: dict[str, tuple[int, bool]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        BackendDict.reset()
        reset_model_data()
        self._eks: Any = get_backend("eks")[ACCOUNT][REGION]
        self._stacks: Any = get_backend("cloudformation")[ACCOUNT][REGION]
        self._ec2: Any = get_backend("ec2")[ACCOUNT][REGION]
        self._cluster = self._eks.create_cluster(self.world.eks.cluster["name"], ROLE, {"subnetIds": ["subnet-1"]})

    def __call__(self, request: dict[str, Any], start: Start) -> Iterable[bytes]:
        service = re.findall(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", request.get("HTTP_AUTHORIZATION", ""))[0]
        self.requests.append(f"{service} {request['REQUEST_METHOD']} {request['PATH_INFO']}")
        if self.refusal:
            return _refuse(start, service, *self.refusal)
        for path, operation in MISSING.items():
            if found := re.fullmatch(path, request["PATH_INFO"]):
                return self._answer(start, operation, {**found.groupdict(), **dict(parse_qsl(request["QUERY_STRING"]))})
        self.follow()
        answer: Iterable[bytes] = moto(request, start)
        self.lead()
        return answer

    def _answer(self, start: Start, operation: str, parameters: Mapping[str, Any]) -> Iterable[bytes]:
        try:
            answer = self.world.eks.call("eks", operation, parameters)
        except AwsError as error:
            return _refuse(start, "eks", error.code, error.message)
        start("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]

    def follow(self) -> None:
        """moto has what the world has."""
        state = self.world.eks
        for key in ("version", "status", "endpoint"):
            setattr(self._cluster, key, state.cluster[key])
        for name in [name for name, made in self._made.items() if made != _shape(state.stacks.get(name))]:
            self._stacks.delete_stack(self._stack_name(name))
            del self._made[name]
        for name, stack in state.stacks.items():
            if name not in self._made:
                self._make(name, stack)
            made = self._stacks.get_stack(self._stack_name(name))
            made.status, made.status_reason = stack["status"], stack.get("reason", "")
            if stack["scaling_group"]:
                made.resource_map["NodeGroup"].desired_capacity = stack["desired"]
        for name, group in state.managed.items():
            if name not in self._cluster.nodegroups:
                self._eks.create_nodegroup(state.cluster["name"], ROLE, name, ["subnet-1"], labels=group["labels"])
            made = self._cluster.nodegroups[name]
            made.version, made.status = group["version"], group["status"]
            sizes = ("minSize", "minimum"), ("maxSize", "maximum"), ("desiredSize", "desired")
            made.scaling_config = {theirs: group[ours] for theirs, ours in sizes}

    def lead(self) -> None:
        """What a request may change is the world's too: a maximum."""
        for name, stack in self.world.eks.stacks.items():
            if self._made.get(name) == _shape(stack) and stack["scaling_group"]:
                made = self._stacks.get_stack(self._stack_name(name))
                maximum = made.resource_map["NodeGroup"].max_size
                if maximum != stack["maximum"]:
                    stack["maximum"] = maximum
                    self.maxima.append((name, maximum))

    def _make(self, name: str, stack: dict[str, Any]) -> None:
        """With the resources that matter of those which eksctl's templates have."""
        image = self._ec2.register_image(name=self.images.get(name, f"amazon-eks-node-{stack['version']}-v20260105"))
        data = {"LaunchTemplateData": {"ImageId": image.id}, "LaunchTemplateName": f"{name}-{stack['number']}"}
        resources = {"Template": {"Type": "AWS::EC2::LaunchTemplate", "Properties": data}}
        if stack["scaling_group"]:
            resources["NodeGroup"] = self._scaling_group(name, stack)
        tags = {"alpha.eksctl.io/nodegroup-name": name}
        self._stacks.create_stack(self._stack_name(name), json.dumps({"Resources": resources}), {}, tags=tags)
        self._made[name] = _shape(stack)

    def _scaling_group(self, name: str, stack: dict[str, Any]) -> dict[str, Any]:
        eks = self.world.eks
        template = {
            "LaunchTemplateId": {"Ref": "Template"},
            "Version": {"Fn::GetAtt": ["Template", "LatestVersionNumber"]},
        }
        mixed = {"MixedInstancesPolicy": {"LaunchTemplate": {"LaunchTemplateSpecification": template}}}
        tags = {
            f"kubernetes.io/cluster/{eks.cluster['name']}": "owned",
            "aws:cloudformation:stack-name": self._stack_name(name),
            **stack["tags"],
        }
        return {
            "Type": "AWS::AutoScaling::AutoScalingGroup",
            "Properties": {
                "AutoScalingGroupName": eks.scaling_group_name(name),
                "AvailabilityZones": stack["zones"],
                "MinSize": str(stack["minimum"]),
                "MaxSize": str(stack["maximum"]),
                "DesiredCapacity": str(stack["minimum"]),  # the real one is set after, or moto would start machines
                "Tags": [{"Key": key, "Value": value, "PropagateAtLaunch": True} for key, value in tags.items()],
                **(mixed if stack["spot"] else {"LaunchTemplate": template}),
            },
        }

    def _stack_name(self, group: str) -> str:
        return f"eksctl-{self.world.eks.cluster['name']}-nodegroup-{group}"


def _shape(stack: dict[str, Any] | None) -> tuple[int, bool]:
    """What a stack has to be made anew for."""
    return (stack["number"], stack["scaling_group"]) if stack else (0, False)


def _refuse(start: Start, service: str, code: str, message: str) -> Iterable[bytes]:
    """In the service's own protocol."""
    status = "404 Not Found" if "NotFound" in code else "403 Forbidden"
    if service == "eks":
        start(status, [("Content-Type", "application/json"), ("x-amzn-ErrorType", code)])
        return [json.dumps({"message": message}).encode()]
    start(status, [("Content-Type", "text/xml")])
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    return [f"<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>".encode()]
