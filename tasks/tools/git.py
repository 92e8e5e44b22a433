"""git: the commit that an image's tag is made from."""

from __future__ import annotations


def last_commit(folder: str) -> list[str]:
    """The last commit that touched a folder: the same question that hubploy asks."""
    return ["git", "log", "-n", "1", "--pretty=format:%H", "--", folder]


def is_shallow() -> list[str]:
    return ["git", "rev-parse", "--is-shallow-repository"]


def head() -> list[str]:
    return ["git", "rev-parse", "--short=7", "HEAD"]


def image_tag(commit: str) -> str:
    """hubploy's tag: 7 characters, and as many more as it takes to have a letter among them, for YAML's sake."""
    length = next(
        (number for number, sign in enumerate(commit, 1) if number >= 7 and not commit[:number].isdecimal()), 0
    )
    if not length:
        raise ValueError(f"{commit!r} is no commit")
    return commit[:length]
