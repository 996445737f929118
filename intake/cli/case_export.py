"""``intake cases export``: all cases for another system or for a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intake.cli.layout import safe, say
from intake.cli.screen import (
    Abort,
    ConfigOption,
    database,
    load,
    moment,
    plainly,
    write_private,
)
from intake.model.states import FileState

if TYPE_CHECKING:
    from intake.store.sql import Row

COLUMNS = (
    "number", "status", "type", "priority", "department", "account_id", "contact_id",
    "submitted_by", "owner", "subject", "description", "billable", "flag", "received_at",
    "updated_at", "answered_at",
)  # fmt: skip


def register(app: typer.Typer) -> None:
    """Adds the command of this module."""
    app.command()(export)


def export(
    out: Annotated[
        Path | None, typer.Option(help="The file to write; standard output by default.")
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="ndjson (one object per line), json (a list) or csv.")
    ] = "ndjson",
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
    from intake.store.handover import conversation

    if form not in ("ndjson", "json", "csv"):
        raise Abort(f"--format: found {form!r}, wanted ndjson, json or csv", 2)
    after = moment("--since", since, load(config).service.timezone)
    with database(config) as session:
        rows = [
            reports.case(session, number) for number in reports.case_numbers(session, since=after)
        ]
        whole = [conversation.with_words(session, row) for row in rows if row is not None]
    if form == "csv":
        text = _csv(whole)
    elif form == "json":
        text = json.dumps([_flat(row) for row in whole], indent=1) + "\n"
    else:
        text = "".join(f"{json.dumps(_flat(row))}\n" for row in whole)
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
    kept["conversation"] = [
        {key: one[key] for key in ("at", "direction", "kind", "who", "name", "text", "quoted")}
        for one in row["conversation"]
    ]
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
