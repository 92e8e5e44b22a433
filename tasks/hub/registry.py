"""The image registry that hubploy.yaml names: which images it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tasks.amazon import Boto
from tasks.errors import Refused
from tasks.hub.access import assume
from tasks.observe import explain
from tasks.plan.deployment import Access
from tasks.seams import AwsError


class Registry(Protocol):
    def has(self, image: str, tag: str) -> bool:
        """image: with its registry's host. Refused if nobody can say."""


@dataclass(frozen=True)
class Ecr:
    """Amazon's. access: hubploy.yaml's images.registry. aws: as its role."""

    access: Access
    aws: Boto

    def has(self, image: str, tag: str) -> bool:
        name = image.partition("/")[2]
        try:
            answer = self.aws(
                "ecr",
                "describe_images",
                registryId=self.access.account,
                repositoryName=name,
                imageIds=[{"imageTag": tag}],
            )
        except AwsError as error:
            if error.code == "ImageNotFoundException":
                return False
            if error.code == "RepositoryNotFoundException":
                raise Refused(
                    f"There is no repository {name} in {self.access.account}, {self.access.region}: look at images in hubploy.yaml."
                ) from None
            if error.code == "AccessDeniedException":
                raise Refused(
                    f"This AWS identity may not look at {name} ({error.message}): give its role the right to read it."
                ) from None
            raise Refused(explain(error, self.access)) from None
        return bool(answer["imageDetails"])


def registry(boto: Boto, access: Access) -> Registry:
    return Ecr(access, assume(Boto(access.region, boto.dry), access))
