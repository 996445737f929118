"""``intake messages``: all mails, those on hold, and those on the shelf."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intake.cli.history import event_line
from intake.cli.layout import pairs, safe, say, wrap
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
    write_private,
)
from intake.model.states import MessageStatus

if TYPE_CHECKING:
    from intake.store.sql import Row

RuleOption = Annotated[str, typer.Option("--rule", help="Only mails decided by this rule: R26.")]
SenderOption = Annotated[str, typer.Option("--sender", help="Only mails whose sender has this.")]
AccountOption = Annotated[str, typer.Option("--account", help="Only mails of this account's id.")]
TextOption = Annotated[
    str, typer.Option("--text", help="Only mails with this in subject or sender.")
]
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
    "R10": "release it with `--new-contact ID` or `--add-to ID`; staff: `staff add`, then replay",
    "R11": "`contacts disable ID --enable`, then replay; or reject it",
    "R12": "`accounts disable ID --enable`, then replay; or reject it",
    "R13": "release it if this contact may ask for this; else reject it",
    "R14": "call the contact; then release it",
    "R16": "look closely at the case; release it or reject it",
    "R24": "no plain yes to whether the address is theirs: read it, then reject it",
    "R28": "no plain yes to being another customer's contact: ask them, then reject it",
    "R31": "neither yes nor no to whose an address is: read it; `release --add-to ID` its mail",
    "R33": "not proved to be of staff: `doctor auth`, or `staff disable ID --enable`; then replay",
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
    rule: RuleOption = "",
    sender: SenderOption = "",
    account: AccountOption = "",
    contact: Annotated[str, typer.Option(help="Only mails of this contact's id.")] = "",
    case: Annotated[str, typer.Option(help="Only mails of this case.")] = "",
    text: TextOption = "",
    since: SinceOption = "",
    until: UntilOption = "",
    limit: LimitOption = 50,
    page: PageOption = 1,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the newest mails first, each with the reason for its status.

    With --held, also what an operator can do about each mail.
    """
    from intake.store import listings

    zone = load(config).service.timezone
    wanted = listings.MessagesWanted(
        status=MessageStatus.HELD if held else status or "", rule=rule, sender=sender,
        account=account, contact=contact, case=case, text=text,
        since=moment("--since", since, zone), until=moment("--until", until, zone),
    )  # fmt: skip
    with database(config) as session:
        listed = listings.messages(session, wanted, listings.Page(limit, page))
    for row in listed.rows if held else ():
        row["way_out"] = _way_out(row)
    if as_json:
        show_json(listed.rows)
        return
    if not listed.total:
        say("no mail waits for a person" if held else "no mails")
        return
    pairs({str(row["id"]): "\n".join(_entry(row, zone)) for row in listed.rows})
    cut(listed, "mails")


def _entry(row: Row, zone: str) -> list[str]:
    """A mail in a list: when and from whom, the subject, why it was treated as it was."""
    state = f"{row['status']} {row['case_number'] or ''}".strip()
    lines = [f"{when(row['received_at'], zone)}  {state}  {safe(row['sender'])}"]
    if row["subject"]:
        lines.append(safe(row["subject"]))
    way_out = f" -> {row['way_out']}" if "way_out" in row else ""
    return [*lines, safe(_why(row)) + way_out]


def _way_out(row: Row) -> str:
    return WAY_OUT.get(row["rule"], f"look at it: `intake messages show {row['id']}`")


def _why(row: Row) -> str:
    return f"{row['rule']} {'; '.join(row['reasons'][:2])}"


@app.command()
def show(
    message_id: Id,
    text_only: Annotated[
        bool, typer.Option("--text", help="Only the text of the mail, and nothing else.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show one mail: who wrote it, what it says, and why it was treated as it was.

    HTML is shown as text; what the mail hides from its reader is marked.
    """
    from intake.worker.mail_text import mail_text

    row = _row(message_id, config)
    setup = load(config)
    with plainly():
        said = mail_text(setup, row)
    if as_json:
        show_json({**row, "text": said.text, "hidden": said.hidden, "path": said.path})
        return
    if text_only:
        say(safe(said.text, lines=True))
        return
    zone = setup.service.timezone
    pairs(_summary(row, said.path, zone))
    say("\ntext" + (f" (from the {said.source})" if said.source == "HTML" else ""))
    wrap(safe(said.text, lines=True) or said.trouble or "the mail has no text", "  ")
    if said.hidden:
        say("\nhidden from the reader of the HTML")
        wrap(safe(said.hidden), "  ")
    say("\nevidence")
    _bullets(_evidence(row["evidence"]))
    if row["failure"]:
        say("\nfailure")
        say(safe(row["failure"], lines=True))
    _section("files", [f"{one['name']} ({one['size']} bytes)" for one in row["attachments"]])
    _section("history", [event_line({**one, "message_id": 0}, zone) for one in row["events"]])
    _section(
        "letters",
        [f"{one['kind']} to {one['recipient']}: {one['state']}" for one in row["letters"]],
    )


def _section(name: str, lines: list[str]) -> None:
    say(f"\n{name}")
    _bullets(lines)


def _bullets(lines: list[str]) -> None:
    for line in lines or ["none"]:
        pairs({"  -": line})


@app.command()
def raw(
    message_id: Id,
    out: Annotated[
        Path | None, typer.Option(help="The file to write; standard output by default.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write a mail byte for byte as it arrived, for `intake explain` or a mail program."""
    from intake.worker.mail_text import raw_mail

    row = _row(message_id, config)
    with plainly():
        content = raw_mail(load(config), row)
    if out is None:
        if sys.stdout.isatty():
            raise Abort("a raw mail may hold control characters; use --out FILE, or a pipe", 2)
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    write_private(out, content)
    say(f"message {message_id}: {len(content)} bytes written to {out}")


def _row(message_id: int, config: str | None) -> Row:
    from intake.store import reports

    with database(config) as session:
        row = reports.message(session, message_id)
    if row is None:
        raise Abort(f"there is no message {message_id}; `intake messages list` shows all")
    return row


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


def _summary(row: Row, path: str, zone: str) -> dict[str, object]:
    written = row["evidence"].get("headers", {}).get("from", [])
    values = {
        "message": f"{row['id']}, {row['status']}",
        "from": written[0] if written else row["sender"],
        "subject": row["subject"],
        "arrived": when(row["received_at"], zone),
        "contact": row["contact_id"] or "nobody on record",
        "account": row["account_id"],
        "case": ", ".join(row["cases"]),
        "decision": f"{row['action']} by {row['rule']}".removesuffix(" by "),
        "why": "\n".join(row["reasons"]),
        "to do": _way_out(row) if row["status"] == MessageStatus.HELD else "",
        "no letter": row["evidence"].get("silence", ""),
        "level": row["level"],
        "mailbox": f"{row['mailbox']}, UID {row['uid']}",
        "Message-ID": row["message_id"],
        "bytes": row["size"],
        "sha256": row["digest"],
        "kept in": f"{Path(path).parent}, under that name" if path else "",
        "policy": f"{row['policy_hash']}, intake {row['version']}",
    }
    return {name: value for name, value in values.items() if value}
