"""The way to the cluster and the registry that hubploy.yaml describes: roles, and a kubeconfig of this run's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tasks.amazon import Boto
from tasks.connect import Identity, current_context
from tasks.errors import Refused
from tasks.hub.deployment import load
from tasks.observe import READ_LIMIT, explain, explain_kubectl
from tasks.parts import cache
from tasks.plan.deployment import Access, Deployment
from tasks.seams import AwsError, Place, Ran, Seams
from tasks.tools import sops
from tasks.tools.helm import Helm
from tasks.tools.kubectl import Kubectl

TOKEN_SECONDS, SPARE_SECONDS = 10 * 60, 4 * 60  # a token is good for 15 minutes
CONTEXT = "deploy"
# Variables of a person's own that lead programs elsewhere, and those of them that lead to the same AWS for everybody.
STRANGE = ("AWS_", "KUBE", "HELM_")
WELCOME = ("AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "AWS_USE_")
NOTHING: Mapping[str, str] = {}


@dataclass
class Way:
    """How this run speaks to the cluster. seams: its commands run in the private folder's environment."""

    seams: Seams
    private: Path
    access: Access
    who: Identity
    server: str
    kubectl: Kubectl
    aws: Boto | None  # as the cluster's role
    token_until: float = 0.0

    def helm(self, namespace: str) -> Helm:
        return Helm(self.kubectl.kubeconfig, self.kubectl.context, namespace)

    def keep_fresh(self) -> None:
        """Called in pauses: kubectl and helm read the token from a file each time."""
        now = self.seams.clock.now()
        if not self.aws or now < self.token_until:
            return
        try:
            token = self.aws.kubernetes_token(self.access.name)
        except AwsError as error:
            if now > self.token_until + SPARE_SECONDS:
                raise Refused(explain(error, self.access)) from None
            return  # the old one is good for a while
        write_private(self.private / "token", token)
        self.token_until = now + TOKEN_SECONDS

    def ask(self, argv: list[str], limit: float = READ_LIMIT) -> Ran:
        """A question to the API server. Refused if no answer comes."""
        self.keep_fresh()
        ran = self.seams.run(argv, limit=limit)
        if ran.exit != 0:
            raise Refused(explain_kubectl(ran))
        return ran


def place(boto: Boto, root: Path, private: Path, region: str) -> Place:
    """A home, a temporary folder and a Docker configuration of this run's own; AWS by keys in the environment.

    So whatever hubploy, helm and kubectl leave behind goes when the private folder goes, and nothing of the person's
    own is written to.
    """
    try:
        keys = boto.keys().environment(region)
    except AwsError as error:
        raise Refused(explain(error, Access("aws", region=region))) from None
    return place_without_keys(root, private, keys)


def place_without_keys(root: Path, private: Path, more: Mapping[str, str] = NOTHING) -> Place:
    """The same for what asks AWS nothing. more: of the environment."""
    home, temporary = private / "home", private / "tmp"
    for folder in (home, temporary, home / ".docker"):
        folder.mkdir(mode=0o700)
    write_private(private / "aws-config", "[default]\n")
    environment = {
        **plain(os.environ),
        **keys_of(Path.home()),
        **more,
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "DOCKER_CONFIG": str(home / ".docker"),
        # Who may read this repository is said there, for a checkout that belongs to somebody else (CI's containers).
        "GIT_CONFIG_GLOBAL": os.environ.get("GIT_CONFIG_GLOBAL", str(Path.home() / ".gitconfig")),
        # What `invoke parts` got comes last: a program that the person has installed is the one they mean.
        "PATH": os.pathsep.join(
            [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath), str(cache.folder() / "bin")]
        ),
        "AWS_EC2_METADATA_DISABLED": "true",  # the keys are there already
        # A profile of the person's is not to be looked for: its file is in another home.
        "AWS_CONFIG_FILE": str(private / "aws-config"),
        "AWS_PROFILE": "default",
        "AWS_DEFAULT_PROFILE": "default",
        "AWS_PAGER": "",
    }
    return Place(str(root), str(temporary), environment)


def plain(environ: Mapping[str, str]) -> dict[str, str]:
    """Without what would show kubectl, helm or aws another cluster, another account or another way to compare."""
    return {name: text for name, text in environ.items() if not name.startswith(STRANGE) or name.startswith(WELCOME)}


