"""Read an answer to our letter by comparing the whole body with the letter that was sent.

People write at the top, after the colons, under the labels, inside the quote. Text that was in our
letter is the form; text that was added to it is an answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from intake.catalogue.catalogue import Catalogue, Field
from intake.catalogue.labels import visible
from intake.mail.addresses import Mailbox
from intake.mail.message import Message
from intake.model.cases import PendingForm
from intake.parsers import body_lines, signatures, value_extent
from intake.parsers.case_type import type_of
from intake.parsers.commands import may_close
from intake.parsers.label_index import Named, Table, list_mark, named, table
from intake.parsers.ordered_answers import in_order
from intake.parsers.quoted_form import SentForm, words_of
from intake.parsers.submission import Candidate

MAX_BARE_CHARS = 20_000  # of an answer without a label
MAX_HEADLINE_CHARS = 400  # of a line that may be a notice's headline: "Investigating: TITLE"
MAX_HEADLINE_WORDS = 6  # of the headline besides the title
MIN_TITLE_WORDS = 2  # a title of one word could match any text
MAX_MARK_CHARS = 60  # of a name in brackets before an answer
_MARK = re.compile(rf"\s*\[([^\[\]]{{1,{MAX_MARK_CHARS}}})\][:\s]*")


@dataclass(frozen=True, slots=True)
class Answers:
    """What a reply adds to the form that it answers."""

    candidates: tuple[Candidate, ...]
    comment: str  # the person's own text under no label


@dataclass(slots=True)
class _Walk:
    """The state of one walk down the body of a reply."""

    labels: Table
    catalogue: Catalogue
    type: str
    form: SentForm
    names: tuple[str, ...]  # the writer's, folded
    wraps: bool  # the lines may have been broken by a program
    found: list[Candidate] = field(default_factory=list)
    comment: list[str] = field(default_factory=list)
    label: Named | None = None
    parts: list[str] = field(default_factory=list)
    before: str = ""  # the line of the open answer's last part
    start: int = 0
    end: int = 0
    old: bool = False  # inside an unquoted copy of an older mail
    head: bool = False  # inside the header block of that copy
    behind: bool = False  # the open answer began on the line of its label
    bulleted: bool = False  # the person's labels form a list

    def field_of(self, found: Named) -> Field | None:
        """Return the field that a label means."""
        return self.catalogue.fields.get(found.label.field)

    def counts(self, found: Named) -> bool:
        """Return whether a label counts.

        Inside a long answer a list item is text, unless the labels themselves form a list.
        """
        inside = self.label is not None and value_extent.is_long(self.field_of(self.label))
        self.bulleted = self.bulleted or (found.listed and not inside)
        return self.bulleted or not found.listed

    def close(self) -> None:
        """Complete the answer of the open label, if there is one."""
        if self.label is not None:
            words = value_extent.joined(self.field_of(self.label), self.type, self.parts)
            if words.strip():
                self.found.append(
                    Candidate(
                        self.label.label.field, words, "reply", self.label.words, self.start,
                        self.end,
                    )
                )  # fmt: skip
        self.label, self.parts = None, []

    def open(self, found: Named, line: body_lines.Line, value: str) -> None:
        """Open a label of the form, or one that the person wrote."""
        self.close()
        self.label = found
        self.before = line.text if self.wraps else ""
        self.start, self.end = line.start + found.at, line.start + len(line.text)
        value = self.own_words(value)
        self.parts = [value] if value else []
        self.behind = bool(value)
        if value and not value_extent.may_go_on(self.field_of(found), self.type, self.before):
            self.close()

    def own_words(self, text: str) -> str:
        """Remove the name in brackets that Word puts in front of a person's comments."""
        mark = _MARK.match(text)
        named_one = mark is not None and " ".join(mark[1].casefold().split()) in self.names
        return text[mark.end() :].strip() if mark and named_one else text

    def is_new_paragraph(self, line: body_lines.Line) -> bool:
        """Return whether a line is prose after a blank line.

        It is no part of an answer that began on the line of its label.
        """
        listed = line.text.lstrip()[:1] in "-*•0123456789"
        blank = bool(self.parts) and not self.parts[-1]
        return self.behind and blank and bool(line.text.strip()) and not listed

    def takes(self, line: body_lines.Line) -> bool:
        """Return whether a line under the open label belongs to its answer."""
        if self.label is None:
            return False
        one = self.field_of(self.label)
        if not self.parts or value_extent.is_long(one) or not line.text.strip():
            return True
        words = self.own_words(line.text)
        return value_extent.goes_on(one, self.type, self.parts, self.before, words, self.catalogue)

    def answer(self, line: body_lines.Line) -> None:
        """Take a line that was added under an open label."""
        if not visible(line.text).strip():
            if self.parts and self.label and value_extent.is_long(self.field_of(self.label)):
                self.parts.append("")
            return
        words = self.own_words(line.text).strip()
        if not self.parts:
            self.start = line.start
        one = self.field_of(self.label) if self.label else None
        if not value_extent.is_long(one):
            words = words[list_mark(words) :].strip() or words
        self.parts.append(words)
        self.before = line.text if self.wraps else ""
        self.end = line.start + len(line.text)
        if not value_extent.may_go_on(one, self.type, self.before):
            self.close()


