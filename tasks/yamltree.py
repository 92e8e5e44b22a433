"""A YAML file as a tree that knows where in the text everything stands, and by which paths each value is reached."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

Path = tuple[str, ...]  # positions in lists as decimal text

# No values file has as much. A few lines of aliases of aliases can stand for billions of keys.
MOST_PATHS = 100_000
DEEPEST = 200

ITSELF = "contains itself by an alias or a merge key"
TOO_LARGE = f"has more than {MOST_PATHS} keys, aliases counted as often as they are used"
OVERRULED = "a merge key follows that brings it from line {}, which wins in helm: put the merge key first"
TAKEN = "helm merges it over a key that stands before its merge key, too: put the merge key first there"
TOO_DEEP = f"is nested more than {DEEPEST} deep"


@dataclass(eq=False, slots=True)
class Node:
    """kind: text, list or mapping. style: how a text is written: "" (plain), ', ", | or >.
    children: a list's items, or a mapping's keys and values in turn. merge: it is the key `<<`."""

    kind: str
    text: str = ""
    style: str = ""
    merge: bool = False
    children: list[Place] = field(default_factory=list)

    @property
    def pairs(self) -> Iterator[tuple[Place, Place]]:
        return zip(self.children[::2], self.children[1::2], strict=True)


@dataclass(eq=False, slots=True)
class Place:
    """Where a node is written, or an alias of it. line: from 1. start, end: characters, of a list or a mapping those of
    its beginning only; with anchor and tag."""

    node: Node
    line: int
    start: int
    end: int
    alias: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a mapping, or an item of a list. unclear: why it may not be what counts, "" if it is."""

    line: int
    value: Place
    unclear: str = ""


def compose(content: bytes | str) -> Place | None:
    """The first document, None if there is none. yaml.YAMLError if it is no YAML, or nested too deep.

    By libyaml's events: helm's parser is its translation to Go, takes what it takes (tabs between words), and unlike
    composed nodes events tell where an alias stands.
    """
    import yaml

    anchors: dict[str, Node] = {}
    root = Place(Node("list"), 0, 0, 0)
    opened = [root.node]
    for event in yaml.parse(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.DocumentEndEvent):
            break
        if isinstance(event, yaml.CollectionEndEvent):
            opened.pop()
        elif isinstance(event, yaml.NodeEvent):
            node = _node(event, anchors)
            opened[-1].children.append(_place(event, node))
            if isinstance(event, yaml.CollectionStartEvent):
                opened.append(node)
            if len(opened) > DEEPEST:  # PyYAML itself would end with the stack of its process
                raise yaml.composer.ComposerError(problem=TOO_DEEP)
    return next(iter(root.node.children), None)


def _node(event: Any, anchors: dict[str, Node]) -> Node:
    import yaml

    if isinstance(event, yaml.AliasEvent):
        if event.anchor not in anchors:
            raise yaml.composer.ComposerError(problem=f"uses an alias of nothing, {event.anchor!r}")
        return anchors[event.anchor]
    if isinstance(event, yaml.ScalarEvent):
        merge = event.value == "<<" and (event.implicit[0] or event.tag == "tag:yaml.org,2002:merge")
        node = Node("text", event.value, event.style or "", merge)
    else:
        node = Node("mapping" if isinstance(event, yaml.MappingStartEvent) else "list")
    if event.anchor is not None:
        anchors[event.anchor] = node
    return node


def _place(event: Any, node: Node) -> Place:
    begin, end = event.start_mark, event.end_mark
    return Place(node, begin.line + 1, begin.index, end.index, alias=not hasattr(event, "tag"))


