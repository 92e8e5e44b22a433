"""AWS itself behind the seam, through boto3."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.seams import AwsError

CONNECT, READ, TRIES = 5, 9, 2  # seconds, seconds, attempts: an endpoint that does not answer costs 20 s at most
READS = re.compile(r"(?:describe|list|get|batch_get|assume)_")


@dataclass(frozen=True)
class Keys:
    """Credentials, for as long as they are valid. Never printed."""

    id: str = field(repr=False)
    secret: str = field(repr=False)
    token: str = field(repr=False)

    def environment(self, region: str) -> dict[str, str]:
        """As programs take them. An empty token has to be absent, or it is sent."""
        keys = {"AWS_ACCESS_KEY_ID": self.id, "AWS_SECRET_ACCESS_KEY": self.secret}
        token = {"AWS_SESSION_TOKEN": self.token} if self.token else {}
        return {**keys, **token, "AWS_DEFAULT_REGION": region, "AWS_REGION": region}


@dataclass(frozen=True)
class Boto:
    """region: the configuration's, passed to every client, for boto3 does not read AWS_REGION. dry: changes are shown only.

    role: credentials of an assumed role, instead of the person's own.
    """

    region: str
    dry: bool = False
    role: Keys | None = None
    _clients: dict[str, Any] = field(default_factory=dict)

    def __call__(self, service: str, operation: str, **parameters: Any) -> Mapping[str, Any]:
        if self.dry and not READS.match(operation):
            words = " ".join(f"{key}={value}" for key, value in parameters.items())
            print(f"aws {service} {operation} {words}")
            return {}
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            client = self._client(service)
            if client.can_paginate(operation):
                answer: Mapping[str, Any] = client.get_paginator(operation).paginate(**parameters).build_full_result()
                return answer
            found: Mapping[str, Any] = getattr(client, operation)(**parameters)
            return found
        except ClientError as error:
            raise AwsError(
                error.response["Error"].get("Code", "Unknown"), error.response["Error"].get("Message", "")
            ) from None
        except (BotoCoreError, ResponseParserError) as error:
            raise AwsError(type(error).__name__, str(error)) from None
        except ValueError as error:  # botocore's for an AWS_ENDPOINT_URL without https://
            raise AwsError("InvalidEndpoint", str(error)) from None

    def assuming(self, role: str) -> Boto:
        """The same as a role. Raises AwsError if this identity may not assume it."""
        answer = self("sts", "assume_role", RoleArn=role, RoleSessionName="hub-maintenance")["Credentials"]
        keys = Keys(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])
        return Boto(self.region, self.dry, keys)

    def keys(self) -> Keys:
        """Whatever boto3 has found them in, for programs that look nowhere else than in their environment."""
        if self.role:
            return self.role
        found = self._session().get_credentials()
        if found is None:
            raise AwsError("NoCredentialsError", "Unable to locate credentials")
        frozen = found.get_frozen_credentials()
        return Keys(frozen.access_key, frozen.secret_key, frozen.token or "")

    def kubernetes_token(self, cluster: str) -> str:
        """What `aws eks get-token` prints, in a thousandth of the time: a signed question of who we are, good for 15 min.
        Raises AwsError where credentials that renew themselves can't be renewed.

        The form is that of aws-iam-authenticator, README, "API Authorization from Outside a Cluster".
        """
        from base64 import urlsafe_b64encode

        from botocore.exceptions import BotoCoreError
        from botocore.signers import RequestSigner

        client = self._client("sts")
        signer = RequestSigner(
            client.meta.service_model.service_id,
            self.region,
            "sts",
            "v4",
            self._session().get_credentials(),
            client.meta.events,
        )
        question = {
            "method": "GET",
            "url": f"{client.meta.endpoint_url}/?Action=GetCallerIdentity&Version=2011-06-15",
            "body": {},
            "headers": {"x-k8s-aws-id": cluster},
            "context": {},
        }
        try:
            url = signer.generate_presigned_url(question, region_name=self.region, expires_in=60, operation_name="")
        except BotoCoreError as error:
            raise AwsError(type(error).__name__, str(error)) from None
        return "k8s-aws-v1." + urlsafe_b64encode(url.encode()).decode().rstrip("=")

    def _session(self) -> Any:
        if "" not in self._clients:
            import boto3

            keys = (self.role.id, self.role.secret, self.role.token) if self.role else (None, None, None)
            self._clients[""] = boto3.session.Session(*keys)
        return self._clients[""]

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            from botocore.config import Config

            limits = Config(
                connect_timeout=CONNECT, read_timeout=READ, retries={"max_attempts": TRIES, "mode": "standard"}
            )
            self._clients[service] = self._session().client(service, region_name=self.region, config=limits)
        return self._clients[service]
