"""Charts as their archives have them: what counts is what a package brings, not what its dependency list says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import yaml

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class CrdFile:
    """A file of crds/. name: without its folder."""

    name: str
    content: bytes

    @cached_property
    def digest(self) -> str:
        """Of its bytes, SHA-256 in hexadecimal digits."""
        return hashlib.sha256(self.content).hexdigest()

    @cached_property
    def documents(self) -> tuple[Mapping[str, Any], ...]:
        """The CustomResourceDefinitions in it."""
        found = yaml.load_all(self.content, Loader)
        return tuple(
            each for each in found if isinstance(each, dict) and each.get("kind") == "CustomResourceDefinition"
        )


@dataclass(frozen=True)
class Packaged:
    """One chart of an archive, with those inside it.

    path: of its values, below those of the archive's own chart: "" for that one, then jupyterhub, or a.b.
    metadata: Chart.yaml. values_text, schema_text: values.yaml and values.schema.json; empty where there is none.
    files: all of its own but Chart.yaml and Chart.lock, by their paths.
    """

    path: str
    metadata: Mapping[str, Any]
    values_text: bytes
    schema_text: bytes
    crds: tuple[CrdFile, ...] = ()
    charts: tuple[Packaged, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.metadata["name"])

    @property
    def version(self) -> str:
        return str(self.metadata["version"])

    @property
    def app_version(self) -> str:
        """Of the program that the chart installs; "" if it doesn't say."""
        return str(self.metadata.get("appVersion") or "")

    @property
    def kubernetes(self) -> str:
        """Which Kubernetes versions it allows, as a constraint such as `>=1.20.0-0`; "" for all."""
        return str(self.metadata.get("kubeVersion") or "")

    @cached_property
    def values(self) -> Mapping[str, Any]:
        """Its defaults."""
        found = yaml.load(self.values_text, Loader)
        return found if isinstance(found, dict) else {}

    @cached_property
    def schema(self) -> Mapping[str, Any]:
        """JSON schema of its values; {} where it has none."""
        return json.loads(self.schema_text) if self.schema_text.strip() else {}

    def all(self) -> Iterator[Packaged]:
        """This one, then those inside, each before its own."""
        yield self
        for chart in self.charts:
            yield from chart.all()

    def named(self, name: str) -> Packaged | None:
        return next((chart for chart in self.all() if chart.name == name), None)

    def version_of(self, name: str) -> str:
        """Of this chart or one inside; "" if there is no such."""
        found = self.named(name)
        return found.version if found else ""
