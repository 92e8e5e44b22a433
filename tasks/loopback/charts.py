"""A chart repository on loopback: the practice charts, packaged by helm in whatever versions are asked for."""

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

from invoke.context import Context

from tasks.errors import Refused
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


class Charts:
    """downloads: how often each file was asked for, index.yaml and archives. A thread of this process serves them."""

    def __init__(
        self, folder: Path, wanted: Sequence[Dependency], environment: Mapping[str, str], sources: Path
    ) -> None:
        self.downloads: Counter[str] = Counter()
        self.wanted = wanted
        self._folder, self._environment, self._sources = folder, dict(environment), sources
        self._package()
        handler = partial(_Handler, self.downloads, directory=str(folder))
        self._server = ThreadingHTTPServer((HOST, 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self._server.server_port}"

    @property
    def repositories(self) -> dict[str, str]:
        """Real address → the one here."""
        return {dependency.repository: self.address for dependency in self.wanted}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _package(self) -> None:
        """What is there already, of the same content, stays; index.yaml is made anew if anything changed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        helm = digest("helm")
        names = {f"{self._key(entry)}-{helm}.key": entry for entry in self.wanted}
        there = {file.name for file in self._folder.glob("*.key")}
        if there == set(names) and (self._folder / "index.yaml").exists():
            return
        shutil.rmtree(self._folder)
        self._folder.mkdir()
        for dependency in names.values():
            source = shlex.quote(str(self._sources / dependency.name))
            options = f"--version {shlex.quote(dependency.version)} --destination ."
            self._helm(f"package {source} {options}", dependency.name)
        self._helm("repo index .", "index.yaml")
        for name in names:
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


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, downloads: Counter[str], *arguments: Any, **options: Any) -> None:
        self._downloads = downloads
        super().__init__(*arguments, **options)

    def do_GET(self) -> None:
        self._downloads[self.path.partition("?")[0].strip("/")] += 1
        super().do_GET()

    def log_message(self, *_: Any) -> None:
        pass
