"""helm reads an edited values file as PyYAML does: each text that was written is a text to it, and nothing else changed."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.parts import cache
from tasks.valuesfile import edit
from tests.nasty_values import CASES, Keys, Nasty

TEXTS = """2022.8.2 1.10 1e3 1_000 0x1F 0o17 0b1 010 .5 +1 -.inf .NaN 1:30 12e03 1. 2022-08-02 2022-08-02T10:00:00Z
    yes No on OFF True y N ~ null Null = << - -- --x ? ?x : :x x: {x} {{x}} [x] *x &x !x %x @x `x |x >x 'x "x #x x#y
    0.9.0-n076.h7abb97f /user/{{JUPYTERHUB_USER}} é😀""".split()


@pytest.fixture
def read(parts: Callable[..., None], tmp_path: Path) -> Callable[[bytes], Any]:
    parts("helm")
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: c\nversion: 1.0.0\n")
    (chart / "templates" / "values.yaml").write_text("values: {{ .Values | toJson | b64enc }}\n")
    file = tmp_path / "values.yaml"

    def values(content: bytes) -> Any:
        file.write_bytes(content)
        command = [str(cache.program("helm")), "template", str(chart), "--values", str(file)]
        return json.loads(base64.b64decode(subprocess.check_output(command).partition(b"values: ")[2]))

    return values


def test_each_text_is_a_text_to_helm(read: Callable[[bytes], Any]) -> None:
    texts = [*TEXTS, "", " ", "a b ", " # c", "a: b", "a #b", "\t", "a\nb", "\n\n", "\0\x7f\x85\u2028\ufeff", "a, b]"]
    styles = {
        "block": "x",
        "single": "'x'",
        "double": '"x"',
        "literal": "|\n    x",
        "folded": ">-\n    x",
        "flow": "[x]",
        "tagged": "!!str x",
    }
    content = "".join(
        f"{style}:\n" + "".join(f"  k{number}: {written}\n" for number in range(len(texts)))
        for style, written in styles.items()
    )
    wanted: dict[Keys, str] = {
        (style, f"k{number}", *(["0"] if style == "flow" else [])): text
        for style in styles
        for number, text in enumerate(texts)
    }
    done = edit(content.encode(), wanted, "values.yaml")
    assert done.left == {}
    found = read(done.content)
    assert {path: _at(found, path) for path in wanted} == wanted


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_helm_finds_a_nasty_file_changed_in_what_was_wanted(case: Nasty, read: Callable[[bytes], Any]) -> None:
    done = edit(case.content, case.wanted, case.name)
    before, after = dict(_leaves(read(case.content))), dict(_leaves(read(done.content)))
    made = {path: text for path, text in case.wanted.items() if path not in done.left}
    assert after == before | made


def _leaves(found: Any, path: Keys = ()) -> list[tuple[Keys, Any]]:
    if not isinstance(found, dict | list) or not found:
        return [(path, found)]
    pairs = found.items() if isinstance(found, dict) else enumerate(found)
    return [leaf for key, value in pairs for leaf in _leaves(value, (*path, str(key)))]


def _at(found: Any, path: Keys) -> Any:
    for key in path:
        found = found[int(key) if isinstance(found, list) else key]
    return found
