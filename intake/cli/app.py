"""The ``intake`` command: its groups, its exit codes, and the printing of errors.

Exit codes: 0 success; 1 failure or a negative answer, with the reason on standard error; 2 wrong
usage; 65 standard input holds no mail; 69 a mailbox or server cannot be reached; 74 the database or
disk failed; 75 try again later; 78 the configuration is wrong.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from intake import __version__
from intake.cli import (
    accounts,
    backup,
    case_changes,
    case_export,
    case_staff,
    cases,
    catalogue_words,
    configuration,
    contacts,
    doctor,
    held,
    hooks,
    incident_cases,
    incident_pages,
    incidents,
    messages,
    notices,
    outbox,
    page,
    service,
    staff,
    status,
)
from intake.cli.layout import OutputError
from intake.cli.screen import EX_DATAERR, EX_IOERR, EX_OK, EX_TEMPFAIL, Abort, settings

app = typer.Typer(
    name="intake",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    rich_markup_mode=None,
)
held.register(messages.app)
app.add_typer(messages.app, name="messages")
case_changes.register(cases.app)
case_export.register(cases.app)
case_staff.register(cases.app)
app.add_typer(cases.app, name="cases")
app.add_typer(contacts.app, name="contacts")
app.add_typer(accounts.app, name="accounts")
app.add_typer(staff.app, name="staff")
app.add_typer(incidents.app, name="incidents")
incident_pages.register(incidents.app)
notices.register(incidents.app)
incident_cases.register(incidents.app)
app.add_typer(outbox.app, name="outbox")
app.add_typer(page.app, name="page")
app.add_typer(hooks.app, name="hooks")
app.add_typer(configuration.app, name="config")
app.add_typer(catalogue_words.app, name="catalogue")
service.register(app)
status.register(app)
backup.register(app)
doctor.register(app)


def _version(value: bool) -> None:
    if value:
        print(f"intake {__version__}")  # noqa: T201 - this is the output
        raise typer.Exit


@app.callback()
def _main(
    config: Annotated[
        str | None, typer.Option(help="The configuration file.", metavar="FILE", show_default=False)
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Read support mail, check its sender, open cases and reply. No mail is handled twice.

    Exit codes: 0 success; 1 failure or a negative answer; 2 wrong usage; 65 standard input holds no
    mail; 69 a mailbox or server cannot be reached; 74 the database or disk failed; 75 try again
    later; 78 the configuration is wrong. The reason is on standard error.
    """
    settings.file = config or settings.file


def main() -> None:
    """Runs the command; prints an expected failure as one line on standard error and exits."""
    try:
        app(prog_name="intake")
    except Abort as abort:
        print(f"intake: {abort}", file=sys.stderr)  # noqa: T201 - errors are printed only here
        sys.exit(abort.code)
    except OutputError as failure:
        print(f"intake: {failure}", file=sys.stderr)  # noqa: T201 - the same
        sys.exit(EX_IOERR)
    except KeyboardInterrupt:
        sys.exit(130)
    except SystemExit as ended:
        if "receive" in sys.argv[1:] and ended.code not in (EX_OK, EX_DATAERR):
            sys.exit(EX_TEMPFAIL)  # a wrong option must not make the MTA bounce the mail
        raise
