"""Turn a Message into a Scan: first the case type, then the values under the labels of that type.

The type comes from a label, a plus address or the subject. The plain and the HTML body are read
independently and compared. The kind of a field decides where its value ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from intake.catalogue.catalogue import Catalogue, Field
from intake.catalogue.labels import visible
from intake.mail.addresses import Mailbox
from intake.mail.field_library import Warning
from intake.mail.message import Message
from intake.parsers import (
    body_lines,
    case_type,
    columns,
    forwarded,
    html_rows,
    invitations,
    quoted_text,
    signatures,
    value_extent,
)
from intake.parsers.attached_forms import (
    MIN_FIELDS,
    AttachedForm,
    attached_forms,
    candidates,
    conflicts,
)
from intake.parsers.bounces import read_return
from intake.parsers.case_type import type_of
from intake.parsers.commands import wish
from intake.parsers.label_index import Named, Table, list_mark, named, nearly, table
from intake.parsers.prose.kinds import told_by_prose
from intake.parsers.receipts import tidings
from intake.parsers.subjects import clean_subject
from intake.parsers.submission import ATTACHED_FORM, Candidate, Scan
from intake.parsers.unknown_labels import unknown_labels
from intake.parsers.values import WEAK

__all__ = ["scan", "type_of"]

MAX_NEAR_LINES = 200  # of one body that are checked for a misspelt label
MAX_HALF_LABEL_CHARS = 40  # of a possible first half of a label


@dataclass(frozen=True, slots=True)
class Body:
    """One body of a mail, reduced to the writer's own new lines."""

    text: str
    name: str  # "plain" or "html"
    lines: tuple[body_lines.Line, ...]
    cut: str = ""  # the quoted or forwarded text in it
    banner: str = ""  # the text that a gateway added at the top


TWO_FORMS = Warning("two-forms", "the mail seems to hold more than one filled form")


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of reading one body."""

    candidates: tuple[Candidate, ...]
    leftover: str
    body: Body
    forms: int = 1  # how many forms it seems to contain
    warnings: tuple[Warning, ...] = ()


def scan(message: Message, catalogue: Catalogue) -> Scan:
    """Return everything the mail contains. Never raises: any mail gives a Scan."""
    bodies = _bodies(message, catalogue)
    subject = clean_subject(message.subject, catalogue.normalise.subject_marks)
    told = case_type.tell(message, [body.lines for body in bodies], subject, catalogue)
    attached = attached_forms(message, catalogue)
    told = _type_of_form(told, attached.forms, catalogue)
    labels = table(catalogue, told.type)
    plain, html = (_read(body, labels, catalogue, told.type) for body in bodies)
    html = _with_rows(html, message.html.rows, labels)
    better = _weight(html) > _weight(plain) or not plain.body.text.strip()
    chosen = html if better else plain
    warnings = [*chosen.warnings, *attached.warnings]
    if message.plain and message.html.text:
        warnings += _disagreements(plain, html)
    found = _without_type(chosen.candidates, told)
    forms, read_from = chosen.forms + max(len(attached.forms) - 1, 0), ""
    if attached.forms:
        found, read_from, more = _with_form(found, attached.forms[0], catalogue, told.type)
        warnings += more
    if chosen.body.banner:
        warnings.append(Warning("banner", f"a gateway's words are set aside: {chosen.body.banner}"))
    if forms > 1:
        warnings.append(TWO_FORMS)
    plus = case_type.plus_type(message, catalogue).type
    below = forwarded.passed_on(message.subject, chosen.body.cut)
    told, guesses, other = told_by_prose(told, found, chosen.leftover, below, catalogue)
    return Scan(
        type=told.type,
        type_source=told.source,
        type_words=told.words,
        candidates=found,
        leftover=chosen.leftover,
        body=chosen.body.name if chosen.body.text.strip() else "none",
        text=chosen.body.text,
        subject=told.subject,
        warnings=tuple(warnings),
        wish=wish(message, told.subject, found, chosen.leftover, plus, catalogue),
        unknown=unknown_labels(chosen.body.lines, catalogue) if found else (),
        read_from=read_from,
        returned=read_return(message),
        cut=chosen.body.cut,
        tidings=tidings(message, chosen.body.text),
        invited=invitations.text(message),
        forwarded=below,
        guesses=guesses,
        other_matter=other,
    )


def _type_of_form(
    told: case_type.Told, forms: tuple[AttachedForm, ...], catalogue: Catalogue
) -> case_type.Told:
    """Return the type that an attached form names, when the mail's text names none."""
    if told.type or not forms:
        return told
    for one in candidates(forms[0], catalogue, ""):
        found = type_of(one.words, catalogue, near=True) if one.field == "case_type" else ""
        if found:
            return replace(told, type=found, source=ATTACHED_FORM, words=one.words)
    return told


