"""AWS itself behind the seam, through boto3."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.seams import AwsError

CONNECT, READ, TRIES = 5, 9, 2  # seconds, seconds, attempts: an endpoint that does not answer costs 20 s at most
READS = re.compile(r"(?:describe|list|get)_")


@dataclass(frozen=True)
class Boto:
    """region: the configuration's, passed to every client, for boto3 does not read AWS_REGION. dry: changes are shown only."""

    region: str
    dry: bool = False
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

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            import boto3
            from botocore.config import Config

            limits = Config(
                connect_timeout=CONNECT, read_timeout=READ, retries={"max_attempts": TRIES, "mode": "standard"}
            )
            self._clients[service] = boto3.session.Session().client(service, region_name=self.region, config=limits)
        return self._clients[service]
