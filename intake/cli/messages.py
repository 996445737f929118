"""``intake messages``: all mails, those on hold, and those on the shelf."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from intake.cli.screen import (
    Abort,
    ConfigOption,
    JsonOption,
    LimitOption,
    database,
    load,
    pairs,
    plainly,
    safe,
    say,
    show_json,
    table,
    when,
    who,
)
from intake.model.states import MessageStatus

if TYPE_CHECKING:
    from intake.store.sql import Row

WAY_OUT = {
    "R0": "look at it in the held folder; reject it, or ask the sender to send it again",
    "R1": "name the list in `lists` of its mailbox, then replay; or reject it",
    "R3": "reject it; or `contacts set ID --automated`, then replay",
    "R4": "replay it; or release it if you know the sender",
    "R5": "probably forged in a contact's name: reject it, and warn the contact",
    "R7": "release it; `--accept-domain` lets answers in; or `doctor auth`, then replay",
    "R8": "nobody proved, nobody known: reject it, or leave it to retention",
    "R9": "release it with `--new-contact ID` or `--add-to ID`; or reject it",
    "R9a": "two contacts share the address: give it to one, then replay",
    "R10": "release it with `--new-contact ID` or `--add-to ID`; or reject it",
    "R11": "`contacts disable ID --enable`, then replay; or reject it",
    "R12": "`accounts disable ID --enable`, then replay; or reject it",
    "R13": "release it if this contact may ask for this; else reject it",
    "R14": "call the contact; then release it",
    "R16": "look closely at the case; release it or reject it",
    "R24": "no plain yes to whether the address is theirs: read it, then reject it",
    "R28": "no plain yes to being another customer's contact: ask them, then reject it",
    "R29": "too big to be fetched, and the contact was told: look in the held folder; reject it",
    "R26": "a flood: release it if it is meant, else reject it",
}
app = typer.Typer(help="All mails that arrived, and what was done with them.", no_args_is_help=True)
Id = Annotated[int, typer.Argument(help="The number in the first column of the list.")]


@app.command("list")
def list_(
    held: Annotated[
        bool, typer.Option("--held", help="Only mails that wait for an operator.")
    ] = False,
    status: Annotated[MessageStatus | None, typer.Option(help="Only mails of this status.")] = None,
    limit: LimitOption = 50,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the newest mails first, each with the reason for its status.

    With --held, also what an operator can do about each mail.
    """
    from intake.store import reports

    with database(config) as session:
        rows = reports.messages(
            session, state=MessageStatus.HELD if held else status or "", limit=limit
        )
    for row in rows if held else ():
        row["way_out"] = _way_out(row)
    if as_json:
        show_json(rows)
        return
    if not rows:
        say("no mail waits for a person" if held else "no mails")
        return
    zone = load(config).service.timezone
    if held:
        pairs(
            {
                f"{row['id']}  {when(row['received_at'], zone)[:16]}": (
                    f"{row['sender']}  {_why(row)} -> {row['way_out']}"
                ).replace("\n", " ")
                for row in rows
            }
        )
        return
    shown = [
        (row["id"], when(row["received_at"], zone)[:16], _state(row), row["sender"], _why(row))
        for row in rows
    ]
    table("messages", ("id", "arrived", "state", "from", "why"), shown)


def _state(row: dict[str, object]) -> str:
    return str(row["case_number"] or row["status"])


def _way_out(row: Row) -> str:
    return WAY_OUT.get(row["rule"], f"look at it: `intake messages show {row['id']}`")


def _why(row: Row) -> str:
    return f"{row['rule']} {'; '.join(row['reasons'][:2])}"