def _with_form(
    found: tuple[Candidate, ...], form: AttachedForm, catalogue: Catalogue, type_name: str
) -> tuple[tuple[Candidate, ...], str, list[Warning]]:
    """Add the attached form's values when the mail's own text is not a form itself."""
    more = candidates(form, catalogue, type_name)
    strong = {one.field for one in found if one.source not in WEAK and one.words.strip()}
    differ = conflicts(found, more)
    warnings = [
        Warning("form-differs", f"{name}: {form.name} says something else; the mail's text counts")
        for name in dict.fromkeys(differ)
    ]
    if len(strong - {"case_type"}) >= MIN_FIELDS:
        return found, "", warnings
    there = {one.field for one in found if one.words.strip()}
    return (*found, *(one for one in more if one.field not in there)), form.name, warnings


def _bodies(message: Message, catalogue: Catalogue) -> tuple[Body, Body]:
    """Return the plain and the HTML body, each cut where the writer's own text ends."""
    name = message.sender.name if isinstance(message.sender, Mailbox) else ""
    labels = table(catalogue, "")

    def is_bare_label(text: str) -> bool:
        found = named(text, labels)
        return found is not None and not found.value

    made = []
    for text, kind in ((message.plain, "plain"), (message.html.text, "html")):
        told = body_lines.without_form(body_lines.split(text), catalogue)
        new = list(body_lines.own(told))
        top = body_lines.banner_end(new, catalogue.normalise)
        cut = quoted_text.cut_away(told, new)
        own = columns.straightened(new[top:], labels.find)
        end = signatures.signed_at(own, name, is_bare_label)
        end = signatures.closed_at(own) if end is None else end
        made.append(
            Body(text, kind, body_lines.without_courtesies(own[:end]), cut, _texts(new[:top]))
        )
    return made[0], made[1]


def _texts(lines: Sequence[body_lines.Line]) -> str:
    return " ".join(" ".join(line.text for line in lines).split())[:500]


def _without_type(found: tuple[Candidate, ...], told: case_type.Told) -> tuple[Candidate, ...]:
    """Use the line that gave the case type only for that: "Type: Data Restore" is no field Type."""
    if told.source != "label":
        return found
    place = next(
        (
            number
            for number, one in enumerate(found)
            if one.field != "case_type" and (one.label, one.words) == (told.label, told.words)
        ),
        None,
    )
    if place is None or any(one.field == "case_type" for one in found[:place]):
        return found
    return (*found[:place], replace(found[place], field="case_type"), *found[place + 1 :])


# ---------------------------------------------------------------- one body


