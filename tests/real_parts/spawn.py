"""Starts people's servers with a real KubeSpawner: a program for that KubeSpawner's own Python, see test_kubespawner.py.

What is asked comes as JSON on stdin: {"namespace": …, "environments": {person: singleuser.extraEnv}}, and the answer goes
to stdout: {person: the name of the pod, or the exception's}. The API server is KUBECONFIG's.
"""

from __future__ import annotations

import asyncio
import json
import sys
from types import SimpleNamespace
from typing import Any

from jupyterhub.objects import Hub, Server  # type: ignore[import-not-found]
from kubespawner import KubeSpawner  # type: ignore[import-not-found]
from traitlets.config import Config


async def start(person: str, namespace: str, environment: dict[str, Any]) -> str:
    """environment: given as the charts' jupyterhub_config.py does it."""
    config = Config({"KubeSpawner": {"namespace": namespace, "environment": environment}})
    server = Server()
    user = SimpleNamespace(name=person, escaped_name=person, id=1, server=server, url=server.url, settings={})
    spawner = KubeSpawner(config=config, user=user, hub=Hub(), api_token="t", oauth_client_id="c")
    try:
        await spawner.start()
    except Exception as error:
        return f"{type(error).__name__} {error}"
    return str(spawner.pod_name)


async def everybody(asked: dict[str, Any]) -> dict[str, str]:
    return {
        person: await start(person, asked["namespace"], environment)
        for person, environment in asked["environments"].items()
    }


json.dump(asyncio.run(everybody(json.load(sys.stdin))), sys.stdout)