@app.command()
def show(message_id: Id, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show one mail: evidence, extracted values, history and letters."""
    from intake.store import reports

    with database(config) as session:
        row = reports.message(session, message_id)
    if row is None:
        raise Abort(f"there is no message {message_id}; `intake messages list` shows all")
    if as_json:
        show_json(row)
        return
    zone = load(config).service.timezone
    pairs(_summary(row, zone))
    say("\nevidence")
    for line in _evidence(row["evidence"]) or ["none"]:
        pairs({"  -": line})
    if row["failure"]:
        say("\nfailure")
        say(safe(row["failure"], lines=True))
    for name, lines in (
        ("files", [f"{one['name']} ({one['size']} bytes)" for one in row["attachments"]]),
        (
            "history",
            [f"{when(one['at'], zone)} {one['kind']} {one['who']}" for one in row["events"]],
        ),
        (
            "letters",
            [f"{one['kind']} to {one['recipient']}: {one['state']}" for one in row["letters"]],
        ),
    ):
        say(f"\n{name}")
        for line in lines or ["none"]:
            pairs({"  -": line})


def _evidence(kept: Row) -> list[str]:
    """The evidence laid out, one finding a line."""
    lines = list(kept.get("sender", []))
    lines += [
        f"field {one['index'] + 1} from the top, believed: {one['value']}"
        for one in kept.get("authentication_results", [])
    ]
    if "alignment" in kept:
        how = kept["alignment"]
        lines.append(
            f"alignment: {how['signer']} is of {how['signer_organisation']}, the author of "
            f"{how['author_organisation']} ({how['method']}; {how['by'] or 'by name'})"
        )
    lines += [
        f"DKIM d={one['domain']} s={one['selector']} a={one['algorithm']} {one['key_bits']} bits: "
        f"{one['result']} {one['reason']}".rstrip()
        for one in kept.get("dkim", [])
    ]
    lines += [f"a program wrote it: {mark}" for mark in kept.get("automatic", [])]
    if "contact" in kept:
        person = kept["contact"]
        roles = ", ".join(f"{role} at {place}" for place, role in person["roles"].items())
        state = "active" if person["active"] else "disabled"
        lines.append(f"contact {person['id']}, {state}, {roles or 'at no account'}")
    lines += [
        f"{name}: {value}"
        for name in ("from", "reply-to", "return-path", "to", "cc")
        for value in kept.get("headers", {}).get(name, [])
    ]
    return lines + [f"{code}: {words}" for code, words in kept.get("warnings", [])]


def _summary(row: Row, zone: str) -> dict[str, object]:
    return {
        "message": row["id"],
        "status": row["status"],
        "decision": f"{row['action']} by {row['rule']}",
        "why": "\n".join(row["reasons"]),
        "level": row["level"],
        "from": row["sender"],
        "contact": row["contact_id"] or "nobody on record",
        "account": row["account_id"],
        "case": ", ".join(row["cases"]),
        "no letter": row["evidence"].get("silence", ""),
        "subject": row["subject"],
        "arrived": when(row["received_at"], zone),
        "mailbox": f"{row['mailbox']}, UID {row['uid']}",
        "Message-ID": row["message_id"],
        "bytes": f"{row['size']}, sha256 {row['digest']}",
        "policy": f"{row['policy_hash']}, intake {row['version']}",
    }


@app.command()
def release(
    message_id: Id,
    why: Annotated[str, typer.Option(help="The reason, kept in the history.")] = "",
    add_to: Annotated[
        str, typer.Option(help="A contact's id: the sender's address is added to that contact.")
    ] = "",
    new_contact: Annotated[
        str, typer.Option(help="An id: the sender becomes a contact, with --name and --account.")
    ] = "",
    name: Annotated[str, typer.Option(help="First and last name of the new contact.")] = "",
    account: Annotated[
        list[str] | None, typer.Option(help="An account's id; may be given more than once.")
    ] = None,
    contact_type: Annotated[
        str, typer.Option("--type", help="Authorized, Technical or Read Only.")
    ] = "Authorized",
    accept_domain: Annotated[
        bool,
        typer.Option(
            "--accept-domain",
            help="From now on accept unproved replies from the sender's domain.",
        ),
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Handle a held mail; you confirm that its named sender wrote it.

    This applies to this mail only, unless you add the sender to the contacts or accept replies from
    its domain.
    """
    from intake.worker.replay import Vouching
    from intake.worker.replay import release as do

    if new_contact and not (name and account):
        raise Abort("release: --new-contact wants --name and --account", 2)
    vouching = Vouching(
        why, add_to, new_contact, name, tuple(account or ()), contact_type, accept_domain
    )
    with plainly():
        done = do(load(config), message_id, who(), vouching)
    say(f"message {message_id}: {done.action} by {done.rule} {done.case_number}".rstrip())


@app.command()
def reject(
    message_id: Id,
    why: Annotated[str, typer.Option(help="The reason, kept in the history.")] = "",
    config: ConfigOption = None,
) -> None:
    """Reject a held or shelved mail; nothing is sent.

    Its bytes are kept.
    """
    from datetime import UTC, datetime

    from intake.store.messages import held

    with database(config, write=True) as session:
        problem = held.reject(session, message_id, who(), why, datetime.now(UTC))
    if problem:
        raise Abort(problem)
    say(f"message {message_id}: rejected")


@app.command()
def replay(
    message_id: Annotated[
        int, typer.Argument(help="The mail's number; without it all mails, with --dry-run only.")
    ] = 0,
    limit: Annotated[
        int, typer.Option(help="Without a number: how many of the newest mails.")
    ] = 1000,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Decide again about a held or shelved mail.

    The current configuration and contacts apply. Without a number and with --dry-run: list the
    mails for which the decision would now be different.
    """
    from intake.worker.replay import replay as do
    from intake.worker.replay import replay_all

    if not message_id:
        if not dry_run:
            raise Abort(
                "replay: found no number; the whole ledger is judged with --dry-run only", 2
            )
        with plainly():
            changed = replay_all(load(config), limit)
        if as_json:
            show_json(changed)
            return
        for one in changed:
            why = "; ".join(one.reasons)
            say(safe(f"message {one.row}: {one.before} -> {one.after}: {why}"))
        say(f"{len(changed)} mails would be treated otherwise; nothing was changed")
        return
    with plainly():
        done = do(load(config), message_id, dry=dry_run)
    if as_json:
        show_json(done)
        return
    pairs({"before": done.before, "after": done.after, "why": "\n".join(done.reasons)})
