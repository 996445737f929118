"""Text, tables and pages for a terminal of any width; nothing is wider than it.

Text that came by mail is escaped before it is printed: control and direction characters could
otherwise change what the operator sees on the terminal.
"""

from __future__ import annotations

import errno
import os
import sys
import textwrap
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

NARROWEST = 40
GAP = 2  # blanks between two columns


@dataclass(slots=True)
class Report:
    """What a command says while it is collected for `--json`."""

    lines: list[str] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)


_reports: list[Report] = []  # the innermost one collects


@contextmanager
def collected() -> Iterator[Report]:
    """Collects what is said inside instead of printing it."""
    report = Report()
    _reports.append(report)
    try:
        yield report
    finally:
        _reports.pop()


def fact(**values: object) -> None:
    """A value of what was done, for `--json`."""
    if _reports:
        _reports[-1].facts.update(values)


class OutputError(Exception):
    """Standard output cannot be written; one line."""


def say(text: str) -> None:
    """Prints a line; replaces characters that the terminal's encoding does not have.

    Raises OutputError if it cannot be written.
    """
    if _reports:
        _reports[-1].lines += text.splitlines()
        return
    encoding = sys.stdout.encoding or "utf-8"
    try:
        print(text.encode(encoding, "replace").decode(encoding))  # noqa: T201 - only here
    except OSError as error:
        if error.errno == errno.EPIPE:  # nobody reads on, which is no failure of ours
            raise
        raise OutputError(f"standard output cannot be written: {error.strerror}") from None


def safe(value: object, *, lines: bool = False) -> str:
    """Text from outside made harmless: control, direction, invisible characters as escapes."""
    text = "" if value is None else str(value)
    return "".join(c if (lines and c == "\n") or is_harmless(c) else _escape(c) for c in text)


def is_harmless(char: str) -> bool:
    """Whether a character cannot change what a terminal shows elsewhere."""
    return char == " " or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def width() -> int:
    """The columns of the terminal; 80 where there is none."""
    given = os.environ.get("COLUMNS", "")
    if given.isdigit():
        return max(NARROWEST, int(given))
    return max(NARROWEST, os.get_terminal_size().columns if sys.stdout.isatty() else 80)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table as wide as the terminal at most; cells are wrapped between words.

    If not even the longest words fit beside each other, each row becomes lines of its own.
    """
    cells = [[safe(cell) for cell in row] for row in rows]
    widths = _widths(columns, cells, width())
    if title:
        say(safe(title))
    if widths is None:
        for row in cells:
            pairs({name or "-": cell for name, cell in zip(columns, row, strict=True) if cell})
            say("")
        return
    _line(columns, widths)
    say("  ".join("─" * wide for wide in widths))
    for row in cells:
        _line(row, widths)


def _line(cells: Sequence[str], widths: Sequence[int]) -> None:
    """One row, on as many lines as its longest cell needs."""
    wrapped = [
        textwrap.wrap(cell, wide) or [""] for cell, wide in zip(cells, widths, strict=True)
    ]  # fmt: skip
    for number in range(max(map(len, wrapped))):
        parts = [
            f"{lines[number] if number < len(lines) else '':<{wide}}"
            for lines, wide in zip(wrapped, widths, strict=True)
        ]
        say((" " * GAP).join(parts).rstrip())


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]], most: int) -> list[int] | None:
    """The width of each column; None if the longest words do not fit beside each other."""
    texts = [[name, *(row[number] for row in rows)] for number, name in enumerate(columns)]
    least = [max(1, *map(_longest_word, one)) for one in texts]
    wanted = [max(map(len, one)) for one in texts]
    room = most - GAP * (len(columns) - 1)
    if sum(least) > room:
        return None
    widths, spare = least, room - sum(least)
    while spare > 0:
        short = [number for number, wide in enumerate(widths) if wide < wanted[number]]
        if not short:
            break
        for number in short[:spare]:
            widths[number] += 1
        spare -= len(short[:spare])
    return widths


def _longest_word(text: str) -> int:
    return max(map(len, text.split()), default=0)


def pairs(values: Mapping[str, Any], wide: int = 0) -> None:
    """Prints ``name  value`` lines; long values continue on indented lines."""
    wide = max(wide, max((len(name) for name in values), default=0) + 2)
    for name, value in values.items():
        parts = safe(value, lines=True).splitlines() or [""]
        for number, part in enumerate(parts):
            head = f"{name if number == 0 else '':<{wide}}"
            for line in textwrap.wrap(part, max(20, width() - wide)) or [""]:
                say(f"{head}{line}".rstrip())
                head = " " * wide


def wrap(text: str, indent: str = "") -> None:
    """Prints paragraphs, wrapped to the width of the terminal."""
    for line in text.splitlines():
        made = textwrap.wrap(line, width(), initial_indent=indent, subsequent_indent=indent)
        say("\n".join(made) or "")
