"""Plain text of operators as paragraphs, lists and links, read one way everywhere it is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from unicodedata import category
from urllib.parse import urlsplit

_LINE_ENDS = re.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")
_LINK = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_TRAILING = ".,;:!?'*_"
_OPENING = {")": "(", "]": "[", "}": "{"}
_JOINERS = "\u200c\u200d"  # meaningful inside words and emoji
_ITEMS = ("- ", "* ", "• ")


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line; with an address it is a link."""

    text: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph with its lines, or a list with its items."""

    lines: tuple[tuple[Span, ...], ...]
    listed: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        """Each line or item as plain text; items begin with "- "."""
        mark = "- " if self.listed else ""
        return tuple(mark + "".join(span.text for span in line) for line in self.lines)


def clean(text: str) -> str:
    """The text without control, format and other characters that could hide or reorder something.

    Line ends become line feeds. Joiners inside words and emoji stay.
    """
    unified = _LINE_ENDS.sub("\n", text).replace("\t", " ")
    return "".join(char for char in unified if char == "\n" or _is_shown(char)).strip()


def _is_shown(char: str) -> bool:
    if char in _JOINERS:
        return True
    if category(char) in ("Cc", "Cf", "Cs"):
        return False
    return ord(char) & 0xFFFE != 0xFFFE and not 0xFDD0 <= ord(char) <= 0xFDEF  # noncharacters


def item(line: str) -> str | None:
    """The text of a list item; None when the line begins none."""
    bare = line.strip()
    mark = next((one for one in _ITEMS if bare.startswith(one)), "")
    return bare[len(mark) :].strip() if mark else None


def blocks(text: str, *, joined: bool = False) -> tuple[Block, ...]:
    """Paragraphs and lists. Empty lines separate them; an indented line continues its item.

    ``joined``: the lines of a paragraph are one line, to be wrapped anew.
    """
    made: list[Block] = []
    lines: list[str] = []
    listed = False

    def close() -> None:
        if lines:
            shown = [" ".join(lines)] if joined and not listed else lines
            made.append(Block(tuple(spans(one) for one in shown), listed))
            lines.clear()

    for raw in clean(text).split("\n"):
        words, bare = item(raw), raw.strip()
        if bare and words is None and listed and lines and raw[:1] == " ":
            lines[-1] += f" {bare}"
            continue
        if not bare or (words is not None) != listed:
            close()
            listed = words is not None
        if bare:
            lines.append(bare if words is None else words)
    close()
    return tuple(made)


def spans(text: str) -> tuple[Span, ...]:
    """The line in pieces, web addresses apart."""
    found: list[Span] = []
    last = 0
    for match in _LINK.finditer(text):
        address = _without_marks(match[0])
        if not _is_web(address):
            continue
        found += [Span(text[last : match.start()]), Span(address, address)]
        last = match.start() + len(address)
    found.append(Span(text[last:]))
    return tuple(one for one in found if one.text)


def _without_marks(address: str) -> str:
    """Without the sentence's own marks behind it; brackets that the address opens stay."""
    while address:
        last = address[-1]
        opening = _OPENING.get(last)
        unmatched = opening is not None and address.count(opening) < address.count(last)
        if last not in _TRAILING and not unmatched:
            break
        address = address[:-1]
    return address


def _is_web(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False
