"""An answer to our request, read by comparing the whole body with the form that was sent.

People write on top, behind the colons, under the labels, inside the quote. Whatever was in our
letter is the form; whatever was added to it is an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from intake.addresses import Mailbox
from intake.catalogue import Catalogue
from intake.known import PendingForm
from intake.labels import visible
from intake.message import Message
from intake.parsers import lines as text_lines
from intake.parsers.submission import Candidate
from intake.parsers.table import Named, Table, named, table

LONG_KINDS = ("multiline",)
MAX_LETTER_CHARS = 20_000  # of our letter in which a wrapped line is looked for
MIN_WRAPPED = 20  # a piece of a line of ours that a mail client has wrapped


@dataclass(frozen=True, slots=True)
class Answers:
    """What a reply adds to the form it answers."""

    candidates: tuple[Candidate, ...]
    comment: str  # the person's own words under no label


@dataclass(slots=True)
class _Walk:
    """The state of one walk down the body of a reply."""

    labels: Table
    catalogue: Catalogue
    form: frozenset[str]  # our lines, white space collapsed
    flat: str  # our whole text on one line
    found: list[Candidate] = field(default_factory=list)
    comment: list[str] = field(default_factory=list)
    label: Named | None = None
    parts: list[str] = field(default_factory=list)
    start: int = 0
    end: int = 0
    old: bool = False  # inside an unquoted copy of an older mail
    head: bool = False  # inside the header block of that copy
    behind: bool = False  # the open answer began behind its label
    bulleted: bool = False  # the person's labels stand in a list

    def kind(self, found: Named) -> str:
        """The kind of the field a label stands for."""
        known = self.catalogue.fields.get(found.label.field)
        return known.kind if known else "text"

    def is_form(self, line: text_lines.Line) -> bool:
        """Whether the line, or the piece of it a client left, is our own."""
        flat = " ".join(visible(line.text).split())
        if flat in self.form:
            return True
        wrapped = (line.depth > 0 or self.old) and len(flat) >= MIN_WRAPPED
        return wrapped and flat in self.flat

    def counts(self, found: Named) -> bool:
        """Inside a long answer a list item is text, unless the labels themselves are a list."""
        inside = self.label is not None and self.kind(self.label) in LONG_KINDS
        self.bulleted = self.bulleted or (found.listed and not inside)
        return self.bulleted or not found.listed

    def close(self) -> None:
        """The open label's answer, if there is one, is complete."""
        words = "\n".join(self.parts).strip("\n \t\u00a0")
        if self.label is not None and words:
            name = self.label.label.field
            self.found.append(
                Candidate(name, words, "reply", self.label.words, self.start, self.end)
            )
        self.label, self.parts = None, []

    def open(self, found: Named, line: text_lines.Line, value: str) -> None:
        """A label of the form, or one the person wrote."""
        self.close()
        self.label = found
        self.start, self.end = line.start + found.at, line.start + len(line.text)
        self.parts = [value] if value else []
        self.behind = bool(value)
        if value and self.kind(found) not in LONG_KINDS:
            self.close()

    def is_new_paragraph(self, line: text_lines.Line) -> bool:
        """Prose after a blank line is no part of an answer that stood behind its label."""
        listed = line.text.lstrip()[:1] in "-*•0123456789"
        blank = bool(self.parts) and not self.parts[-1]
        return self.behind and blank and bool(line.text.strip()) and not listed

    def answer(self, line: text_lines.Line) -> None:
        """A line that was added under an open label."""
        if not visible(line.text).strip():
            if self.parts:
                self.parts.append("")
            return
        if not self.parts:
            self.start = line.start
        self.parts.append(line.text.strip())
        self.end = line.start + len(line.text)
        if self.label is not None and self.kind(self.label) not in LONG_KINDS:
            self.close()


def answers(
    message: Message, pending: PendingForm, catalogue: Catalogue, type_name: str
) -> Answers:
    """Every answer in the reply, the person's own labels and bare words included."""
    body = message.plain if message.plain.strip() else message.html.text
    ours = [" ".join(line.split()) for line in pending.text.splitlines()]
    walk = _Walk(
        labels=table(catalogue, type_name),
        catalogue=catalogue,
        form=frozenset(line for line in ours if line),
        flat=" ".join(pending.text[:MAX_LETTER_CHARS].split()),
    )
    lines = text_lines.without_form(text_lines.split(body), catalogue)
    ended = False  # inside the person's signature
    for number, line in enumerate(lines):
        if not line.depth and not walk.old:
            walk.old = walk.head = text_lines.is_old_head(lines, number)
        if line.depth or walk.old:
            ended = False
        elif text_lines.is_signature(line.text):
            ended = True
        elif walk.is_form(line):  # our letter's copy, without marks, begins below the signature
            ended = False
        if ended:
            walk.close()
        else:
            _step(walk, lines, number)
    walk.close()
    comment = "\n".join(walk.comment).strip()
    candidates = tuple(walk.found) or _bare(message, pending, catalogue, comment)
    return Answers(candidates, "" if not walk.found and candidates else comment)


def _step(walk: _Walk, lines: list[text_lines.Line], number: int) -> None:
    """One line: ours, a label with an answer behind it, an answer, or free words."""
    line = lines[number]
    walk.head = walk.head and bool(line.text.strip())
    if walk.head:
        return
    found = named(line.text, walk.labels)
    if walk.is_form(line):
        walk.close()
        if found is not None and not found.value:
            walk.open(found, line, "")
        return
    quoted = line.depth > 0 or walk.old
    if walk.is_new_paragraph(line):
        walk.close()
    if found is not None and (not found.label.weak or not quoted) and walk.counts(found):
        walk.open(found, line, found.value)
    elif walk.label is not None and not text_lines.is_attribution(lines, number):
        walk.answer(line)
    elif not quoted and not text_lines.is_attribution(lines, number):
        walk.comment.append(visible(line.text).rstrip())


def _bare(
    message: Message, pending: PendingForm, catalogue: Catalogue, comment: str
) -> tuple[Candidate, ...]:
    """One thing was asked and words stand on top without a label: they are the answer.

    A greeting, a closing and the writer's name are no part of it; a short kind takes one line.
    """
    name = message.sender.name.casefold() if isinstance(message.sender, Mailbox) else ""
    names = (name, name.partition(" ")[0]) if name else ()
    lines = [
        line
        for line in comment.splitlines()
        if not text_lines.is_courtesy(line) and line.strip(" ,.").casefold() not in names
    ]
    words = "\n".join(lines).strip()
    if len(pending.asked) != 1 or not words:
        return ()
    known = catalogue.fields.get(pending.asked[0])
    if known is not None and known.kind not in LONG_KINDS:
        words = next((line for line in lines if line.strip()), "")
    return (Candidate(pending.asked[0], words.strip(), "reply"),)
