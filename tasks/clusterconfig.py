"""eksctl's ClusterConfig: read with all that eksctl would refuse refused first, and edited in place."""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from tasks.errors import Refused
from tasks.plan.steps import Edit
from tasks.plan.values import Config, ConfigGroup, Shape
from tasks.plan.version import Minor

# The top level of the schema of eksctl.io/v1alpha5 (`eksctl utils schema`). eksctl refuses any other key.
KEYS = frozenset(
    """accessConfig addons addonsConfig apiVersion autoModeConfig availabilityZones capabilities cloudWatch
    controlPlaneScalingConfig fargateProfiles gitops iam iamIdentityMappings identityProviders karpenter kind
    kubernetesNetworkConfig localZones managedNodeGroups metadata nodeGroups outpost privateCluster
    remoteNetworkConfig secretsEncryption upgradePolicy vpc zonalShiftConfig""".split()
)


def parse(content: bytes | None, path: str) -> Config:
    """The configuration as values. Refused names the file, the place and the remedy."""
    found = document(content, path)
    for key in found:
        if key not in KEYS:
            raise Refused(
                f"{path} has the unknown key {key!r}, which eksctl refuses: look at its spelling and indentation."
            )
    metadata = found.get("metadata")
    if found.get("kind") != "ClusterConfig" or not isinstance(metadata, dict):
        raise Refused(
            f"{path} is not an eksctl ClusterConfig with kind and metadata: name the right file in cluster.config."
        )
    for key in ("name", "region", "version"):
        if not metadata.get(key):
            raise Refused(f"{path} has no metadata.{key}: add it.")
    version = _version(metadata["version"], path)
    if not all(isinstance(metadata[key], str) for key in ("name", "region")):
        raise Refused(f"{path} has a metadata.name or region that is not text: put it into quotation marks.")
    zones = _zones(found, path)
    groups = (
        *_groups(found, "nodeGroups", False, zones, path),
        *_groups(found, "managedNodeGroups", True, zones, path),
    )
    names = [group.name for group in groups]
    for name in names:
        if names.count(name) > 1:
            raise Refused(f"{path} has {names.count(name)} node groups called {name}: give each a name of its own.")
    return Config(metadata["name"], metadata["region"], version, groups)


def document(content: bytes | None, path: str) -> dict[str, Any]:
    """The file as YAML reads it. Refused where it is no mapping at all."""
    if content is None:
        raise Refused(f"There is no {path}: name the cluster's configuration in cluster.config of invoke.yaml.")
    import yaml

    try:
        text = content.decode("utf-8-sig")
        loaded = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except UnicodeDecodeError:
        raise Refused(f"{path} is not UTF-8 text: save it as such.") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that does not exist, say
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark else ""
        hint = " (YAML is indented with spaces, never with tabs)" if "\t" in text else ""
        raise Refused(
            f"{path} is not valid YAML{place}: {getattr(error, 'problem', None) or getattr(error, 'reason', error)}{hint}."
        ) from None
    if not isinstance(loaded, dict):
        raise Refused(
            f"{path} is {'empty' if loaded is None else 'not a mapping'}: it should be an eksctl ClusterConfig."
        )
    return loaded


def _version(value: object, path: str) -> Minor:
    if not isinstance(value, str):
        raise Refused(
            f"{path} has metadata.version without quotation marks, so that YAML reads {value} (1.30 is 1.3 to it): add them."
        )
    try:
        return Minor.parse(value)
    except ValueError as error:
        raise Refused(f"{path} has a metadata.version that can't be worked with: {error}.") from None


def _groups(
    document: Mapping[str, Any], key: str, managed: bool, zones: frozenset[str], path: str
) -> Iterator[ConfigGroup]:
    groups = document.get(key) or []
    if not isinstance(groups, list):
        raise Refused(f"{path} has {key} that is not a list: begin each group with a dash.")
    for group in groups:
        if not isinstance(group, dict) or not isinstance(group.get("name"), str) or not group["name"]:
            raise Refused(f"{path} has an entry in {key} without a name: give each node group one.")
        if not managed and not re.fullmatch(r"[-A-Za-z0-9]+", group["name"], re.ASCII):
            raise Refused(
                f"{path} has a node group {group['name']!r}, but CloudFormation takes letters, digits and dashes only."
            )
        shape = Shape(
            frozenset(_texts(group, "labels", path).items()), _taints(group, path), _zones(group, path) or zones
        )
        _texts(group, "tags", path)  # nothing is decided by them, but eksctl would refuse others
        sizes = [_size_of(group, key, path) for key in ("desiredCapacity", "minSize", "maxSize")]
        yield ConfigGroup(group["name"], managed, shape, sizes[0] or sizes[1])


def _texts(group: Mapping[str, Any], key: str, path: str) -> dict[str, str]:
    found = group.get(key) or {}
    if not isinstance(found, dict) or not all(isinstance(text, str) for pair in found.items() for text in pair):
        raise Refused(f"{path} has {key} of {group['name']} that are not text: put their values into quotation marks.")
    return found


def _zones(entity: Mapping[str, Any], path: str) -> frozenset[str]:
    found = entity.get("availabilityZones") or []
    if not isinstance(found, list) or not all(isinstance(zone, str) for zone in found):
        raise Refused(f"{path} has availabilityZones that are not a list of names: write [us-west-2a, us-west-2b].")
    return frozenset(found)


def _size_of(group: Mapping[str, Any], key: str, path: str) -> int:
    found = group.get(key) or 0
    if type(found) is not int or found < 0:
        raise Refused(f"{path} has a {key} of {group['name']} that is not a number of nodes: write 0, 1, 2, …")
    return found


