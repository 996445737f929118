"""``intake incidents preview, send, approve, pause …``: the notices about an incident."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intake.cli.editor import written
from intake.cli.incident_cases import Id
from intake.cli.incidents import File, Text, changed
from intake.cli.layout import fact, safe, say, table, wrap
from intake.cli.page import refresh
from intake.cli.reported import reported
from intake.cli.screen import (
    EX_CONFIG,
    Abort,
    ConfigOption,
    JsonOption,
    LimitOption,
    database,
    load,
    moment,
    plainly,
    show_json,
    when,
    who,
)
from intake.model.authorship import By
from intake.model.states import NoticeState, SendState

if TYPE_CHECKING:
    from intake.config.loader import Config
    from intake.store.incidents.broadcasts import Proposal
    from intake.store.sql import Row


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    for command in (preview, recipients):
        app.command()(command)
    for change in (send, approve, pause, resume, cancel, retry):
        app.command()(reported(change))


Number = Annotated[int, typer.Option(help="The number of the update; the newest by default.")]


def preview(
    incident_id: Id,
    number: Number = 0,
    mails: Annotated[
        bool, typer.Option("--mails", help="Show the three longest letters in full.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show who would be notified and what they would read.

    Also shows who would not be notified, and the reason for each person. Sends nothing.
    """
    from intake.store.incidents import broadcasts, read
    from intake.worker import bootstrap, notice_bootstrap

    found = load(config)
    with plainly():
        habits, letter_context = (
            notice_bootstrap.habits(found),
            bootstrap.judgement_context(found).letter_context,
        )
    with database(config) as session:
        made = broadcasts.proposal(
            session, incident_id.upper(), habits, datetime.now(UTC), number=number
        )
        told = read.updates(session, made.incident.id)
    with plainly():
        samples = notice_bootstrap.samples(found, letter_context, made, told, datetime.now(UTC))
    counted = _counted(found, made, samples)
    if as_json:
        show_json({**counted, "told": made.audience.told, "left_out": made.audience.left_out})
        return
    for one in made.audience.told:
        digest = " (in the daily summary)" if one.digest else ""
        wrap(f"{safe(one.address)}  {safe(one.name)}: {safe('; '.join(one.reasons))}{digest}")
    say(f"\nleft out: {len(made.audience.left_out)}")
    for contact, why in made.audience.left_out:
        wrap(f"  {safe(contact)}: {safe(why)}")
    _show_counts(counted)
    for mail in samples if mails else samples[:1]:
        say(f"\n{'-' * 72}\nTo: {safe(mail.recipient)}\nSubject: {safe(mail.subject)}\n")
        say(safe(mail.text, lines=True))
    _next_step(made, counted["hash"])


