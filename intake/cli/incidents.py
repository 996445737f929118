"""``intake incidents``: known problems and planned work; these commands send no letters."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intake.cli.editor import written
from intake.cli.incident_cases import Id
from intake.cli.layout import fact, say
from intake.cli.reported import reported
from intake.cli.screen import (
    Abort,
    ConfigOption,
    database,
    load,
    moment,
    plainly,
    who,
)
from intake.model.authorship import By
from intake.model.incidents import Change, Window
from intake.model.states import IncidentStatus

if TYPE_CHECKING:
    from intake.config.loader import Config

app = typer.Typer(
    help="Incidents and maintenances, and the letters about them.", no_args_is_help=True
)
Text = Annotated[str, typer.Option(help="The text; without it, --file or the editor is used.")]
File = Annotated[Path | None, typer.Option(help="A file with the text; - means standard input.")]
Many = Annotated[
    list[str] | None, typer.Option(help="One that is affected; may be given more than once.")
]
Next = Annotated[
    str, typer.Option(help="When the next update is due: 2026-03-02 14:30, local time.")
]
Class = Annotated[
    str, typer.Option("--class", help="outage, security, maintenance or informational.")
]
Types = Annotated[
    list[str] | None,
    typer.Option("--type", help="Contact types to notify; may be given more than once."),
]
Private = Annotated[
    bool, typer.Option("--private", help="Do not show it on the notifications page.")
]
Reason = Annotated[
    str, typer.Option(help="Why it is announced late, or 'emergency'; the letters contain it.")
]


@app.command("open")
@reported
def open_(
    title: Annotated[
        str, typer.Argument(help="One line; it stays the same for the whole incident.")
    ],
    text: Text = "",
    file: File = None,
    impact: Annotated[str, typer.Option(help="What people notice, in one line.")] = "",
    module: Many = None,
    area: Many = None,
    account: Many = None,
    contact_type: Types = None,
    word: Annotated[
        list[str] | None,
        typer.Option(help="A word that cases about it contain; may be given more than once."),
    ] = None,
    notice_class: Class = "outage",
    private: Private = False,
    next_update: Next = "",
    config: ConfigOption = None,
) -> None:
    """Open an incident; new cases about it are linked to it.

    The contacts who send these cases are informed of the incident.
    """
    from intake.store.incidents import write

    found = load(config)
    next_at = moment("--next-update", next_update, found.service.timezone, ahead=True)
    opening = write.Opening(
        "incident", title, written(text, file), impact, tuple(module or ()), tuple(area or ()),
        tuple(account or ()), tuple(word or ()), tuple(contact_type or ()), notice_class,
        not private, next_update_at=next_at,
    )  # fmt: skip
    with database(config, write=True) as session:
        made = write.open_(session, opening, who(), datetime.now(UTC))
    fact(incident=made, status=IncidentStatus.INVESTIGATING)
    say(f"{made}: {IncidentStatus.INVESTIGATING}")
    changed(found, made)
    from intake.cli.incident_cases import offer

    offer(found, made, config)


@app.command()
@reported
def schedule(
    title: Annotated[str, typer.Argument(help="One line.")],
    start: Annotated[str, typer.Option(help="The planned start: 2026-03-16 22:00, local time.")],
    end: Annotated[str, typer.Option(help="The planned end: 2026-03-17 02:00, local time.")],
    text: Text = "",
    file: File = None,
    impact: Annotated[str, typer.Option(help="What people notice, in one line.")] = "",
    module: Many = None,
    area: Many = None,
    account: Many = None,
    contact_type: Types = None,
    notice_class: Class = "maintenance",
    private: Private = False,
    reason: Reason = "",
    config: ConfigOption = None,
) -> None:
    """Plan a maintenance; it starts and ends at the given times.

    One that is announced late needs a --reason.
    """
    from intake.store.incidents import write

    found = load(config)
    begins, ends = window(found, start, end, reason)
    opening = write.Opening(
        "maintenance", title, written(text, file), impact, tuple(module or ()), tuple(area or ()),
        tuple(account or ()), (), tuple(contact_type or ()), notice_class, not private, begins,
        ends, short_notice=reason,
    )  # fmt: skip
    with database(config, write=True) as session:
        made = write.open_(session, opening, who(), datetime.now(UTC))
    fact(incident=made, status=IncidentStatus.SCHEDULED)
    say(f"{made}: {IncidentStatus.SCHEDULED}")
    changed(found, made)


@app.command()
@reported
def update(
    incident_id: Id,
    text: Text = "",
    file: File = None,
    status: Annotated[
        str, typer.Option(help="The new status: identified, monitoring, in progress …")
    ] = "",
    next_update: Next = "",
    config: ConfigOption = None,
) -> None:
    """Add an update, with or without a new status."""
    _update(incident_id, written(text, file), status, next_update, config)


@app.command()
@reported
def resolve(
    incident_id: Id,
    text: Text = "",
    file: File = None,
    answer_cases: Annotated[
        bool,
        typer.Option("--answer-cases", help="Resolve every linked case and reply with this text."),
    ] = False,
    config: ConfigOption = None,
) -> None:
    """End an incident or a maintenance.

    `send` then notifies the contacts whose case was not answered.
    """
    from intake.store.incidents import write

    with database(config) as session:
        kind = write.find(session, incident_id.upper()).kind
    status = IncidentStatus.RESOLVED if kind == "incident" else IncidentStatus.COMPLETED
    _update(incident_id, written(text, file), status, "", config, answer_cases=answer_cases)


def _update(
    incident_id: str,
    text: str,
    status: str,
    next_update: str,
    config: str | None,
    *,
    answer_cases: bool = False,
) -> None:
    from intake.store.incidents import resolve_cases, write
    from intake.worker import bootstrap

    found, made = load(config), incident_id.upper()
    with plainly():
        letter_context = bootstrap.judgement_context(found).letter_context if answer_cases else None
    answered: tuple[str, ...] = ()
    with database(config, write=True) as session:
        next_at = moment("--next-update", next_update, found.service.timezone, ahead=True)
        by = By(who(), datetime.now(UTC))
        number = write.update(session, made, text, by, Change(status, next_at))
        now = write.find(session, made).status
        if letter_context is not None:
            answered = resolve_cases.answer(
                session, made, number, text, By(who(), datetime.now(UTC)), letter_context
            )
    fact(incident=made, status=now, update=number, cases_answered=len(answered))
    say(f"{made}: {now}, update {number}")
    if answer_cases:
        say(f"cases about it are resolved; {len(answered)} people get that as their answer")
    changed(found, made)


@app.command()
@reported
def reschedule(
    incident_id: Id,
    start: Annotated[str, typer.Option(help="The new start: 2026-03-16 22:00, local time.")],
    end: Annotated[str, typer.Option(help="The new end: 2026-03-17 02:00, local time.")],
    text: Text = "",
    file: File = None,
    reason: Reason = "",
    config: ConfigOption = None,
) -> None:
    """Move a maintenance that has not begun to another time.

    `send` then notifies all contacts who had been notified.
    """
    from intake.store.incidents import write

    found, made = load(config), incident_id.upper()
    begins, ends = window(found, start, end, reason)
    with database(config, write=True) as session:
        by = By(who(), datetime.now(UTC))
        anew = Window(begins, ends, reason)
        number = write.reschedule(session, made, anew, written(text, file), by)
    fact(incident=made, update=number)
    say(f"{made}: scheduled anew, update {number}")
    changed(found, made)


@app.command()
@reported
def correct(
    incident_id: Id,
    number: Annotated[int, typer.Argument(help="The number of the wrong update.")],
    text: Text = "",
    file: File = None,
    config: ConfigOption = None,
) -> None:
    """Correct an update.

    `send` then notifies only the contacts who got the wrong text.
    """
    from intake.store.incidents import write

    found, made = load(config), incident_id.upper()
    with database(config, write=True) as session:
        new = write.correct(session, made, number, written(text, file), who(), datetime.now(UTC))
    fact(incident=made, update=new, corrects=number)
    say(f"{made}: update {new} corrects update {number}")
    changed(found, made)


@app.command()
@reported
def edit(incident_id: Id, text: Text = "", file: File = None, config: ConfigOption = None) -> None:
    """Rewrite the newest update before it is sent to anyone.

    An approval of the old text no longer counts.
    """
    from intake.store.incidents import write
    from intake.store.incidents.recipients import chosen

    found, made = load(config), incident_id.upper()
    with database(config) as session:
        before = chosen(session, made).text
    words = written(text, file, before)
    with database(config, write=True) as session:
        number = write.edit(session, made, words, who(), datetime.now(UTC))
    fact(incident=made, update=number)
    say(f"{made}: update {number} has another text; nothing of it is approved")
    changed(found, made)


@app.command()
@reported
def hold(
    incident_id: Id,
    off: Annotated[
        bool, typer.Option("--off", help="Let it start and end automatically again.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Stop a maintenance from starting and ending automatically."""
    from intake.store.incidents import write

    with database(config, write=True) as session:
        write.hold_back(session, incident_id.upper(), not off, who(), datetime.now(UTC))
    what = "starts and ends by the clock" if off else "is held back: update it yourself"
    say(f"{incident_id.upper()} {what}")


def changed(config: Config, incident_id: str) -> None:
    """Updates the page after a change and prints the operator's next step."""
    from intake.cli.page import refresh

    refresh(config)
    say(f"nobody is written to yet: `intake incidents preview {incident_id}`, then `send`")


def window(config: Config, start: str, end: str, reason: str) -> tuple[datetime, datetime]:
    """The planned times as UTC; a late announcement needs a reason (seed L36)."""
    from intake.incidents.schedule import lead

    zone, days = config.service.timezone, config.shape.notices.lead_days
    begins, ends = (
        moment("--start", start, zone, ahead=True),
        moment("--end", end, zone, ahead=True),
    )
    now = datetime.now(UTC)
    if begins is None or ends is None or ends <= begins:
        raise Abort(f"--end: found {end!r}, wanted a moment after {start!r}", 2)
    if ends <= now:
        raise Abort(f"--end: found {end!r}, which has passed", 2)
    if not lead(begins, now, days) and not reason.strip():
        raise Abort(
            f"--start: found {start!r}, which is less than {days} days ahead; wanted --reason "
            "with why it cannot wait, or the word emergency: the letters will say so", 2,
        )  # fmt: skip
    return begins, ends
