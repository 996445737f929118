"""``intake contacts import, example, export, erase``: contacts as files, and a person's rights."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intake.cli.layout import pairs, safe, say
from intake.cli.screen import (
    Abort,
    ConfigOption,
    JsonOption,
    YesOption,
    confirmed,
    database,
    json_text,
    load,
    plainly,
    show_json,
    who,
    write_private,
)

if TYPE_CHECKING:
    from intake.model.accounts import Entries
    from intake.store.contacts.directory import AccountView, Changes, ContactView

COLUMNS = (
    "kind", "id", "name", "emails", "accounts", "contact_type", "areas", "schema_bootcamp",
    "title", "phone", "language", "aliases",
)  # fmt: skip
EXAMPLE = """\
kind,id,name,emails,accounts,contact_type,areas,schema_bootcamp,title,phone,language,aliases
account,bayside,Bayside High School,,,,,,,,,Bayside;BHS
contact,zack,Zack Morris,zack.morris@bayside.example;zack@bayside.example,bayside,Authorized,,yes,\
Registrar,+1 312 555 0100,en,
contact,lisa,Lisa Turtle,lisa.turtle@bayside.example,bayside,Read Only,,,,,,
"""


def register(app: typer.Typer) -> None:
    """Adds the commands of this module to `intake contacts`."""
    app.command("import")(import_)
    for command in (example, export, erase):
        app.command()(command)


class _DryRun(Exception):
    """Undoes an import that was only to be looked at."""


def import_(
    file: Annotated[Path, typer.Argument(help="A .toml or .csv file.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change, line by line.")
    ] = False,
    missing: Annotated[
        bool,
        typer.Option("--disable-missing", help="Disable contacts that the file does not name."),
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Import accounts and contacts from a file.

    One mistake in the file, and nothing is imported. A second import of the same file changes
    nothing. A CSV file has a line for each contact; its first line names the columns: id, name,
    emails, accounts, contact_type and, if you like, areas, schema_bootcamp, title, phone, language,
    aliases and kind (account or contact). Several values in a cell are separated by semicolons.
    Files of Excel are understood: semicolons or tabs between cells, UTF-8, UTF-16 or Windows-1252.
    `intake contacts example` prints such a file.
    """
    from intake.store.contacts import directory

    entries = _entries(file, config)
    if entries.mistakes:
        count = len(entries.mistakes)
        raise Abort(
            "\n".join((f"{file}: nothing was changed, {count} mistakes:", *entries.mistakes))
        )
    try:
        with database(config, write=True) as session:
            now = datetime.now(UTC)
            with plainly():
                changes = directory.load(session, entries, now, who())
                if missing:
                    changes.disabled = directory.disable_missing(session, entries, now)
            if dry_run:
                raise _DryRun
    except _DryRun:
        pass
    if as_json:
        show_json(changes)
        return
    _show_changes(changes, dry_run=dry_run)


def _show_changes(changes: Changes, *, dry_run: bool) -> None:
    for line in changes.lines:
        pairs({"": safe(line)})
    for one in changes.disabled:
        pairs({"": f"disabled {one}: not in the file"})
    disabled = f", disabled {len(changes.disabled)}" if changes.disabled else ""
    say(
        f"added {len(changes.added)}, changed {len(changes.changed)}, "
        f"unchanged {changes.unchanged}{disabled}"
    )
    if dry_run:
        say("nothing was changed: this was a dry run")


def _entries(file: Path, config: str | None) -> Entries:
    from intake.config import directory_file
    from intake.config import loader as settings
    from intake.config.toml_files import read_toml

    with plainly():
        catalogue = settings.load_catalogue(load(config))
        if file.suffix.lower() == ".toml":
            return directory_file.from_data(read_toml(file), catalogue)
        return directory_file.from_csv(_text(file), catalogue)