def _counted(config: Config, made: Proposal, samples: Any) -> Row:
    from intake.notifier import by_account

    own = config.shape.notices
    people = len(made.audience.told)
    return {
        "incident": made.incident.id, "update": made.update.number, "state": made.state,
        "hash": made.hash, "send_at": made.send_at, "people": people,
        "accounts": by_account(made.audience.told),
        "largest_bytes": max((len(one.raw) for one in samples), default=0),
        "minutes": -(-people // own.rate_per_minute),
        "approval_needed": people > own.max_without_approval,
    }  # fmt: skip


def _show_counts(counted: Row) -> None:
    say(f"\n{counted['people']} people; update {counted['update']} is {counted['state']}")
    for account, count in counted["accounts"].items():
        say(f"  {safe(account)}: {count}")
    say(f"largest mail: {counted['largest_bytes']} bytes; time: {counted['minutes']} min")
    say(f"hash of text, list and time: {counted['hash']}")


def _next_step(made: Proposal, shown: str) -> None:
    if made.state in (SendState.DRAFT, SendState.RECORD, SendState.DONE):
        say(f"\nto have it sent: `intake incidents send {made.incident.id}`")
    elif made.state == SendState.WAITING:
        say(f"\nanother person: `intake incidents approve {made.incident.id} {shown}`")


def send(
    incident_id: Id,
    at: Annotated[
        str, typer.Option(help="Not before this time: 2026-03-02 14:30, local time.")
    ] = "",
    emergency: Annotated[
        str,
        typer.Option(
            help="Send it without a second person's approval; the reason, kept in the history."
        ),
    ] = "",
    test: Annotated[
        bool,
        typer.Option("--test", help="Send it only to the operator's own address (alerts.address)."),
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Send the newest update after a second person's approval.

    This command proposes the update; the other person runs `approve` with its hash. No approval is
    needed for few recipients (notices.max_without_approval) or with --emergency. If the update has
    already been sent, only contacts who were added since then get it.
    """
    from intake.store.incidents import broadcasts
    from intake.worker import notice_bootstrap

    found, made, now = load(config), incident_id.upper(), datetime.now(UTC)
    with plainly():
        habits, terms = notice_bootstrap.habits(found), notice_bootstrap.terms(found)
    if test:
        _send_test(found, made, config)
        return
    later = moment("--at", at, found.service.timezone, ahead=True)
    with database(config, write=True) as session:
        asked = broadcasts.propose(session, made, habits, By(who(), now), send_at=later)
        people = len(asked.audience.told)
        alone = people <= found.shape.notices.max_without_approval
        if alone or emergency.strip():
            broadcasts.send_now(
                session, made, asked, terms, By(who(), now), emergency=emergency.strip()
            )
    refresh(found)
    when_ = f"from {when(later, found.service.timezone)}" if later else "from now on"
    sent = bool(alone or emergency.strip())
    fact(incident=made, update=asked.update.number, people=people, sent=sent, hash=asked.hash)
    if alone or emergency.strip():
        say(f"{made}: update {asked.update.number} goes to {people} people, {when_}")
        return
    say(f"{made}: update {asked.update.number} waits for another person; {people} people")
    say(f"they look at `intake incidents preview {made}` and say")
    say(f"  intake incidents approve {made} {asked.hash}")


def _send_test(config: Config, incident_id: str, path: str | None) -> None:
    """Sends the letter that the first recipient would get to the operator's address."""
    from intake.store.incidents import broadcasts, read
    from intake.store.outbox import put_letter
    from intake.worker import bootstrap, notice_bootstrap

    address, now = config.shape.alerts.address, datetime.now(UTC)
    if not address:
        raise Abort("alerts.address: found nothing, wanted where test letters go", EX_CONFIG)
    with plainly():
        letter_context = bootstrap.judgement_context(config).letter_context
    with database(path, write=True) as session:
        made = broadcasts.proposal(session, incident_id, notice_bootstrap.habits(config), now)
        told = read.updates(session, incident_id)
        letter = notice_bootstrap.test_letter(config, letter_context, made, told, address, now)
        put_letter(session, letter, 0, now)
    say(f"{incident_id}: update {made.update.number} goes to {address} alone")


def approve(
    incident_id: Id,
    given: Annotated[
        str, typer.Argument(help="The hash that `preview` and `send` show.", metavar="HASH")
    ],
    config: ConfigOption = None,
) -> None:
    """Approve an update as the second person; it is then sent.

    The hash names exactly one text, recipient list and time.
    """
    from intake.store.incidents import broadcasts
    from intake.worker import notice_bootstrap

    found = load(config)
    with plainly():
        habits, terms = notice_bootstrap.habits(found), notice_bootstrap.terms(found)
    with database(config, write=True) as session:
        made = broadcasts.approve(
            session, incident_id.upper(), given, habits, terms, By(who(), datetime.now(UTC))
        )
    refresh(found)
    later = made.send_at
    when_ = f"from {when(later, found.service.timezone)}" if later else "from now on"
    people = len(made.audience.told)
    fact(incident=incident_id.upper(), update=made.update.number, people=people)
    say(f"{incident_id.upper()}: update {made.update.number} goes to {people} people, {when_}")


def pause(incident_id: Id, config: ConfigOption = None) -> None:
    """Stop sending for now; `resume` continues.

    A letter that is just being handed to the server may still go out.
    """
    _change(incident_id, "pause", config)


def resume(incident_id: Id, config: ConfigOption = None) -> None:
    """Continue sending after `pause`."""
    _change(incident_id, "resume", config)


def cancel(
    incident_id: Id, text: Text = "", file: File = None, config: ConfigOption = None
) -> None:
    """Stop sending for good; with a text, cancel a maintenance.

    With --text or --file the planned maintenance itself is called off; `send` then notifies the
    contacts.
    """
    from intake.store.incidents import write

    if not text and file is None:
        _change(incident_id, "cancel", config)
        return
    found, made = load(config), incident_id.upper()
    with database(config, write=True) as session:
        number = write.call_off(session, made, written(text, file), who(), datetime.now(UTC))
    fact(incident=made, update=number)
    say(f"{made}: cancelled, update {number}")
    changed(found, made)


def _change(incident_id: str, verb: str, config: str | None) -> None:
    from intake.store.incidents import broadcasts

    load(config)
    with database(config, write=True) as session:
        number, left = broadcasts.change(
            session, incident_id.upper(), verb, who(), datetime.now(UTC)
        )
    done = {"pause": "paused", "resume": "resumed", "cancel": "cancelled"}[verb]
    fact(incident=incident_id.upper(), update=number, state=done, unsent=left)
    say(f"{incident_id.upper()}: update {number} {done}; {left} letters had not been sent")


def retry(
    incident_id: Id,
    doubtful: Annotated[
        bool, typer.Option("--doubtful", help="Also those in doubt; some may arrive twice.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Send refused letters again, after the cause is fixed."""
    from intake.store.incidents import broadcasts

    with database(config, write=True) as session:
        count = broadcasts.retry(
            session, incident_id.upper(), who(), datetime.now(UTC), doubtful=doubtful
        )
    fact(incident=incident_id.upper(), letters=count)
    say(f"{incident_id.upper()}: {count} letters queued again")


def recipients(
    incident_id: Id,
    number: Number = 0,
    state: Annotated[NoticeState | None, typer.Option(help="Only notices in this state.")] = None,
    limit: LimitOption = 200,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the recipients of an update.

    Shows the state of each letter and the mail server's reply.
    """
    from intake.store.incidents import broadcasts

    with database(config) as session:
        rows = broadcasts.ledger(session, incident_id.upper(), number, state or "", limit)
    if as_json:
        show_json(rows)
        return
    zone = load(config).service.timezone
    shown = [
        (row["address"], row["state"] + (" twice" if row["doubts"] else ""),
         when(row["finished_at"] or row["due_at"], zone), row["reply"] or row["reasons"][0])
        for row in rows
    ]  # fmt: skip
    table(f"{incident_id.upper()}", ("address", "state", "when", "words"), shown)
