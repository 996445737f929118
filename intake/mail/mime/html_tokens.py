"""Cut HTML into tags and text in one linear pass, before any parser builds a tree of it.

Lexbor takes quadratic time in the depth and in the attributes of a tag. The HTML standard also
makes it clone every open formatting element (``<b>``, ``<font>`` …) into each new block. So it gets
only what ``rebuild`` writes: tags with the few attributes that matter here, and never a costly
tree.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape

MAX_CLONES = 300_000  # formatting elements that the parser would open again
_MAX_VALUE_CHARS = 2000
_NAME = re.compile(r"<(/?)([A-Za-z][^\s/>]{0,30})[^\s/>]*")
_ATTRIBUTE = re.compile(
    r"[\s/]*(?P<name>[^\s/>][^\s/>=]*)"
    r"(?:\s*=\s*(?:\"(?P<double>[^\"]*)(?:\"|\Z)|'(?P<single>[^']*)(?:'|\Z)|(?P<bare>[^\s>]*)))?"
)
_END = re.compile(r"([\s/]*)>")
_KEPT = frozenset(("style", "class", "type", "hidden"))
_RAW_TEXT = {
    name: re.compile(rf"</{name}(?=[\s/>])", re.I)
    for name in ("script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes")
}
_VOID = frozenset(
    (
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source"),
        *("track", "wbr"),
    )
)
_SELF_ENDING = frozenset(
    (
        *("p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option"),
        "colgroup",
    )
)
_FORMATTING = frozenset(
    (
        *("a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong"),
        *("tt", "u"),
    )
)
_NEVER_NESTING = frozenset(("a", "nobr"))  # opening one ends the one before
_BARRIERS = frozenset(
    (
        *("table", "template", "object", "applet", "marquee", "svg", "math", "button", "select"),
        *("caption", "foreignobject", "desc", "annotation-xml"),
    )
)
_LINES = frozenset(
    (
        *("br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol"),
        "blockquote",
    )
)
_BLANK = re.compile(r"[ \t\r\n\f\v]+")


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag by its lower-case name; closing tags have no attributes."""

    name: str
    closing: bool = False
    self_closing: bool = False
    attributes: tuple[tuple[str, str], ...] = ()


def rebuild(source: str, max_depth: int) -> str | None:
    """Return the page with at most four attributes a tag; None when its tree would be costly."""
    out: list[str] = []
    cost = _Cost()
    for piece in pieces(source):
        if isinstance(piece, str):
            out.append(piece.replace("<", "&lt;"))
            continue
        out.append(_written(piece))
        cost.add(piece)
        if cost.depth > max_depth or cost.clones > MAX_CLONES:
            return None
    return "".join(out)


def text_only(source: str) -> str:
    """Return the text between the tags, with line ends at blocks; for pages that cost too much."""
    out: list[str] = []
    for piece in pieces(source):
        if isinstance(piece, str):
            out.append(unescape(_BLANK.sub(" ", piece)).replace("\xa0", " "))
        elif piece.name in _LINES:
            out.append("\n")
    return "".join(out)


def pieces(source: str) -> Iterator[str | Tag]:
    """Yield text and tags in order; comments, declarations, scripts and styles are left out.

    It follows the tokenizer of the HTML standard (§13.2.5) as far as that decides where a tag ends.
    """
    at = 0
    while (start := source.find("<", at)) >= 0:
        if start > at:
            yield source[at:start]
        named = _NAME.match(source, start)
        if named is None:
            at = _behind_declaration(source, start)
            if at == start:
                yield "<"
                at += 1
            continue
        tag, at = _tag(source, named)
        if tag is None:
            return
        if tag.name in _RAW_TEXT and not tag.closing:
            end = _RAW_TEXT[tag.name].search(source, at)
            at = end.start() if end else len(source)
        else:
            yield tag
    if at < len(source):
        yield source[at:]


def _behind_declaration(source: str, start: int) -> int:
    """Where a comment or declaration ends; ``start`` itself when there is none."""
    if source.startswith("<!--", start):
        end = source.find("-->", start + 2)
        return len(source) if end < 0 else end + 3
    if source[start + 1 : start + 2] in ("!", "?", "/"):
        end = source.find(">", start)
        return len(source) if end < 0 else end + 1
    return start


def _tag(source: str, named: re.Match[str]) -> tuple[Tag | None, int]:
    """The tag and where it ends; None when the page ends inside it."""
    at = named.end()
    kept: dict[str, str] = {}
    while (end := _END.match(source, at)) is None:
        found = _ATTRIBUTE.match(source, at)
        if found is None:
            return None, len(source)
        name = found["name"].lower()
        if name in _KEPT:
            value = found["double"] or found["single"] or found["bare"] or ""
            kept.setdefault(name, value[:_MAX_VALUE_CHARS])
        at = found.end()
    closing = bool(named[1])
    attributes = () if closing else tuple(kept.items())
    return Tag(named[2].lower(), closing, "/" in end[1], attributes), end.end()


def _written(tag: Tag) -> str:
    if tag.closing:
        return f"</{tag.name}>"
    values = "".join(f' {name}="{_quoted(value)}"' for name, value in tag.attributes)
    return f"<{tag.name}{values}{'/' if tag.self_closing else ''}>"


def _quoted(value: str) -> str:
    return value.replace('"', "&quot;")


@dataclass(slots=True)
class _Cost:
    """An upper estimate of what the tree of the tags so far would cost."""

    stack: list[str] = field(default_factory=list)  # open elements
    places: dict[str, list[int]] = field(default_factory=dict)  # name -> its places in the stack
    barriers: list[int] = field(
        default_factory=list
    )  # places in the stack; no end tag closes elements outside the last one
    formats: Counter[str] = field(default_factory=Counter)  # formatting elements not ended
    open_formats: int = 0
    clones: int = 0

    @property
    def depth(self) -> int:
        """Return the depth of the innermost open element."""
        return len(self.stack)

    def add(self, tag: Tag) -> None:
        """Count the tag; an element whose end tag may be left out does not add depth."""
        if tag.name in _FORMATTING:
            self._format(tag)
        else:
            self.clones += self.open_formats
        if tag.name in _VOID or tag.name in _SELF_ENDING:
            return
        if tag.closing or tag.name in _NEVER_NESTING:
            self._close(tag.name)
        if not tag.closing:
            self._open(tag.name)

    def _format(self, tag: Tag) -> None:
        """Count a formatting element: each block opens it again until its own end tag comes."""
        before = self.formats[tag.name]
        most = 1 if tag.name in _NEVER_NESTING else before + 1
        after = max(0, before - 1) if tag.closing else min(before + 1, most)
        self.formats[tag.name] = after
        self.open_formats += after - before

    def _open(self, name: str) -> None:
        self.places.setdefault(name, []).append(len(self.stack))
        if name in _BARRIERS:
            self.barriers.append(len(self.stack))
        self.stack.append(name)

    def _close(self, name: str) -> None:
        """End the innermost element of that name and all inside it, but not across a barrier."""
        places = self.places.get(name)
        if not places or (self.barriers and places[-1] < self.barriers[-1]):
            return
        end = places[-1]
        while len(self.stack) > end:
            self.places[self.stack.pop()].pop()
        while self.barriers and self.barriers[-1] >= end:
            self.barriers.pop()
