"""`--smoke-test`: a server and a Dask cluster as somebody would start them, and nothing of them left behind.

Through the proxy, by JupyterHub's REST API (https://jupyterhub.readthedocs.io/en/stable/reference/rest-api.html) and
the gateway's (/api/v1/clusters/), as a user who is made for it and removed after it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

from tasks.endings import undisturbed
from tasks.errors import Refused
from tasks.plan.hubstate import at
from tasks.seams import Answer, Clock, Web, WebError

USER = "deployment-smoke-test"
START, STOP, PAUSE = 900.0, 120.0, 2.0  # seconds: a node may have to be started first


@dataclass(frozen=True)
class SmokeTest:
    """address: the hub's, with a slash at its end. token: of a service that may make users and start their servers.
    gateway: the Dask gateway's address, or "" if the hub has none.
    """

    web: Web
    clock: Clock
    address: str
    token: str
    gateway: str
    tick: Callable[[], None]

    def run(self) -> Generator[str]:
        """A line for each thing that works. Refused at the first that does not; what was started is gone either way."""
        with ExitStack() as after:
            self._remove_user()  # of a run that was killed
            after.callback(self._clean, self._remove_user)  # before it is made: an interrupt may come meanwhile
            self._hub("POST", f"users/{USER}", (201,), "can't make a user")
            begun = self.clock.now()
            self._hub("POST", f"users/{USER}/server", (201, 202), "can't start a server")
            self._until(self._server_is_ready, START, "a server that was started for the test")
            yield f"a server was started in {self.clock.now() - begun:.0f} s"
            if self.gateway:
                begun = self.clock.now()
                name = self._start_cluster(self._user_token())
                yield f"the Dask cluster {name} was started in {self.clock.now() - begun:.0f} s"

    def _start_cluster(self, token: str) -> str:
        answer = self._dask(token, "POST", "", {"cluster_options": {}})
        if answer.status != 201:
            raise Refused(
                f"The smoke test failed: the Dask gateway starts no cluster ({_told(answer)}): look at its pods."
            )
        name = str(_content(answer).get("name"))

        def running() -> bool:
            status = _content(self._dask(token, "GET", name)).get("status")
            if status in ("FAILED", "STOPPED", "STOPPING"):
                raise Refused(
                    f"The smoke test failed: the Dask cluster {name} is {status}: look at the gateway's pods."
                )
            return bool(status == "RUNNING")

        self._until(running, START, f"the Dask cluster {name}")
        return name

    def _end_clusters(self, token: str) -> None:
        """All that the test's user has: an interrupt may come before the gateway has told a name."""
        for name in _content(self._dask(token, "GET", "")):
            self._dask(token, "DELETE", name)

    def _dask(self, token: str, method: str, path: str, body: Any = None) -> Answer:
        headers = {"Authorization": f"jupyterhub {token}"}
        return self._ask(f"{self.gateway}/api/v1/clusters/{path}", method, headers, body)

    def _server_is_ready(self) -> bool:
        user = _content(self._hub("GET", f"users/{USER}", (200,), "does not know its user"))
        server = (user.get("servers") or {}).get("")
        if server is None and not user.get("pending") and not user.get("server"):
            raise Refused(
                "The smoke test failed: its server did not start: look at the hub's log and at the events of its pod."
            )
        return bool(server and server.get("ready"))

    def _user_token(self) -> str:
        answer = self._hub(
            "POST", f"users/{USER}/tokens", (200, 201), "gives no token to its user", {"expires_in": 3600}
        )
        return str(_content(answer).get("token"))

    def _stop_server(self) -> None:
        """Asked again and again: an old hub does not stop a server that is about to start."""

        def stopped() -> bool:
            self._hub("DELETE", f"users/{USER}/server", (202, 204, 400, 404), "can't stop the server")
            answer = self._hub("GET", f"users/{USER}", (200, 404), "does not know its user")
            return answer.status == 404 or not _content(answer).get("servers")

        self._until(stopped, STOP, "the end of the test's server")

    def _remove_user(self) -> None:
        """With all that it has."""
        if self._hub("GET", f"users/{USER}", (200, 404), "tells nothing of users").status == 404:
            return
        if self.gateway:
            self._clean(lambda: self._end_clusters(self._user_token()))
        self._stop_server()
        self._hub("DELETE", f"users/{USER}", (204, 404), "can't remove the user")

    def _clean(self, step: Callable[[], Any]) -> None:
        """Whatever ended the test. What can't be cleaned up is left to the next test, and to the hub's culler."""
        with undisturbed(), suppress(Refused):
            step()

    def _hub(self, method: str, path: str, wanted: tuple[int, ...], trouble: str, body: Any = None) -> Answer:
        answer = self._ask(f"{self.address}hub/api/{path}", method, {"Authorization": f"token {self.token}"}, body)
        if answer.status not in wanted:
            hint = (
                ": give the service `admin: true`, or since JupyterHub 2 a role with the scopes admin:users, admin:servers and tokens"
                if answer.status == 403
                else ""
            )
            raise Refused(f"The smoke test failed: the hub {trouble} ({_told(answer)}){hint}.")
        return answer

    def _ask(self, url: str, method: str, headers: Mapping[str, str], body: Any = None) -> Answer:
        content = json.dumps(body).encode() if body is not None else b"" if method == "POST" else None
        try:
            return self.web(url, method=method, headers={**headers, "Content-Type": "application/json"}, body=content)
        except WebError as error:
            raise Refused(f"The smoke test failed: {url} does not answer ({error}).") from None

    def _until(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        begun = self.clock.now()
        while not done():
            if self.clock.now() - begun > seconds:
                raise Refused(f"The smoke test failed: {what} was not there after {seconds:.0f} s: look at its pods.")
            self.tick()
            self.clock.sleep(PAUSE)


def _told(answer: Answer) -> str:
    """The status, and the message that both APIs put into JSON."""
    found = _content(answer)
    message = found.get("message") or found.get("error")
    return f"{answer.status}: {message}" if message else str(answer.status)


def _content(answer: Answer) -> dict[str, Any]:
    """Of JSON. Nothing if it is something else: a proxy may have answered, with a page."""
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def token_of(values: Any, service: str) -> str:
    """values: the jupyterhub chart's. Refused where no such service has a token."""
    found = at(values, f"hub.services.{service}.apiToken") or at(values, f"hub.services.{service}.api_token")
    if not found:
        raise Refused(
            f"--smoke-test needs a service {service!r} of the hub, and the values have no hub.services.{service}.apiToken: "
            "add it to the secrets, and `admin: true` to the service (since JupyterHub 2 a role with the scopes admin:users, admin:servers and tokens)."
        )
    return str(found)
