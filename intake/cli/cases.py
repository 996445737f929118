"""``intake cases``: the cases that mails have opened."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intake.cli.screen import (
    Abort,
    ConfigOption,
    JsonOption,
    LimitOption,
    database,
    load,
    moment,
    pairs,
    plainly,
    safe,
    say,
    show_json,
    table,
    when,
    who,
    write_private,
)
from intake.model.states import CaseStatus, FileState

if TYPE_CHECKING:
    from intake.store.sql import Row

app = typer.Typer(help="Cases and drafts.", no_args_is_help=True)
COLUMNS = (
    "number", "status", "type", "priority", "department", "account_id", "contact_id",
    "submitted_by", "subject", "description", "billable", "flag", "received_at", "updated_at",
)  # fmt: skip


@app.command("list")
def list_(
    status: Annotated[CaseStatus | None, typer.Option(help="Only cases of this status.")] = None,
    account: Annotated[str, typer.Option(help="Only cases of this account.")] = "",
    limit: LimitOption = 50,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the newest cases first."""
    from intake.store import reports

    with database(config) as session:
        rows = reports.cases(session, state=status or "", account=account, limit=limit)
    if as_json:
        show_json(rows)
        return
    if not rows:
        say("no cases")
        return
    shown = [
        (
            row["number"],
            row["status"],
            row["type"],
            row["priority"],
            row["account_id"],
            row["subject"],
        )
        for row in rows
    ]
    table("cases", ("number", "status", "type", "priority", "account", "subject"), shown)


@app.command()
def show(number: str, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show one case: fields with their sources, files, history, letters."""
    row = _case(number, config)
    if as_json:
        show_json(row)
        return
    zone = load(config).service.timezone
    pairs({key: row[key] for key in COLUMNS if row[key] not in ("", None)})
    for name, one in row["fields"].items():
        say(f"\n{name}")
        pairs({"  value": _value(one), "  words": one["words"], "  from": one["source"]})
    for name, lines in (
        (
            "files",
            [_file(number, one) for number, one in enumerate(row["attachments"], 1)],
        ),
        ("history", [_event(one, zone) for one in row["events"]]),
        (
            "letters",
            [f"{one['kind']} to {one['recipient']}: {one['state']}" for one in row["letters"]],
        ),
    ):
        say(f"\n{name}")
        for line in lines or ["none"]:
            pairs({"  -": line})


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


def _event(event: dict[str, object], zone: str) -> str:
    detail = json.dumps(event["detail"], ensure_ascii=False) if event["detail"] else ""
    return f"{when(event['at'], zone)} {event['kind']} {event['who']} {detail}".rstrip()


def _case(number: str, config: str | None) -> Row:
    from intake.store import reports

    with database(config) as session:
        row = reports.case(session, number.upper())
    if row is None:
        raise Abort(f"there is no case {number!r}; `intake cases list` shows all")
    return row


@app.command()
def close(
    numbers: Annotated[list[str], typer.Argument(help="CASE-1001 …")],
    why: Annotated[str, typer.Option(help="The reason, kept in the case's history.")] = "",
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Mark them resolved instead of closed.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Close cases; a contact's reply within replies.reopen_days reopens."""
    _set_status(numbers, CaseStatus.RESOLVED if resolved else CaseStatus.CLOSED, why, config)


@app.command()
def reopen(
    numbers: Annotated[list[str], typer.Argument(help="CASE-1001 …")],
    why: Annotated[str, typer.Option(help="The reason, kept in the case's history.")] = "",
    config: ConfigOption = None,
) -> None:
    """Reopen closed cases."""
    _set_status(numbers, CaseStatus.OPEN, why, config)


def _set_status(numbers: list[str], status: str, why: str, config: str | None) -> None:
    """Sets the status of all the cases or, on a mistake, of none."""
    from intake.store.cases import manual

    with database(config, write=True) as session:
        for number in numbers:
            wrong = manual.set_status(
                session, number.upper(), status, who(), why, datetime.now(UTC)
            )
            if wrong:
                raise Abort(wrong)
    say(f"{', '.join(number.upper() for number in numbers)}: {status}")


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


@app.command()
def export(
    out: Annotated[
        Path | None, typer.Option(help="The file to write; standard output by default.")
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="json (one object per line) or csv.")
    ] = "json",
    since: Annotated[
        str, typer.Option(help="Only cases changed since this date, 2026-01-31.")
    ] = "",
    files: Annotated[Path | None, typer.Option(help="A folder for the attachments.")] = None,
    config: ConfigOption = None,
) -> None:
    """Export all cases with their fields and files.

    The output is for another system or for a spreadsheet.
    """
    from intake.store import reports

    if form not in ("json", "csv"):
        raise Abort(f"--format: found {form!r}, wanted json or csv", 2)
    after = moment("--since", since, load(config).service.timezone)
    with database(config) as session:
        rows = [
            reports.case(session, number) for number in reports.case_numbers(session, since=after)
        ]
    whole = [row for row in rows if row is not None]
    text = _csv(whole) if form == "csv" else "".join(f"{json.dumps(_flat(row))}\n" for row in whole)
    if files is not None:
        _write_files(whole, files, config)
    if out is None:
        typer.echo(text, nl=False)
        return
    write_private(out, text.encode())
    say(f"{len(whole)} cases written to {out}")


def _flat(row: Row) -> Row:
    """The case without our housekeeping."""
    kept = {key: row[key] for key in COLUMNS}
    kept["fields"] = {name: one["value"] for name, one in row["fields"].items()}
    kept["fields_text"] = {name: one["words"] for name, one in row["fields"].items()}
    names = ("name", "size", "sha256", "declared_type", "inline", "state", "reason")
    kept["attachments"] = [{key: one[key] for key in names} for one in row["attachments"]]
    return kept


def _csv(rows: list[Row]) -> str:
    """One line a case; a cell that a spreadsheet would run as a formula gets a quote in front."""
    names = sorted({name for row in rows for name in row["fields"]})
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*COLUMNS, *names, "attachments"])
    for row in rows:
        fields = [row["fields"].get(name, {}).get("words", "") for name in names]
        attached = "; ".join(one["name"] for one in row["attachments"])
        writer.writerow([_cell(value) for value in (*(row[c] for c in COLUMNS), *fields, attached)])
    return out.getvalue()


def _cell(value: Any) -> str:
    text = safe(value, lines=True)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _write_files(rows: list[Row], folder: Path, config: str | None) -> None:
    """CASE-1001/1-report.pdf: our number in front, the sender's cleaned name behind.

    Withheld and quarantined files are left out; `intake cases file` writes one of them.
    """
    from intake.adapters.blob_store import Blobs

    with plainly():
        blobs = Blobs(load(config).blob_folder)
        for row in rows:
            for number, one in enumerate(row["attachments"], 1):
                if one["state"] != FileState.STORED:
                    continue
                target = folder / row["number"] / f"{number}-{Path(one['name']).name[:100]}"
                write_private(target, blobs.read(one["sha256"]))
