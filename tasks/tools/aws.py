"""AWS's answers, in botocore's shapes, as values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tasks.plan.values import Shape
from tasks.plan.version import Minor

Answer = Mapping[str, Any]

STACK_GROUP = "alpha.eksctl.io/nodegroup-name"  # eksctl's tag on the stack of a node group
TEMPLATE = "k8s.io/cluster-autoscaler/node-template/"  # tags that tell the autoscaler what a node would look like
# Where the Kubernetes minor stands in the names of EKS's images, family by family.
_IMAGES = (
    r"amazon-eks-(?:(?:gpu|arm64)-)?node-(1\.\d+)-",  # Amazon Linux 2
    r"amazon-eks-node-al2023-[a-z0-9_]+-[a-z0-9]+-(1\.\d+)-",
    r"bottlerocket-aws-k8s-(1\.\d+)(?:-[a-z0-9]+)*-",
    r"ubuntu-eks(?:-pro)?/k8s_(1\.\d+)/",
    r"Windows_Server-\d+-English-[A-Za-z]+-EKS_Optimized-(1\.\d+)-",
)


def image_minor(name: str) -> Minor | None:
    """The Kubernetes minor in an EKS image's name; None for anybody else's image."""
    found = next(filter(None, (re.search(pattern, name) for pattern in _IMAGES)), None)
    return Minor.within(found[1]) if found else None


def tags(entity: Answer) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in entity.get("Tags") or []}


def template_of(scaling_group: Answer) -> tuple[str, str] | None:
    """Launch template id and version (`$Default`, `$Latest` or a number) that new nodes of the group are made from."""
    mixed = scaling_group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {}).get("LaunchTemplateSpecification")
    found = scaling_group.get("LaunchTemplate") or mixed
    return (found["LaunchTemplateId"], found.get("Version") or "$Default") if found else None


def shape_of(scaling_group: Answer | None) -> Shape:
    """A group's shape by its Auto Scaling group, which has it also when there are no nodes."""
    if scaling_group is None:
        return Shape()
    template = {
        key.removeprefix(TEMPLATE): value for key, value in tags(scaling_group).items() if key.startswith(TEMPLATE)
    }
    labels = [(key.removeprefix("label/"), value) for key, value in template.items() if key.startswith("label/")]
    taints = [f"{key.removeprefix('taint/')}={value}" for key, value in template.items() if key.startswith("taint/")]
    return Shape(frozenset(labels), frozenset(taints), frozenset(scaling_group.get("AvailabilityZones", [])))


def update_target(update: Answer) -> Minor | None:
    """The version that an EKS update in flight goes to."""
    found = next((p["value"] for p in update.get("params", []) if p["type"] == "Version"), None)
    return Minor.within(found) if found else None


def default_version(answer: Answer) -> tuple[str | None, list[str]]:
    """Of DescribeAddonVersions for one add-on and one Kubernetes version: EKS's default, and all that fit."""
    versions = [version for addon in answer["addons"] for version in addon["addonVersions"]]
    defaults = [
        v["addonVersion"] for v in versions if any(c.get("defaultVersion") for c in v.get("compatibilities", []))
    ]
    return (defaults[0] if defaults else None), [v["addonVersion"] for v in versions]
