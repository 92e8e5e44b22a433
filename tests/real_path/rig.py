"""The task as a process of its own: a private copy of the tree, AWS on a loopback port, stand-ins on the PATH."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tasks.practice.cluster import ENDPOINT
from tasks.practice.world import World
from tests.real_path.amazon import ACCOUNT, Amazon
from tests.real_path.programs import Programs, Staged
from tests.rehearsal import ROOT

PATIENCE = 60.0  # seconds that a test waits for something before it gives up


@dataclass
class Run:
    """A task that has been begun."""

    process: subprocess.Popen[bytes]
    output: Path

    @property
    def out(self) -> str:
        return (self.output / "out").read_text()

    @property
    def err(self) -> str:
        return (self.output / "err").read_text()

    @property
    def exit(self) -> int:
        return self.process.wait(PATIENCE)

    def says(self, text: str) -> None:
        """Waits until it has."""
        wait_for(lambda: text in self.out + self.err or self.process.poll() is not None, repr(text))
        assert text in self.out + self.err


def wait_for(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


@dataclass
class Rig:
    """folder: a test's own. config: the text of the cluster's configuration. path: where it lies below the tree."""

    folder: Path
    world: World
    amazon: Amazon
    programs: Programs
    address: str
    config: str
    path: str
    runs: list[Run] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home.mkdir()
        self.bin.mkdir()
        for program in ("eksctl", "kubectl"):
            self.install(program)
        self.write_kubeconfig()
        copy_tree(self.tree)
        self.file.write_text(self.config)
        self.set("LOOK_EVERY", 0.1)  # nothing here takes longer than that

    @property
    def tree(self) -> Path:
        return self.folder / "the tree"

    @property
    def file(self) -> Path:
        return self.tree / self.path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kube config"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "USER": "operator",
            "LANG": "C.UTF-8",
            "PATH": str(self.bin),
            "KUBECONFIG": str(self.kubeconfig),
            "AWS_ENDPOINT_URL": f"http://{self.address}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_EC2_METADATA_DISABLED": "true",
            "INVOKE_AWS_ACCOUNT": ACCOUNT,
            "INVOKE_CLUSTER_CONFIG": self.path,
            "STAND_IN_SERVER": self.address,
        }

    def install(self, program: str) -> None:
        source = Path(__file__).with_name("stand_in.py").read_text()
        (self.bin / program).write_text(f"#!{sys.executable} -IS\n{source}")
        (self.bin / program).chmod(0o755)

    def write_kubeconfig(self, server: str = ENDPOINT) -> None:
        document = {
            "current-context": "operator@practice",
            "contexts": [{"name": "operator@practice", "context": {"cluster": "practice", "user": "operator"}}],
            "clusters": [{"name": "practice", "cluster": {"server": server}}],
        }
        self.kubeconfig.write_text(yaml.safe_dump(document))

    def set(self, constant: str, seconds: float) -> None:
        """In the private copy, so that no test has to wait as long as a person."""
        definition = re.compile(rf"^{constant} = [0-9.]+", re.MULTILINE)
        (file,) = (file for file in self.tree.glob("tasks/*.py") if definition.search(file.read_text()))
        file.write_text(definition.sub(f"{constant} = {seconds}", file.read_text()))

    def begin(self, *words: str, environment: dict[str, str | None] | None = None, **options: Any) -> Run:
        """invoke WORDS. environment: what is different in it, None being absent."""
        output = self.folder / f"run {len(self.runs)}"
        output.mkdir()
        variables = {**self.environment, **(environment or {})}
        with (output / "out").open("wb") as out, (output / "err").open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "invoke", *words],
                env={name: value for name, value in variables.items() if value is not None},
                start_new_session=True,
                **{"cwd": self.tree, "stdin": subprocess.DEVNULL, "stdout": out, "stderr": err, **options},
            )
        self.runs.append(Run(process, output))
        return self.runs[-1]

    def run(self, *words: str, environment: dict[str, str | None] | None = None) -> Run:
        """To its end."""
        run = self.begin(*words, environment=environment)
        assert run.exit is not None
        return run

    def stage(self, *words: str, **how: Any) -> Staged:
        self.programs.staged.append(Staged(words, **how))
        return self.programs.staged[-1]

    @property
    def lines(self) -> list[tuple[str, ...]]:
        return normal(self.programs.lines)

    @property
    def untouched(self) -> bool:
        """Nothing was changed: not by a command, not in AWS, not in a file."""
        left = [name for name in (".runs", "reports") if (self.tree / name).exists()]
        return not self.programs.lines and self.file.read_text() == self.config and not left

    def wait_until_begun(self, staged: Staged) -> None:
        assert staged.begun.wait(PATIENCE), f"{' '.join(staged.words)} was never begun"

    def close(self) -> None:
        for staged in self.programs.staged:
            staged.released.set()
        for run in self.runs:
            if run.process.poll() is None:
                os.killpg(run.process.pid, signal.SIGKILL)
                run.process.wait()


def copy_tree(target: Path) -> None:
    """The part of the repository that a task runs from, its compiled modules included."""
    target.mkdir()
    for name in ("tasks.py", "invoke.yaml"):
        shutil.copy2(ROOT / name, target)
    for name in ("tasks", "infra"):
        shutil.copytree(ROOT / name, target / name)


def normal(lines: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Without what differs from run to run: paths, the context, and the lock's patches, which depend on the time."""
    names = r"(--(?:config-file|kubeconfig|context|filename))=.*"
    return [
        tuple(re.sub(names, r"\1=…", word, flags=re.DOTALL) for word in line)
        for line in lines
        if not ("patch" in line and "lease" in line)
    ]
