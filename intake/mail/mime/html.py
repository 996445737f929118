"""Turn the HTML of a mail into text as a person would read it, and into its table rows.

Lexbor builds the tree; the rules for blocks, lists, quotes and tables are here. A tree that would
cost more than linear time is never built: then only the tags are removed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode

from intake.mail.mime import html_tokens
from intake.mail.mime.charsets import clean

_BLOCKS = frozenset(
    (
        *(
            "address",
            "article",
            "aside",
            "blockquote",
            "body",
            "caption",
            "center",
            "dd",
            "details",
            "dialog",
        ),
        *(
            "dir",
            "div",
            "dl",
            "dt",
            "fieldset",
            "figcaption",
            "figure",
            "footer",
            "form",
            "h1",
            "h2",
            "h3",
        ),
        *(
            "h4",
            "h5",
            "h6",
            "header",
            "hr",
            "html",
            "li",
            "main",
            "menu",
            "nav",
            "ol",
            "option",
            "p",
            "pre",
        ),
        *("section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"),
    )
)
_SPACED = frozenset(
    ("p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "dl", "pre", "blockquote")
)
_DROPPED = frozenset(
    (
        *(
            "script",
            "style",
            "head",
            "title",
            "meta",
            "link",
            "template",
            "noscript",
            "svg",
            "math",
            "object",
        ),
        *("iframe", "audio", "video", "canvas", "select", "textarea", "-comment", "!doctype"),
    )
)
_HIDDEN = re.compile(
    r"(display\s{0,5}:\s{0,5}none|visibility\s{0,5}:\s{0,5}hidden|mso-hide\s{0,5}:\s{0,5}all)", re.I
)
_STRUCK = re.compile(r"text-decoration(?:-line)?\s{0,5}:[^;]{0,60}line-through", re.I)
_STRIKES = frozenset(("s", "del", "strike"))
_NO_MARGIN = re.compile(r"margin(-top|-bottom)?\s{0,5}:\s{0,5}0", re.I)
_QUOTE_CLASS = re.compile(r"quote|cite", re.I)
_SPACES = re.compile(r"[ \t\n\r\f\v]+")
_MANY_BLANK_LINES = re.compile(r"\n{3,}")
_CID = re.compile(rb"cid:([^\"'\s<>)]{1,300})", re.I)
MAX_QUOTE_MARKS = 5
MAX_ROWS = 5000
MAX_HIDDEN_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Rendered:
    """Text with tabs between the cells of a row, the rows, and what was left out or simplified."""

    text: str
    rows: tuple[tuple[str, ...], ...]
    doubt: str = ""
    struck: bool = False  # struck-out text was left out
    hidden: str = ""  # the beginning of text that the document hides from its reader


def render(source: str, max_chars: int, max_depth: int) -> Rendered:
    """object text gives a Rendered in linear time."""
    source, doubt = _within(source.replace("\0", ""), max_chars)
    rebuilt = html_tokens.rebuild(source, max_depth)
    if rebuilt is None:
        text = _tidy(html_tokens.text_only(source))
        return Rendered(text, (), "HTML nested too deep; read without its tags")
    root = LexborHTMLParser(rebuilt).root
    page = _Page()
    if root is not None:
        _walk(root, page)
    return Rendered(_tidy(page.finished()), tuple(page.rows), doubt, page.struck, page.hidden)


def content_ids(source: bytes) -> frozenset[str]:
    """Return the Content-IDs that the document shows (RFC 2392)."""
    return frozenset(found.decode("latin-1") for found in _CID.findall(source))


def _within(source: str, max_chars: int) -> tuple[str, str]:
    if len(source) <= max_chars:
        return source, ""
    source = re.sub(r"([ \t\r\n])[ \t\r\n]+", r"\1", source)
    if len(source) <= max_chars:
        return source, ""
    return source[:max_chars], f"HTML of over {max_chars} characters; the rest was not read"


@dataclass(slots=True)
class _Cell:
    """A table cell that is being written, or the page itself."""

    chunks: list[str] = field(default_factory=list)
    at_line_start: bool = True
    pending_space: bool = False
    behind_mark: bool = False  # nothing follows the dash of a list item yet
    gap: int = -1  # the next text needs an empty line before it, at that quote depth at most


@dataclass(slots=True)
class _Page:
    """Collects lines. Only the cells of rows without inner tables get a buffer of their own."""

    rows: list[tuple[str, ...]] = field(default_factory=list)
    out: _Cell = field(default_factory=_Cell)
    outer: _Cell | None = None  # the page, while a row is being collected
    row: list[str] = field(default_factory=list)
    quotes: int = 0
    struck: bool = False
    hidden: str = ""
    preformatted: int = 0

    def hide(self, node: LexborNode) -> None:
        """Keep the beginning of what the document does not show, for an operator to look at."""
        if len(self.hidden) < MAX_HIDDEN_CHARS:
            words = " ".join(clean(node.text(deep=True) or "").split())
            self.hidden = f"{self.hidden} {words}".strip()[:MAX_HIDDEN_CHARS]

    def text(self, words: str) -> None:
        """Add running text; a run of white space becomes one space, and NBSP becomes a space."""
        if self.preformatted:
            lines = words.replace("\r\n", "\n").replace("\xa0", " ").split("\n")
            for index, line in enumerate(lines):
                if index:
                    self.line_break()
                self._put(line)
            return
        flat = _SPACES.sub(" ", words.replace("\u200b", "").replace("\u00ad", ""))
        if not flat.strip(" "):
            self.out.pending_space = self.out.pending_space or bool(flat)
            return
        if (flat[0] == " " or self.out.pending_space) and not self.out.at_line_start:
            self._put(" ")
        self.out.pending_space = flat[-1] == " "
        self._put(flat.strip(" ").replace("\xa0", " "))

    def _put(self, words: str) -> None:
        if not words:
            return
        if self.out.at_line_start:
            if self.out.gap >= 0 and self.out.chunks:
                self.out.chunks.append(self._marks(self.out.gap) + "\n")
            self.out.gap = -1
            marks = self._marks(self.quotes)
            self.out.chunks.append(marks + " " if marks else "")
        self.out.chunks.append(words)
        self.out.at_line_start = self.out.behind_mark = False

    def _marks(self, depth: int) -> str:
        """Return the quote marks for a line; cells get theirs when their row is written."""
        return "" if self.outer is not None else ">" * min(self.quotes, depth, MAX_QUOTE_MARKS)

    def mark_item(self) -> None:
        """Write the dash of a list item; the block inside the item stays on the same line."""
        self._put("- ")
        self.out.behind_mark = True

    def line_break(self) -> None:
        """End the line, even an empty one."""
        if self.out.at_line_start:
            self.out.chunks.append(self._marks(self.quotes))
        self.out.chunks.append("\n")
        self.out.at_line_start, self.out.pending_space, self.out.behind_mark = True, False, False

    def block(self, spaced: bool) -> None:
        """Begin a line unless at the start of one; ``spaced`` asks for an empty line before it."""
        if self.out.behind_mark:
            return
        if not self.out.at_line_start:
            self.line_break()
        if spaced and self.outer is None:
            self.out.gap = self.quotes if self.out.gap < 0 else min(self.out.gap, self.quotes)
        self.out.pending_space = False

    def begin_row(self) -> None:
        self.block(spaced=False)
        self.outer, self.row = self.out, []

    def begin_cell(self) -> None:
        self.out = _Cell()

    def end_cell(self) -> None:
        self.row.append(_tidy("".join(self.out.chunks)))

    def end_row(self) -> None:
        """Write the row as one line of cells with tabs between."""
        if self.outer is not None:
            self.out, self.outer = self.outer, None
        if not any(self.row):
            return
        if len(self.row) > 1 and len(self.rows) < MAX_ROWS:
            self.rows.append(tuple(self.row))
        for index, line in enumerate("\t".join(self.row).rstrip("\t").split("\n")):
            if index:
                self.line_break()
            self._put(line)
        self.line_break()

    def finished(self) -> str:
        if self.outer is not None:
            self.end_row()
        return "".join(self.out.chunks)


def _walk(root: LexborNode, page: _Page) -> None:
    """Visit every node once on the way in and once on the way out, with an explicit stack."""
    plain_rows = _plain_rows(root)
    node: LexborNode | None = root
    entered: list[tuple[LexborNode, str]] = []
    while node is not None:
        inner = _enter(node, page, plain_rows, entered)
        if inner is not None:
            node = inner
            continue
        node = _onward(node, page, entered)


def _onward(
    node: LexborNode, page: _Page, entered: list[tuple[LexborNode, str]]
) -> LexborNode | None:
    """Return the node after ``node`` in document order; leave the elements that end before it."""
    following = node.next
    while following is None and entered:
        element, kind = entered.pop()
        _leave(element, kind, page)
        following = element.next if entered else None
    return following


def _plain_rows(root: LexborNode) -> frozenset[int]:
    """Return the rows that hold no other table: they hold data, the others are layout."""
    nested: set[int] = set()
    for table in root.css("table"):
        above = table.parent
        while above is not None and above.mem_id not in nested:
            nested.add(above.mem_id)
            above = above.parent
    return frozenset(row.mem_id for row in root.css("tr") if row.mem_id not in nested)


def _enter(
    node: LexborNode, page: _Page, plain_rows: frozenset[int], entered: list[tuple[LexborNode, str]]
) -> LexborNode | None:
    """Write the beginning of a node; return its first child when the walk must go inside."""
    tag = node.tag or ""
    if tag == "-text":
        page.text(node.text_content or "")
        return None
    if tag == "br":
        page.line_break()
        return None
    if tag in _DROPPED:
        return None
    if _is_hidden(node):
        page.hide(node)
        return None
    if tag in _STRIKES or _STRUCK.search(node.attributes.get("style") or ""):
        page.struck = True  # the writer struck this text out
        return None
    kind = _kind(node, tag, page, plain_rows)
    _begin(node, tag, kind, page)
    child = node.child
    if child is None:
        _leave(node, kind, page)
        return None
    entered.append((node, kind))
    return child


def _is_hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    return bool(attributes) and (
        "hidden" in attributes or bool(_HIDDEN.search(attributes.get("style") or ""))
    )


def _kind(node: LexborNode, tag: str, page: _Page, plain_rows: frozenset[int]) -> str:
    """Return what must be undone when the walk leaves the element."""
    if tag == "tr" and page.outer is None and node.mem_id in plain_rows:
        return "row"
    if tag in ("td", "th"):
        return "cell" if page.outer is not None else "column"
    if tag == "blockquote" and _is_quote(node):
        return "quote"
    return "pre" if tag == "pre" else "block" if tag in _BLOCKS else "inline"


def _begin(node: LexborNode, tag: str, kind: str, page: _Page) -> None:
    if kind == "row":
        page.begin_row()
    elif kind == "cell":
        page.begin_cell()
    elif kind != "inline":
        page.block(tag in _SPACED and not _is_tight(node, tag))
    if kind == "quote":
        page.quotes += 1
    elif kind == "pre":
        page.preformatted += 1
    elif tag == "li":
        page.mark_item()


def _leave(node: LexborNode, kind: str, page: _Page) -> None:
    if kind == "row":
        page.end_row()
        return
    if kind == "cell":
        page.end_cell()
        return
    if kind == "inline":
        return
    if not page.out.at_line_start:
        page.line_break()
    tag = node.tag or ""
    if kind == "quote":
        page.quotes -= 1
    elif kind == "pre":
        page.preformatted -= 1
    if tag in _SPACED and not _is_tight(node, tag):
        page.block(spaced=True)


def _is_tight(node: LexborNode, tag: str) -> bool:
    """Return True for a paragraph without a margin: Outlook writes every line as one."""
    if tag != "p":
        return False
    attributes = node.attributes
    return (attributes.get("class") or "").startswith("Mso") or bool(
        _NO_MARGIN.search(attributes.get("style") or "")
    )


def _is_quote(node: LexborNode) -> bool:
    """Return True for a quoted mail; a bare indent, which has a style without a border, is none."""
    attributes = node.attributes
    if attributes.get("type") == "cite" or _QUOTE_CLASS.search(attributes.get("class") or ""):
        return True
    style = attributes.get("style")
    return not style or "border-left" in style.lower()


def _tidy(text: str) -> str:
    """Strip line ends and both ends of the text; keep at most one empty line in a row.

    A reference such as ``&#5;`` stands for a control character, which no text of a mail keeps.
    """
    lines = (line.rstrip(" \t") for line in clean(text).split("\n"))
    return _MANY_BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n").strip(" ")
