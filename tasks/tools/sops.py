"""sops: its command lines, and what it says when it can't."""

from __future__ import annotations

from collections.abc import Mapping


def decrypt(file: str, to: str) -> list[str]:
    return ["sops", "--output", to, "--decrypt", file]


def encrypt(file: str, named: str) -> list[str]:
    """In place. named: the path that .sops.yaml's rules are to be asked about."""
    return ["sops", "--encrypt", "--in-place", "--filename-override", named, file]


def encrypted(document: object) -> bool:
    """As hubploy tells: by the key that sops adds."""
    return isinstance(document, Mapping) and "sops" in document