def starts(text: str) -> dict[int, int]:
    """Where each text that is written begins, without its anchor and its tag, by where it ends."""
    import yaml

    tokens = yaml.scan(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return {token.end_mark.index: token.start_mark.index for token in tokens if isinstance(token, yaml.ScalarToken)}


def walk(root: Place) -> tuple[dict[Path, Entry], str]:
    """All that can be reached, the shallow first; and what is wrong with the file ("" if nothing), which cuts it short."""
    walked = _Walk()
    queue: deque[tuple[Path, Entry, tuple[Node, ...]]] = deque([((), Entry(0, root), ())])
    found: dict[Path, Entry] = {}
    while queue:
        path, above, inside = queue.popleft()
        node = above.value.node
        if node.kind == "text" or walked.cut(node, inside):
            continue
        for name, entry in walked.entries(node, inside):
            if len(found) == MOST_PATHS:
                return found, TOO_LARGE
            entry = replace(entry, unclear=above.unclear) if above.unclear else entry
            found[(*path, name)] = entry
            queue.append(((*path, name), entry, (*inside, node)))
    taken = {node for place in walked.overruling for node in _below(place.node)}
    return {
        path: replace(entry, unclear=entry.unclear or TAKEN) if entry.value.node in taken else entry
        for path, entry in found.items()
    }, walked.trouble


def _below(node: Node) -> Iterator[Node]:
    seen, rest = {node}, [node]
    while rest:
        new = {place.node for place in rest.pop().children} - seen
        seen |= new
        rest += new
    return iter(seen)


class _Walk:
    def __init__(self) -> None:
        self.trouble = ""
        self.overruling: list[Place] = []
        self.mappings: dict[Node, dict[str, Entry]] = {}
        self.sizes: Counter[Node] = Counter()  # pairs, each as often as it is merged: what PyYAML makes of them

    def cut(self, node: Node, inside: tuple[Node, ...]) -> bool:
        found = ITSELF if node in inside else TOO_DEEP if len(inside) >= DEEPEST else ""
        self.trouble = self.trouble or found
        return bool(found)

    def entries(self, node: Node, inside: tuple[Node, ...]) -> Iterator[tuple[str, Entry]]:
        if node.kind == "list":
            return ((str(number), Entry(place.line, place)) for number, place in enumerate(node.children))
        return iter(self.mapping(node, inside).items())

    def mapping(self, node: Node, inside: tuple[Node, ...]) -> dict[str, Entry]:
        """What is merged first, then its own keys, which win, as the last of equal ones does."""
        if node in self.mappings:
            return self.mappings[node]
        found: dict[str, Entry] = {}
        own: dict[str, int] = {}
        for key, value in node.pairs:
            if key.node.merge:
                for name, entry in self.merged(value.node, (*inside, node)).items():
                    found[name] = _again(found[name], entry) if name in found else entry
        for key, value in node.pairs:
            if key.node.kind != "text" or key.node.merge:
                continue
            name = key.node.text
            unclear = f"it stands twice, in line {own[name]} and in line {key.line}: remove one" if name in own else ""
            if name in found and name not in own and _before_merge_key(node, key):
                self.overruling.append(found[name].value)
                unclear = OVERRULED.format(found[name].line)
            found[name] = Entry(key.line, value, unclear)
            own[name] = key.line
        self.mappings[node] = found
        self.sizes[node] += len(node.children) // 2
        return found

    def merged(self, source: Node, inside: tuple[Node, ...]) -> dict[str, Entry]:
        """What the value of `<<` brings: a mapping, or a list of mappings of which the first wins."""
        found: dict[str, Entry] = {}
        for node in [place.node for place in reversed(source.children)] if source.kind == "list" else [source]:
            if node.kind == "mapping" and not self.cut(node, inside):
                found |= self.mapping(node, inside)
                self.sizes[inside[-1]] += self.sizes[node]
        if self.sizes[inside[-1]] > MOST_PATHS:
            self.trouble = TOO_LARGE
        return found


def _again(earlier: Entry, entry: Entry) -> Entry:
    return replace(
        entry, unclear=f"two merge keys bring it, from line {earlier.line} and from line {entry.line}: write one list"
    )


def _before_merge_key(node: Node, key: Place) -> bool:
    """helm (gopkg.in/yaml.v2) lets a merge key win over what stands before it, YAML never does."""
    return any(found.node.merge and found.start > key.start for found, _ in node.pairs)
