"""A Content-Type or Content-Disposition value and its parameters (RFC 2045 §5.1, RFC 2231)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from intake.mail.mime import charsets

MAX_PARAMETERS = 100
_SECTION = re.compile(r"([^*]+)\*(\d{1,3})?(\*)?\Z")


@dataclass(frozen=True, slots=True)
class Value:
    """The value before the first semicolon in lower case, and the parameters by lower-case name."""

    value: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    repeated: tuple[str, ...] = ()  # names given twice with different values


def read(text: str) -> Value:
    """object text gives a Value; the first of two equal names wins. Linear."""
    pieces = _pieces(text)
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[bool, str]]] = {}
    repeated: list[str] = []
    for piece in pieces[1 : MAX_PARAMETERS + 1]:
        name, equals, value = piece.partition("=")
        name, value = name.strip().lower(), _unquoted(value.strip())
        if not equals or not name:
            continue
        section = _SECTION.match(name)
        if section:
            numbered = sections.setdefault(section[1], {})
            numbered.setdefault(int(section[2] or 0), (_is_extended(section), value))
        elif plain.setdefault(name, value) != value:
            repeated.append(name)
    for name, numbered in sections.items():
        plain[name] = _joined(numbered)
    return Value(_without_comments(pieces[0]).strip().lower(), plain, tuple(repeated))


def _is_extended(section: re.Match[str]) -> bool:
    return section[3] is not None or section[2] is None


def _pieces(text: str) -> list[str]:
    """Split the text at the semicolons outside quoted strings."""
    out: list[str] = []
    start, quoted, escaped = 0, False, False
    for index, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == "\\" and quoted:
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == ";" and not quoted:
            out.append(text[start:index])
            start = index + 1
    out.append(text[start:])
    return out


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value.split(" (", 1)[0].strip() if value.endswith(")") and " (" in value else value
    out: list[str] = []
    escaped = False
    for char in value[1:]:
        if escaped:
            out.append(char if char in '"\\' else "\\" + char)
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"':
            break
        else:
            out.append(char)
    return "".join(out)


def _without_comments(text: str) -> str:
    """Remove RFC 5322 §3.2.2 comments, nested ones too, by counting parentheses."""
    out: list[str] = []
    depth = 0
    for char in text:
        if char == "(":
            depth += 1
        elif char == ")" and depth:
            depth -= 1
        elif not depth:
            out.append(char)
    return "".join(out)


def _joined(numbered: Mapping[int, tuple[bool, str]]) -> str:
    """Join the sections in order and percent-decode the extended ones (RFC 2231 §3 and §4)."""
    raw, label = bytearray(), ""
    for place, index in enumerate(sorted(numbered)):
        extended, value = numbered[index]
        if extended and place == 0 and value.count("'") >= 2:
            label, _, value = value.split("'", 2)
        raw += unquote_to_bytes(value) if extended else value.encode("utf-8", "replace")
    return charsets.decode(bytes(raw), label).text
