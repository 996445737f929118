"""``intake staff``: the people of the departments, who answer cases by mail."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intake.cli.layout import fact, say, table
from intake.cli.reported import reported
from intake.cli.screen import (
    Abort,
    ConfigOption,
    JsonOption,
    database,
    load,
    plainly,
    show_json,
)

if TYPE_CHECKING:
    from intake.config.staff_file import StaffEntries

app = typer.Typer(
    help="Staff: the people of the departments, who answer cases by mail.", no_args_is_help=True
)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A .toml or .csv file.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Import staff from a file: id, name, emails, departments, rights.

    One mistake in the file, and nothing is imported; every mistake is named. Rights are answer,
    close, assign and all; without any the first three. A second import of the same file changes
    nothing.
    """
    from intake.store.handover import directory

    entries = _read(file, config)
    if entries.mistakes:
        count = len(entries.mistakes)
        raise Abort(
            "\n".join((f"{file}: nothing was changed, {count} mistakes:", *entries.mistakes))
        )
    with database(config, write=True) as session, plainly():
        done = directory.load(session, entries.staff, datetime.now(UTC))
        if dry_run:
            session.rollback()
    if as_json:
        show_json(done)
        return
    say(", ".join(f"{what} {len(ids)}" for what, ids in done.items()))
    if dry_run:
        say("nothing was changed: this was a dry run")


def _departments(config: str | None) -> list[str]:
    from intake.config import loader as settings

    found = load(config)
    with plainly():
        catalogue = settings.load_catalogue(found)
    return list(dict.fromkeys((*catalogue.departments, *(d.key for d in found.shape.department))))


def _read(file: Path, config: str | None) -> StaffEntries:
    from intake.config import staff_file
    from intake.config.toml_files import read_toml

    known = _departments(config)
    with plainly():
        if file.suffix.lower() == ".toml":
            return staff_file.from_data(read_toml(file), known)
        try:
            return staff_file.from_csv(file.read_text("utf-8-sig"), known)
        except OSError as error:
            raise Abort(f"{file}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise Abort(f"{file}: is not UTF-8; save it as UTF-8") from None


@app.command()
@reported
def add(
    staff_id: Annotated[str, typer.Argument(help="A short id of your choice.")],
    name: Annotated[str, typer.Option(help="First and last name.")],
    email: Annotated[list[str], typer.Option(help="An address; may be given more than once.")],
    department: Annotated[
        list[str] | None,
        typer.Option(help="A department's key; may be given more than once."),
    ] = None,
    right: Annotated[
        list[str] | None,
        typer.Option(help="answer, close, assign or all; without any the first three."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Add a staff member, or change the one with that id."""
    from intake.config import staff_file
    from intake.store.handover import directory

    row: dict[str, object] = {"id": staff_id, "name": name, "emails": list(email)}
    row |= {"departments": list(department)} if department else {}
    row |= {"rights": list(right)} if right else {}
    entries = staff_file.from_data({"staff": [row]}, _departments(config))
    if entries.mistakes:
        raise Abort("\n".join(entries.mistakes))
    with database(config, write=True) as session, plainly():
        done = directory.load(session, entries.staff, datetime.now(UTC))
    what = next(what for what, ids in done.items() if ids)
    fact(staff=staff_id, result=what)
    say(f"{staff_id}: {what}")


@app.command("list")
def list_(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List the staff with their departments and rights."""
    from intake.store.handover.directory import whole_staff

    with database(config) as session:
        found = whole_staff(session)
    if as_json:
        show_json(found)
        return
    if not found:
        say("no staff; `intake staff add` or `intake staff import FILE` registers them")
        return
    rows = [
        (one.id, one.name, ", ".join(one.emails), ", ".join(one.departments),
         ", ".join(one.rights), "" if one.active else "off")
        for one in found
    ]  # fmt: skip
    table("staff", ("id", "name", "addresses", "departments", "rights", ""), rows)


@app.command()
@reported
def disable(
    staff_id: str,
    again: Annotated[bool, typer.Option("--enable", help="Enable the person again.")] = False,
    config: ConfigOption = None,
) -> None:
    """Hold this person's mail and send them no letters; nothing is deleted."""
    from intake.store.handover import directory

    with database(config, write=True) as session, plainly():
        directory.set_active(session, staff_id, datetime.now(UTC), active=again)
    word = "enabled" if again else "disabled"
    fact(staff=staff_id, result=word)
    say(f"{staff_id}: {word}")
