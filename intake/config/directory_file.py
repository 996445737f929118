"""Read a file of accounts and contacts, as TOML data or CSV text; report every mistake in it.

TOML: ``[[accounts]]`` with id, name, aliases and ``[[contacts]]`` with id, name, emails, accounts,
contact_type, areas and optionally schema_bootcamp, title, phone, language. CSV: one contact per
line below a header line with these names; ";" separates several values in a cell. The accounts
must exist, or be in the file as lines whose ``kind`` is ``account``. Spreadsheet exports are
accepted, too: with a byte-order mark, with tabs between cells, or with ";"; then "|" separates
values in a cell.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from intake.catalogue.catalogue import Catalogue
from intake.mail.addresses import Address, ascii_lower, read_address
from intake.model.accounts import AccountEntry, ContactEntry, Entries

ACCOUNT_KEYS = {"id": str, "name": str, "aliases": list}
CONTACT_KEYS = {
    "id": str,
    "name": str,
    "emails": list,
    "accounts": list,
    "contact_type": str,
    "areas": list,
    "schema_bootcamp": object,  # true or false, or the date of completion
    "title": str,
    "phone": str,
    "language": str,
}
REQUIRED = {
    "account": ("id", "name"),
    "contact": ("id", "name", "emails", "accounts", "contact_type"),
}
WANTED: dict[type, str] = {str: "a text", list: "a list of texts"}
NO = ("", "false", "no", "n", "0", "none")


@dataclass(slots=True)
class _Reading:
    catalogue: Catalogue
    accounts: list[AccountEntry] = field(default_factory=list)
    contacts: list[ContactEntry] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)


def from_data(data: Mapping[str, object], catalogue: Catalogue) -> Entries:
    """The entries of a parsed TOML file."""
    reading = _Reading(catalogue)
    for key in data:
        if key not in ("accounts", "contacts"):
            reading.mistakes.append(f"{key}: found an unknown table, wanted accounts and contacts")
    for number, row in enumerate(_tables(data, "accounts", reading), 1):
        _account(f"account {number}", row, reading)
    for number, row in enumerate(_tables(data, "contacts", reading), 1):
        _contact(f"contact {number}", row, reading)
    return _finish(reading)


def _tables(
    data: Mapping[str, object], key: str, reading: _Reading
) -> Iterable[Mapping[str, object]]:
    rows = data.get(key, [])
    if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
        return rows
    reading.mistakes.append(f"{key}: found no list of tables, wanted [[{key}]]")
    return []


def from_csv(text: str, catalogue: Catalogue) -> Entries:
    """Return the entries of a CSV file; its first line names the columns."""
    reading = _Reading(catalogue)
    text = text.removeprefix("\ufeff")
    head = text.partition("\n")[0]
    cell = max(",;\t", key=head.count)
    inner = "|" if cell == ";" else ";"
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=cell, strict=True)
    names = [_column(name) for name in table.fieldnames or []]
    unknown = [name for name in names if name not in {*CONTACT_KEYS, "aliases", "kind"}]
    if unknown or "id" not in names:
        wanted = ", ".join(CONTACT_KEYS)
        reading.mistakes.append(f"line 1: found the columns {', '.join(names)}; wanted {wanted}")
        return _finish(reading)
    table.fieldnames = names
    try:
        for row in table:
            _csv_row(f"line {table.line_num}", row, inner, reading)
    except csv.Error as error:
        reading.mistakes.append(f"line {table.line_num}: is no CSV: {error}")
    return _finish(reading)


SINGULAR = {
    "email": "emails", "address": "emails", "account": "accounts", "type": "contact_type",
    "area": "areas", "alias": "aliases",
}  # fmt: skip


def _column(name: str) -> str:
    """The name of a column as we know it: "E-Mail" and "Contact type" are understood."""
    plain = name.strip().lower().replace("-", "" if name.lower().startswith("e-") else "_")
    plain = "_".join(plain.split())
    return SINGULAR.get(plain, plain)


def _csv_row(where: str, row: Mapping[str | None, Any], inner: str, reading: _Reading) -> None:
    if None in row:
        reading.mistakes.append(f"{where}: found more cells than columns")
        return
    cells = {str(key): (value or "").strip() for key, value in row.items()}
    if not any(cells.values()):
        return
    kind = cells.pop("kind", "") or "contact"
    keys = ACCOUNT_KEYS if kind == "account" else CONTACT_KEYS
    made: dict[str, Any] = {}
    for key, value in cells.items():
        if key in keys and (value or key in REQUIRED.get(kind, ())):
            made[key] = _cell(value, keys[key], inner)
    if kind == "account":
        _account(where, made, reading)
    elif kind == "contact":
        _contact(where, made, reading)
    else:
        reading.mistakes.append(f"{where}: kind: found {kind!r}, wanted account or contact")


def _cell(value: str, kind: type, inner: str) -> Any:
    if kind is list:
        return [part.strip() for part in value.split(inner) if part.strip()]
    return value


def _typed(
    where: str, row: Mapping[str, object], keys: Mapping[str, type], reading: _Reading
) -> bool:
    """Whether every key is known and of its type; notes what is not."""
    good = True
    for key, value in row.items():
        kind = keys.get(key)
        if kind is None:
            reading.mistakes.append(
                f"{where}: {key}: found an unknown key, wanted {', '.join(keys)}"
            )
        elif not isinstance(value, kind) or not _texts(value):
            reading.mistakes.append(f"{where}: {key}: found {value!r}, wanted {WANTED[kind]}")
        else:
            continue
        good = False
    kind_name = "account" if keys is ACCOUNT_KEYS else "contact"
    for key in REQUIRED[kind_name]:
        if not row.get(key):
            reading.mistakes.append(f"{where}: {key}: found nothing, wanted {WANTED[keys[key]]}")
            good = False
    return good


def _texts(value: object) -> bool:
    """Whether a list holds texts only; anything else is not asked."""
    return not isinstance(value, list) or all(isinstance(one, str) for one in value)


def _account(where: str, row: Mapping[str, Any], reading: _Reading) -> None:
    if _typed(where, row, ACCOUNT_KEYS, reading):
        reading.accounts.append(AccountEntry(row["id"], row["name"], tuple(row.get("aliases", ()))))


def _contact(where: str, row: Mapping[str, Any], reading: _Reading) -> None:
    where = f"{where} ({row['id']})" if isinstance(row.get("id"), str) else where
    if not _typed(where, row, CONTACT_KEYS, reading):
        return
    before = len(reading.mistakes)
    emails = tuple(_email(where, one, reading) for one in row["emails"])
    kind = _contact_type(where, row["contact_type"], reading)
    areas = tuple(_area(where, one, reading) for one in row.get("areas", ()))
    language = _language(where, row.get("language", ""), reading)
    if len(reading.mistakes) == before:
        reading.contacts.append(
            ContactEntry(
                row["id"],
                row["name"],
                emails,
                tuple(row["accounts"]),
                kind,
                areas,
                str(row.get("schema_bootcamp", "")).strip().lower() not in NO,
                row.get("title", ""),
                row.get("phone", ""),
                language,
            )
        )


def _email(where: str, text: str, reading: _Reading) -> str:
    read = read_address(text.strip())
    if isinstance(read, Address):
        return str(read)
    reading.mistakes.append(f"{where}: emails: found {text!r}, wanted name@domain: {read.detail}")
    return ""


def _contact_type(where: str, text: str, reading: _Reading) -> str:
    for kind in reading.catalogue.contact_types.values():
        if text.casefold() in (kind.name.casefold(), *(one.casefold() for one in kind.aliases)):
            return kind.name
    wanted = ", ".join(reading.catalogue.contact_types)
    reading.mistakes.append(f"{where}: contact_type: found {text!r}, wanted one of {wanted}")
    return ""


def _language(where: str, text: str, reading: _Reading) -> str:
    if not text or text.lower() in reading.catalogue.languages:
        return text.lower()
    wanted = ", ".join(reading.catalogue.languages)
    reading.mistakes.append(f"{where}: language: found {text!r}, wanted one of {wanted}")
    return ""


def _area(where: str, text: str, reading: _Reading) -> str:
    for choice in reading.catalogue.areas.values:
        names = (choice.value.casefold(), *(one.casefold() for one in choice.aliases))
        if text.casefold() in names:
            return choice.value
    wanted = ", ".join(choice.value for choice in reading.catalogue.areas.values)
    reading.mistakes.append(f"{where}: areas: found {text!r}, wanted some of {wanted}")
    return ""


def _finish(reading: _Reading) -> Entries:
    """Check what no single row shows: the same ID or the same address twice."""
    _twice("account", "id", [one.id for one in reading.accounts], reading)
    _twice("contact", "id", [one.id for one in reading.contacts], reading)
    owners: dict[str, str] = {}
    for contact in reading.contacts:
        for email in contact.emails:
            owner = owners.setdefault(ascii_lower(email), contact.id)
            if owner != contact.id:
                reading.mistakes.append(
                    f"contact {contact.id}: emails: found {email!r}, which is {owner}'s already"
                )
    return Entries(tuple(reading.accounts), tuple(reading.contacts), tuple(reading.mistakes))


def _twice(what: str, key: str, values: list[str], reading: _Reading) -> None:
    for value in sorted({one for one in values if values.count(one) > 1}):
        reading.mistakes.append(f"{what} {value}: {key}: found twice, wanted once")
