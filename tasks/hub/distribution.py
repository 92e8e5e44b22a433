"""Any registry but Amazon's, by the protocol that all of them speak."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.errors import Refused
from tasks.plan.distribution import Challenge, Login, address, login, split, token_request
from tasks.plan.image import KINDS, Manifest
from tasks.seams import Answer, Web, WebError


@dataclass(frozen=True)
class Distribution:
    """config: a Docker config file, with the logins."""

    web: Web
    config: Mapping[str, Any] = field(repr=False)
    _given: dict[tuple[str, bool], str] = field(default_factory=dict, repr=False)  # (image, writes) → Authorization

    def has(self, image: str, tag: str) -> bool:
        return self._ask("HEAD", image, tag) is not None

    def manifest(self, image: str, reference: str) -> Manifest | None:
        answer = self._ask("GET", image, reference)
        if answer is None:
            return None
        content = answer.body.decode()
        kind = _header(answer, "content-type").partition(";")[0].strip()
        return Manifest(content, kind if kind in KINDS else str(json.loads(content).get("mediaType", kind)))

    def put(self, image: str, tag: str, manifest: Manifest) -> None:
        self._ask("PUT", image, tag, manifest)

    def _ask(self, method: str, image: str, reference: str, manifest: Manifest | None = None) -> Answer | None:
        """None if it is not there."""
        writes = manifest is not None
        answer = self._send(method, image, reference, manifest)
        if answer.status == 401:
            given = self._authorization(Challenge.parse(_header(answer, "www-authenticate")), image, writes)
            self._given[image, writes] = given
            answer = self._send(method, image, reference, manifest)
        if answer.status == 404 and not writes:
            return None
        if answer.status not in (200, 201):
            raise Refused(_why(answer, image, writes))
        return answer

    def _send(self, method: str, image: str, reference: str, manifest: Manifest | None) -> Answer:
        headers = {"Content-Type": manifest.kind} if manifest else {"Accept": ", ".join(KINDS)}
        if given := self._given.get((image, manifest is not None)):
            headers["Authorization"] = given
        body = manifest.content.encode() if manifest else None
        return self._web(image, address(image, "manifests", reference), method, headers, body)

    def _authorization(self, challenge: Challenge, image: str, writes: bool) -> str:
        who, host = self._login(image), split(image)[0]
        if challenge.scheme == "basic":
            return who.basic if who else ""
        if challenge.scheme != "bearer" or not challenge.safe:
            raise Refused(f"{host} wants a login of a kind that is not known here: look at images in hubploy.yaml.")
        asked = token_request(challenge, image, writes, who)
        answer = self._web(image, asked.url, "POST" if asked.body else "GET", asked.headers, asked.body)
        if answer.status != 200:
            raise Refused(_why(answer, image, writes))
        found = json.loads(answer.body)
        return f"Bearer {found.get('token') or found.get('access_token')}"

    def _login(self, image: str) -> Login | None:
        try:
            return login(self.config, split(image)[0])
        except ValueError as error:
            raise Refused(f"The Docker config file that hubploy.yaml names is broken ({error}): mend it.") from None

    def _web(self, image: str, url: str, method: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        try:
            return self.web(url, method=method, headers=headers, body=body)
        except WebError as error:
            raise Refused(
                f"The registry {split(image)[0]} can't be asked ({error}): look at the network, and at images in hubploy.yaml."
            ) from None


def _header(answer: Answer, name: str) -> str:
    return next((text for key, text in answer.headers.items() if key.lower() == name), "")


def _why(answer: Answer, image: str, writes: bool) -> str:
    if answer.status in (401, 403):
        what = "written to" if writes else "looked at"
        return f"{image} may not be {what} with this login ({answer.status}): look at the Docker config file that hubploy.yaml names."
    return f"The registry {split(image)[0]} answered {answer.status}: look at its state, then start again."
