"""``intake cases``: the cases that mails have opened."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intake.cli import case_told, case_view
from intake.cli.history import event_line
from intake.cli.layout import fact, pairs, safe, say, table, wrap
from intake.cli.reported import reported
from intake.cli.screen import (
    Abort,
    ConfigOption,
    JsonOption,
    LimitOption,
    PageOption,
    SinceOption,
    UntilOption,
    cut,
    database,
    load,
    moment,
    plainly,
    show_json,
    when,
    who,
    write_private,
)
from intake.model.states import CASE_OVER, CaseStatus, FileState

if TYPE_CHECKING:
    from intake.config.loader import Config
    from intake.store.engine import Session
    from intake.store.listings import Listed
    from intake.store.sql import Row

app = typer.Typer(help="Cases and drafts.", no_args_is_help=True)


@app.command("list")
def list_(
    status: Annotated[CaseStatus | None, typer.Option(help="Only cases of this status.")] = None,
    account: Annotated[str, typer.Option(help="Only cases of this account's id.")] = "",
    contact: Annotated[str, typer.Option(help="Only cases of this contact's id.")] = "",
    department: Annotated[str, typer.Option(help="Only cases at this department.")] = "",
    type_: Annotated[str, typer.Option("--type", help="Only cases of this type.")] = "",
    priority: Annotated[str, typer.Option(help="Only cases of this priority.")] = "",
    incident: Annotated[str, typer.Option(help="Only cases about this incident.")] = "",
    text: Annotated[str, typer.Option(help="Only cases with this in subject or text.")] = "",
    owner: Annotated[str, typer.Option(help="Only cases of this staff member.")] = "",
    late: Annotated[
        bool, typer.Option("--late", help="Only cases that wait too long for their department.")
    ] = False,
    flagged: Annotated[
        bool, typer.Option("--flagged", help="Only cases that a person should look at.")
    ] = False,
    since: SinceOption = "",
    until: UntilOption = "",
    limit: LimitOption = 50,
    page: PageOption = 1,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the newest cases first. A ! after the status: a person should look at it."""
    from intake.store import listings

    zone = load(config).service.timezone
    wanted = listings.CasesWanted(
        status=status or "", account=account, contact=contact, department=department,
        type=type_, priority=priority, incident=incident, text=text, flagged=flagged, owner=owner,
        since=moment("--since", since, zone), until=moment("--until", until, zone),
    )  # fmt: skip
    with database(config) as session:
        if late:
            wanted = replace(wanted, numbers=case_view.late(session, load(config)))
        listed = listings.cases(session, wanted, listings.Page(limit, page))
    _show_list(listed, zone, as_json=as_json)


def _show_list(listed: Listed, zone: str, *, as_json: bool) -> None:
    if as_json:
        show_json(listed.rows)
        return
    if not listed.total:
        say("no cases")
        return
    shown = [
        (
            row["number"],
            when(row["received_at"], zone)[:10],
            f"{row['status']}{'!' if row['flag'] else ''}",
            row["contact"] or row["contact_id"],
            row["department"],
            row["subject"],
        )
        for row in listed.rows
    ]
    table("", ("number", "arrived", "status", "contact", "department", "subject"), shown)
    cut(listed, "cases")