def keys_of(home: Path) -> dict[str, str]:
    """Where sops finds keys that are not in AWS, which it looks for in the home."""
    age, gnupg = home / ".config" / "sops" / "age" / "keys.txt", home / ".gnupg"
    found = {"SOPS_AGE_KEY_FILE": age, "GNUPGHOME": gnupg}
    return {
        name: os.environ.get(name, str(path)) for name, path in found.items() if name in os.environ or path.exists()
    }


def assume(boto: Boto, access: Access) -> Boto:
    """The identity that hubploy.yaml names. Refused if ours may not take it."""
    if not access.role:
        return boto
    try:
        return boto.assuming(access.role)
    except AwsError as error:
        if "AccessDenied" in error.code:
            raise Refused(
                f"This AWS identity may not assume {access.role} ({error.message}): use hubploy's own keys, or add it to that role's trust."
            ) from None
        raise Refused(explain(error, access)) from None


def refuse_other_account(deployment: Deployment, who: Identity) -> None:
    """Before anything is asked with these credentials, which would be told of keys and roles that are not there."""
    access = deployment.cluster
    if access.provider == "aws" and who.account != access.account:
        raise Refused(
            f"The AWS credentials are for account {who.account} ({who.arn}), and deployments/{deployment.name}/hubploy.yaml is "
            f"about {access.account}: use other credentials."
        )


def reach(seams: Seams, boto: Boto, private: Path, deployment: Deployment, who: Identity, server: str) -> Way:
    """The cluster that hubploy.yaml means, and no other. seams: with a place in `private`. who: who we are. server: an
    address to use instead of EKS's own, or ""."""
    if deployment.cluster.provider == "kubeconfig":
        return _by_file(seams, private, deployment, who)
    access = deployment.cluster
    aws = assume(boto, access)
    try:
        cluster = aws("eks", "describe_cluster", name=access.name)["cluster"]
    except AwsError as error:
        raise Refused(explain(error, access)) from None
    if cluster["status"] != "ACTIVE":
        raise Refused(f"The cluster {access.name} is {cluster['status']}: wait until it is ACTIVE.")
    file = private / "kubeconfig"
    write_private(file, _kubeconfig(cluster, server, private / "token"))
    way = Way(seams, private, access, who, server or cluster["endpoint"], Kubectl(str(file), CONTEXT), aws)
    way.keep_fresh()
    return way


def _kubeconfig(cluster: Any, server: str, token: Path) -> str:
    """server: "" for EKS's own; behind another one the certificate still has EKS's name."""
    import yaml

    name = {"tls-server-name": urlsplit(cluster["endpoint"]).hostname} if server else {}

    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": CONTEXT,
        "contexts": [{"name": CONTEXT, "context": {"cluster": cluster["name"], "user": CONTEXT}}],
        "clusters": [
            {
                "name": cluster["name"],
                "cluster": {
                    "server": server or cluster["endpoint"],
                    **name,
                    "certificate-authority-data": cluster["certificateAuthority"]["data"],
                },
            }
        ],
        "users": [{"name": CONTEXT, "user": {"tokenFile": str(token)}}],
    }
    return yaml.safe_dump(document)


def _by_file(seams: Seams, private: Path, deployment: Deployment, who: Identity) -> Way:
    """A kubeconfig kept in secrets/, encrypted or not."""
    source = deployment.folder("secrets", deployment.cluster.file)
    content = seams.folder.read(source)
    if content is None:
        raise Refused(f"{source} is missing, the kubeconfig that hubploy.yaml names: add it, encrypted by sops.")
    target = private / "kubeconfig"
    if sops.encrypted(load(content, source)):
        ran = seams.run(sops.decrypt(source, str(target)), limit=READ_LIMIT)
        if ran.exit != 0:
            raise Refused(f"{source} can't be decrypted: look at .sops.yaml and at the identity in use.")
    else:
        write_private(target, content.decode())
    context = current_context([target])
    kubectl = Kubectl(str(target), context.name)
    return Way(seams, private, deployment.cluster, who, context.server, kubectl, None)


def placed(seams: Seams, where: Place) -> Seams:
    """Everything runs in that place, unless a command names another."""
    return replace(seams, run=partial(seams.run, place=where))


def write_private(file: Path, text: str) -> None:
    """Whole, and private."""
    aside = file.with_name(f"{file.name}.new")
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    aside.replace(file)
