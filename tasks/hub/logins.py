"""The private Docker config file of a build, in which hubploy and Docker's library find their logins."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.errors import Refused
from tasks.hub.access import write_private
from tasks.hub.distribution import Distribution
from tasks.hub.registry import Ecr, Registry
from tasks.observe import explain
from tasks.seams import AwsError


def place(folder: Path, answer: Path, known: Registry) -> None:
    """folder: DOCKER_CONFIG. answer: the file from which the credential helper answers.

    hubploy can't do it alone: it names a helper of Amazon's, which has to be installed; and of a file that is not
    encrypted it makes a link that leads nowhere, whereupon Docker's library looks here.
    """
    if isinstance(known, Ecr):
        write_private(answer, json.dumps(_ecr(known)))
        write_private(folder / "config.json", json.dumps({"auths": own(), "credHelpers": {_host(known): "ecr-login"}}))
    elif isinstance(known, Distribution):
        write_private(folder / "config.json", json.dumps(dict(known.config)))


def _ecr(known: Ecr) -> dict[str, str]:
    """A password that is good for twelve hours, as a credential helper answers."""
    try:
        (found,) = known.aws("ecr", "get_authorization_token")["authorizationData"]
    except AwsError as error:
        if error.code == "AccessDeniedException":
            raise Refused(
                f"This AWS identity may not log in to ECR ({error.message}): give its role ecr:GetAuthorizationToken."
            ) from None
        raise Refused(explain(error, known.access)) from None
    name, _, password = base64.b64decode(found["authorizationToken"]).decode().partition(":")
    return {"ServerURL": f"https://{_host(known)}", "Username": name, "Secret": password}


def _host(known: Ecr) -> str:
    """As hubploy writes it."""
    return f"{known.access.account}.dkr.ecr.{known.access.region}.amazonaws.com"


def own() -> Mapping[str, Any]:
    """The person's own logins, for base images that need one. Those that a helper keeps are left out: it would look
    for them in another home."""
    folder = os.environ.get("DOCKER_CONFIG") or str(Path.home() / ".docker")
    try:
        found = json.loads((Path(folder) / "config.json").read_bytes()).get("auths")
        return {host: entry for host, entry in found.items() if entry.get("auth")}
    except (OSError, ValueError, AttributeError):
        return {}
