"""``intake outbox``: the letters that intake sends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from intake.cli.screen import (
    Abort,
    ConfigOption,
    JsonOption,
    LimitOption,
    database,
    load,
    pairs,
    safe,
    say,
    show_json,
    table,
    when,
    who,
)
from intake.model.states import LetterState

app = typer.Typer(help="The letters that intake sends.", no_args_is_help=True)


@app.command("list")
def list_(
    state: Annotated[LetterState | None, typer.Option(help="Only letters in this state.")] = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the newest letters first."""
    from intake.store import reports

    with database(config) as session:
        rows = reports.letters(session, state=state or "", limit=limit)
    if as_json:
        show_json(rows)
        return
    if not rows:
        say("no letters")
        return
    shown = [
        (row["id"], row["state"], row["kind"], row["recipient"], row["attempts"], row["reply"])
        for row in rows
    ]
    table("outbox", ("id", "state", "kind", "to", "tries", "the server said"), shown)


@app.command()
def show(letter_id: int, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show one letter as the contact reads it."""
    from intake.store import reports

    with database(config) as session:
        row = reports.letter(session, letter_id)
    if row is None:
        raise Abort(f"there is no letter {letter_id}; `intake outbox list` shows all")
    if as_json:
        show_json(row)
        return
    zone = load(config).service.timezone
    pairs({
        "letter": row["id"], "state": row["state"], "kind": row["kind"], "to": row["recipient"],
        "case": row["case_number"], "tries": row["attempts"], "due": when(row["due_at"], zone),
        "finished": when(row["finished_at"], zone), "reply": row["reply"],
        "Message-ID": row["message_id_header"], "subject": row["subject"],
    })  # fmt: skip
    say("")
    say(safe(row["text"], lines=True))


@app.command()
def retry(letter_id: int, config: ConfigOption = None) -> None:
    """Send a failed, suppressed or doubtful letter again.

    A doubtful letter may then arrive twice.
    """
    from intake.store import outbox

    with database(config, write=True) as session:
        problem = outbox.retry(session, letter_id, who(), datetime.now(UTC))
    if problem:
        raise Abort(problem)
    say(f"letter {letter_id}: due")
