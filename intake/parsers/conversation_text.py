"""Divide a mail into what its writer wrote and what was quoted; no word is lost."""

from __future__ import annotations

from dataclasses import dataclass

from intake.mail.message import Message
from intake.parsers import attributions, body_lines

MAX_CHARS = 200_000


@dataclass(frozen=True, slots=True)
class Said:
    """A mail as a conversation shows it."""

    own: str  # with greeting and signature
    quoted: str  # quoted, forwarded and older text, in its order


def said(message: Message) -> Said:
    """Return both parts of a mail's text; of its HTML when it has no plain text."""
    text = message.plain if message.plain.strip() else message.html.text
    lines = body_lines.split(text[:MAX_CHARS])
    own: list[str] = []
    quoted: list[str] = []
    old = False
    for number, line in enumerate(lines):
        old = old or _begins_old(lines, number)
        if old or line.depth or body_lines.is_attribution(lines, number):
            quoted.append(f"{'> ' * line.depth}{line.text}")
        else:
            own.append(line.text)
    return Said("\n".join(own).strip("\n"), "\n".join(quoted).strip("\n"))


def _begins_old(lines: list[body_lines.Line], number: int) -> bool:
    """Return whether the copy of an older mail begins here, without quote marks."""
    text = lines[number].text
    if attributions.is_divider(text) or body_lines.is_old_head(lines, number):
        return True
    return body_lines.is_attribution(lines, number) and not any(
        line.depth for line in lines[number + 1 : number + 4] if line.text.strip()
    )
