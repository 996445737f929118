"""Parse Authentication-Results fields (RFC 8601 §2.2) tolerantly; they are not judged here.

Comments, quoted strings, folding, a missing authserv-id (as Microsoft 365 writes it) and unknown
methods are all accepted. A property that is not of the plain form is left out, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from intake.mail.addresses import ascii_lower

MAX_CHARS = 16 * 2**10
_RESULT = re.compile(r"([a-z0-9-]+)(?:/0*1)?=([a-z0-9-]+)\Z", re.IGNORECASE)
_VERSION = re.compile(r"0*1\Z")  # of the field and of a method; the only version (RFC 8601 §2.2)
_PROPERTY = re.compile(r"([a-z0-9-]+(?:\.[a-z0-9_-]+)?)\s*=\s*(\S+)\Z", re.IGNORECASE)
_ID = re.compile(r"[!#$%&'*+./0-9A-Z^_`a-z{|}~-]{1,255}\Z")


@dataclass(frozen=True, slots=True)
class Result:
    """One ``method=result`` with its properties; everything except the values is in lower case."""

    method: str
    result: str
    properties: Mapping[str, str] = field(default_factory=dict)  # "header.from" -> value


@dataclass(frozen=True, slots=True)
class AuthResults:
    """One field. ``authserv_id`` is empty when the field has none."""

    authserv_id: str
    results: tuple[Result, ...]


def read(value: str) -> AuthResults | None:
    """Parse the value of the field; None when it is not of the right form at all.

    That is so when it is too long, not closed, begins with a semicolon or has an unknown version. A
    result with an unknown version of its method is left out.
    """
    if len(value) > MAX_CHARS:
        return None
    clauses = _clauses(value)
    if clauses is None:
        return None
    authserv_id = ""
    first = clauses[0]
    if not first and len(clauses) > 1:
        return None
    if first and "=" not in first[0] and _ID.match(first[0]):
        if len(first) > 2 or not all(map(_VERSION.match, first[1:])):
            return None
        authserv_id = ascii_lower(first[0])
        clauses = clauses[1:]
    results = (_result(tokens) for tokens in clauses)
    return AuthResults(authserv_id, tuple(result for result in results if result is not None))


class _Splitter:
    """Collects the tokens between semicolons."""

    def __init__(self) -> None:
        self.clauses: list[list[str]] = [[]]
        self.token = ""

    def cut(self) -> None:
        """End the current token."""
        if self.token:
            self.clauses[-1].append(self.token)
            self.token = ""

    def feed(self, char: str) -> None:
        """Take one character outside comments and quotes."""
        if char in " \t\r\n;":
            self.cut()
        if char == ";":
            self.clauses.append([])
        elif char not in " \t\r\n":
            self.token += char


def _clauses(value: str) -> list[list[str]] | None:
    """Return the tokens between semicolons, without comments, with quoted strings unquoted."""
    splitter = _Splitter()
    depth = 0
    at = 0
    while at < len(value):
        char = value[at]
        if depth:
            depth += {"(": 1, ")": -1}.get(char, 0)
            at += 2 if char == "\\" else 1
        elif char == '"':
            words, at = _quoted(value, at)
            if at < 0:
                return None
            splitter.token += words
        else:
            if char == "(":
                splitter.cut()
                depth = 1
            else:
                splitter.feed(char)
            at += 1
    splitter.cut()
    return None if depth else [_join_equals(tokens) for tokens in splitter.clauses]


def _quoted(value: str, start: int) -> tuple[str, int]:
    """Return the text of a quoted string and the index after it; -1 when it is not closed."""
    end = _quote_end(value, start)
    if end < 0:
        return "", -1
    return re.sub(r"\\(.)", r"\1", value[start + 1 : end]).replace(" ", "_"), end + 1


def _quote_end(value: str, start: int) -> int:
    at = start + 1
    while at < len(value):
        if value[at] == "\\":
            at += 1
        elif value[at] == '"':
            return at
        at += 1
    return -1


def _join_equals(tokens: list[str]) -> list[str]:
    """Join ``dmarc = pass`` and ``dmarc= pass`` to one token."""
    joined: list[str] = []
    for token in tokens:
        glue = joined and (joined[-1].endswith("=") or token.startswith("="))
        if glue:
            joined[-1] += token
        else:
            joined.append(token)
    return joined


def _result(tokens: list[str]) -> Result | None:
    match = _RESULT.match(tokens[0]) if tokens else None
    if match is None:
        return None
    properties: dict[str, str] = {}
    for token in tokens[1:]:
        pair = _PROPERTY.match(token)
        if pair and properties.setdefault(ascii_lower(pair[1]), pair[2]) != pair[2]:
            properties[ascii_lower(pair[1])] = ""  # contradicting values do not count
    return Result(ascii_lower(match[1]), ascii_lower(match[2]), properties)
