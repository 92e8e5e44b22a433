"""Chart repositories on loopback: of any folder, or the practice charts, packaged in whatever versions are asked for."""

from __future__ import annotations

import hashlib
import shlex
import shutil
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from invoke.context import Context

from tasks.errors import Refused
from tasks.loopback import family
from tasks.loopback.servers import HOST
from tasks.parts.cache import digest, program

PARTS = ("helm",)
CHARTS = Path(__file__).with_name("charts")


@dataclass(frozen=True)
class Dependency:
    """As Chart.yaml has it. repository: the real one's address, which stands for ours."""

    name: str
    version: str
    repository: str = ""

    @property
    def archive(self) -> str:
        return f"{self.name}-{self.version}.tgz"


def dependencies(chart: Mapping[str, Any]) -> tuple[Dependency, ...]:
    """Those that the content of a Chart.yaml names."""
    return tuple(
        Dependency(entry["name"], str(entry["version"]), entry.get("repository", ""))
        for entry in chart.get("dependencies") or []
    )


class Repository:
    """Serves a folder, which has an index.yaml and archives. A thread of this process does it until close().

    downloads: how often each file was asked for. fail: names of files for which it has only an error, status 500.
    """

    def __init__(self, folder: Path) -> None:
        self.downloads: Counter[str] = Counter()
        self.fail: set[str] = set()
        handler = partial(_Handler, self.downloads, self.fail, directory=str(folder))
        self._server = ThreadingHTTPServer((HOST, 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Charts(Repository):
    """The charts that are wanted, from their sources. Beside the practice charts also the whole family of daskhub.

    A dependency that is a folder (file://) is no business of a repository. Of the family, exactly the version that the
    source itself has comes from the source, which a cluster of today takes; the other versions come as the real ones do.
    """

    def __init__(
        self, folder: Path, wanted: Sequence[Dependency], environment: Mapping[str, str], sources: Path
    ) -> None:
        self.wanted = [entry for entry in wanted if not entry.repository.startswith("file:")]
        self._folder, self._environment, self._sources = folder, dict(environment), sources
        self._family = set(family.everything()) - _own() if sources == CHARTS else set()
        self._package()
        super().__init__(folder)

    @property
    def repositories(self) -> dict[str, str]:
        """Real address → the one here."""
        known = [entry.repository for entry in self.wanted]
        if self._family:
            known += [each for address in family.REPOSITORIES.values() for each in (address, address.rstrip("/"))]
        return dict.fromkeys(known, self.address)

    def _package(self) -> None:
        """What is there already, of the same content, stays; index.yaml is made anew if anything changed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        helm = digest("helm")
        own = [entry for entry in self.wanted if (entry.name, entry.version) not in self._family]
        names = {f"{self._key(entry)}-{helm}.key": entry for entry in own}
        keys = {*names, f"family-{_family_key()}.key"} if self._family else set(names)
        there = {file.name for file in self._folder.glob("*.key")}
        if there == keys and (self._folder / "index.yaml").exists():
            return
        shutil.rmtree(self._folder)
        self._folder.mkdir()
        for dependency in names.values():
            source = shlex.quote(str(self._sources / dependency.name))
            options = f"--version {shlex.quote(dependency.version)} --destination ."
            self._helm(f"package {source} {options}", dependency.name)
        for name, version in self._family:
            (self._folder / f"{name}-{version}.tgz").write_bytes(family.archive(name, version, _answering()))
        self._helm("repo index .", "index.yaml")
        for name in keys:
            (self._folder / name).touch()

    def _key(self, dependency: Dependency) -> str:
        source = self._sources / dependency.name
        if not (source / "Chart.yaml").exists():
            raise Refused(f"There is no practice chart {dependency.name}: make one in {self._sources}.")
        content = hashlib.sha256(dependency.version.encode())
        for file in sorted(path for path in source.rglob("*") if path.is_file()):
            content.update(f"\0{file.relative_to(source)}\0".encode() + file.read_bytes())
        return f"{dependency.name}-{content.hexdigest()[:16]}"

    def _helm(self, words: str, what: str) -> None:
        line = f"cd {shlex.quote(str(self._folder))} && {shlex.quote(str(program('helm')))} {words}"
        ran = Context().run(line, env=self._environment, hide=True, warn=True, in_stream=False)
        if ran is None or ran.exited:
            said = ran.stderr.strip() if ran else ""
            raise Refused(f"helm can't package {what} ({said}): mend the practice chart.")


def _own() -> set[tuple[str, str]]:
    """What the practice chart daskhub itself is."""
    metadata = yaml.safe_load((family.SOURCE / "Chart.yaml").read_text())
    return {(metadata["name"], metadata["version"])}


def _answering() -> str:
    """The JupyterHub that answers in practice, whatever chart is deployed: a deploy asks it for its version."""
    metadata = yaml.safe_load((family.SOURCE / "charts" / "jupyterhub" / "Chart.yaml").read_text())
    return str(metadata["appVersion"])


def _family_key() -> str:
    files = [family.DATA, Path(family.__file__), *sorted(path for path in family.SOURCE.rglob("*") if path.is_file())]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, downloads: Counter[str], fail: set[str], *arguments: Any, **options: Any) -> None:
        self._downloads, self._fail = downloads, fail
        super().__init__(*arguments, **options)

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].strip("/")
        self._downloads[name] += 1
        if name in self._fail:
            self.send_error(500)
            return
        super().do_GET()

    def log_message(self, *_: Any) -> None:
        pass
