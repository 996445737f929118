"""What mail programs do to a form on its way: ten changes of form that change no answer.

Each takes our text, line by line with the answer that was written into it, and gives the body as
the program sends it; the bodies go through the real MIME reading.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from html import escape

FROM = "Zack Morris <zack.morris@bayside.example>"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of our letter, and what the person wrote behind it or under it."""

    ours: str
    answer: str = ""

    @property
    def lines(self) -> list[str]:
        """The line with its answer: behind the colon, or below when it has lines of its own."""
        if not self.answer:
            return [self.ours]
        if "\n" in self.answer:
            return [self.ours, *self.answer.split("\n")]
        return [f"{self.ours} {self.answer}"]


Form = Sequence[Line]


def _flat(form: Form) -> list[str]:
    return [line for one in form for line in one.lines]


def _mail(plain: str = "", html: str = "", *, flowed: bool = False) -> bytes:
    mail = EmailMessage(policy=SMTP)
    mail["From"] = FROM
    mail["To"] = "support@desk.example"
    mail["Subject"] = "A matter"
    mail["Date"] = "Wed, 15 Sep 2021 13:44:00 -0500"
    mail["Message-ID"] = "<form@bayside.example>"
    if html:
        mail.set_content(html, subtype="html")
    else:
        mail.set_content(plain, cte="quoted-printable")
    if flowed:
        mail.set_param("format", "flowed")
    return mail.as_bytes()


def as_it_is(form: Form) -> bytes:
    """Nothing changed."""
    return _mail("\n".join(_flat(form)))


def quoted(form: Form) -> bytes:
    """Marks in front of everything, the answers inside the quote."""
    return _mail("On Monday the desk wrote:\n" + "\n".join(f"> {line}" for line in _flat(form)))


def flattened(form: Form) -> bytes:
    """A web mailer's HTML: one element a line, empty lines as a break in one of their own."""
    body = "".join(f"<div>{escape(line) or '<br>'}</div>" for line in _flat(form))
    return _mail(html=f"<html><body>{body}</body></html>")


def wrapped(form: Form) -> bytes:
    """Hard line breaks at 72."""
    lines = [
        part
        for line in _flat(form)
        for part in textwrap.wrap(line, 72, break_long_words=False, break_on_hyphens=False) or [""]
    ]
    return _mail("\n".join(lines))


def flowed(form: Form) -> bytes:
    """RFC 3676: soft breaks are a space at the end of the line."""
    lines = []
    for line in _flat(form):
        if line == "-- ":
            lines.append(line)
            continue
        parts = textwrap.wrap(line, 66, break_long_words=False, break_on_hyphens=False) or [""]
        stuffed = [f" {part}" if part[:1] in (" ", ">") else part for part in parts]
        lines += [f"{part} " for part in stuffed[:-1]] + stuffed[-1:]
    return _mail("\n".join(lines), flowed=True)


def smart(form: Form) -> bytes:
    """Quotes and apostrophes as Word sets them."""
    text, inside = [], False
    for char in "\n".join(_flat(form)):
        if char == '"':
            inside = not inside
        text.append({'"': "“" if inside else "”", "'": "’"}.get(char, char))
    return _mail("".join(text))


def hard_spaces(form: Form) -> bytes:
    """A no-break space behind every colon and at the line's end."""
    return _mail("\n".join(line.replace(": ", ":\u00a0") + "\u00a0" for line in _flat(form)))


def top_posted(form: Form) -> bytes:
    """The labels with their answers written anew on top, the untouched form quoted below."""
    own = [line for one in form if one.answer for line in [*one.lines, ""]]
    below = [f"> {one.ours}" for one in form]
    return _mail("\n".join([*own, "On Monday the desk wrote:", *below]))


def bulleted(form: Form) -> bytes:
    """Every answered label as an item of a list."""
    lines = [
        line
        for one in form
        for line in ([f"- {one.lines[0]}", *one.lines[1:]] if one.answer else one.lines)
    ]
    return _mail("\n".join(lines))


def bold(form: Form) -> bytes:
    """Labels in asterisks, as text versions of bold words are."""
    lines = []
    for one in form:
        head, *rest = one.lines
        if one.answer:
            head = f"*{one.ours}*{head[len(one.ours) :]}"
        lines += [head, *rest]
    return _mail("\n".join(lines))


def tabled(form: Form) -> bytes:
    """Labels and answers as the rows of a table, all other lines in front of it."""
    rest = "".join(f"<p>{escape(one.ours)}</p>" for one in form if not one.answer)
    cells = [(escape(one.ours), escape(one.answer)) for one in form if one.answer]
    rows = "".join(
        f"<tr><td>{label}</td><td>{answer.replace(chr(10), '<br>')}</td></tr>"
        for label, answer in cells
    )
    return _mail(html=f"<html><body>{rest}<table>{rows}</table></body></html>")


CHANGES: tuple[Callable[[Form], bytes], ...] = (
    quoted, flattened, wrapped, flowed, smart, hard_spaces, top_posted, bulleted, bold, tabled,
)  # fmt: skip
