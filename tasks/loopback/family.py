"""Small charts that are named, numbered and packaged as daskhub, jupyterhub and dask-gateway are.

Each is the practice chart of charts/daskhub with the differences of family.yaml. One version is the same bytes each time.
"""

from __future__ import annotations

import copy
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from packaging.version import Version

from tasks.plan.charts import Loader

SOURCE = Path(__file__).parent / "charts" / "daskhub"
DATA = Path(__file__).with_name("family.yaml")
REPOSITORIES = {
    "jupyterhub": "https://jupyterhub.github.io/helm-chart/",
    "dask-gateway": "https://helm.dask.org/",
    "daskhub": "https://helm.dask.org/",
}
CREATED = "2020-01-01T00:00:00Z"  # what an index says of each
Files = dict[str, bytes]  # path in the chart's folder → content


def everything() -> list[tuple[str, str]]:
    """(name, version) of each chart that there is, the oldest first."""
    return [(name, version) for name in REPOSITORIES for version in sorted(_rows(name), key=Version)]


@cache
def archive(name: str, version: str, app: str = "") -> bytes:
    """A packaged chart, .tgz. app: what jupyterhub's appVersion is to be instead of the real one's.

    KeyError for a chart that everything() doesn't have.
    """
    files = _files(name, version, app)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(files, key=lambda path: (path.startswith("charts/"), path)):
            member = tarfile.TarInfo(f"{name}/{path}")
            member.size, member.mode = len(files[path]), 0o644
            tar.addfile(member, io.BytesIO(files[path]))
    return gzip.compress(content.getvalue(), mtime=0)


def index(charts: Iterable[tuple[str, str]], address: str = "", app: str = "") -> bytes:
    """index.yaml of a repository with these. address: of the repository; without one, addresses are relative to it."""
    entries: dict[str, list[dict[str, Any]]] = {}
    for name, version in sorted(charts, key=lambda chart: (chart[0], Version(chart[1])), reverse=True):
        file = f"{name}-{version}.tgz"
        more = {
            "created": CREATED,
            "digest": hashlib.sha256(archive(name, version, app)).hexdigest(),
            "urls": [f"{address.rstrip('/')}/{file}" if address else file],
        }
        entries.setdefault(name, []).append(_metadata(name, version, app) | more)
    return _yaml({"apiVersion": "v1", "entries": entries, "generated": CREATED})


def write(folder: Path, charts: Iterable[tuple[str, str]], address: str = "", app: str = "") -> None:
    """Their archives and their index.yaml: a repository, to be served as it is."""
    chosen = list(charts)
    folder.mkdir(parents=True, exist_ok=True)
    for name, version in chosen:
        (folder / f"{name}-{version}.tgz").write_bytes(archive(name, version, app))
    (folder / "index.yaml").write_bytes(index(chosen, address, app))


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = yaml.load(DATA.read_text(), Loader)
    return data


@cache
def _rows(name: str) -> dict[str, dict[str, Any]]:
    """Version → what family.yaml says of it."""
    said = _data()[name]
    return {version: row for row in said for version in row["versions"]} if name == "daskhub" else said


@cache
def _files(name: str, version: str, app: str) -> Files:
    files = _texts(name, version, _source(name))
    files["Chart.yaml"] = _yaml(_metadata(name, version, app))
    if name == "daskhub":
        for inside, its in _rows(name)[version]["contains"].items():
            files |= {f"charts/{inside}/{path}": content for path, content in _files(inside, its, app).items()}
        return files
    files["values.yaml"] = _yaml(_values(name, version, yaml.load(files["values.yaml"], Loader)))
    schema = _schema(name, version, files)
    files.pop("values.schema.json", None)
    if schema:
        files["values.schema.json"] = json.dumps(schema, indent=2).encode() + b"\n"
    for crds, edition in zip(("daskclusters", "traefik"), _rows(name)[version].get("crds", ()), strict=False):
        files[f"crds/{crds}.yaml"] = _crds(crds, edition)
    return files


def _source(name: str) -> Files:
    """The practice chart's files, without those of charts inside it."""
    folder = SOURCE if name == "daskhub" else SOURCE / "charts" / name
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {path: file.read_bytes() for path, file in found.items() if not path.startswith("charts/")}


def _metadata(name: str, version: str, app: str) -> dict[str, Any]:
    """Chart.yaml. The real daskhub has no kubeVersion, whatever the charts in it have."""
    row = _rows(name)[version]
    head = {"apiVersion": row.get("form", "v2"), "name": name, "version": version}
    head["description"] = f"Practice chart in place of {name}"
    if name == "daskhub":
        said = row.get("declares", row["contains"])
        application = f"jh{said['jupyterhub']}-dg{said['dask-gateway']}"
        return head | {"appVersion": application, "dependencies": [_dependency(*entry) for entry in said.items()]}
    application = {"jupyterhub": app}.get(name) or row.get("app", version)
    kubernetes = {"kubeVersion": row["kubernetes"]} if "kubernetes" in row else {}
    return head | {"appVersion": application} | kubernetes


