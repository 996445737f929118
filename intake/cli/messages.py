"""``intake messages``: the holds, the shelf and the ledger."""

from __future__ import annotations

from typing import Annotated, Any

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
    say,
    show_json,
    table,
    when,
    who,
)  # fmt: skip

WAY_OUT = {
    "R0": "look at it in the held folder; reject it, or ask the sender to send it again",
    "R3": "a program wrote it: reject it, or allow_automated for the contact, then replay",
    "R4": "the sender check failed for hours: replay it, or release it if you know the sender",
    "R5": "probably forged in a contact's name: reject it, and warn the contact",
    "R7": "set trusted_authserv_ids (`intake doctor auth`), then replay; or release it",
    "R8": "nobody proved and nobody known: reject it, or leave it to retention",
    "R9": "`intake contacts add`, then replay; or reject it",
    "R9a": "two contacts share the address: give it to one, then replay",
    "R10": "`intake contacts add`, then replay; or reject it",
    "R11": "`intake contacts disable --enable`, then replay",
    "R12": "put the account in force, then replay",
    "R13": "release it if this contact may ask for this, else reject it",
    "R14": "call the contact; then release it",
    "R16": "look closely; release it or reject it",
}
app = typer.Typer(help="Every mail ever seen, and what became of it.", no_args_is_help=True)
Id = Annotated[int, typer.Argument(help="The number in the first column of the list.")]


@app.command("list")
def list_(
    held: Annotated[bool, typer.Option("--held", help="Only what waits for a person.")] = False,
    status: Annotated[str, typer.Option(help="handled, held, dropped, shelved, …")] = "",
    limit: LimitOption = 50,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """The newest mails first, each with the reason for its treatment."""
    from intake.store import reports

    with database(config) as unit:
        rows = reports.messages(unit, state="held" if held else status, limit=limit)
    if as_json:
        show_json(rows)
        return
    if not rows:
        say("no mail waits for a person" if held else "no mails")
        return
    zone = load(config).service.timezone
    shown = [
        (row["id"], when(row["received_at"], zone)[:16], _state(row), row["sender"], _why(row))
        for row in rows
    ]
    table("messages", ("id", "arrived", "state", "from", "why"), shown)
    if held:
        for rule in dict.fromkeys(row["rule"] for row in rows):
            say(f"{rule}: {WAY_OUT.get(rule, 'look at it with `intake messages show`')}")


def _state(row: dict[str, Any]) -> str:
    return str(row["case_number"] or row["status"])


def _why(row: dict[str, Any]) -> str:
    return f"{row['rule']} {'; '.join(row['reasons'][:2])}"


@app.command()
def show(message_id: Id, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """One mail with the evidence, what was read, its history and the letters."""
    from intake.store import reports

    with database(config) as unit:
        row = reports.message(unit, message_id)
    if row is None:
        raise Abort(f"there is no message {message_id}; `intake messages list` shows all")
    if as_json:
        show_json(row)
        return
    zone = load(config).service.timezone
    pairs(_summary(row, zone))
    evidence = row["evidence"]
    say("\nevidence")
    for line in evidence.get("sender", []) or ["none"]:
        pairs({"  -": line})
    if row["failure"]:
        say("\nfailure")
        say(row["failure"])
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


def _summary(row: dict[str, Any], zone: str) -> dict[str, Any]:
    return {
        "message": row["id"],
        "status": row["status"],
        "decision": f"{row['action']} by {row['rule']}",
        "why": "\n".join(row["reasons"]),
        "level": row["level"],
        "from": row["sender"],
        "contact": row["contact_id"] or "nobody on record",
        "account": row["account_id"],
        "case": row["case_number"],
        "no letter": row["evidence"].get("silence", ""),
        "subject": row["subject"],
        "arrived": when(row["received_at"], zone),
        "mailbox": f"{row['mailbox']}, UID {row['uid']}",
        "Message-ID": row["message_id"],
        "bytes": f"{row['size']}, sha256 {row['digest']}",
        "policy": f"{row['policy_hash']}, intake {row['version']}",
    }


@app.command()
def release(message_id: Id, config: ConfigOption = None) -> None:
    """Handle a held mail after all: you vouch that it comes from whom it names."""
    from intake.review import release as do

    with plainly():
        done = do(load(config), message_id, who())
    say(f"message {message_id}: {done.action} by {done.rule} {done.case_number}".rstrip())


@app.command()
def reject(
    message_id: Id,
    why: Annotated[str, typer.Option(help="Kept in the history.")] = "",
    config: ConfigOption = None,
) -> None:
    """Close a held mail for good; nothing is sent and its bytes are kept."""
    from datetime import UTC, datetime

    from intake.store import reports

    with database(config, write=True) as unit:
        problem = reports.reject(unit, message_id, who(), why, datetime.now(UTC))
    if problem:
        raise Abort(problem)
    say(f"message {message_id}: rejected")


@app.command()
def replay(
    message_id: Annotated[int, typer.Argument(help="Without it: the whole ledger, dry.")] = 0,
    limit: Annotated[int, typer.Option(help="With the whole ledger: newest mails.")] = 1000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Judge a held or shelved mail again under today's configuration and contacts.

    Without a number and with --dry-run: which mails of the ledger would be treated otherwise.
    """
    from intake.review import replay as do
    from intake.review import replay_all

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
            say(f"message {one.row}: {one.before} -> {one.after}: {'; '.join(one.reasons)}")
        say(f"{len(changed)} mails would be treated otherwise; nothing was changed")
        return
    with plainly():
        done = do(load(config), message_id, dry=dry_run)
    if as_json:
        show_json(done)
        return
    pairs({"before": done.before, "after": done.after, "why": "\n".join(done.reasons)})
