"""The HTML part of a letter: the same words as its text part, without line breaks at 72 columns.

A phone shows the text part with ragged lines. There are no tables, forms, pictures or colours, so
that every mail program shows the letter in its own style and quotes it line by line in a reply.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from html import escape
from itertools import groupby

_LINK = re.compile(r"\b(?:https?://|mailto:)[^\s<>\"]+[^\s<>\".,;:!?)]")
_ROW = re.compile(r" {0,3}\d{1,2}\. ")
TIGHT = "margin:0.5em 0"
SMALL = "font-size:90%"
INDENT = "margin-left:1.5em"


@dataclass(slots=True)
class _Paragraph:
    kind: str  # plain, help, label, item, indented, foot
    lines: list[str] = field(default_factory=list)


def html_part(
    text: str, labels: Collection[str], language: str, *, as_written: bool = False
) -> str:
    """Return the HTML of a letter's text. ``labels``: names of fields that begin a line of ours.

    With ``as_written`` every line stays a line: the text is a person's.
    """
    if as_written:
        shown = "\n".join(f"<p>{'<br>'.join(map(_marked, one))}</p>" for one in _blocks(text))
    else:
        shown = "\n".join(_shown(one) for one in _paragraphs(text, labels))
    return (
        f'<!DOCTYPE html>\n<html lang="{escape(language)}">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta name="color-scheme" content="light dark"></head>\n'
        f'<body style="font-family:sans-serif;line-height:1.4;max-width:40em">\n{shown}\n'
        "</body>\n</html>\n"
    )


def _blocks(text: str) -> Iterator[list[str]]:
    """Yield the lines between blank ones."""
    for _, lines in groupby(text.split("\n"), key=lambda line: bool(line.strip())):
        block = list(lines)
        if block[0].strip():
            yield block


def _paragraphs(text: str, labels: Collection[str]) -> Iterator[_Paragraph]:
    """Yield the paragraphs of the text, each line in the one that it belongs to."""
    open_: _Paragraph | None = None
    foot = False
    for line in text.split("\n"):
        foot = foot or line == "-- "
        kind = _kind(line, open_, labels)
        if foot and line.strip():
            kind = "" if open_ is not None and open_.kind == "foot" else "foot"
        if not line.strip() or kind:
            if open_ is not None:
                yield open_
            open_ = None
        if not line.strip():
            continue
        if open_ is None:
            open_ = _Paragraph(kind or "plain")
        open_.lines.append(line)
    if open_ is not None:
        yield open_


def _kind(line: str, open_: _Paragraph | None, labels: Collection[str]) -> str:
    """Return the kind of the paragraph that a line begins; empty when it continues the last one."""
    within = open_.kind if open_ is not None else ""
    if within == "help" and open_ is not None and not open_.lines[-1].endswith(")"):
        return ""
    head, colon, _ = line.partition(":")
    if colon and head in labels:
        return "label"
    if line.startswith("- "):
        return "item"
    if line.startswith("("):
        return "help"
    if line.startswith("    ") and within not in ("label", "item"):
        return "" if within == "indented" else "indented"
    if within == "help" or (within in ("label", "item", "indented") and not line.startswith(" ")):
        return "plain"
    return ""


def _shown(one: _Paragraph) -> str:
    if one.kind == "foot":
        return f'<p style="{SMALL}">{"<br>".join(_marked(line) for line in one.lines)}</p>'
    if one.kind == "indented":
        return f'<p style="{INDENT}">{"<br>".join(_marked(line) for line in one.lines)}</p>'
    if one.kind == "label":
        head, _, rest = " ".join(line.strip() for line in one.lines).partition(":")
        value = _marked(rest) if rest.strip() else "&nbsp;"
        return f'<p style="{TIGHT}"><b>{escape(head)}:</b> {value}</p>'
    if one.kind == "help":
        return f'<p style="{SMALL};margin-bottom:0">{_with_rows(one.lines)}</p>'
    style = f' style="{INDENT}"' if one.kind == "item" else ""
    return f"<p{style}>{_with_rows(one.lines)}</p>"


def _with_rows(lines: list[str]) -> str:
    """Return the lines as one; a numbered choice and a line that is only a link stand alone."""
    made = ""
    for line in lines:
        alone = _ROW.match(line) or _LINK.fullmatch(line.strip())
        made += ("<br>" if alone else " ") + _marked(line)
    return made.removeprefix("<br>").strip()


def _marked(line: str) -> str:
    """Return a line with its links as links."""
    shown, last = "", 0
    text = line.strip()
    for link in _LINK.finditer(text):
        address = escape(link[0])
        shown += f'{escape(text[last : link.start()])}<a href="{address}">{_name(link[0])}</a>'
        last = link.end()
    return shown + escape(text[last:])


def _name(link: str) -> str:
    """Return what a link shows: its address, without a subject that is already in it."""
    return escape(link.removeprefix("mailto:").partition("?")[0])