@app.command()
def search(
    words: Annotated[list[str], typer.Argument(help="Words, or their beginnings; all must occur.")],
    limit: LimitOption = 50,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Search subjects, texts, fields, notes and file names of all cases, the best match first."""
    from intake.store import listings
    from intake.store import search as index

    more = True
    while more:
        with database(config, write=True) as session:
            more = index.refresh(session)
    with database(config) as session:
        numbers = index.find(session, " ".join(words), limit)
        wanted = listings.CasesWanted(numbers=numbers)
        listed = listings.cases(session, wanted, listings.Page(limit))
    order = {number: place for place, number in enumerate(numbers)}
    listed.rows.sort(key=lambda row: order[row["number"]])
    _show_list(listed, load(config).service.timezone, as_json=as_json)
    if len(numbers) == limit and not as_json:
        say(f"the best {limit}; --limit shows more")


@app.command()
def show(number: str, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show one case: what it is about, what was said and from where, files, history, letters."""
    row = _case(number, config)
    if as_json:
        show_json(row)
        return
    zone = load(config).service.timezone
    pairs({row["number"]: safe(row["subject"])})
    pairs(_facts(row, zone))
    if row["description"]:
        say("\ndescription")
        wrap(safe(row["description"], lines=True), "  ")
    if row["fields"]:
        say("\nfields")
        pairs({f"  {name}": _said(one) for name, one in row["fields"].items()})
    files = [_file(place, one) for place, one in enumerate(row["attachments"], 1)]
    history = [event_line(one, zone, row["people"]) for one in row["events"]]
    letters = [
        f"{one['id']}  {one['kind']} to {one['recipient']}: {one['state']}"
        for one in row["letters"]
    ]
    case_view.conversation(row["conversation"], zone)
    for name, lines in (("files", files), ("history", history), ("letters", letters)):
        say(f"\n{name}")
        for line in lines or ["none"]:
            pairs({"  -": line})


def _facts(row: Row, zone: str) -> dict[str, str]:
    """The case in a few lines; what is empty is left out."""
    people = row["people"]
    contact = people.get(row["contact_id"], row["contact_id"])
    writer = people.get(row["submitted_by"], row["submitted_by"])
    closed = f", closed {when(row['closed_at'], zone)}" if row["closed_at"] else ""
    billable = ", may be billable" if row["billable"] else ""
    facts = {
        "status": row["status"] + closed,
        "merged into": row["merged_into"],
        "look at it": row["flag"],
        "type": f"{row['type']}, {row['priority']}{billable}",
        "contact": f"{contact} ({row['contact_id']})"
        + (f", written by {writer}" if writer else ""),
        "account": f"{row['account_name']} ({row['account_id']})" if row["account_id"] else "",
        "department": row["department"],
        "owner": row["owner"],
        "takes part": ", ".join(row["participants"]),
        "incident": f"{row['incident_id']} {row['incident_title']}".strip(),
        "follows": row["follows"],
        "arrived": when(row["received_at"], zone),
        "changed": when(row["updated_at"], zone),
    }
    return {name: value for name, value in facts.items() if value}


def _said(one: Row) -> str:
    """A value, the words it was read from if they differ, and where they stood."""
    value, words = _value(one), str(one["words"])
    as_written = f' (written: "{words}")' if words and words != value else ""
    mail = f", mail {one['message_id']}" if one["message_id"] else ""
    return f"{value or words}{as_written if value else ''}\n[{one['source']}{mail}]"


def _file(number: int, one: dict[str, object]) -> str:
    why = f": {one['reason']}" if one["reason"] else ""
    return f"{number} {one['name']} ({one['size']} bytes, {one['state']}{why})"


@app.command()
def file(
    number: str,
    file_number: Annotated[int, typer.Argument(help="The file's number in `intake cases show`.")],
    out: Annotated[Path, typer.Argument(help="The file to write.")],
    config: ConfigOption = None,
) -> None:
    """Write one file of a case to disk, even if it is withheld.

    `intake cases show` gives the reason why a file is withheld.
    """
    from intake.adapters.blob_store import Blobs

    files = _case(number, config)["attachments"]
    if not 1 <= file_number <= len(files):
        raise Abort(f"{number.upper()} has {len(files)} files; found {file_number}")
    one = files[file_number - 1]
    with plainly():
        write_private(out, Blobs(load(config).blob_folder).read(one["sha256"]))
    warned = f"; {one['state']}: {one['reason']}" if one["state"] != FileState.STORED else ""
    say(f"{safe(one['name'])} written to {out}{warned}")


def _value(field: dict[str, object]) -> str:
    value = field["value"]
    return (
        ", ".join(map(str, value))
        if isinstance(value, list)
        else str(value if value is not None else "")
    )


def _case(number: str, config: str | None) -> Row:
    from intake.store import reports
    from intake.store.handover import conversation

    with database(config) as session:
        row = reports.case(session, number.upper())
        row = conversation.with_words(session, row) if row is not None else None
    if row is None:
        raise Abort(f"there is no case {number!r}; `intake cases list` shows all")
    return row


@app.command()
@reported
def close(
    numbers: Annotated[list[str], typer.Argument(help="CASE-1001 …")],
    why: Annotated[str, typer.Option(help="The reason, kept in the case's history.")] = "",
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Mark them resolved instead of closed.")
    ] = False,
    tell: Annotated[
        str, typer.Option(help="Tell each contact so, with this text, in the case's thread.")
    ] = "",
    config: ConfigOption = None,
) -> None:
    """Close cases; a contact's reply within replies.reopen_days reopens."""
    status = CaseStatus.RESOLVED if resolved else CaseStatus.CLOSED
    _set_status(numbers, status, why, config, tell)