def _dependency(name: str, version: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "version": version, "repository": REPOSITORIES[name]}
    return entry | {"import-values": [{"child": "rbac", "parent": "rbac"}]} if name == "jupyterhub" else entry


def _applies(entry: Mapping[str, Any], version: str) -> bool:
    """Whether a version is from `since` on and before `until`."""
    at = Version(version)
    return Version(entry.get("since", "0")) <= at and ("until" not in entry or at < Version(entry["until"]))


def _texts(name: str, version: str, files: Files) -> Files:
    changed = dict(files)
    for entry in _data()["texts"].get(name, ()):
        if not _applies(entry, version):
            continue
        old, new = entry["old"].encode(), entry["new"].encode()
        if old not in changed[entry["file"]]:
            raise ValueError(
                f"family.yaml wants to change {old!r} in {entry['file']} of {name}, which has no such text."
            )
        changed[entry["file"]] = changed[entry["file"]].replace(old, new)
    return changed


def _values(name: str, version: str, values: dict[str, Any]) -> dict[str, Any]:
    data = _data()
    for path in data["own_tags"].get(name, ()):
        _put(values, path, version)
    for entry in (*data["values"].get(name, ()), *data["keys"].get(name, ())):
        for path, value in entry["set"].items() if _applies(entry, version) else ():
            _put(values, path, copy.deepcopy(value))
    for path in _absent(name, version):
        _remove(values, path)
    return values


def _schema(name: str, version: str, files: Files) -> dict[str, Any]:
    """{} for a version that has none. dask-gateway's is made from its defaults."""
    if Version(version) < Version(_data()["schemas"].get(name, "0")):
        return {}
    if "values.schema.json" not in files:
        return _allows(yaml.load(files["values.yaml"], Loader))
    schema: dict[str, Any] = json.loads(files["values.schema.json"])
    for entry in _data()["keys"].get(name, ()):
        for path, value in entry["set"].items() if _applies(entry, version) else ():
            _put(schema, _in_schema(path), _allows(value))
    for path in _absent(name, version):
        _remove(schema, _in_schema(path))
    return schema


def _absent(name: str, version: str) -> list[str]:
    """Keys that other versions have, and this one doesn't."""
    entries = _data()["keys"].get(name, ())
    return [path for entry in entries if not _applies(entry, version) for path in entry["set"]]


def _in_schema(path: str) -> str:
    return ".".join(f"properties.{key}" for key in path.split("."))


def _allows(value: Any) -> dict[str, Any]:
    """A schema for what has such a default. An empty map may hold anything, and so may what has no default."""
    if isinstance(value, dict) and value:
        below = {key: _allows(inside) for key, inside in value.items()}
        return {"type": "object", "additionalProperties": False, "properties": below}
    kinds: tuple[tuple[type, Any], ...] = (
        (dict, "object"),
        (list, "array"),
        (bool, ["boolean", "null"]),
        (int, ["number", "string", "null"]),
        (float, ["number", "null"]),
        (str, ["string", "null"]),
    )
    return next(({"type": allowed} for kind, allowed in kinds if isinstance(value, kind)), {})


def _put(values: dict[str, Any], path: str, value: Any) -> None:
    *above, last = path.split(".")
    for key in above:
        values = values.setdefault(key, {})
    values[last] = value


def _remove(values: dict[str, Any], path: str) -> None:
    *above, last = path.split(".")
    for key in above:
        values = values.get(key, {})
    values.pop(last, None)


def _crds(name: str, edition: str) -> bytes:
    said = _data()["crds"][name][edition]
    found = [_crd(kind, group, edition, said) for group in said["groups"] for kind in said["kinds"]]
    return yaml.safe_dump_all(found, sort_keys=False, explicit_start=True).encode()


def _crd(kind: str, group: str, edition: str, said: Mapping[str, Any]) -> dict[str, Any]:
    one = kind.lower()
    below = {key: {"type": "object", "x-kubernetes-preserve-unknown-fields": True} for key in ("spec", "status")}
    schema = {"type": "object", "description": f"Edition {edition}", "properties": below}
    more: dict[str, Any] = {"subresources": {"status": {}}} if said.get("status") else {}
    served = {"name": "v1alpha1", "served": True, "storage": True}
    names = {"kind": kind, "listKind": f"{kind}List", "plural": f"{one}s", "singular": one}
    spec: dict[str, Any] = {"group": group, "scope": "Namespaced", "names": names}
    if beta := said.get("beta"):
        spec |= {"versions": [served], "validation": {"openAPIV3Schema": schema}} | more
    else:
        spec |= {"versions": [served | {"schema": {"openAPIV3Schema": schema}} | more]}
    head = {"apiVersion": f"apiextensions.k8s.io/{'v1beta1' if beta else 'v1'}", "kind": "CustomResourceDefinition"}
    return head | {"metadata": {"name": f"{one}s.{group}"}, "spec": spec}


def _yaml(content: Any) -> bytes:
    return yaml.safe_dump(content, sort_keys=False, width=120).encode()
