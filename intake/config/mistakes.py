"""Describe a mistake in config.toml in words that say how to fix it: where, found, wanted."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from intake.config import schema

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

# What a text must look like, for people; the key is the pattern in the schema.
SHAPES: Mapping[str, str] = {
    r"^[1-9][0-9]{0,3}[dhm]$": 'a number with d, h or m behind it, such as "2d" or "30m"',
    r"^[A-Z0-9]{1,12}-$": 'capital letters or digits and a dash, such as "CASE-"',
    r"^[A-Za-z0-9._-]+$": "letters, digits, dots, dashes and underscores",
    r"^$|^[0-9a-fA-F.:]+:\d{1,5}$": 'an address and a port, such as "192.0.2.53:53"',
    r"^$|^tcp://[^/]+$|^unix:/.+$": '"tcp://host:port" or "unix:/path"',
    r"^$|^[a-z0-9-]+(\.[a-z0-9-]+)+$": 'a domain name, such as "status.desk.example"',
    r"^$|^https://[^\s<>]+$": "an https address",
    r"^$|^https?://[^\s<>]+$": "a web address",
    r"^https?://[^\s<>]+$": "a web address",
    schema.LISTEN: 'HOST:PORT, such as "127.0.0.1:9464"',
}
KINDS: Mapping[str, str] = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text in quotes",
    "tuple": 'a list, such as ["a", "b"]',
    "list": 'a list, such as ["a", "b"]',
    "dict": "a table",
    "model": "a table",
}
LIMITS: Mapping[str, str] = {
    "greater_than": "a number above {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "a number below {lt}",
    "less_than_equal": "{le} or less",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "literal_error": "{expected}",
}


def mistake(file: Path, error: ErrorDetails) -> str:
    """Return ``config.toml: mailbox[0].prot: found an unknown key; did you mean "port"?``."""
    where = error["loc"]
    key = ""
    for part in where:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else str(part)
    place = f"{file}: {key}"
    if error["type"] == "extra_forbidden":
        return f"{place}: found an unknown key{_near(where)}"
    if error["type"] == "missing":
        return f"{place}: found nothing, wanted a value"
    if error["type"] == "value_error":  # our own text, which names what was found and wanted
        words = error["msg"].removeprefix("Value error, ")
        if _is_secret(key):
            return f"{place}: found (hidden), wanted {words[:1].lower()}{words[1:]}"
        return f"{place}: {words}"
    return f"{place}: found {_shown(key, error['input'])}, wanted {_wanted(error)}"


def _shown(key: str, given: object) -> str:
    if _is_secret(key):
        return "(hidden)"
    if isinstance(given, (dict, list, tuple)):  # a whole table may contain a secret
        return "a table" if isinstance(given, dict) else "a list"
    return repr(given)[:80]


def _is_secret(key: str) -> bool:
    """Whether the value must not be shown: the path of a webhook's URL is a secret, too."""
    return bool(re.search(r"password|secret|^webhook\[\d+\]\.url$", key))


def _wanted(error: ErrorDetails) -> str:
    kind, limits = error["type"], error.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return SHAPES.get(limits["pattern"], f"text of the form {limits['pattern']}")
    if kind == "string_too_short" and limits["min_length"] == 1:
        return "a text that is not empty"
    if kind in LIMITS:
        return LIMITS[kind].format(**limits)
    return KINDS.get(kind.partition("_")[0], error["msg"])


def _near(where: Sequence[int | str]) -> str:
    """The known key that was probably meant, or where all of them are."""
    table: type[BaseModel] | None = schema.Shape
    for part in where[:-1]:
        if isinstance(part, str) and table is not None:
            table = _table(table.model_fields[part].annotation)
    known = list(table.model_fields) if table is not None else []
    meant = difflib.get_close_matches(str(where[-1]), known, 1)
    if meant:
        return f'; did you mean "{meant[0]}"?'
    return "; `intake config example` shows all"


def _table(annotation: object) -> type[BaseModel] | None:
    """The model behind ``Service`` or ``tuple[Mailbox, ...]``; None where a key is no table."""
    for kind in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None
