"""Keys of a person's values that a chart doesn't know: helm hands them on without a word, and they do nothing.

Known is what stands in values.yaml (the chart's own, those of the charts inside, what a chart sets for one inside) or in a
JSON schema. A schema that closes a map (`additionalProperties: false`) makes helm refuse the others; the keys at the level
of a chart that has none, as daskhub, nobody else looks at.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.plan.charts import Packaged
from tasks.plan.manifest import merged

Path = tuple[str, ...]
Schema = tuple[Any, Any]  # of a place, and the whole document, which references are about

# Maps whose keys are for whoever writes them, or for Kubernetes, Python or Traefik to know. Mostly a chart says so itself
# (`additionalProperties: true`, or an empty default); these are for where it has defaults inside and says nothing more.
# Taken from what the schemas of the two charts leave open:
# https://github.com/jupyterhub/zero-to-jupyterhub-k8s/blob/4.0.0/jupyterhub/values.schema.yaml
# https://github.com/dask/dask-gateway/blob/2024.1.0/resources/helm/dask-gateway/values.schema.yaml
FREE_FORM = frozenset(
    """
    annotations extraAnnotations labels extraLabels matchLabels nodeSelector affinity tolerations selector
    resources requests limits guarantees livenessProbe readinessProbe lifecycle lifecycleHooks
    podSecurityContext containerSecurityContext extraPodSpec extraPodConfig extraContainerConfig initContainers
    config extraConfig extraConfigMap extraStaticConfig extraDynamicConfig plugins custom templateVars
    env extraEnv environment data extraFiles extraImages services loadRoles global
    """.split()
)
ALWAYS = ("global", "tags")  # for all charts, and for what switches them on: helm's own keys
ALTERNATIVES, MORE = ("allOf", "anyOf", "oneOf"), ("if", "then", "else")
LIKE = 0.75  # of 1: as alike as a word and itself with a slip in it


def unknown_keys(values: Mapping[str, Any], chart: Packaged) -> list[Path]:
    """Their paths, in the order of the values; of an unknown map its own path alone. values: as for this chart."""
    return list(_unknown(values, _root(chart), ()))


def close_to(path: Path, chart: Packaged) -> str:
    """The key at the same place that is probably meant by this unknown one; "" if none is like it."""
    place: _Place | None = _root(chart)
    for key in path[:-1]:
        place = place.child(key) if place else None
    found = difflib.get_close_matches(path[-1], sorted(place.keys()), 1, LIKE) if place else []
    return found[0] if found else ""


@dataclass(frozen=True)
class _Place:
    """What a chart says about one map of values. charts: those whose values are keys of it."""

    defaults: Any
    schemas: tuple[Schema, ...]
    charts: Mapping[str, Packaged] = field(default_factory=dict)

    def child(self, key: str) -> _Place | None:
        """None if the key isn't known. A place that says nothing is one where everything goes."""
        if key in self.charts:
            inside, mine = _root(self.charts[key]), self._defaults().get(key)
            if inside is ANYTHING:
                return ANYTHING
            defaults = merged([inside.defaults, mine if isinstance(mine, dict) else {}])
            return _Place(defaults, (*inside.schemas, *self._below(key)), inside.charts)
        defaults, schemas = self._defaults(), tuple(self._below(key))
        if key not in defaults and not schemas:
            return None
        return ANYTHING if any(each is True for each, _ in schemas) else _Place(defaults.get(key), schemas)

    def keys(self) -> set[str]:
        """Those that are named."""
        named = {
            str(key) for each, _ in _flat(self.schemas) if each is not True for key in each.get("properties") or {}
        }
        return named | self._defaults().keys() | self.charts.keys()

    def is_free(self, name: str) -> bool:
        """Whether any key may be inside."""
        if any(each is not True and _speaks(each) for each, _ in _flat(self.schemas)):
            return False
        return not self.charts and (not self._defaults() or name in FREE_FORM)

    def _defaults(self) -> dict[str, Any]:
        return {str(key): value for key, value in self.defaults.items()} if isinstance(self.defaults, Mapping) else {}

    def _below(self, key: str) -> Iterator[Schema]:
        """What the schemas say about a key; nothing where it isn't one of theirs."""
        for each, document in _flat(self.schemas):
            if each is True:
                yield True, document
                continue
            named = [each["properties"][key]] if key in (each.get("properties") or {}) else []
            named += [below for like, below in (each.get("patternProperties") or {}).items() if _matches(like, key)]
            others = each.get("additionalProperties", False)
            yield from ((below, document) for below in named or [others] if below is not False)


ANYTHING = _Place(None, ())


def _unknown(values: Mapping[str, Any], place: _Place, path: Path) -> Iterator[Path]:
    if place.is_free(path[-1] if path else ""):
        return
    for key, value in values.items():
        here, below = (*path, str(key)), place.child(str(key))
        if below is None:
            yield here
        elif isinstance(value, Mapping):
            yield from _unknown(value, below, here)


def _root(chart: Packaged) -> _Place:
    """Its own keys, those of the charts in it, helm's own, and the switches of dependencies: `condition: a.enabled`."""
    entries = [entry for entry in chart.metadata.get("dependencies") or [] if entry.get("name")]
    names: dict[str, list[str]] = {}
    for entry in entries:
        names.setdefault(entry["name"], []).append(entry.get("alias") or entry["name"])
    inside = {name: each for each in chart.charts for name in names.get(each.name, [each.name])}
    if not chart.values and not chart.schema and not inside:
        return ANYTHING
    switches: dict[str, Any] = dict.fromkeys([*ALWAYS, *(name for aliases in names.values() for name in aliases)])
    for entry in entries:
        for condition in filter(None, str(entry.get("condition") or "").replace(" ", "").split(",")):
            switches = merged([switches, _switch(condition.split("."))])
    schemas = ((chart.schema, chart.schema),) if chart.schema else ()
    return _Place(merged([switches, chart.values]), schemas, inside)


def _switch(path: list[str]) -> dict[str, Any]:
    return {path[0]: _switch(path[1:]) if path[1:] else None}


def _speaks(schema: Mapping[str, Any]) -> bool:
    """Whether it says which keys there are, or that there may be any."""
    return any(word in schema for word in ("properties", "patternProperties", "additionalProperties"))


def _flat(schemas: tuple[Schema, ...]) -> list[Schema]:
    """With what they refer to, and their alternatives. True where one of them takes anything."""
    found: list[Schema] = []
    waiting, seen = list(schemas), set[int]()
    while waiting:
        each, document = waiting.pop()
        if each is True:
            found.append((True, document))
        elif isinstance(each, Mapping) and id(each) not in seen:
            seen.add(id(each))
            found.append((each, document))
            waiting += [(below, document) for word in ALTERNATIVES for below in each.get(word) or []]
            waiting += [(each[word], document) for word in MORE if isinstance(each.get(word), Mapping)]
            waiting += [(_referred(str(each["$ref"]), document), document)] if "$ref" in each else []
    return found


def _referred(reference: str, document: Any) -> Any:
    """What `#/definitions/x` is; True, which takes anything, where it isn't in this document."""
    at, found = reference.removeprefix("#"), document
    if at == reference:
        return True
    for part in at.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, Mapping) or name not in found:
            return True
        found = found[name]
    return found


def _matches(pattern: str, key: str) -> bool:
    """A pattern that Python can't read may mean anything."""
    try:
        return re.search(pattern, key) is not None
    except re.error:
        return True
