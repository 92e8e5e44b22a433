"""How a text can be written in YAML where another one stands, as near to that as can be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

Piece = tuple[int, int, str]  # from, to, and what it stands for

BREAK = r"(?:\r\n|\r|\n)"
FOLD = rf"[ \t]*{BREAK}[ \t\r\n]*"
PIECES = {
    "": re.compile(rf"(?P<fold>{FOLD})|.", re.DOTALL),
    "'": re.compile(rf"(?P<fold>{FOLD})|(?P<quote>'')|.", re.DOTALL),
    '"': re.compile(
        rf"(?P<fold>{FOLD})|\\(?P<code>x..|u....|U........)|\\(?P<joined>{BREAK}[ \t\r\n]*)|\\(?P<escape>.)|.",
        re.DOTALL,
    ),
}
HEADER = re.compile(rf"(?P<sign>[|>])(?P<marks>[-+0-9]*)(?P<rest>[^\r\n]*)(?P<newline>{BREAK}|\Z)")
UNPRINTABLE = re.compile("[^\t\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}

# What helm's parser or PyYAML's reads as a number, a date or a sexagesimal number.
NUMBER = re.compile(
    r"[-+]?(0[xob][\da-f]*|\d+(:\d+)+(\.\d*)?|(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|\.inf|\.nan)|\d{4}-\d\d?-\d\d?.*", re.DOTALL
)
WORDS = frozenset(["", "~", "null", "y", "n", "yes", "no", "on", "off", "true", "false", "=", "<<"])


def ways(source: str, style: str, old: str, new: str) -> Iterator[str]:
    """What to write for `source`, which stands for `old`, to get `new`: the nearest first.

    Not each of them is right at each place: whoever asks parses the result, and takes the first that is."""
    patched = _patched(source, style, old, new)
    if patched is not None and (style or not _read_as_other(new)):
        yield patched
    if style not in ("|", ">"):
        yield from fresh(new, style)
    elif block := HEADER.match(source):
        ending = re.search("(?:[\r\n\x85\u2028\u2029] *)*\\Z", source)[0]  # type: ignore[index]
        if new.strip("\n") and (indent := _indent(source, old)) is not None:
            yield _rewritten(block, indent, ending, new)
        yield _double(new) + block["rest"] + ending


def fresh(new: str, style: str) -> Iterator[str]:
    """style: "" (plain) if it can be, ' if it can be, or \"."""
    oneline = not UNPRINTABLE.search(new) and "\t" not in new
    if not style and oneline and not _read_as_other(new):
        yield new
    if style != '"' and oneline:
        yield "'" + new.replace("'", "''") + "'"
    yield _double(new)


def _read_as_other(text: str) -> bool:
    lowered = text.lower()
    return lowered in WORDS or NUMBER.fullmatch(lowered.replace("_", "")) is not None


