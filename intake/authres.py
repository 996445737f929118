"""Authentication-Results fields as values (RFC 8601 §2.2), read tolerantly and judged by nobody here.

Comments, quoted strings, folding, a missing authserv-id (as Microsoft 365 writes it) and unknown
methods are all read; a property that is not of the plain form is left out, never guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from intake.addresses import ascii_lower

MAX_CHARS = 16 * 2**10
_RESULT = re.compile(r"([a-z0-9-]+)(?:\s*/\s*[0-9]+)?\s*=\s*([a-z0-9-]+)\Z", re.IGNORECASE)
_PROPERTY = re.compile(r"([a-z0-9-]+(?:\.[a-z0-9_-]+)?)\s*=\s*(\S+)\Z", re.IGNORECASE)
_ID = re.compile(r"[!#$%&'*+./0-9A-Z^_`a-z{|}~-]{1,255}\Z")


@dataclass(frozen=True, slots=True)
class Result:
    """One ``method=result`` with its properties, all in lower case but for the values."""

    method: str
    result: str
    properties: Mapping[str, str] = field(default_factory=dict)  # "header.from" -> value


@dataclass(frozen=True, slots=True)
class AuthResults:
    """One field. ``authserv_id`` is empty where the field has none."""

    authserv_id: str
    results: tuple[Result, ...]


def read(value: str) -> AuthResults | None:
    """The field's value as results; None when it is not of the form at all (too long, unclosed)."""
    if len(value) > MAX_CHARS:
        return None
    clauses = _clauses(value)
    if clauses is None:
        return None
    authserv_id = ""
    first = clauses[0] if clauses else []
    if first and "=" not in first[0] and _ID.match(first[0]):
        authserv_id = ascii_lower(first[0])
        clauses = clauses[1:]
    results = (_result(tokens) for tokens in clauses)
    return AuthResults(authserv_id, tuple(result for result in results if result is not None))


def _clauses(value: str) -> list[list[str]] | None:
    """The text between semicolons as tokens, comments gone and quoted strings unquoted."""
    clauses: list[list[str]] = [[]]
    token = ""
    depth = 0
    at = 0
    while at < len(value):
        char = value[at]
        if depth:
            depth += {"(": 1, ")": -1}.get(char, 0)
            at += 2 if char == "\\" else 1
            continue
        if char == '"':
            end = _quote_end(value, at)
            if end < 0:
                return None
            token += re.sub(r"\\(.)", r"\1", value[at + 1 : end]).replace(" ", "_")
            at = end + 1
            continue
        if char in "( \t\r\n;" and token:
            clauses[-1].append(token)
            token = ""
        if char == "(":
            depth = 1
        elif char == ";":
            clauses.append([])
        elif char not in " \t\r\n":
            token += char
        at += 1
    if depth:
        return None
    if token:
        clauses[-1].append(token)
    return [_join_equals(tokens) for tokens in clauses]


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
    """``dmarc = pass`` and ``dmarc= pass`` become one token."""
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
        if pair:
            properties.setdefault(ascii_lower(pair[1]), pair[2])
    return Result(ascii_lower(match[1]), ascii_lower(match[2]), properties)
