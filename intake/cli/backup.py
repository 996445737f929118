"""``intake backup, restore, reconcile, upgrade``: copies of the data, and its repair."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intake.cli.layout import pairs, safe, say
from intake.cli.screen import ConfigOption, JsonOption, load, plainly, show_json

if TYPE_CHECKING:
    from intake.worker.reconcile import Report

FolderArgument = Annotated[Path, typer.Argument(help="The folder of the backup.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    for command in (backup, restore, reconcile, upgrade):
        app.command()(command)


def backup(
    folder: FolderArgument, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Copy database, blobs, configuration and secret to a folder.

    The service may keep running. Use the same folder again to bring the backup up to date; each
    blob is copied once.
    """
    from intake.worker import backup as copies

    with plainly():
        made = copies.make(load(config), folder)
    if as_json:
        show_json(made)
        return
    say(f"backup of {made.at}: {made.messages} messages, {made.cases} cases, {made.blobs} blobs")
    if made.lost:
        say(f"{made.lost} blobs were missing or damaged already; see `intake reconcile`")


def restore(
    folder: FolderArgument,
    replace: Annotated[
        bool, typer.Option("--replace", help="Move a database that holds mails aside first.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Put a backup in place of the current data.

    Then run `intake reconcile --repair`; until then nothing is sent.
    """
    from intake.worker import backup as copies

    with plainly():
        done = copies.restore(load(config), folder, replace=replace)
    if as_json:
        show_json(done)
        return
    say(f"restored the backup of {done.manifest.at}: {done.manifest.messages} messages")
    for file in done.files:
        say(f"put back {safe(file)}")
    if done.aside:
        say(f"the database that was there is now {safe(done.aside)}")
    say("next: `intake reconcile --repair`; until then nothing is sent and no case is opened")


def reconcile(
    repair: Annotated[
        bool, typer.Option("--repair", help="Repair the database, as described above.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Compare the database, the blobs and the server's mail folders.

    Exit code 1 when something is wrong. After a restore, use --repair: it handles the mails that
    the database does not know, and makes sure that no case number and no letter is used twice. Stop
    the worker first.
    """
    from intake.worker import reconcile as reconciling

    with plainly():
        found = reconciling.reconcile(load(config), repair=repair)
    if as_json:
        show_json(found)
    else:
        _show(found, repair=repair)
    raise typer.Exit(0 if found.clean else 1)


def upgrade(
    copy: Annotated[
        Path | None,
        typer.Option(help="The folder for the copy; by default a new one in the state folder."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Bring the database to the schema of this program, after a new version was installed.

    A copy of the database is made and checked first. If anything fails, the database stays as it
    was. Stop the worker first. The way back is the old program and `intake restore FOLDER
    --replace` with the copy.
    """
    from intake.worker import upgrade as upgrading

    with plainly():
        done = upgrading.upgrade(load(config), copy, dry_run=dry_run)
    if as_json:
        show_json(done)
        return
    if not done.changes:
        say(f"nothing to do: the database has schema {done.after}")
        return
    if done.copy:
        say(f"copy of the old database: {safe(done.copy)}")
    for change in done.changes:
        pairs({"would change" if dry_run else "changed": safe(change)})
    if not dry_run:
        say(f"schema {done.after}: {done.messages} messages and {done.cases} cases, as before")


def _show(found: Report, *, repair: bool) -> None:
    if found.why:
        say(safe(f"the database is an older copy: {found.why}"))
    gone = len(found.missing) - len(found.mended)
    done = ", ".join(f"{count} {name}" for name, count in sorted(found.handled.items()))
    letters = {**found.letters, **{f"notices {key}": n for key, n in found.notices.items()}}
    pairs({
        "mails": f"{found.seen} in the folders, {len(found.lost)} unknown to the database"
        + (f": {done}" if done else ""),
        "blobs": f"{gone} missing or damaged, {len(found.mended)} found again on the server",
        "next case": str(found.next_number),
        "letters": ", ".join(f"{count} {name}" for name, count in letters.items()) or "none held",
    })  # fmt: skip
    for line in found.failed:
        say(safe(f"could not be handled: {line}"))
    if not repair and (found.why or found.lost):
        say("`intake reconcile --repair` makes up for it")
