"""The files of a case in a letter: which are attached, and what is said of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from intake.letters import wording
from intake.letters.letter import LetterContext
from intake.letters.locale import locale
from intake.letters.text import one_line
from intake.mail.message import Message
from intake.model.context import FileRef
from intake.triage.decision import Decision


def mail_files(
    decision: Decision, mail: Message, *, quarantined: bool = False
) -> tuple[FileRef, ...]:
    """Return the files of a mail, each with the reason why it is not handed on."""
    waits = "it waits for the virus scanner and is sent on afterwards" if quarantined else ""
    return tuple(
        FileRef(
            one.name, one.detected_type or one.declared_type, one.size, one.sha256,
            decision.withheld.get(one.part, "") or waits,
        )
        for one in mail.attachments
        if not one.inline
    )  # fmt: skip


def split(files: Sequence[FileRef], most: int) -> tuple[tuple[FileRef, ...], tuple[FileRef, ...]]:
    """Return the files that are attached, and those that are only named."""
    attached: list[FileRef] = []
    named: list[FileRef] = []
    size = 0
    for one in files:
        fits = not one.note and size + one.size <= most
        size += one.size if fits else 0
        (attached if fits else named).append(one)
    return tuple(attached), tuple(named)


def as_a_file(one: FileRef) -> FileRef:
    """Return the file as one that no program takes for the text of the mail.

    django-helpdesk 2.6 passes over text/plain and text/html parts beside the text.
    """
    text = one.media_type.lower().startswith("text/")
    return replace(one, media_type="application/octet-stream") if text else one


def file_lines(files: Sequence[FileRef], most: int, context: LetterContext) -> list[str]:
    """Return a line for each file: name, size, and why it is not attached."""
    attached, _ = split(files, most)
    english = locale(context, "en")
    shown = []
    for number, one in enumerate(files, 1):
        why = one.note or ("" if one in attached else "too big for a letter")
        told = f"; not attached: {why} (`intake cases file` has it, file {number})" if why else ""
        size = wording.size_text(one.size, english)
        shown.append(f"- {one_line(one.name, 80)} ({size}){told}")
    return shown