def _double(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    def code(found: re.Match[str]) -> str:
        number = ord(found[0])
        return ESCAPES.get(found[0]) or (f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}")

    return re.sub(rf'[\\"\t]|{UNPRINTABLE.pattern}', code, text)


def _patched(source: str, style: str, old: str, new: str) -> str | None:
    """With just the characters changed in which the texts differ. None where that can't be."""
    breaking = None  # how a line is begun
    if style in ("|", ">"):
        block, indent = HEADER.match(source), _indent(source, old)
        if block is None or indent is None or old[len(old.rstrip("\n")) :] != new[len(new.rstrip("\n")) :]:
            return None
        old, new = old.rstrip("\n"), new.rstrip("\n")
        breaking = block["newline"] + " " * indent if style == "|" else None
        pieces = list(_block_pieces(source, block.end(), indent, style))
    else:
        pieces = list(_pieces(source, style))
    if "".join(value for _, _, value in pieces) != old:
        return None
    begins, ends = _positions(pieces, len(style))
    for first, last, inserted in reversed(_differences(old, new)):
        after = first == last and (first == len(old) or old[:first].endswith(inserted))  # }} beside its like
        start = ends.get(first) if after else begins.get(first)
        end = start if first == last else ends.get(last)
        written = _inserted(inserted, style, breaking)
        if start is None or end is None or written is None:
            return None
        source = source[:start] + written + source[end:]
    return source


def _positions(pieces: list[Piece], opening: int) -> tuple[dict[int, int], dict[int, int]]:
    """Where each position of the text begins in the source, and where what stands before it ends."""
    begins: dict[int, int] = {}
    ends, position = {0: opening}, 0
    for start, end, value in pieces:
        if value:
            begins[position] = start
            position += len(value)
            ends[position] = end
    return begins, ends


def _differences(old: str, new: str) -> list[tuple[int, int, str]]:
    """(from, to, what comes there instead), by position in `old`, whole words at a time."""
    before, after = (re.findall(r"\w+|\W", text) for text in (old, new))
    position = [0]
    for word in before:
        position.append(position[-1] + len(word))
    return [
        (position[i], position[j], "".join(after[k:m]))
        for kind, i, j, k, m in SequenceMatcher(None, before, after).get_opcodes()
        if kind != "equal"
    ]


def _inserted(text: str, style: str, breaking: str | None) -> str | None:
    if style == '"':
        return _escaped(text)
    if any(UNPRINTABLE.search(line) for line in text.split("\n")) or ("\n" in text and breaking is None):
        return None
    if breaking is None:
        return text.replace("'", "''") if style == "'" else text
    return re.sub("\n+", lambda found: breaking.rstrip(" ") * (len(found[0]) - 1) + breaking, text)


def _pieces(source: str, style: str) -> Iterator[Piece]:
    """Of a text that is plain or in quotation marks."""
    from yaml.scanner import Scanner

    for found in PIECES[style].finditer(source, len(style), len(source) - len(style)):
        value = found[0]
        match found.lastgroup:
            case "fold":
                value = _folded(len(re.findall(BREAK, value)))
            case "joined":
                value = "\n" * (len(re.findall(BREAK, value)) - 1)
            case "quote":
                value = "'"
            case "code":
                value = chr(int(value[2:], 16))
            case "escape":
                value = Scanner.ESCAPE_REPLACEMENTS[value[1]]
        yield *found.span(), value


def _folded(breaks: int) -> str:
    return " " if breaks == 1 else "\n" * (breaks - 1)


def _indent(source: str, old: str) -> int | None:
    """By how much a block is indented. None if nothing in it tells."""
    lines = re.split(BREAK, source)[1:]
    written, meant = (next((line for line in found if line.strip(" ")), "") for found in (lines, old.split("\n")))
    return _spaces(written) - _spaces(meant) if meant else None


def _spaces(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _block_pieces(source: str, begin: int, indent: int, style: str) -> Iterator[Piece]:
    """Without the line breaks at its end, which the header decides upon."""
    margin = rf"(?:{BREAK} {{0,{indent}}})"
    end = re.search(rf"{margin}*\Z", source[begin:])
    body = source[: begin + (end.start() if end else 0)]
    first = line = begin + min(indent, _spaces(body[begin:]))
    for found in re.compile(rf"(?P<breaks>{margin}{'+' if style == '>' else ''})|.", re.DOTALL).finditer(body, first):
        value = found[0]
        if found["breaks"]:
            breaks = len(re.findall(BREAK, value))
            kept = style == "|" or found.start() == first or {body[line], body[found.end()]} & {" ", "\t"}
            value = "\n" * breaks if kept else _folded(breaks)
            line = found.end()
        yield *found.span(), value


def _rewritten(block: re.Match[str], indent: int, ending: str, new: str) -> str:
    """The same header, but for what it says of the line breaks at the end."""
    newline, lines = block["newline"], new.rstrip("\n")
    breaks = len(new) - len(lines)
    marks = re.sub("[-+]", "", block["marks"]) + ("-", "", "+")[min(breaks, 2)]
    ending = newline * breaks if breaks > 1 else ending or newline * breaks
    folded = lines.replace("\n", "\n\n") if block["sign"] == ">" else lines
    body = re.sub(r"^(?=.)", " " * indent, folded, flags=re.MULTILINE).replace("\n", newline)
    return f"{block['sign']}{marks}{block['rest']}{newline}{body}{ending}"
