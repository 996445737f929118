"""What a tree of an HTML text would cost to build, told by one linear look at its tags.

Lexbor is quadratic in depth, and the HTML standard makes it clone every open formatting element
(``<b>``, ``<font>`` …) into each new block; both are counted before a parser sees the text.
"""

from __future__ import annotations

import re
from html import unescape

MAX_CLONES = 300_000  # formatting elements that would be opened anew
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,20})(?=[\s/>])")
_VOID = frozenset(
    (
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
    )
)
_SELF_ENDING = frozenset(
    ("p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "colgroup")
)
_FORMATTING = frozenset(
    (
        "a",
        "b",
        "big",
        "code",
        "em",
        "font",
        "i",
        "nobr",
        "s",
        "small",
        "strike",
        "strong",
        "tt",
        "u",
    )
)
_LINE_TAGS = re.compile(r"</?(?:br|p|div|tr|li|h[1-6]|table|blockquote|ul|ol)\b[^<>]*>", re.I)
_ANY_TAG = re.compile(r"<[/!?A-Za-z][^<>]*>")
_BLANK = re.compile(r"[ \t\r\n\f\v]+")


def is_costly(source: str, max_depth: int) -> bool:
    """True when the tree would be deeper than ``max_depth`` or mostly made of clones."""
    depth = formats = clones = 0
    for match in _TAG.finditer(source):
        name = match[2].lower()
        if name in _VOID:
            continue
        step = -1 if match[1] else 1
        if name in _FORMATTING:
            formats = max(0, formats + step)
        else:
            clones += formats
        if name not in _SELF_ENDING:
            depth = max(0, depth + step)
        if depth > max_depth or clones > MAX_CLONES:
            return True
    return False


def strip_tags(source: str) -> str:
    """The text between the tags, with line ends where blocks are; linear, and good enough."""
    text = _BLANK.sub(" ", _without_unshown(source))
    text = _ANY_TAG.sub("", _LINE_TAGS.sub("\n", text))
    return unescape(text).replace("\xa0", " ")


def _without_unshown(source: str) -> str:
    """Scripts, styles and comments taken out by plain searches: no backtracking over the rest."""
    for opening, closing in (("<script", "</script"), ("<style", "</style"), ("<!--", "-->")):
        lower = source.lower()
        if len(lower) != len(source):
            return source
        kept: list[str] = []
        at = 0
        while (start := lower.find(opening, at)) >= 0:
            stop = lower.find(closing, start)
            kept.append(source[at:start])
            at = len(source) if stop < 0 else stop + len(closing)
        source = "".join(kept) + source[at:]
    return source
