"""Read a file of staff, as TOML data or CSV text; report every mistake in it.

TOML: ``[[staff]]`` with id, name, emails, departments and, if you like, rights. CSV: one person in
each line below a header line with these names; ";" separates several values in a cell.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from intake.mail.addresses import Address, ascii_lower, read_address
from intake.model.staff import RIGHTS, Staff

KEYS = ("id", "name", "emails", "departments", "rights")
LISTS = ("emails", "departments", "rights")
NEEDED = ("id", "name", "emails")
USUAL = ("answer", "close", "assign")


@dataclass(frozen=True, slots=True)
class StaffEntries:
    """A whole file; usable only when there are no mistakes."""

    staff: tuple[Staff, ...] = ()
    mistakes: tuple[str, ...] = ()  # "staff 3 (nora): emails: found …, wanted …"


def from_data(data: Mapping[str, object], departments: Iterable[str]) -> StaffEntries:
    """The entries of a parsed TOML file. ``departments``: the known keys."""
    unknown = [f"{key}: found an unknown table, wanted staff" for key in data if key != "staff"]
    rows = data.get("staff", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return StaffEntries((), (*unknown, "staff: found no list of tables, wanted [[staff]]"))
    named = [(f"staff {number}", row) for number, row in enumerate(rows, 1)]
    return _entries(named, departments, unknown)


def from_csv(text: str, departments: Iterable[str]) -> StaffEntries:
    """The entries of a CSV file; its first line names the columns."""
    table = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    names = [name.strip().lower() for name in table.fieldnames or []]
    wrong = [name for name in names if name not in KEYS]
    if wrong or "id" not in names:
        wanted = ", ".join(KEYS)
        return StaffEntries((), (f"line 1: found the columns {', '.join(names)}; wanted {wanted}",))
    table.fieldnames = names
    rows: list[tuple[str, Mapping[str, object]]] = []
    try:
        for row in table:
            where = f"line {table.line_num}"
            if None in row:
                return StaffEntries((), (f"{where}: found more cells than columns",))
            cells = {key: (value or "").strip() for key, value in row.items()}
            made: dict[str, object] = {
                key: [part.strip() for part in value.split(";") if part.strip()]
                if key in LISTS
                else value
                for key, value in cells.items()
                if value
            }
            if made:
                rows.append((where, made))
    except csv.Error as error:
        return StaffEntries((), (f"line {table.line_num}: is no CSV: {error}",))
    return _entries(rows, departments, [])


def _entries(
    rows: Iterable[tuple[str, Mapping[str, object]]],
    departments: Iterable[str],
    mistakes: list[str],
) -> StaffEntries:
    known = tuple(departments)
    found: list[Staff] = []
    owners: dict[str, str] = {}
    for place, row in rows:
        where = f"{place} ({row['id']})" if isinstance(row.get("id"), str) else place
        wrong = [f"{where}: {words}" for words in _mistakes(row, known)]
        if not wrong:
            one = _staff(row)
            wrong = [
                f"{where}: emails: found {email!r}, which is {owners[ascii_lower(email)]}'s already"
                for email in one.emails
                if owners.setdefault(ascii_lower(email), one.id) != one.id
            ]
            if one.id in {other.id for other in found}:
                wrong.append(f"{where}: id: found twice, wanted once")
            found.append(one)
        mistakes += wrong
    return StaffEntries(tuple(found), tuple(mistakes))


def _staff(row: Mapping[str, object]) -> Staff:
    def texts(key: str, usual: tuple[str, ...] = ()) -> tuple[str, ...]:
        value = row.get(key)
        return tuple(map(str, value)) if isinstance(value, list) else usual

    return Staff(
        str(row["id"]), str(row["name"]), texts("emails"), texts("departments"),
        texts("rights", USUAL),
    )  # fmt: skip


def _mistakes(row: Mapping[str, object], departments: tuple[str, ...]) -> Iterable[str]:
    """Yield everything that is wrong with one row: the key, what was found, what was wanted."""
    for key, value in row.items():
        wanted = "a list of texts" if key in LISTS else "a text"
        texts = isinstance(value, list) and all(isinstance(one, str) for one in value)
        if key not in KEYS:
            yield f"{key}: found an unknown key, wanted {', '.join(KEYS)}"
        elif not (texts if key in LISTS else isinstance(value, str)):
            yield f"{key}: found {value!r}, wanted {wanted}"
        elif key == "departments":
            yield from _unknown(key, value, departments)
        elif key == "rights":
            yield from _unknown(key, value, RIGHTS)
        elif key == "emails":
            yield from _addresses(value)
    for key in NEEDED:
        if not row.get(key):
            yield f"{key}: found nothing, wanted {'addresses' if key == 'emails' else 'a text'}"


def _unknown(key: str, value: object, known: tuple[str, ...]) -> Iterable[str]:
    for one in value if isinstance(value, list) else ():
        if one not in known:
            yield f"{key}: found {one!r}, wanted some of {', '.join(known)}"


def _addresses(value: object) -> Iterable[str]:
    for one in value if isinstance(value, list) else ():
        read = read_address(one)
        if not isinstance(read, Address):
            yield f"emails: found {one!r}, wanted name@domain: {read.detail}"
