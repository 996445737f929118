"""Real mail from the test suites of other projects, where the folder with it is present."""

from __future__ import annotations

import csv
import email
import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Sequence
from email.message import Message as Walked
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from intake.mail.addresses import AddressRefusal
from intake.mail.message import Message, Refusal
from intake.parsers import account_and_contact, signatures
from intake.parsers import body_lines as text_lines
from intake.parsers.interpret import interpret
from intake.parsers.scanner import scan
from tests.support.forms import AT, CATALOGUE
from tests.support.rawmail import HANG, result

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "mail"
pytestmark = [
    pytest.mark.skipif(
        not (FOLDER / "INDEX.csv").is_file(),
        reason=f"the real mail is not part of the project; none lies in {FOLDER}",
    ),
    pytest.mark.xdist_group("shared_mail"),
]

# The standard library's reading, where ours differs for a reason.
STDLIB_IS_WRONG = {
    "twopart.msg": "it does not undo 'base64 ' because of the space behind it",
    "lhost-x1-02.eml": "it takes a type without its semicolon for a file's",
    "lhost-sendmail-08.eml": "it drops the last line end although no boundary follows it",
}
# The upstream projects' expectations, where ours differ for a reason.
OTHER_SUBJECT = {
    "content_transfer_encoding_empty.eml": "soft hyphens are format characters, shown as a space",
    "invalid_subject_characters.eml": "8-bit characters are read as Windows-1252, not dropped",
    "example14.eml": "the space that folding leaves between text and an encoded-word is kept",
}
OTHER_FILES = {
    "attachment_7bit.eml": "the line end before a boundary belongs to the boundary",
    "attachment_message_rfc822.eml": "an attached mail is one file, its own files stay in it",
    "raw_email_with_mimepart_without_content_type.eml": "an attached mail keeps its exact bytes",
    "multi_address_bounce1.eml": "an attached mail keeps its exact bytes",
    "multipart_report_multiple_status.eml": "an attached mail is one file, its texts stay in it",
    "text_with_content_id.eml": "a text without a name is part of the body",
}


@cache
def mails() -> dict[str, tuple[bytes, Message | Refusal, float]]:
    """Path -> raw bytes, what was read, CPU seconds."""
    out = {}
    with (FOLDER / "INDEX.csv").open(encoding="utf-8", newline="") as index:
        paths = [row["path"] for row in csv.DictReader(index)]
    for path in paths:
        raw = (FOLDER / path).read_bytes()
        before = time.process_time()
        read = result(raw)
        out[path] = (raw, read, time.process_time() - before)
    return out


def expectations() -> list[tuple[str, dict[str, Any], Message]]:
    """Every upstream expectation about a mail that we read."""
    lines = (FOLDER / "EXPECT.jsonl").read_text(encoding="utf-8").splitlines()
    wanted = [json.loads(line) for line in lines]
    read = [(one["path"], one, mails()[one["path"]][1]) for one in wanted if one["path"] in mails()]
    return [(path, one, mail) for path, one, mail in read if isinstance(mail, Message)]


def name(path: str) -> str:
    """The last part of a path, which the tables above are keyed by."""
    return path.rpartition("/")[2]


def other_files(raw: bytes) -> Counter[str]:
    """Digests of every leaf that is no text, by an independent walk of the standard tree."""
    if raw.startswith(b"From "):
        raw = raw.partition(b"\n")[2]
    found: Counter[str] = Counter()
    waiting: list[Walked[str, str]] = [email.message_from_bytes(raw)]
    while waiting:
        part = waiting.pop()
        if part.get_content_maintype() == "message":
            continue  # its bytes are compared as a slice of the raw mail
        if part.is_multipart():
            waiting.extend(part.get_payload())  # type: ignore[arg-type]  # a multipart has a list
        elif part.get_content_maintype() != "multipart" and not is_body(part):
            found[hashlib.sha256(part.get_payload(decode=True) or b"").hexdigest()] += 1  # type: ignore[arg-type]  # a leaf has bytes
    return found


def is_body(part: Walked[str, str]) -> bool:
    """Text without a name that is not declared to be a file."""
    is_text = part.get_content_type() in ("text/plain", "text/html")
    is_file = part.get_content_disposition() == "attachment" or part.get_filename()
    return is_text and not is_file


def test_every_mail_is_read_or_refused_by_name() -> None:
    """No mail is a crash, and most are read."""
    refused = Counter(read.code for _, read, _ in mails().values() if isinstance(read, Refusal))
    assert set(refused) <= {"limits", "header", "sender", "structure"}
    assert sum(refused.values()) < len(mails()) / 5


def test_no_mail_hangs_the_reader() -> None:
    """The slowest seen took a fiftieth of a second."""
    slow = {path: spent for path, (_, _, spent) in mails().items() if spent > HANG}
    assert slow == {}


