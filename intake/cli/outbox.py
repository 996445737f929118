"""``intake outbox``: the letters that intake sends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from intake.cli.layout import pairs, safe, say
from intake.cli.screen import (
    Abort,
    ConfigOption,
    JsonOption,
    LimitOption,
    PageOption,
    SinceOption,
    YesOption,
    confirmed,
    cut,
    database,
    load,
    moment,
    show_json,
    when,
    who,
)
from intake.model.states import LetterState

if TYPE_CHECKING:
    from intake.store.sql import Row

MANY = 10_000  # letters in one go
LettersArgument = Annotated[
    list[int] | None,
    typer.Argument(metavar="N …", help="The letters' numbers; or choose them by the options."),
]
KindOption = Annotated[str, typer.Option("--kind", help="Only letters of this kind: ack.")]
ToOption = Annotated[str, typer.Option("--to", help="Only letters to addresses with this.")]
CaseOption = Annotated[str, typer.Option("--case", help="Only letters about this case.")]
app = typer.Typer(help="The letters that intake sends.", no_args_is_help=True)


@app.command("list")
def list_(
    state: Annotated[LetterState | None, typer.Option(help="Only letters in this state.")] = None,
    kind: KindOption = "",
    to: ToOption = "",
    case: CaseOption = "",
    since: SinceOption = "",
    limit: LimitOption = 50,
    page: PageOption = 1,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the newest letters first, each with what the server said."""
    from intake.store import listings

    zone = load(config).service.timezone
    wanted = listings.LettersWanted(state or "", kind, to, case, moment("--since", since, zone))
    with database(config) as session:
        listed = listings.letters(session, wanted, listings.Page(limit, page))
    if as_json:
        show_json(listed.rows)
        return
    if not listed.total:
        say("no letters")
        return
    pairs({str(row["id"]): "\n".join(_entry(row, zone)) for row in listed.rows})
    cut(listed, "letters")


def _entry(row: Row, zone: str) -> list[str]:
    """A letter in a list: when, what and to whom; its subject; what the server said."""
    number = f" {row['case_number']}" if row["case_number"] else ""
    lines = [
        f"{when(row['created_at'], zone)}  {row['state']}  {row['kind']}{number} to "
        f"{safe(row['recipient'])}"
    ]
    if row["state"] == LetterState.DUE and row["attempts"]:
        tries = "once" if row["attempts"] == 1 else f"{row['attempts']} times"
        lines.append(f"tried {tries}, again at {when(row['due_at'], zone)}")
    elif row["state"] == LetterState.DUE and row["put_off"]:
        lines.append(f"waits until {when(row['due_at'], zone)}: {safe(row['put_off'])}")
    return lines + ([safe(row["reply"])] if row["reply"] else [])


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
        "waits": row["put_off"] if row["state"] == LetterState.DUE else "",
        "finished": when(row["finished_at"], zone), "reply": row["reply"],
        "Message-ID": row["message_id_header"], "subject": row["subject"],
    })  # fmt: skip
    say("")
    say(safe(row["text"], lines=True))


@app.command()
def retry(
    letters: LettersArgument = None,
    state: Annotated[LetterState | None, typer.Option(help="All letters in this state.")] = None,
    kind: KindOption = "",
    to: ToOption = "",
    case: CaseOption = "",
    since: SinceOption = "",
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Send failed, suppressed, cancelled or doubtful letters again.

    A doubtful letter may then arrive twice.
    """
    _change("retry", (letters, state, kind, to, case, since), config, yes=yes, as_json=as_json)


@app.command()
def cancel(
    letters: LettersArgument = None,
    kind: KindOption = "",
    to: ToOption = "",
    case: CaseOption = "",
    since: SinceOption = "",
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Cancel letters that are due; `intake outbox retry` takes it back."""
    given = (letters, LetterState.DUE if not letters else None, kind, to, case, since)
    _change("cancel", given, config, yes=yes, as_json=as_json)


def _change(
    verb: str,
    given: tuple[list[int] | None, LetterState | None, str, str, str, str],
    config: str | None,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Retries or cancels the chosen letters, all of them or, on a mistake, none."""
    from intake.store import listings, outbox

    letters, state, kind, to, case, since = given
    if not (letters or kind or to or case or since or (verb == "retry" and state)):
        raise Abort(f"{verb}: found neither a letter's number nor a filter such as --case", 2)
    wanted = listings.LettersWanted(
        state or "", kind, to, case,
        moment("--since", since, load(config).service.timezone), tuple(letters or ()),
    )  # fmt: skip
    typed = bool(letters) and wanted == listings.LettersWanted(ids=wanted.ids)
    with database(config) as session:
        chosen = list(letters or ()) if typed else listings.letter_ids(session, wanted, MANY)
    if not chosen:
        say("no letter matches")
        return
    single = typed and len(chosen) == 1
    if not single and not confirmed(f"{verb} {len(chosen)} letters?", yes=yes):
        say("nothing was done")
        return
    change, now = (outbox.retry, "due") if verb == "retry" else (outbox.cancel, "cancelled")
    with database(config, write=True) as session:
        for one in chosen:
            problem = change(session, one, who(), datetime.now(UTC))
            if problem:
                raise Abort(problem)
    if as_json:
        show_json({now: chosen})
    else:
        say(f"letter {chosen[0]}: {now}" if single else f"{len(chosen)} letters: {now}")
