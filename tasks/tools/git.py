"""git: the commit that an image's tag is made from."""

from __future__ import annotations


def last_commit(folder: str, at: str = "") -> list[str]:
    """The last commit that touched a folder: the same question that hubploy asks. at: as seen from that commit."""
    return ["git", "log", "-n", "1", "--pretty=format:%H", *filter(None, [at]), "--", folder]


def is_shallow() -> list[str]:
    return ["git", "rev-parse", "--is-shallow-repository"]


def head() -> list[str]:
    return ["git", "rev-parse", "--short=7", "HEAD"]


def resolve(name: str) -> list[str]:
    """Prints the commit that a branch, a tag or whatever else stands for; says nothing if there is none."""
    return ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]


def read_tree(commit: str) -> list[str]:
    """All of its files into the index, which GIT_INDEX_FILE names: never the one of the work tree."""
    return ["git", "read-tree", commit]


def check_out(folder: str) -> list[str]:
    """The index's files into a folder. The work tree and its branch stay as they are."""
    return ["git", "checkout-index", "--all", f"--prefix={folder}/"]


def image_tag(commit: str) -> str:
    """hubploy's tag: 7 characters, and as many more as it takes to have a letter among them, for YAML's sake."""
    length = next(
        (number for number, sign in enumerate(commit, 1) if number >= 7 and not commit[:number].isdecimal()), 0
    )
    if not length:
        raise ValueError(f"{commit!r} is no commit")
    return commit[:length]


def tree(folder: str) -> list[str]:
    """The hash of what the commit that is checked out has in a folder."""
    return ["git", "rev-parse", "--verify", f"HEAD:./{folder}"]


def status(folder: str) -> list[str]:
    """Whatever is in a folder and in no commit; what git ignores too, for Docker doesn't ignore it."""
    options = ["--porcelain", "-z", "--ignored", "--untracked-files=all", "--ignore-submodules=none"]
    return ["git", "status", *options, "--", folder]


def parse_status(text: str) -> tuple[list[str], list[str]]:
    """Paths that a commit would take up, and paths that git ignores."""
    entries = iter(text.split("\0"))
    changed: list[str] = []
    ignored: list[str] = []
    for entry in entries:
        if not entry:
            continue
        if entry[0] in "RC":
            next(entries, None)  # where it was before
        (ignored if entry.startswith("!!") else changed).append(entry[3:])
    return changed, ignored


def remotes() -> list[str]:
    return ["git", "remote"]


def unshallow() -> list[str]:
    return ["git", "fetch", "--quiet", "--unshallow"]


def empty_tree() -> list[str]:
    return ["git", "hash-object", "-t", "tree", "/dev/null"]
