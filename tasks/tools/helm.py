"""helm: its command lines and its answers; and the files that lie in a chart's folder."""

from __future__ import annotations

import gzip
import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.plan.release import Revision

HISTORY = 256  # revisions: more than helm keeps
DEPENDENCY = ("name", "version", "repository", "condition", "tags", "enabled", "import-values", "alias")


@dataclass(frozen=True)
class Helm:
    """Builds command lines for one namespace of one cluster."""

    kubeconfig: str
    context: str
    namespace: str

    def line(self, *words: str) -> list[str]:
        where = (f"--kubeconfig={self.kubeconfig}", f"--kube-context={self.context}", f"--namespace={self.namespace}")
        return ["helm", *words, *where]

    def history(self, release: str) -> list[str]:
        return self.line("history", release, f"--max={HISTORY}", "--output=json")

    def status(self, release: str, revision: int) -> list[str]:
        """A revision with its manifest, hooks and values."""
        return self.line("status", release, f"--revision={revision}", "--output=json")

    def rollback(self, release: str, revision: int, wait: bool, seconds: int) -> list[str]:
        """No old record is dropped for the new one: those of bad revisions are still to be gone back from."""
        waiting = ["--wait", f"--timeout={seconds}s"] if wait else []
        return self.line("rollback", release, str(revision), "--cleanup-on-fail", "--history-max=0", *waiting)

    def template(
        self, release: str, chart: str, values: Sequence[str], kubernetes: str, apis: Sequence[str]
    ) -> list[str]:
        """What an upgrade would send, without asking the release: a stuck one can be shown too.

        The cluster is asked for nothing but objects that templates look up; what it serves is said in `apis`, together
        with what the chart's own CRDs are going to serve.
        """
        capabilities = [f"--kube-version={kubernetes}", *(f"--api-versions={api}" for api in apis)]
        return self.line(
            "template", release, chart, "--is-upgrade", "--dry-run=server", "--skip-tests", *capabilities, *values
        )

    def upgrade(self, release: str, chart: str, values: Sequence[str], description: str, timeout: str) -> list[str]:
        """As hubploy has it, in its order; hubploy makes a missing namespace by itself. timeout: "" for helm's own."""
        return self.line(
            "upgrade",
            "--wait",
            "--install",
            release,
            chart,
            *([f"--timeout={timeout}"] if timeout else []),
            "--cleanup-on-fail",
            "--create-namespace",
            *values,
            f"--description={description}",
        )


def render(
    release: str, chart: str, namespace: str, values: Sequence[str], kubernetes: str, apis: Sequence[str]
) -> list[str]:
    """What an upgrade would send, with no cluster to ask: whatever templates look up is not there."""
    capabilities = [f"--kube-version={kubernetes}", *(f"--api-versions={api}" for api in apis)]
    where = f"--namespace={namespace}"
    return ["helm", "template", release, chart, "--is-upgrade", "--skip-tests", where, *capabilities, *values]


def values(files: Sequence[str], strings: Mapping[str, str]) -> list[str]:
    """Options for values files, later ones winning, and for single values that win over all of them."""
    return [
        *(f"--values={file}" for file in files),
        *(f"--set-string={path}={text}" for path, text in strings.items()),
    ]


def pull(name: str, version: str, repository: str, chart: str, folder: str) -> list[str]:
    """One dependency's archive. `helm dependency build` would want the repositories added to the person's own first.

    chart: the folder that a file:// repository is relative to. folder: where the archive goes.
    """
    if repository.startswith("file://"):
        return ["helm", "package", f"{chart}/{repository.removeprefix('file://')}", f"--destination={folder}"]
    if repository.startswith("oci://"):
        return ["helm", "pull", f"{repository}/{name}", f"--version={version}", f"--destination={folder}"]
    return ["helm", "pull", name, f"--repo={repository}", f"--version={version}", f"--destination={folder}"]


def dependency_update(chart: str) -> list[str]:
    """Resolves Chart.yaml's versions, writes Chart.lock, and puts the archives into charts/."""
    return ["helm", "dependency", "update", chart]


def version() -> list[str]:
    return ["helm", "version", "--template={{.Version}}"]


def parse_history(text: str) -> list[Revision]:
    """Oldest first."""
    return sorted(
        (
            Revision(row["revision"], row["status"], row["chart"], row.get("description", ""), row.get("updated", ""))
            for row in json.loads(text)
        ),
        key=lambda revision: revision.number,
    )


@dataclass(frozen=True)
class Deployed:
    """What `helm status` tells of one revision. manifest: hooks included."""

    manifest: str
    values: dict[str, Any]
    description: str
    updated: str


def parse_status(text: str) -> Deployed:
    answer = json.loads(text)
    # Tests run when somebody asks for them: they are no part of what a deploy does.
    hooks = [hook["manifest"] for hook in answer.get("hooks") or [] if set(hook.get("events") or []) != {"test"}]
    info = answer["info"]
    manifest = "\n---\n".join([answer.get("manifest") or "", *hooks])
    return Deployed(manifest, answer.get("config") or {}, info.get("description", ""), info.get("last_deployed", ""))


def redescribed(secret: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """The Secret in which helm keeps a revision, with another description."""
    return _with_info(secret, lambda info: {"description": change(info.get("description", ""))})


def failed(secret: Mapping[str, Any]) -> dict[str, Any]:
    """The same with the status that helm gives to what has failed."""
    changed = _with_info(secret, lambda _: {"status": "failed"})
    metadata = secret["metadata"]
    labels = {**(metadata.get("labels") or {}), "status": "failed"}
    return {**changed, "metadata": {**metadata, "labels": labels}}


def _with_info(secret: Mapping[str, Any], change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> dict[str, Any]:
    """Its form is base64 (of Kubernetes) of base64 of gzip of JSON (helm's pkg/storage/driver). Raises ValueError for
    any other."""
    text = gzip.decompress(b64decode(b64decode(secret["data"]["release"]), validate=True))
    record = json.loads(text)
    record["info"].update(change(record["info"]))
    packed = b64encode(gzip.compress(json.dumps(record, separators=(",", ":")).encode(), mtime=0))
    return {**secret, "data": {"release": b64encode(packed).decode()}}


def lock_digest(dependencies: Sequence[Mapping[str, Any]], locked: Sequence[Mapping[str, Any]]) -> str:
    """What Chart.lock's `digest` has to be: helm's resolver.HashReq, over the dependencies as Go writes them in JSON."""
    rows = [[_as_go(entry) for entry in entries] for entries in (dependencies, locked)]
    text = json.dumps(rows, separators=(",", ":"), ensure_ascii=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _as_go(entry: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: entry[key] for key in DEPENDENCY if entry.get(key)}
    return {
        "name": entry.get("name", ""),
        **_between(kept),
        **{key: _sorted(kept[key]) for key in DEPENDENCY[3:] if key in kept},
    }


def _sorted(value: Any) -> Any:
    """Mappings inside, as those of import-values: Go sorts their keys."""
    return json.loads(json.dumps(value, sort_keys=True))


def _between(kept: Mapping[str, Any]) -> dict[str, Any]:
    """version is left out when empty, repository never is."""
    found = {"version": str(kept["version"])} if "version" in kept else {}
    return {**found, "repository": kept.get("repository", "")}
