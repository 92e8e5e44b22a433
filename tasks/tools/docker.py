"""Docker's daemon, as hubploy reaches it: by Docker's library for Python. Its own program is not needed."""

from __future__ import annotations

ASK = "import docker; print(docker.from_env(timeout=20).version()['Version'])"


def version() -> list[str]:
    return ["python", "-c", ASK]
