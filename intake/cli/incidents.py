"""``intake incidents``: what is known to be wrong, and what is planned."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import click
import typer

from intake.cli.screen import (
    Abort,
    ConfigOption,
    JsonOption,
    database,
    load,
    say,
    show_json,
    table,
    when,
    who,
)  # fmt: skip

app = typer.Typer(help="Incidents and maintenances.", no_args_is_help=True)
Text = Annotated[str, typer.Option(help="What is known and what to do; else --file or the editor.")]
File = Annotated[Path | None, typer.Option(help="A file with the text; - is standard input.")]
Many = Annotated[list[str] | None, typer.Option(help="May be given more than once.")]
Next = Annotated[
    str, typer.Option(help="When there is more to hear: 2026-03-02 14:30, local time.")
]


@app.command("open")
def open_(  # noqa: PLR0913, PLR0917 - one option a column
    title: Annotated[str, typer.Argument(help="One line, constant over the whole incident.")],
    text: Text = "",
    file: File = None,
    impact: Annotated[str, typer.Option(help="What people notice, one line.")] = "",
    module: Many = None,
    area: Many = None,
    account: Many = None,
    word: Annotated[
        list[str] | None, typer.Option(help="That a case about it uses; may be given again.")
    ] = None,
    next_update: Next = "",
    config: ConfigOption = None,
) -> None:
    """Opens an incident: cases about it are linked to it from now on and told so."""
    from intake.store import incidents

    zone = load(config).service.timezone
    opening = incidents.Opening(
        "incident", title, _text(text, file), impact, tuple(module or ()), tuple(area or ()),
        tuple(account or ()), tuple(word or ()), next_update_at=_moment(next_update, zone),
    )  # fmt: skip
    with database(config, write=True) as unit:
        made = incidents.open_(unit, opening, who(), datetime.now(UTC))
    say(f"{made}: investigating")


@app.command()
def schedule(  # noqa: PLR0913, PLR0917 - one option a column
    title: Annotated[str, typer.Argument(help="One line.")],
    start: Annotated[str, typer.Option(help="2026-03-16 22:00, local time.")],
    end: Annotated[str, typer.Option(help="2026-03-17 02:00, local time.")],
    text: Text = "",
    file: File = None,
    impact: str = "",
    module: Many = None,
    area: Many = None,
    account: Many = None,
    config: ConfigOption = None,
) -> None:
    """Puts a maintenance on record."""
    from intake.store import incidents

    zone = load(config).service.timezone
    begins, ends = _moment(start, zone), _moment(end, zone)
    if begins is None or ends is None or ends <= begins:
        raise Abort(f"--end: found {end!r}, wanted a moment after {start!r}", 2)
    opening = incidents.Opening(
        "maintenance", title, _text(text, file), impact, tuple(module or ()), tuple(area or ()),
        tuple(account or ()), starts_at=begins, ends_at=ends,
    )  # fmt: skip
    with database(config, write=True) as unit:
        made = incidents.open_(unit, opening, who(), datetime.now(UTC))
    say(f"{made}: scheduled")


@app.command()
def update(
    incident_id: Annotated[str, typer.Argument(help="INC-1")],
    text: Text = "",
    file: File = None,
    status: Annotated[str, typer.Option(help="identified, monitoring, in progress …")] = "",
    next_update: Next = "",
    config: ConfigOption = None,
) -> None:
    """Adds an update, in a new state or the same."""
    _update(incident_id, _text(text, file), status, next_update, config)


@app.command()
def resolve(
    incident_id: Annotated[str, typer.Argument(help="INC-1")],
    text: Text = "",
    file: File = None,
    config: ConfigOption = None,
) -> None:
    """Ends an incident, or a maintenance."""
    from intake.store import incidents

    with database(config) as unit:
        kind = incidents.find(unit, incident_id.upper()).kind
    status = "resolved" if kind == "incident" else "completed"
    _update(incident_id, _text(text, file), status, "", config)


def _update(incident_id: str, text: str, status: str, next_update: str, config: str | None) -> None:
    from intake.store import incidents

    zone = load(config).service.timezone
    with database(config, write=True) as unit:
        number = incidents.update(
            unit, incident_id.upper(), text, who(), datetime.now(UTC), status=status,
            next_update_at=_moment(next_update, zone),
        )  # fmt: skip
        now = incidents.find(unit, incident_id.upper()).status
    say(f"{incident_id.upper()}: {now}, update {number}")


def _text(text: str, file: Path | None) -> str:
    """Given outright, from a file or standard input, or written in the editor."""
    if text.strip():
        return text
    if file is not None:
        try:
            if str(file) == "-":
                return typer.get_text_stream("stdin").read()
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Abort(f"{file}: cannot be read: {error}") from None
    return click.edit("") or ""


def _moment(text: str, zone: str) -> datetime | None:
    """A local moment as UTC."""
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise Abort(f"found {text!r}, wanted a moment like 2026-03-02 14:30", 2) from None
    return read.replace(tzinfo=read.tzinfo or ZoneInfo(zone)).astimezone(UTC)


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="The closed ones too.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """What is open, the newest first."""
    from intake.store import incidents

    with database(config) as unit:
        rows = incidents.listed(unit, everything=everything)
    if as_json:
        show_json(rows)
    elif not rows:
        say("nothing is open")
    else:
        shown = [
            (row["id"], row["kind"], row["status"], str(row["cases"]), row["title"]) for row in rows
        ]
        table("incidents", ("id", "kind", "status", "cases", "title"), shown)


@app.command()
def show(
    incident_id: Annotated[str, typer.Argument(help="INC-1")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """One with its updates, and the cases about it by account."""
    from intake.store import incidents

    with database(config) as unit:
        row = incidents.shown(unit, incident_id.upper())
    if as_json:
        show_json(row)
        return
    zone = load(config).service.timezone
    say(f"{row['id']} {row['kind']}: {row['title']}")
    say(f"  {row['status']}; {row['impact'] or 'no impact given'}")
    for one in row["updates"]:
        say(f"\n{one['number']}. {when(one['at'], zone)} {one['status']} ({one['who']})")
        say(one["text"].rstrip())
    say("\ncases")
    for account, numbers in row["cases"].items():
        say(f"  {account}: {len(numbers)} ({', '.join(numbers[:10])})")
    if not row["cases"]:
        say("  none")