@app.command()
@reported
def reopen(
    numbers: Annotated[list[str], typer.Argument(help="CASE-1001 …")],
    why: Annotated[str, typer.Option(help="The reason, kept in the case's history.")] = "",
    config: ConfigOption = None,
) -> None:
    """Reopen closed cases."""
    _set_status(numbers, CaseStatus.OPEN, why, config)


def _set_status(
    numbers: list[str], status: str, why: str, config: str | None, tell: str = ""
) -> None:
    """Sets the status of all the cases or, on a mistake, of none; tells the contacts if wanted."""
    from intake.store.cases import manual

    told: dict[str, str] = {}
    setup = load(config)
    with database(config, write=True) as session:
        told = _tell(session, numbers, status, tell, config) if tell.strip() else {}
        for number in (one.upper() for one in numbers):
            was = manual.status_of(session, number)
            wrong = manual.set_status(session, number, status, who(), why, datetime.now(UTC))
            if wrong:
                raise Abort(wrong)
            _tell_department(session, setup, number, was, status)
    fact(cases=[number.upper() for number in numbers], status=status)
    if told:
        fact(told=told)
    say(f"{', '.join(number.upper() for number in numbers)}: {status}")
    for number, line in told.items():
        say(f"{number}: {line}")


def _tell_department(session: Session, setup: Config, number: str, was: str, status: str) -> None:
    """Tells the department that a case which it has is over, or open again."""
    from intake.worker.handover_by_hand import ByHand

    if status in CASE_OVER:
        words = f"{case_told.name_of()} has set this case to {status}."
        unknown = was == CaseStatus.DRAFT  # the department never had it
        change = ByHand("case.closed", "" if unknown else words, whole=False)
    else:
        change = ByHand("case.reopened", f"{case_told.name_of()} has opened this case again.")
    case_told.tell(session, setup, number, change)


def _tell(
    session: Session, numbers: list[str], status: str, text: str, config: str | None
) -> dict[str, str]:
    """Writes a letter to each case's contact; case -> whom it goes to, or why it does not."""
    from intake.letters.letter import Occasion
    from intake.letters.text import text_lines
    from intake.store.cases import by_hand
    from intake.store.incidents.resolve_cases import in_thread
    from intake.store.outbox import put_letter
    from intake.worker import bootstrap

    now, told = datetime.now(UTC), dict[str, str]()
    with plainly():
        context = bootstrap.judgement_context(load(config)).letter_context
        for number in (one.upper() for one in numbers):
            case = by_hand.find(session, number)
            values = {
                "resolved": status == CaseStatus.RESOLVED, "text": text_lines(text),
                "draft": case.status == CaseStatus.DRAFT, "reopen_days": context.reopen_days,
            }  # fmt: skip
            occasion = Occasion("solved", f"{number}:{now.isoformat()}", values)
            letter, why = in_thread(session, case, occasion, context, now)
            if letter is not None:
                put_letter(session, letter, 0, now)
            told[number] = f"told {letter.recipient}" if letter is not None else f"not told: {why}"
    return told


@app.command()
def labels(
    limit: LimitOption = 50, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """List labels in mails that the catalogue lacks: possible aliases."""
    from intake.store.cases import manual

    with database(config) as session:
        rows = manual.unknown_labels(session, limit)
    if as_json:
        show_json(rows)
    elif not rows:
        say("no unknown labels")
    else:
        shown = [(row["times"], row["label"], row["type"]) for row in rows]
        table("unknown labels", ("mails", "label", "type"), shown)
