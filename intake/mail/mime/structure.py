"""Find the MIME tree of a mail as slices of its raw bytes (RFC 2046 §5.1), in one linear walk.

The walk goes from boundary line to boundary line with a stack of the open multiparts. So depth
costs nothing, and an attached message keeps its exact bytes. The walk never looks into message/*.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from intake.mail.mime import headers, parameters

_NO_SEMICOLON = re.compile(r"\A\s{0,20}([\w.+-]{1,40}/[\w.+-]{1,80})\s{1,20}(?=[\w-]{1,40}\s?=)")
_MAX_PART_HEADER_BYTES = 64 * 2**10


@dataclass(frozen=True, slots=True)
class Caps:
    """The limits for a tree."""

    max_depth: int
    max_parts: int
    max_boundary_bytes: int


@dataclass(frozen=True, slots=True)
class Part:
    """One node of the tree. ``start`` and ``end`` delimit its encoded body in the raw mail."""

    number: str  # "1.2"; the only part of a mail is "1", a multipart at the top is ""
    parent: int  # index in the list of parts, -1 for the top
    media_type: str
    content_type: parameters.Value
    disposition: parameters.Value
    encoding: str  # Content-Transfer-Encoding, lower case
    content_id: str  # without angle brackets
    start: int
    end: int
    is_multipart: bool


@dataclass(frozen=True, slots=True)
class Tree:
    """Every part in the order of the mail, and what was odd about the structure."""

    parts: tuple[Part, ...]
    doubts: tuple[str, ...]


class StructureError(Exception):
    """The structure is over a limit or ambiguous; ``code`` becomes the code of the refusal."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(slots=True)
class _Level:
    """A multipart whose closing boundary has not been found yet."""

    boundary: bytes
    node: int
    children: int = 0
    child: int = -1  # index of the part that is open


def walk(raw: bytes, start: int, top: Mapping[str, str], caps: Caps) -> Tree:
    """Return the tree of the body that begins at ``start``; ``top`` is the header of the mail.

    Raises StructureError or HeaderError when a limit is exceeded or a part contradicts itself.
    """
    walker = _Walker(raw, caps)
    at = walker.open_part(top, start, None)
    while walker.stack and (line := walker.next_boundary(at)) >= 0:
        at = walker.boundary_line(line)
    return walker.finished()