class _Walk:
    """The state of one walk down the lines of a body."""

    def __init__(self, labels: Table, catalogue: Catalogue, type_name: str, *, wraps: bool) -> None:
        self.labels = labels
        self.catalogue = catalogue
        self.type = type_name
        self.found: list[Candidate] = []
        self.leftover: list[str] = []
        self.open: Named | None = None  # the label whose value continues
        self.parts: list[str] = []
        self.start = self.end = 0
        self.bulleted = False  # the labels themselves form a list
        self.types = 0
        self.tries = MAX_NEAR_LINES
        self.misread: list[str] = []
        self.before = ""  # the whole line before the next one
        self.wraps = wraps  # the lines may have been broken by a program

    def feed(self, line: body_lines.Line, after: body_lines.Line | None) -> bool:
        """Take one more line; return whether the line after it was the second half of its label."""
        found = named(line.text, self.labels) if line.depth == 0 else None
        whole = self._two_halves(line, after) if found is None and after else None
        line = whole or line
        if found is None:
            found = named(line.text, self.labels) if whole else self._misspelt(line)
        if found is not None and self._counts(found):
            self.close()
            self._begin(found, line)
        elif self.open is None:
            self.leftover.append(line.text)
        else:
            self._more(line)
        return whole is not None

    def _two_halves(self, line: body_lines.Line, after: body_lines.Line) -> body_lines.Line | None:
        """Join ``Who is`` and ``impacted?`` on two lines to one label, if neither half is one."""
        if line.depth or after.depth or not line.text.strip() or not after.text.strip():
            return None
        if len(line.text) > MAX_HALF_LABEL_CHARS or after.start != line.start + len(line.text) + 1:
            return None
        whole = body_lines.Line(f"{line.text} {after.text}", line.start, 0)
        found = named(whole.text, self.labels)
        spans = found is not None and not found.label.weak and found.at > len(line.text) + 1
        return whole if spans and named(after.text, self.labels) is None else None

    def _misspelt(self, line: body_lines.Line) -> Named | None:
        """Return a label with a wrong letter; a warning tells the operator how it was read."""
        if line.depth or not self.tries or ":" not in line.text:
            return None
        self.tries -= 1
        return nearly(line.text, self.labels)

    def _counts(self, found: Named) -> bool:
        """Return whether a label counts: a list item or weak label in a long value is text."""
        if self.open is None or self._kind(self.open) not in value_extent.LONG_KINDS:
            return True
        if found.listed and not self.bulleted:
            return False
        return not found.label.weak

    def _field(self, found: Named) -> Field | None:
        return self.catalogue.fields.get(found.label.field)

    def _kind(self, found: Named) -> str:
        field = self._field(found)
        return field.kind if field else "text"

    def _begin(self, found: Named, line: body_lines.Line) -> None:
        self.bulleted = self.bulleted or found.listed
        self.types += found.label.field == "case_type" and not found.label.weak
        if found.label.near:
            self.misread.append(f"{found.words!r} was read as {found.label.near!r}")
        self.open = found
        self.start = line.start + found.at
        self.end = line.start + len(line.text)
        self.parts = [found.value] if found.value else []
        self.before = line.text if self.wraps else ""
        if found.value and not value_extent.may_go_on(self._field(found), self.type, self.before):
            self.close()

    def _more(self, line: body_lines.Line) -> None:
        """Take a further line of an open value; a short kind takes the first non-blank line."""
        if self.open is None:
            return
        if self._kind(self.open) in value_extent.LONG_KINDS:
            self.parts.append(line.text)
            self.end = line.start + len(line.text)
        elif not self.parts and not visible(line.text).strip():
            return
        elif self.parts and not self._goes_on(line):
            self.close()
            self.leftover.append(line.text)
        else:
            mark = list_mark(line.text)
            self.start = self.start if self.parts else line.start + mark
            self.parts.append(line.text[mark:].strip() or line.text.strip())
            self.end = line.start + len(line.text)
            self.before = line.text if self.wraps else ""
            if not value_extent.may_go_on(self._field(self.open), self.type, self.before):
                self.close()

    def _goes_on(self, line: body_lines.Line) -> bool:
        field = self._field(self.open) if self.open else None
        return value_extent.goes_on(
            field, self.type, self.parts, self.before, line.text, self.catalogue
        )

    def end_of_text(self) -> None:
        """End the last long value at a blank line, if it began on the line of its label.

        ``Error Message: Login failed``, a blank line and a paragraph: the paragraph is not the
        error.
        """
        if self.open is None or self.open.label.field == "description" or not self.open.value:
            return
        blank = next((n for n, part in enumerate(self.parts) if not visible(part).strip()), 0)
        rest = self.parts[blank + 1 :] if blank else []
        if rest and not any(list_mark(part) for part in rest):
            self.leftover += ["", *rest]
            self.parts = self.parts[:blank]

    def close(self) -> None:
        """End the open value here."""
        if self.open is None:
            return
        words = value_extent.joined(self._field(self.open), self.type, self.parts)
        label = self.open.label
        source = "weak-label" if label.weak else "near-label" if label.near else "label"
        self.found.append(
            Candidate(label.field, words, source, self.open.words, self.start, self.end)
        )
        self.open = None
        self.parts = []


def _read(body: Body, labels: Table, catalogue: Catalogue, type_name: str) -> Reading:
    """Return the labels and the leftover text of the writer's own lines."""
    walk = _Walk(labels, catalogue, type_name, wraps=body_lines.wraps(body.lines))
    taken = False  # the line was used together with the line before
    for number, line in enumerate(body.lines):
        after = body.lines[number + 1] if number + 1 < len(body.lines) else None
        taken = not taken and walk.feed(line, after)
    walk.end_of_text()
    walk.close()
    warnings = tuple(Warning("near-label", one) for one in walk.misread[:20])
    forms = max(1, walk.types)
    return Reading(tuple(walk.found), _paragraphs(walk.leftover), body, forms, warnings)


def _paragraphs(lines: list[str]) -> str:
    """Join the lines without blank ones at the ends or in rows."""
    out: list[str] = []
    for line in lines:
        quoted_text = visible(line).rstrip()
        if quoted_text.strip() or (out and out[-1]):
            out.append(quoted_text if quoted_text.strip() else "")
    return "\n".join(out).strip("\n")


def _with_rows(reading: Reading, rows: tuple[tuple[str, ...], ...], labels: Table) -> Reading:
    """Replace values by those from table cells, which show more exactly where a value ends."""
    made = html_rows.candidates(rows, labels.find)
    found = {candidate.field: candidate for candidate in reversed(made)}
    if not found:
        return reading
    quoted_text = [
        found.pop(one.field) if one.field in found else one for one in reading.candidates
    ]
    return replace(reading, candidates=(*quoted_text, *found.values()))


def _weight(reading: Reading) -> int:
    """Return how many fields a body fills under strong labels."""
    strong = {one.field for one in reading.candidates if one.source not in WEAK and one.words}
    return len(strong)


def _disagreements(plain: Reading, html: Reading) -> list[Warning]:
    """Return the fields that the two bodies of one mail give differently."""
    other = {one.field: one.words for one in reversed(html.candidates)}
    found: list[Warning] = []
    for one in plain.candidates:
        words = other.get(one.field, one.words)
        if "".join(words.split()).lower() != "".join(one.words.split()).lower():
            found.append(
                Warning("bodies-differ", f"{one.field}: text and HTML say different things")
            )
    return found[:20]