def _taints(group: Mapping[str, Any], path: str) -> frozenset[str]:
    """Both of eksctl's forms: a list of key, value and effect, and the old map `worker: "true:NoSchedule"`."""
    found = group.get("taints") or []
    if isinstance(found, dict) and all(isinstance(text, str) and text.count(":") == 1 for text in found.values()):
        return frozenset(f"{key}={text}" for key, text in found.items())
    if isinstance(found, list) and all(_is_taint(taint) for taint in found):
        return frozenset(f"{taint['key']}={taint.get('value', '')}:{taint['effect']}" for taint in found)
    raise Refused(
        f"{path} has taints of {group['name']} that can't be read: list them with key, value and effect as text."
    )


def _is_taint(taint: object) -> bool:
    texts = isinstance(taint, dict) and all(isinstance(text, str) for text in taint.values())
    return texts and {"key", "effect"} <= set(taint)  # type: ignore[call-overload]


def edit(content: bytes, change: Edit, path: str) -> bytes:
    """The same file with just `change` in it: every other byte stays, comments, line ends and a byte order mark too.

    ruamel.yaml finds the places; they are replaced from the last to the first. What comes out is parsed again and has
    to differ in nothing but what was asked for.
    """
    expected = _expected(document(content, path), change)
    bom = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    text = content.removeprefix(bom).decode()
    for start, end, replacement in sorted(_splices(text, change, path), reverse=True):
        text = text[:start] + replacement + text[end:]
    edited = bom + text.encode()
    try:
        safe = document(edited, path) == expected
    except Refused:  # no YAML any more
        safe = False
    if not safe:
        raise Refused(
            f"{path} can't be edited safely (look for a key that stands twice, an anchor or a merge key): by hand, {_words(change)}."
        )
    return edited


def _words(change: Edit) -> str:
    parts = [f"set metadata.version to {change.version}"] if change.version else []
    parts += [f"rename {old} to {new}" for old, new in change.renames]
    return ", ".join([*parts, *(f"set desiredCapacity of {name} to {size}" for name, size in change.desired)])


def _expected(document: dict[str, Any], change: Edit) -> dict[str, Any]:
    if change.version:
        document["metadata"]["version"] = str(change.version)
    names, sizes = dict(change.renames), dict(change.desired)
    for group in document.get("nodeGroups") or []:
        group["name"] = names.get(group["name"], group["name"])
        if group["name"] in sizes:
            group["desiredCapacity"] = sizes[group["name"]]
    return document


def _splices(text: str, change: Edit, path: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, replacement) for each place."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        root = YAML().compose(text)
    except YAMLError as error:  # it is stricter than eksctl: no tabs between words
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark else "it"
        raise Refused(f"{path} can't be edited safely because of {place}: write spaces for tabs there.") from None
    if change.version:
        yield _scalar(_at(_at(root, "metadata"), "version"), str(change.version), text, path)
    names, sizes = dict(change.renames), dict(change.desired)
    groups = _at(root, "nodeGroups")
    for group in groups.value if groups is not None else []:
        name = _at(group, "name")
        if name is None:
            raise Refused(f"{path} has a node group whose name comes from a merge key: write it where the group is.")
        new = names.get(name.value, name.value)
        if new != name.value:
            yield _scalar(name, new, text, path)
        if new in sizes:
            yield _size(group, name, sizes[new], text, path)


def _at(mapping: Any, key: str) -> Any:
    """The value node under `key`, None if there is none."""
    return next((value for found, value in mapping.value if found.value == key), None)


def _scalar(node: Any, value: str, text: str, path: str) -> tuple[int, int, str]:
    """In the same quotation marks as before."""
    if node is None:
        raise Refused(f"{path} lacks what has to be changed to {value}: add it.")
    start, end = node.start_mark.index, node.end_mark.index
    written = re.sub(r"\A(?:[&!]\S*\s+)+", "", text[start:end].rstrip())  # without its anchor and its tag
    start += len(text[start:end].rstrip()) - len(written)
    if not written:
        raise Refused(
            f"{path} has a key without a value before line {node.start_mark.line + 1}: write one, such as {value}."
        )
    quote = written[0] if written[0] in "\"'" else ""
    return start, start + len(written), f"{quote}{value}{quote}"


def _size(group: Any, name: Any, size: int, text: str, path: str) -> tuple[int, int, str]:
    node = _at(group, "desiredCapacity")
    if node is not None:
        return _scalar(node, str(size), text, path)
    after = name.start_mark.index + len(text[name.start_mark.index : name.end_mark.index].rstrip())
    if group.flow_style:
        return after, after, f", desiredCapacity: {size}"
    key = next(found for found, value in group.value if found.value == "name")
    end = text.find("\n", after)
    newline = "\r\n" if text[:end].endswith("\r") or (end < 0 and "\r\n" in text) else "\n"
    line_end = len(text) if end < 0 else end + 1
    lead = "" if end >= 0 else newline
    return (
        line_end,
        line_end,
        f"{lead}{' ' * key.start_mark.column}desiredCapacity: {size}{newline if end >= 0 else ''}",
    )


def with_managed_groups(content: bytes, names: Collection[str], path: str) -> bytes:
    """The same cluster with these node groups managed by EKS: for practice, so without its comments."""
    import yaml

    found = document(content, path)
    moved = [group for group in found.get("nodeGroups") or [] if group["name"] in names]
    if missing := set(names) - {group["name"] for group in moved}:
        raise Refused(
            f"--managed names {' and '.join(sorted(missing))}, which {path} does not declare under nodeGroups."
        )
    found["nodeGroups"] = [group for group in found["nodeGroups"] if group not in moved]
    found["managedNodeGroups"] = [*(found.get("managedNodeGroups") or []), *moved]
    text: str = yaml.safe_dump(found, sort_keys=False)
    return text.encode()