def test_every_leaf_is_there_byte_for_byte() -> None:
    """An independent walk finds no file that we do not have with the same digest."""
    lost = []
    for path, (raw, read, _) in mails().items():
        if isinstance(read, Message):
            ours = Counter(file.sha256 for file in read.attachments)
            if other_files(raw) - ours:
                lost.append(name(path))
    assert set(lost) <= set(STDLIB_IS_WRONG), lost
    assert len(lost) <= len(STDLIB_IS_WRONG)


def test_attached_mails_are_slices_of_the_raw_mail() -> None:
    """An attached message that is not encoded has the bytes it has in the mail around it."""
    compared = 0
    for raw, read, _ in mails().values():
        for file in read.attachments if isinstance(read, Message) else ():
            if file.declared_type.startswith("message/") and file.content in raw:
                compared += 1
            elif file.declared_type.startswith("message/"):
                assert b"base64" in raw or b"quoted-printable" in raw
    assert compared > 500


def test_subjects_are_those_that_others_expect() -> None:
    """White space apart, every subject is the expected one, with named exceptions."""
    different = {
        name(path)
        for path, wanted, mail in expectations()
        if wanted.get("subject") is not None and " ".join(wanted["subject"].split()) != mail.subject
    }
    assert different <= set(OTHER_SUBJECT)


def test_files_are_those_that_others_expect() -> None:
    """Every expected attachment is there by digest, with named exceptions."""
    different = set()
    for path, wanted, mail in expectations():
        digests = Counter(
            file["sha256"] for file in wanted.get("attachments") or () if file.get("sha256")
        )
        if digests - Counter(file.sha256 for file in mail.attachments):
            different.add(name(path))
    assert different <= set(OTHER_FILES)


def test_bounces_and_replies_of_programs_are_known() -> None:
    """Of the bounces, reports and automatic replies 98 in 100 show it, or name no sender at all."""
    classes = ("bounce-or-vendor-notice", "feedback", "auto-reply")
    programs = [mail for _, one, mail in expectations() if one.get("class") in classes]
    known = [mail for mail in programs if mail.automatic or isinstance(mail.sender, AddressRefusal)]
    assert len(known) >= 0.98 * len(programs)


def test_no_text_leaves_the_room_that_a_database_refuses() -> None:
    """NUL and lone surrogates are nowhere in what was read."""
    for _, read, _ in mails().values():
        if isinstance(read, Message):
            shown = (read.subject, read.plain, read.html.text, *(f.name for f in read.attachments))
            for text in (*shown, *(cell for row in read.html.rows for cell in row)):
                assert "\0" not in text
                text.encode("utf-8")


WORD = re.compile(r"[^\W_]{4,}")


def unsaid(mail: Message) -> list[str]:
    """Lines of a person's mail with a word that stands nowhere in the case it makes.

    Left out is what greets, closes and signs, and a label with nothing behind it. What the letter
    asks about because it cannot be taken is not lost, either.
    """
    found = scan(mail, CATALOGUE)
    case = interpret(found, mail, CATALOGUE, AT)
    kept = " ".join(
        (case.subject, case.description, case.comment, case.priority, found.type_words,
         *(f"{one.label} {one.words}" for one in case.fields.values()),
         *(one.label for one in found.candidates),
         *(problem.found for problem in case.problems),
         *(warning.detail for warning in found.warnings))
    ).casefold()  # fmt: skip
    text = mail.plain if found.body == "plain" else mail.html.text
    lines = text_lines.split(text)
    signed_by = signatures.cut(_own(lines), account_and_contact.names(mail, AT))[1].splitlines()
    lost, signed = [], False
    for number, line in enumerate(lines):
        if text_lines.is_signature(line.text) and not line.depth:
            signed = True
        elif line.depth or text_lines.ends_own_text(lines, number):
            signed = False
        if signed or text_lines.is_courtesy(line.text) or line.text.strip() in signed_by:
            continue
        if line.text.strip().endswith(":") and len(line.text.split()) == 1:
            continue
        if any(word not in kept for word in WORD.findall(line.text.casefold())):
            lost.append(line.text)
    return lost


def _own(lines: Sequence[text_lines.Line]) -> str:
    """The words above the first two dashes."""
    ends = (n for n, line in enumerate(lines) if text_lines.is_signature(line.text))
    return "\n".join(line.text for line in lines[: next(ends, len(lines))]).rstrip()


def test_every_word_of_a_persons_mail_stands_in_its_case() -> None:
    """As if a contact had sent it: subject, description, fields and what was set aside hold it."""
    people = {
        path: mail
        for path, (_, mail, _) in mails().items()
        if isinstance(mail, Message) and not mail.automatic
    }
    lost = {path: lines for path, mail in people.items() if (lines := unsaid(mail))}
    assert not lost
    assert len(people) > 400
