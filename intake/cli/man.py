"""`intake config man`: the manual page, made from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from intake import __version__
from intake.cli.layout import say

HEAD = r"""
.SH DESCRIPTION
The scheduled worker of a support organisation: it polls a mailbox, reads mails into typed cases,
proves that the sender is a registered contact, answers with an acknowledgement or with a request
for what is missing, and informs contacts about incidents.
.PP
.B intake init
writes a configuration,
.B intake doctor
checks it,
.B intake run
is the service.
.SH FILES
The configuration is the file given by
.BR \-\-config ,
else the one in
.BR INTAKE_CONFIG ,
else
.IR config.toml .
.B intake config example
prints every key.
.SH EXIT STATUS
0 success; 1 failure or a negative answer; 2 wrong usage; 65 standard input holds no mail; 69 a
mailbox or server cannot be reached; 74 the database or disk failed; 75 try again later; 78 the
configuration is wrong.
.SH COMMANDS
"""


def man() -> None:
    """Print the manual page (roff), for a folder such as /usr/local/share/man/man1."""
    from intake.cli.app import program

    say(page(typer.main.get_command(program())))


def page(root: Any) -> str:
    """The page of all commands."""
    lines = [
        f'.TH INTAKE 1 "" "intake {__version__}" "User Commands"',
        ".SH NAME", rf"intake \- {_roff(_first(root.help))}",
        ".SH SYNOPSIS", r".B intake", r"[\-\-config FILE] COMMAND [OPTIONS] [ARGUMENTS]",
        HEAD.strip(), *_commands(root, "intake"),
    ]  # fmt: skip
    return "\n".join(lines)


def _commands(group: Any, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        here = f"{path} {name}"
        if hasattr(command, "commands"):
            yield from _commands(command, here)
        else:
            yield from _command(command, here)


def _command(command: Any, path: str) -> Iterator[str]:
    words = [path]
    for one in command.params:
        if one.param_type_name == "argument":
            metavar = (one.metavar or one.name or "").upper()
            words.append(metavar if one.required or metavar.startswith("[") else f"[{metavar}]")
    yield f".SS {_roff(' '.join(words))}"
    for number, paragraph in enumerate((command.help or "").split("\n\n")):
        if number:
            yield ".PP"
        yield _roff(" ".join(paragraph.split()))
    for one in command.params:
        if one.param_type_name == "option" and one.help and one.name != "config":
            yield ".TP"
            yield rf".B {_roff(', '.join((*one.opts, *one.secondary_opts)))}"
            yield _roff(" ".join(one.help.split()))


def _first(text: str | None) -> str:
    return " ".join((text or "").split("\n\n")[0].split())


def _roff(text: str) -> str:
    """Text that troff prints as it is."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("`", r"\(ga")
    return rf"\&{text}" if text[:1] in (".", "'") else text