def type_in(text: str, catalogue: Catalogue) -> str:
    """Return the case type that is printed in a form of ours; empty when the form asks for it."""
    labels = table(catalogue, "")
    for line in text.splitlines():
        found = named(line, labels)
        if found and found.label.field == "case_type" and found.value:
            return type_of(found.value, catalogue)
    return ""


def answers(
    message: Message, pending: PendingForm, catalogue: Catalogue, type_name: str
) -> Answers:
    """Return every answer in the reply, including the person's own labels and unlabelled text.

    Text and HTML are read independently, and the one with more answers is used. The HTML is used
    when text was struck out, because the plain text cannot show that.
    """
    bodies = [body for body in (message.plain, message.html.text) if body.strip()]
    sent = _Sent(pending.text, catalogue, type_name)
    read = [_read(body, message, sent) for body in bodies or [""]]
    if len(read) == 2 and (_weight(read[1]), message.html.struck) > (_weight(read[0]), False):
        read.reverse()
    best = read[0]
    if best.candidates:
        return best
    bare = in_order(best.comment, pending, catalogue, type_name)
    bare = bare or _bare(message, pending, catalogue, best.comment)
    return Answers(bare, "") if bare else best


def added(
    message: Message, copied: str, catalogue: Catalogue, type_name: str, title: str = ""
) -> Answers:
    """Return what an answer to a notice adds to the copy of it. A notice asks for nothing.

    So quoted text is never the writer's, even if it is not a known copy. The text after an
    attribution without quote marks, or after a line with the notice's ``title``, is a copy, unless
    there is no text above it.
    """
    bodies = [body for body in (message.plain, message.html.text) if body.strip()]
    for mode in ("above", "around"):
        sent = _Sent(copied, catalogue, type_name, mode, title)
        read = [_read(body, message, sent) for body in bodies]
        read.sort(key=_weight, reverse=True)
        found = next((one for one in read if one.candidates or one.comment), None)
        if found is not None:
            own = body_lines.without_courtesies(body_lines.split(found.comment))
            return Answers(found.candidates, "\n".join(line.text for line in own).strip())
    return Answers((), "")


def _weight(one: Answers) -> int:
    return len({candidate.field for candidate in one.candidates})


@dataclass(frozen=True, slots=True)
class _Sent:
    """The letter that is answered, and where its answers may be."""

    text: str
    catalogue: Catalogue
    type_name: str
    mode: str = "inside"  # the copy of the letter, only "around" it, or only "above" it
    title: str = ""  # of a notice


def _read(body: str, message: Message, sent: _Sent) -> Answers:
    """Return what one body adds to the letter."""
    catalogue, type_name, mode = sent.catalogue, sent.type_name, sent.mode
    lines = body_lines.without_form(body_lines.split(body), catalogue)
    walk = _Walk(
        labels=table(catalogue, type_name),
        catalogue=catalogue,
        type=type_name,
        form=SentForm.of(sent.text),
        names=names_of(message),
        wraps=body_lines.wraps(lines),
    )
    signed = _signature(lines, message, walk)
    ended = False  # inside the person's signature
    for number, line in enumerate(lines):
        if not line.depth and not walk.old:
            walk.old = walk.head = body_lines.ends_own_text(lines, number) and (
                not body_lines.is_signature(line.text)
            )
        if line.depth or walk.old:
            ended = False
        elif body_lines.is_signature(line.text) or number == signed:
            ended = True
        elif ended and walk.form.is_copy(line.text, quoted=False):
            ended = False  # the copy of our letter begins below the signature, unquoted
            _ours(walk, line)
            continue
        if mode == "above":
            walk.old = walk.old or _copy_begins(lines, number, sent.title)
        if ended or (mode != "inside" and (line.depth or walk.old)):
            walk.close()
        else:
            _step(walk, lines, number)
    walk.close()
    return Answers(tuple(walk.found), _comment(walk))


def _comment(walk: _Walk) -> str:
    """Return the text under no label, without a greeting, a closing and a name.

    A name counts as one only after a blank line or a closing. A mail that says only "Thanks" keeps
    it.
    """
    lines = list(walk.comment)
    first, last = 0, len(lines)
    while first < last and (not lines[first].strip() or body_lines.is_courtesy(lines[first])):
        first += 1
    while last > first and (
        not lines[last - 1].strip()
        or body_lines.is_courtesy(lines[last - 1])
        or _signs(lines, last - 1, walk.names)
    ):
        last -= 1
    return "\n".join(lines[first:last] or lines).strip()


