"""Text of letters: one line, wrapped lines, tidy paragraphs."""

from __future__ import annotations

import textwrap
import unicodedata

from intake.letters.operator_text import item

WIDTH = 72


MAX_TEXT_LINE_CHARS = 20_000


_BLANK_KINDS = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def one_line(text: str, limit: int) -> str:
    """Return the text on one line, without control, format or separator characters."""
    clean = "".join(" " if unicodedata.category(c) in _BLANK_KINDS else c for c in text)
    flat = " ".join(clean.split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def tidy(text: str) -> str:
    """Strip line ends except "-- ", keep at most one blank line in a row and none at the ends."""
    out: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        kept = "-- " if line == "-- " else line.rstrip()
        if kept or (out and out[-1]):
            out.append(kept)
    while out and not out[-1]:
        out.pop()
    return "\n".join(out) + "\n"


def wrap(label: str, value: str) -> list[str]:
    """Wrap ``Label: value``; continued lines are indented by four."""
    return textwrap.wrap(
        f"{label}: {value}",
        WIDTH,
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def text_lines(text: str) -> list[str]:
    """An operator's paragraphs, wrapped; items begin with "- "."""
    shown: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        flat = one_line(line, MAX_TEXT_LINE_CHARS)
        words = item(flat)
        listed = words is not None
        flat = f"- {words}" if listed else flat
        shown += textwrap.wrap(
            flat, WIDTH, subsequent_indent="  " if listed else "",
            break_long_words=False, break_on_hyphens=False,
        ) or [""]  # fmt: skip
    return shown


def indented(text: str) -> list[str]:
    """Wrap the text with an indent of four columns."""
    return textwrap.wrap(
        text, WIDTH, initial_indent="    ", subsequent_indent="    ", break_long_words=False
    )
