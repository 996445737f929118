"""Check the parts of a catalogue file while they are read; collect every mistake with its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from intake.catalogue.catalogue import Choice

_WORDS = {str: "a text", int: "a number", bool: "true or false", list: "a list", dict: "a table"}
_CHOICE = {"value": str, "aliases": list, "means": str, "only_types": list, "basis": str}


class Builder:
    """Collects mistakes while it builds the values."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.mistakes: list[str] = []

    def wrong(self, where: str, found: object, wanted: str) -> None:
        """Record one mistake."""
        self.mistakes.append(f"{where}: found {found!r}, wanted {wanted}")

    def keys(
        self, where: str, table: Any, known: Mapping[str, type], needed: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Return the keys of the table that are known and have the right type."""
        if not isinstance(table, Mapping):
            self.wrong(where, table, "a table")
            return {}
        good: dict[str, object] = {}
        for key, value in table.items():
            if key not in known:
                self.wrong(f"{where}.{key}", "an unknown key", f"one of {', '.join(known)}")
            elif not isinstance(value, known[key]) or (
                known[key] is int and isinstance(value, bool)
            ):
                self.wrong(f"{where}.{key}", value, _WORDS[known[key]])
            else:
                good[key] = value
        for key in needed:
            if not good.get(key) and key not in ("may_submit",):
                self.wrong(f"{where}.{key}", "nothing", _WORDS[known[key]])
        return good

    def texts(self, where: str, values: object) -> tuple[str, ...]:
        """A list of texts as a tuple."""
        if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
            if values is not None:
                self.wrong(where, values, "a list of texts")
            return ()
        return tuple(values)

    def words(self, where: str, values: object) -> tuple[str, ...]:
        """A list of words or phrases; none of them is empty."""
        words = self.texts(where, values)
        if any(not word.strip(" *") for word in words):
            self.wrong(where, "an empty text", "words")
            return ()
        return words

    def choice(self, where: str, table: object) -> Choice:
        """One value of a list, with its aliases."""
        one = self.keys(where, table, _CHOICE, ("value",))
        return Choice(
            one.get("value", ""),
            self.texts(f"{where}.aliases", one.get("aliases")),
            one.get("means", ""),
            self.texts(f"{where}.only_types", one.get("only_types")),
        )

    def choices(self, where: str, rows: object) -> tuple[Choice, ...]:
        """A list of values."""
        if not isinstance(rows, list):
            if rows is not None:
                self.wrong(where, rows, "a list")
            return ()
        return tuple(self.choice(f"{where}[{n}]", row) for n, row in enumerate(rows))