def _signs(lines: list[str], number: int, names: tuple[str, ...]) -> bool:
    above = lines[number - 1] if number else ""
    apart = not above.strip() or body_lines.is_courtesy(above)
    return apart and lines[number].strip(" ,.").casefold() in names


def _copy_begins(lines: list[body_lines.Line], number: int, title: str) -> bool:
    """Return True after an attribution without quote marks, and at the headline of a notice."""
    if body_lines.is_attribution(lines, number):
        return not _quoted_below(lines, number)
    wanted, found = words_of(title), words_of(lines[number].text[:MAX_HEADLINE_CHARS])
    if len(wanted) < MIN_TITLE_WORDS or len(found) > len(wanted) + MAX_HEADLINE_WORDS:
        return False
    return any(found[at : at + len(wanted)] == wanted for at in range(MAX_HEADLINE_WORDS + 1))


def _quoted_below(lines: list[body_lines.Line], number: int) -> bool:
    """Return whether the copy under an attribution has quote marks."""
    below = [line for line in lines[number + 1 : number + 4] if line.text.strip()]
    return any(line.depth for line in below[:2])


def names_of(message: Message) -> tuple[str, ...]:
    """Return the writer's full name and first name, as marks and signatures show them."""
    name = message.sender.name if isinstance(message.sender, Mailbox) else ""
    flat = " ".join(name.casefold().split())
    return tuple(dict.fromkeys(one for one in (flat, flat.partition(" ")[0]) if one))


def _signature(lines: list[body_lines.Line], message: Message, walk: _Walk) -> int | None:
    """Return where the writer signs with their name above the copy of our letter."""
    own: list[body_lines.Line] = []
    form = walk.form
    for number, line in enumerate(lines):
        if line.depth or body_lines.ends_own_text(lines, number):
            break
        if body_lines.is_attribution(lines, number) or form.is_copy(line.text, quoted=False):
            break
        own.append(line)
    form.at = 0
    name = message.sender.name if isinstance(message.sender, Mailbox) else ""
    return signatures.signed_at(own, name, lambda text: _is_bare_label(text, walk.labels))


def _is_bare_label(text: str, labels: Table) -> bool:
    found = named(text, labels)
    return found is not None and not found.value


def _ours(walk: _Walk, line: body_lines.Line) -> None:
    """Handle a line of our own letter; a label without a value waits for its answer."""
    found = named(line.text, walk.labels)
    walk.close()
    walk.bulleted = walk.bulleted or (found is not None and found.listed)
    if found is not None and not found.value:
        walk.open(found, line, "")


def _step(walk: _Walk, lines: list[body_lines.Line], number: int) -> None:
    """Handle one line: ours, a label with an answer, an answer, or free text."""
    line = lines[number]
    walk.head = walk.head and bool(line.text.strip())
    if walk.head:
        return
    quoted = line.depth > 0 or walk.old
    if walk.form.is_copy(line.text, quoted=quoted):
        _ours(walk, line)
        return
    found = named(line.text, walk.labels)
    attribution = body_lines.is_attribution(lines, number)
    if walk.is_new_paragraph(line):
        walk.close()
    if found is not None and (not found.label.weak or not quoted) and walk.counts(found):
        walk.open(found, line, found.value)
    elif attribution:
        walk.close()
    elif walk.takes(line):
        walk.answer(line)
    else:
        walk.close()
        if not quoted:
            walk.comment.append(visible(line.text).rstrip())


def _bare(
    message: Message, pending: PendingForm, catalogue: Catalogue, comment: str
) -> tuple[Candidate, ...]:
    """Return unlabelled text at the top as the answer, if just one thing was asked.

    A greeting, a closing and the writer's name do not belong to it. A field of a short kind takes
    one line.
    """
    if len(pending.asked) != 1 or len(comment) > MAX_BARE_CHARS:
        return ()
    names = names_of(message)
    if may_close(message, comment, names, catalogue):
        return ()  # a remark that the case is over is not an answer
    lines = [
        line
        for line in comment.splitlines()
        if not body_lines.is_courtesy(line) and line.strip(" ,.").casefold() not in names
    ]
    words = "\n".join(lines).strip()
    if not words or words.endswith("?"):
        return ()  # a question is not an answer
    known = catalogue.fields.get(pending.asked[0])
    if not value_extent.is_long(known):
        words = next((line for line in lines if line.strip()), "")
    return (Candidate(pending.asked[0], words.strip(), "reply"),)
