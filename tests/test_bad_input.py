"""Bad command lines: one sentence, an exit code, and nothing was begun.

This file is also the program that runs them: one forked process each, in a copy of the deployment.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import traceback
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NoReturn

import pytest

# Line → words of the one sentence that it gets.
UPGRADES = {
    "": "--to is missing",
    "--to ''": "--to is missing",
    "--to": "needed value",
    "--to nonsense": "'nonsense' is not a Kubernetes minor version",
    "--to latest": "'latest' is not a Kubernetes minor version",
    "--to 1.2": "1.20",
    "--to 2.0": "'2.0' is not a Kubernetes minor version",
    "--to -1.22": "'-1.22' is not a Kubernetes minor version",
    "--to １.22": "'１.22' is not a Kubernetes minor version",
    "--to 1.22.3": "'1.22.3' is not a Kubernetes minor version",
    "--to '1.22\n'": r"'1\.22\\n' is not a Kubernetes minor version",
    "1.22": "No idea what '1.22' is",
    "--to 1.22 --nope": "No idea what '--nope' is",
    "--to 1.22 --evict-user": "No idea what '--evict-user' is",
    "--to 1.22 --strategy x": "'x' is neither supported nor documented",
    "--to 1.22 --wait-for-users x": "'x' is not a time such as 8h",
    "--to 1.22 --wait-for-users 0h": "'0h' is not a time such as 8h",
    "--to 1.22 --wait-for-users １h": "'１h' is not a time such as 8h",
    "--to 1.22 --wait-for-users 8h --evict-users": "exclude each other",
    "--to 1.22 --group-version x": "'x' is not of the form NAME=1.20",
    "--to 1.22 --group-version core-a=x": "'x' is not a Kubernetes minor version",
    "--to 1.22 --output xml": "'xml' is not known",
}
NUMBER = "is not the number of an event"
REHEARSALS = {
    "": "needs to know what",
    "test": "`test` can't be rehearsed",
    "upgrade-k8s --to 1.22 test": "`test` can't be rehearsed",
    "upgrade-k8s --to 1.22 rehearse": "has to stand first",
    "rehearse upgrade-k8s --to 1.22": "has to stand first",
    "nope": "No idea what 'nope' is",
    "--die-after x upgrade-k8s --to 1.22": f"--die-after 'x' {NUMBER}",
    "--die-after 0 upgrade-k8s --to 1.22": f"--die-after '0' {NUMBER}",
    "--die-after -1 upgrade-k8s --to 1.22": f"--die-after '-1' {NUMBER}",
    "--die-after １ upgrade-k8s --to 1.22": f"--die-after '１' {NUMBER}",
    "--die-after upgrade-k8s --to 1.22": "No idea what '--to' is",
    "--die-during 1.5 upgrade-k8s --to 1.22": f"--die-during '1.5' {NUMBER}",
    "--fail-at x upgrade-k8s --to 1.22": f"--fail-at 'x' {NUMBER}",
    "--fail-after x upgrade-k8s --to 1.22": f"--fail-after 'x' {NUMBER}",
    "--lie-at x upgrade-k8s --to 1.22": f"--lie-at 'x' {NUMBER}",
    "--from x upgrade-k8s --to 1.22": "--from: 'x' is not a Kubernetes minor version",
    "--users x upgrade-k8s --to 1.22": "--users 'x' is not a number of people",
    "--users -1 upgrade-k8s --to 1.22": "--users '-1' is not a number of people",
    "--offered x upgrade-k8s --to 1.22": "--offered 'x' is not a span",
    "--offered 1.36-1.31 upgrade-k8s --to 1.22": "--offered '1.36-1.31' is not a span",
    "--managed nope upgrade-k8s --to 1.22": "--managed names nope",
    "--resume --from 1.20 status": "--from can't change a cluster that is there already",
    "--resume --users 3 status": "--users can't change a cluster that is there already",
}
OTHERS = {
    "upgrade-k8s --to 1.22 rehearse": "has to stand first",
    "--dry rehearse": "needs to know what",
    "status --output xml": "'xml' is not known",
    "-f hubs/nope.yaml status": "There is no hubs/nope.yaml",
}
LINES = (
    {f"upgrade-k8s {line}": words for line, words in UPGRADES.items()}
    | {f"rehearse {line}": words for line, words in REHEARSALS.items()}
    | OTHERS
)
# These can be known to be wrong only by a look at the cluster.
LOOKS = {
    "upgrade-k8s --to 1.17": "at 1.18 already",
    "upgrade-k8s --to 1.37": "EKS does not offer 1.37",
    "upgrade-k8s --to 1.22 --until x": "'x' is no step of this plan",
}


@dataclass(frozen=True)
class Ended:
    """changed: files that are not what they were before."""

    exit: int
    stdout: str
    stderr: str
    changed: list[str]

    def refuses(self, words: str) -> None:
        assert self.exit == 1, self.stderr
        assert re.search(words, self.stderr)
        assert self.stderr.count("\n") == 1
        assert self.stderr.endswith("\n")
        assert len(self.stderr) < 400


def driven(tree: Path, *lines: str) -> list[Ended]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tree.parent), "LANG": "C.UTF-8"}
    command = [sys.executable, __file__]
    ran = subprocess.run(
        command, cwd=tree, env=environment, input=json.dumps(lines), capture_output=True, text=True, check=True
    )
    return [Ended(**ended) for ended in json.loads(ran.stdout)]


def test_a_bad_line_is_refused_in_one_sentence_and_nothing_is_begun(tree: Path, subtests: pytest.Subtests) -> None:
    """Not even the rehearsal that is there is touched."""
    _, *all_ended = driven(tree, "rehearse status", *LINES)
    for (line, words), ended in zip(LINES.items(), all_ended, strict=True):
        with subtests.test(line=line):
            ended.refuses(words)
            assert ended.stdout == ""
            assert ended.changed == []


def test_a_line_that_does_not_fit_the_live_cluster_is_refused_with_nothing_but_a_look(
    tree: Path, subtests: pytest.Subtests
) -> None:
    lines = [f"rehearse --resume {line}" for line in LOOKS]
    _, *all_ended = driven(tree, "rehearse status", *lines)
    for (line, words), ended in zip(LOOKS.items(), all_ended, strict=True):
        with subtests.test(line=line):
            ended.refuses(words)
            assert re.fullmatch(r"\d+ events\n", ended.stdout)
            assert ended.changed == [".rehearsal/world.json"]


def test_nothing_can_be_resumed_where_nothing_was_begun(tree: Path) -> None:
    (ended,) = driven(tree, "rehearse --resume upgrade-k8s --to 1.22")
    ended.refuses("There is no rehearsal to resume")
    assert (ended.stdout, ended.changed) == ("", [])


def test_a_good_line_is_told_from_a_bad_one(tree: Path) -> None:
    """Or all of the above could pass for another reason."""
    begun, looked = driven(tree, "rehearse status", "rehearse --resume status")
    assert (begun.exit, begun.stderr, looked.exit, looked.stderr) == (0, "", 0, "")
    assert ".rehearsal/kubeconfig" in begun.changed
    assert looked.changed == [".rehearsal/world.json"]


# The program


def drive() -> None:
    """Command lines from stdin, what became of them to stdout."""
    for module in ("invoke.main", "ruamel.yaml", "yaml"):  # so that the forked processes need not
        import_module(module)
    json.dump([run(line) for line in json.load(sys.stdin)], sys.stdout)


def run(line: str) -> dict[str, Any]:
    before = snapshot()
    with TemporaryFile() as stdout, TemporaryFile() as stderr:
        if (number := os.fork()) == 0:
            os.dup2(stdout.fileno(), 1)
            os.dup2(stderr.fileno(), 2)
            invoke_it(line)
        _, status = os.waitpid(number, 0)
        texts = [(stream.seek(0), stream.read().decode())[1] for stream in (stdout, stderr)]
    after = snapshot()
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    return {
        "exit": os.waitstatus_to_exitcode(status),
        "stdout": texts[0],
        "stderr": texts[1],
        "changed": changed,
    }


def invoke_it(line: str) -> NoReturn:
    """As the program `invoke` would; 99 where that would end in a traceback."""
    code: Any = 99
    try:
        from invoke.main import program

        program.run(["invoke", *shlex.split(line)])
        code = 0
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def snapshot() -> dict[str, bytes]:
    paths = (path for path in Path().rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path): path.read_bytes() for path in paths}


if __name__ == "__main__":
    drive()