class _Walker:
    def __init__(self, raw: bytes, caps: Caps) -> None:
        self.raw = raw
        self.caps = caps
        self.parts: list[Part] = []
        self.stack: list[_Level] = []
        self.depths: dict[bytes, int] = {}  # boundary -> place in the stack
        self.lines = re.compile(b"(?!)")  # a line with one of these boundaries
        self.doubts: list[str] = []

    def next_boundary(self, at: int) -> int:
        """Return where the next line with the boundary of an open level starts; else -1."""
        if at == 0 and self.raw.startswith(b"--"):
            return 0
        found = self.lines.search(self.raw, at - 1 if self.raw[at - 1 : at] == b"\n" else at)
        return found.start() + 1 if found else -1

    def boundary_line(self, line: int) -> int:
        """Handle the line that starts at ``line``; return where the search continues."""
        stop = self.raw.find(b"\n", line)
        stop = len(self.raw) if stop < 0 else stop + 1
        longest = line + 2 + self.caps.max_boundary_bytes + 64
        token = self.raw[line + 2 : min(stop, longest)].rstrip(b" \t\r\n")
        depth, closing = self._match(token)
        if depth < 0:
            return max(stop - 1, line + 2)
        self._end_deeper(depth, self._line_break_before(line))
        if closing:
            self.stack.pop()
            self._note_depths()
            return max(stop - 1, line + 2)
        level = self.stack[depth]
        level.children += 1
        fields, contradictory, start = headers.lenient(self.raw, stop, _MAX_PART_HEADER_BYTES)
        self._check(contradictory)
        return self.open_part(fields, start, level)

    def open_part(self, fields: Mapping[str, str], start: int, level: _Level | None) -> int:
        """Add a part; a multipart with a boundary becomes the innermost open level."""
        if len(self.parts) >= self.caps.max_parts:
            raise StructureError("limits", f"there are over {self.caps.max_parts} parts")
        index = len(self.parts)
        part = self._part(fields, start, level)
        self.parts.append(part)
        if level is not None:
            level.child = index
        if part.is_multipart:
            self._push(part, index)
        return start

    def finished(self) -> Tree:
        """Close everything that is still open; a multipart without any part becomes text."""
        if self.stack:
            self.doubts.append("the closing boundary is missing")
        self._end_deeper(0, len(self.raw))
        parents = {part.parent for part in self.parts}
        for index, part in enumerate(self.parts):
            if part.is_multipart and index not in parents:
                self.doubts.append(f"{part.media_type} without a part is read as text")
                number = part.number or "1"
                self.parts[index] = replace(
                    part, media_type="text/plain", number=number, is_multipart=False
                )
        return Tree(tuple(self.parts), tuple(self.doubts))

    def _match(self, token: bytes) -> tuple[int, bool]:
        """Return the innermost open level that the line belongs to, and whether it closes it."""
        opens = self.depths.get(token, -1)
        closes = self.depths.get(token[:-2], -1) if token.endswith(b"--") else -1
        return (closes, True) if closes > opens else (opens, False)

    def _note_depths(self) -> None:
        """Index the levels by boundary.

        If two levels have the same boundary, the inner one counts, as in the standard library.
        """
        self.depths = {level.boundary: depth for depth, level in enumerate(self.stack)}
        named = b"|".join(map(re.escape, sorted(self.depths, key=len, reverse=True)))
        self.lines = re.compile(b"\\n--(?:" + named + b")(?:--)?[ \\t\\r]*(?:\\n|\\Z)")

    def _end_deeper(self, depth: int, end: int) -> None:
        """End the open part of that level and of every level inside it."""
        if len(self.stack) > depth + 1:
            self.doubts.append("an inner closing boundary is missing")
        for level in self.stack[depth:]:
            if level.child >= 0:
                part = self.parts[level.child]
                self.parts[level.child] = replace(part, end=max(part.start, end))
                level.child = -1
        del self.stack[depth + 1 :]
        self._note_depths()

    def _line_break_before(self, line: int) -> int:
        """Return where the line break before the boundary line starts (RFC 2046 §5.1.1)."""
        if line >= 1 and self.raw[line - 1 : line] == b"\n":
            line -= 1
        return line - 1 if self.raw[line - 1 : line] == b"\r" else line

    def _check(self, contradictory: tuple[str, ...]) -> None:
        twice = [
            name
            for name in contradictory
            if name.startswith("content-") and name in headers.SINGLETONS
        ]
        if twice:
            raise StructureError("structure", f"a part has two different fields {twice[0]}")

    def _push(self, part: Part, index: int) -> None:
        boundary = part.content_type.parameters["boundary"].rstrip().encode("utf-8", "replace")
        if len(boundary) > self.caps.max_boundary_bytes:
            raise StructureError(
                "limits", f"a boundary has over {self.caps.max_boundary_bytes} bytes"
            )
        if len(self.stack) >= self.caps.max_depth:
            raise StructureError("limits", f"multiparts are nested over {self.caps.max_depth} deep")
        if part.encoding not in ("", "7bit", "8bit", "binary"):
            self.doubts.append(f"a multipart has the transfer encoding {part.encoding[:40]}")
        self.stack.append(_Level(boundary, index))
        self._note_depths()

    def _part(self, fields: Mapping[str, str], start: int, level: _Level | None) -> Part:
        content_type = parameters.read(_NO_SEMICOLON.sub(r"\1; ", fields.get("content-type", "")))
        if "boundary" in content_type.repeated:
            raise StructureError("structure", "a Content-Type names two boundaries")
        parent = level.node if level else -1
        media_type = self._media_type(content_type.value, parent)
        is_multipart = media_type.startswith("multipart/") and bool(
            content_type.parameters.get("boundary", "").strip()
        )
        if media_type.startswith("multipart/") and not is_multipart:
            self.doubts.append(f"{media_type[:40]} without a boundary is read as text")
            media_type = "text/plain"
        return Part(
            number=self._number(level, is_multipart),
            parent=parent,
            media_type=media_type,
            content_type=content_type,
            disposition=parameters.read(fields.get("content-disposition", "")),
            encoding=parameters.read(fields.get("content-transfer-encoding", "")).value,
            content_id=fields.get("content-id", "").strip().strip("<>").strip(),
            start=min(start, len(self.raw)),
            end=len(self.raw),
            is_multipart=is_multipart,
        )

    def _number(self, level: _Level | None, is_multipart: bool) -> str:
        if level is None:
            return "" if is_multipart else "1"
        above = self.parts[level.node].number
        return f"{above}.{level.children}" if above else str(level.children)

    def _media_type(self, value: str, parent: int) -> str:
        """Return text/plain when no type is given (RFC 2045 §5.2); a malformed one means a file."""
        value = "".join(value.split())
        if not value:
            in_digest = parent >= 0 and self.parts[parent].media_type == "multipart/digest"
            return "message/rfc822" if in_digest else "text/plain"
        main, _, sub = value.partition("/")
        if main.isascii() and main and sub and "/" not in sub:
            return value
        if main in ("text", "html") and not sub:
            return "text/html" if main == "html" else "text/plain"
        self.doubts.append(f"the content type {value[:40]} is malformed")
        return "application/octet-stream"
