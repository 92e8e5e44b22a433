"""Values files that are as odd as YAML allows, in tests/nasty/ byte for byte, and what doubling braces makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.hub.deployment import load

FOLDER = Path(__file__).parent / "nasty"
Keys = tuple[str, ...]


def texts(found: Any, path: Keys = ()) -> Iterator[tuple[Keys, str]]:
    """All that are in a document, as often as they can be reached. A key that is a number is text, as to helm."""
    if isinstance(found, str):
        yield path, found
    elif isinstance(found, Mapping | list):
        for key, value in found.items() if isinstance(found, Mapping) else enumerate(found):
            yield from texts(value, (*path, str(key)))


def doubled(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


@dataclass(frozen=True)
class Nasty:
    """lines: what becomes of which line, the others stay. left: words of the reason, by path. changes: instead of
    doubling the braces of every text."""

    name: str
    lines: Mapping[int, str]
    left: Mapping[Keys, str] = field(default_factory=dict)
    changes: Mapping[Keys, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return (FOLDER / self.name).read_bytes()

    @property
    def wanted(self) -> Mapping[Keys, str]:
        return self.changes or {path: doubled(text) for path, text in texts(load(self.content, self.name))}

    @property
    def expected(self) -> bytes:
        found = self.content.split(b"\n")
        for number, line in self.lines.items():
            assert found[number - 1].removesuffix(b"\r") != line.encode()
            found[number - 1] = line.encode() + b"\r" * found[number - 1].endswith(b"\r")
        return b"\n".join(found)


CASES = {
    "anchors, all of them": Nasty(
        "anchors.yaml",
        {
            3: "  spec: &spec '{{JUPYTER_IMAGE_SPEC}}'   # &spec '{JUPYTER_IMAGE_SPEC}'",
            4: "  link: &link /user/{{JUPYTERHUB_USER}}",
            5: '  lone: &lone   "{{port}}"',
            6: "  kept: &kept   {a: '{{A}}', b: [*spec, *link]}",
            13: "words: &words [*spec, '{{own}}']",
        },
    ),
    "anchors, some of them": Nasty(
        "anchors.yaml",
        {9: "    IMAGE: '{{A}}'", 10: "    LINK: /user     # *link", 11: "    OTHER: [ *spec , *link , '']"},
        {
            ("defaults", "link"): "gets it too",
            ("words", "0"): "more.0 gets it too",
            ("more", "1"): "words.1 gets it too",
            ("defaults", "kept", "a"): "to become different",
            ("singleuser", "extraEnv", "KEPT", "a"): "to become different",
        },
        {
            ("singleuser", "extraEnv", "IMAGE"): "{{A}}",
            ("singleuser", "extraEnv", "LINK"): "/user",
            ("singleuser", "extraEnv", "OTHER", "2"): "",
            ("defaults", "link"): "/hub",
            ("words", "0"): "{{B}}",
            ("more", "1"): "{{own}}",
            ("defaults", "kept", "a"): "one",
            ("singleuser", "extraEnv", "KEPT", "a"): "other",
        },
    ),
    "an anchor and an alias that part": Nasty(
        "anchors.yaml",
        {5: '  lone: &lone   "a \\"\\\\ b"', 11: "    OTHER: [ *spec , *link , 'b: c']"},
        {},
        {("defaults", "lone"): 'a "\\ b', ("singleuser", "extraEnv", "OTHER", "2"): "b: c"},
    ),
    "merge keys, all of them": Nasty(
        "merge.yaml",
        {
            2: "  k: 'one {{k}}'",
            3: "  only-one:    'only {{one}}'",
            5: 'two: &two {k: "two {{k}}", only-two: "only {{two}}"}',
            8: "  shadowed: '{{own}}'  # not {seen}",
            11: "    own: {<<: *one, k: '{{deep}}', \"shadowed\": '{{deep}}'}",
            15: "\"<<\": {k: 'no {{merge}} at all'}",
        },
        {
            ("before", "shadowed"): "brings it from line 4, which wins in helm",
            ("one", "shadowed"): "helm merges it over",
        },
    ),
    "merge keys, some of them": Nasty(
        "merge.yaml",
        {5: 'two: &two {k: "2", only-two: "only {two}"}'},
        {
            ("both", "k"): "one.k gets it too",
            ("two", "only-two"): "both.only-two gets it too",
            ("single", "own", "only-one"): "one.only-one gets it too",
            ("one", "shadowed"): "helm merges it over",
        },
        {
            ("both", "k"): "one {{k}}",
            ("two", "only-two"): "only",
            ("single", "own", "only-one"): "x",
            ("one", "shadowed"): "seen here",
            ("two", "k"): "2",
            ("single", "k"): "2",
        },
    ),
    "blocks": Nasty(
        "blocks.yaml",
        {
            2: '  c.Spawner.x = "{{A}}"',
            4: "    indented {{B}}  ",
            5: "  # {{C}} is no comment",
            9: "     {{A}} behind three spaces",
            13: "      {{A}} and",
            14: "      {{B}} in one line",
            16: "        more {{C}}",
            17: "      {{D}}",
            22: " {{A}}",
            24: "   {{A}}",
            25: "  {{B}}",
            29: "   {{late}}",
            31: "  {{A}}",
            35: "  {{A}}",
            37: "  {{B}}",
        },
    ),
    "comments": Nasty(
        "comments.yaml",
        {
            2: "a: '{{A}}' # '{A}'",
            3: "b: {B: '{{B}}' } # {B}",
            7: "  '{{C}}'",
            11: "  '{{D}}' #'{D}'",
            12: "e: plain {{E}} # {E}",
            13: "f: plain {{F}}#not a comment {{F}} #{F}",
            16: "  '{{G}}'",
            18: '  - "{{G}}" #',
            20: "h: '#{{H}}' # # '#{H}'",
            21: 'i: "\' # {{I}}" # " \'',
        },
    ),
    "CRLF and a byte order mark": Nasty(
        "crlf.yaml",
        {
            3: "  A: '{{A}}'  ",
            4: '  B: "{{B}} and \\',
            5: '    {{C}}"\t# {B}',
            7: "    {{A}}",
            9: "    {{B}}",
            11: "    {{A}}",
            12: "    {{B}}",
            14: "  E: plain {{A}}",
            15: "    {{B}}",
            19: "    {{A}}'",
        },
    ),
    "flow mappings": Nasty(
        "flow.yaml",
        {
            2: '    {"A":"{{A}}","B":\'{{B}}\',   # {A}, {B}',
            3: "     C: plain C  , D: [ '{{D}}', \"{{D}}\" , plain,",
            4: "       {x: '{{x}}'}, w: '{{w}}', ? z : '{{z}}',",
            7: '"{{E}}", F: \'two',
            8: "    {{F}}",
        },
    ),
    "odd keys": Nasty(
        "keys.yaml",
        {
            1: "\"quoted key\": '{{A}}'",
            2: "'it''s': '{{A}}'",
            3: "\"esc\\u0061ped\\t\": '{{A}}'",
            4: "hub.jupyter.org/node-purpose: '{{A}}'",
            5: "a key with spaces  : '{{A}}'",
            6: "\"a: b #c\": '{{A}}'",
            8: ": '{{A}}'",
            11: ": '{{A}}'",
            12: "8888: '{{A}}'",
            13: "\"\": '{{A}}'",
            14: "ключ-🔑: '{{A}}'",
            15: '-dash: {dash: "{{A}}"}',
        },
    ),
    "several lines in quotation marks": Nasty(
        "quoted.yaml",
        {
            1: r'double: "{\u007bA}} and \"{{B}}\" ' + "\\",
            2: "   \\  {{C}}\t",
            4: "     tail\\x20{{D}}\\",
            6: "single: 'it''s {{A}}  ",
            8: "    and {{B}}",
            10: "plain: one {{A}}",
            12: "  two {{B}}\t",
            15: '"joined": "\\t{{A}}\\',
            16: "  \\t{{B}}\\",
        },
    ),
    "markers, tags, tabs, emoji, and no newline at the end": Nasty(
        "markers.yaml",
        {
            4: 'emoji:\t"😀{{A}}🚀"\t# 🚀{A}',
            5: "tagged: !!str '{{A}}'",
            6: "both: !!str &both   A {{A}}",
            9: "odd: ! '{{A}}'",
            10: "tabs:\t\tplain 😀 {{A}}\t",
            11: "last: {\"😀\": '{{A}}'}",
        },
    ),
    "tags, other texts": Nasty(
        "markers.yaml",
        {
            6: "both: !!str &both   'yes'",
            7: "version: !!str '1.20'",
            8: "nothing: !!str it's",
            10: 'tabs:\t\t"\\ttab"\t',
            12: 'aliased:\t"\\x07"',
        },
        {},
        {
            ("both",): "yes",
            ("version",): "1.20",
            ("nothing",): "it's",
            ("tabs",): "\ttab",
            ("aliased",): "\a",
        },
    ),
    "keys that stand twice, and what is no text": Nasty(
        "twice.yaml",
        {4: "  once: '{{A}}'", 10: "list: ['{{A}}', 2]", 11: "\"yes\": '{{A}}'"},
        {
            ("twice", "inner"): "in line 1 and in line 6",
            ("nested", "twice"): "in line 3 and in line 5",
            ("number",): "not a text",
            ("truth",): "not a text",
            ("nothing",): "not a text",
            ("list",): "not a text",
            ("list", "1"): "not a text",
            ("list", "2"): "no such key",
            ("true", "inner"): "quotation marks",
            ("nested", "once", "deeper"): "no such key",
            ("absent",): "no such key",
            (): "no such key",
        },
        {
            ("nested", "once"): "{{A}}",
            ("list", "0"): "{{A}}",
            ("yes",): "{{A}}",
            ("date",): "2022-08-02",
        }
        | dict.fromkeys(
            [
                ("twice", "inner"),
                ("nested", "twice"),
                ("number",),
                ("truth",),
                ("nothing",),
                ("list",),
                ("list", "1"),
                ("list", "2"),
                ("true", "inner"),
                ("nested", "once", "deeper"),
                ("absent",),
                (),
            ],
            "x",
        ),
    ),
}