def _text(file: Path) -> str:
    """The file as text; Excel's UTF-16 and Windows-1252 are understood, and the latter is said."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise Abort(f"{file}: cannot be read: {error.strerror}") from None
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = f"line {raw[: error.start].count(10) + 1}"
        if b"\0" in raw:
            raise Abort(f"{file}: {where}: found a byte of a binary file, wanted CSV") from None
        try:
            text = raw.decode("cp1252")
        except UnicodeDecodeError as other:
            where = f"line {raw[: other.start].count(10) + 1}"
            raise Abort(
                f"{file}: {where}: is neither UTF-8 nor Windows-1252; save it as UTF-8"
            ) from None
        say(f"{file}: read as Windows-1252, because {where} is not UTF-8")
        return text


def example() -> None:
    """Print an example of a file for `intake contacts import`."""
    say(EXAMPLE.rstrip("\n"))


def export(
    contact_id: Annotated[
        str, typer.Argument(metavar="[ID]", help="Everything that is stored about one contact.")
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(help="The file to write; with an ID, a folder for the data and the mails."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Export all contacts as a CSV file that `intake contacts import` reads.

    With an ID: everything that is stored about that person, as JSON, and with --out also the mails
    and files, for the person to have (GDPR, article 15).
    """
    if contact_id:
        _person(contact_id, out, config)
        return
    from intake.store.contacts import directory

    with database(config) as session:
        text = _csv(directory.account_views(session), directory.contact_views(session))
    if out is None:
        typer.echo(text, nl=False)
        return
    write_private(out, text.encode())
    say(f"written to {out}")


def _csv(accounts: Sequence[AccountView], contacts: Sequence[ContactView]) -> str:
    """The directory as `contacts import` reads it; a cell never begins like a formula."""
    made = io.StringIO()
    writer = csv.DictWriter(made, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for account in accounts:
        row = {"kind": "account", "id": account.id, "name": account.name}
        writer.writerow({**row, "aliases": ";".join(account.aliases)})
    for one in contacts:
        writer.writerow({
            "kind": "contact", "id": one.id, "name": one.name, "emails": ";".join(one.emails),
            "accounts": ";".join(one.accounts), "contact_type": one.contact_type.partition(",")[0],
            "areas": ";".join(one.areas), "schema_bootcamp": "yes" if one.schema_bootcamp else "",
            "title": one.title, "phone": one.phone, "language": one.language,
        })  # fmt: skip
    return made.getvalue()


def _person(contact_id: str, out: Path | None, config: str | None) -> None:
    from intake.adapters.blob_store import Blobs
    from intake.store.contacts import personal_data

    with database(config) as session, plainly():
        found = personal_data.holdings(session, contact_id)
    text = json_text({"contact": found.contact_id, **found.rows}, indent=2)
    if out is None:
        say(text)
        return
    blobs, written = Blobs(load(config).blob_folder), 0
    write_private(out / "data.json", text.encode())
    for digest in found.digests:
        if blobs.has(digest):
            with plainly():
                write_private(out / "bytes" / digest, blobs.read(digest))
            written += 1
    say(f"{sum(map(len, found.rows.values()))} rows and {written} mails and files in {out}")


def erase(
    contact_id: Annotated[str, typer.Argument(metavar="ID", help="The contact's id.")],
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Erase a person: name, addresses, and everything that the person wrote (GDPR, article 17).

    What stays, without any name, is what the records need: that a mail was handled, that a case
    existed, that a letter was sent. Copies elsewhere are for you to remove: the folders of the mail
    server, backups, exports, and other programs. This cannot be taken back.
    """
    from intake.adapters.blob_store import Blobs
    from intake.store.contacts import personal_data

    if not confirmed(f"erase {contact_id} and everything that this person wrote?", yes=yes):
        say("nothing was done")
        return
    with database(config, write=True) as session, plainly():
        made = personal_data.erase(session, contact_id, who(), datetime.now(UTC))
    with plainly():
        blobs = Blobs(load(config).blob_folder)
        removed = blobs.remove(made.digests, 0.0)
    if as_json:
        show_json({"as": made.contact_id, "rows": made.counts, "files": removed})
        return
    say(f"{contact_id} is erased; what stays is under the id {made.contact_id}")
    for table, count in made.counts.items():
        if count:
            say(f"  {table}: {count}")
    say(f"  mails and files: {removed}")
    for line in personal_data.KEPT:
        pairs({"  kept": line})
