"""Charts and deployments for the tests of the rules, and the cases of breaks.yaml beside this file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, reduce
from pathlib import Path
from typing import Any

import yaml

from tasks.plan.breaks import Facts, Finding, Image, Source, Where, findings
from tasks.plan.charts import CrdFile, Packaged
from tasks.plan.manifest import merged

PREFIX = ("daskhub",)
DEPENDENCY = Where("chart/Chart.yaml", 7, ("dependencies", "0", "version"))
LOCAL = "2026.3.0+jupyterhub.4.4.0"
JUPYTERHUB = {"2": ("1.2.0", "2.0.0"), "3": ("2.0.0", "3.2.1"), "4": ("3.2.1", "4.4.0")}  # into which major

# What the releases of daskhub bring; the JupyterHub in jupyterhub; the CRD files of dask-gateway, by their hashes.
BUNDLES = {
    "2021.7.2": ("1.1.1", "0.9.0"),
    "2022.4.1": ("1.2.0", "0.9.0"),
    "2022.8.2": ("1.2.0", "2022.6.1"),
    "2022.11.0": ("2.0.0", "2022.10.0"),
    "2023.1.0": ("2.0.0", "2023.1.1"),
    "2024.1.0": ("3.2.1", "2023.9.0"),
    "2024.1.1": ("3.2.1", "2024.1.0"),
    LOCAL: ("4.4.0", "2026.3.0"),
}
PROGRAMS = {"1.1.1": "1.4.2", "1.2.0": "1.5.0", "2.0.0": "3.0.0", "3.2.1": "4.0.2", "4.4.0": "5.5.0"}
CRDS = {
    "0.9.0": ("3ec3df0177", "3de651977a"),
    "2022.6.1": ("3eec970cf5", "03811dab96"),
    "2022.10.0": ("3eec970cf5", "03811dab96"),
    "2023.1.1": ("3eec970cf5", "21bd39e485"),
    "2023.9.0": ("3eec970cf5", "48d977dae4"),
    "2024.1.0": ("3eec970cf5", "9f5679c589"),
    "2026.3.0": ("3eec970cf5", "27d4be00d4"),
}


def daskhub(version: str) -> Packaged:
    """One that there is."""
    jupyterhub, gateway = BUNDLES[version]
    return packaged(version, jupyterhub, gateway, PROGRAMS[jupyterhub])


def packaged(version: str, jupyterhub: str, gateway: str, program: str, defaults: str = "") -> Packaged:
    """A daskhub with what the rules look at. program: the version of JupyterHub. defaults: its values.yaml."""
    crds = zip(("daskclusters.yaml", "traefik.yaml"), CRDS.get(gateway, (gateway, gateway)), strict=True)
    files = tuple(CrdFile(name, text.encode()) for name, text in crds)
    hub = {"name": "jupyterhub", "version": jupyterhub, "appVersion": program}
    charts = (
        Packaged("jupyterhub", hub, b"", b""),
        Packaged("dask-gateway", {"name": "dask-gateway", "version": gateway}, b"", b"", files),
    )
    return Packaged("", {"name": "daskhub", "version": version}, defaults.encode(), b"", charts=charts)


def source(file: str, text: str, secret: bool = False) -> Source:
    return Source(file, text.encode(), yaml.safe_load(text), secret)


def values(dotted: Mapping[str, Any]) -> str:
    """A values file of these keys, a key a line, each level indented by two. Dotted: below the key daskhub."""
    return yaml.safe_dump(merged([{"daskhub": {}}, *(_nested(f"daskhub.{key}", dotted[key]) for key in dotted)]))


def _nested(dotted: str, value: Any) -> Any:
    return reduce(lambda inner, key: {key: inner}, reversed(dotted.split(".")), value)


def line_of(text: str, path: tuple[str, ...]) -> int:
    """Where a key stands in a file that indents by two, found by looking for one key of the path after the other."""
    rows, at = text.splitlines(), 0
    for depth, key in enumerate(path):
        at = next(row for row in range(at, len(rows)) if rows[row].startswith(f"{'  ' * depth}{key}:"))
    return at + 1


@dataclass(frozen=True)
class Case:
    """As breaks.yaml says it. step: chart, or hub for the JupyterHub in it → before and after."""

    at: tuple[str, ...] = ()
    step: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    image: Image = field(default_factory=Image)
    pages: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def charts(self) -> tuple[Packaged, Packaged]:
        defaults = yaml.safe_dump(yaml.safe_load(values(self.defaults))["daskhub"])
        old, new = (self._chart(side, defaults) for side in (0, 1))
        return old, new

    def _chart(self, side: int, defaults: str) -> Packaged:
        def version(name: str, kept: str) -> str:
            return self.step.get(name, (kept, kept))[side]

        jupyterhub, gateway = version("jupyterhub", "2.0.0"), version("dask-gateway", "2023.1.1")
        return packaged(version("daskhub", "2023.1.0"), jupyterhub, gateway, version("hub", "3.0.0"), defaults)

    @property
    def facts(self) -> Facts:
        """One release, hub-prod, of a plain and an encrypted file."""
        files = source("common.yaml", values(self.values)), source("secrets.yaml", values(self.secrets), secret=True)
        return Facts(files, {"hub-prod": ("common.yaml", "secrets.yaml")}, self.image, self.pages, DEPENDENCY)

    def all(self) -> list[Finding]:
        return findings(*self.charts, PREFIX, self.facts)

    def found(self, rule: str) -> list[Finding]:
        return [each for each in self.all() if each.rule == rule]


@cache
def cases() -> dict[str, list[Case]]:
    """Rule → its cases; those that have no `at` find nothing."""
    known = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return {rule: list(_cases(rows)) for rule, rows in known.items()}


def _cases(rows: Mapping[str, Any]) -> Iterator[Case]:
    for row in (*rows["finds"], *rows["leaves"]):
        text = row.get("dockerfile", "")
        image = Image(row.get("image", ""), "", "image/Dockerfile" if text else "", text)
        pages = {file: page.encode() for file, page in row.get("pages", {}).items()}
        step = {name: tuple(pair.split()) for name, pair in row.get("step", rows.get("step", {})).items()}
        places = row.get("at", [])
        known = {key: row[key] for key in ("values", "secrets", "defaults") if key in row}
        yield Case(tuple(places if isinstance(places, list) else [places]), step, **known, image=image, pages=pages)
