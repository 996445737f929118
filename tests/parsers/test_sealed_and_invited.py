"""Signed and encrypted mail, and invitations: what a contact and a department see of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from intake.parsers import invitations
from tests.support.rawmail import message
from tests.support.service import AMY, Door, words_of

QUESTION = "Case Type: Ask a Question\nDescription: How is a snow day set up?\n"
SIGNED = """MIME-Version: 1.0
Content-Type: multipart/signed; protocol="{kind}"; micalg=sha-256; boundary=s"""
PARTS = """--s
Content-Type: text/plain

{text}
--s
Content-Type: {kind}; name="{name}"
Content-Disposition: attachment; filename="{name}"
Content-Transfer-Encoding: base64

MIIGnQYJKoZIhvcNAQcCoIIGjjCCBooCAQExDzANBglghkgBZQMEAgEFADALBgkq
--s--
"""


@pytest.mark.parametrize(("kind", "name"), [
    ("application/pkcs7-signature", "smime.p7s"), ("application/x-pkcs7-signature", "smime.p7s"),
    ("application/pgp-signature", "signature.asc"), ("application/octet-stream", "smime.p7s"),
])  # fmt: skip
def test_a_signature_is_no_attachment(tmp_path: Path, kind: str, name: str) -> None:
    """The letter does not speak of it, and thanks with a signature are only thanks."""
    door = Door(tmp_path)
    fields = SIGNED.format(kind=kind).splitlines()
    door.say(AMY, PARTS.format(text=QUESTION, kind=kind, name=name), fields=fields)
    (letter,) = door.posted()
    assert "Attachments" not in words_of(letter)
    assert door.cases()[0]["status"] == "open"
    row = door.say(AMY, PARTS.format(text="Thanks!", kind=kind, name=name), fields=fields,
                   to=str(letter["Message-ID"]))  # fmt: skip
    assert "nothing but thanks" in str(row["reasons"])


SEALED = {
    "S/MIME": "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m",
    "rights": "Content-Type: multipart/mixed; boundary=s",
    "PGP/MIME": "Content-Type: multipart/encrypted; boundary=s",
    "PGP in the text": "Content-Type: text/plain",
}
BODIES = {
    "S/MIME": "MIIGnQYJKoZIhvcNAQcCoIIGjjCCBooCAQEx\n",
    "rights": "--s\nContent-Type: text/plain\n\nThis message is protected. Open the attachment.\n"
    "--s\nContent-Type: application/x-microsoft-rpmsg-message; name=message.rpmsg\n"
    "Content-Disposition: attachment; filename=message.rpmsg\n\nxyz\n--s--\n",
    "PGP/MIME": "--s\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--s\n"
    "Content-Type: application/octet-stream\n\n-----BEGIN PGP MESSAGE-----\nabc\n--s--\n",
    "PGP in the text": "Hello,\n\n-----BEGIN PGP MESSAGE-----\n\nhQEMA5\n=abcd\n"
    "-----END PGP MESSAGE-----\n",
}


@pytest.mark.parametrize("kind", SEALED)
def test_what_cannot_be_read_is_said_to_be_so(tmp_path: Path, kind: str) -> None:
    """In one sentence, with what to do; the mail is a draft, and its bytes are kept."""
    door = Door(tmp_path)
    door.say(AMY, BODIES[kind], fields=["MIME-Version: 1.0", SEALED[kind]])
    (letter,) = door.posted()
    assert "we cannot read it. Please send it once more" in words_of(letter)
    assert door.cases()[0]["status"] == "draft"


def test_text_that_pgp_signed_is_read_without_its_frame() -> None:
    """The frame, the hash and the signature are nobody's words; a dash is unescaped."""
    raw = (
        b"From: a@b.example\r\n\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\n"
        b"- - first\r\nIt is broken.\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\niQEz\r\n=ab\r\n"
        b"-----END PGP SIGNATURE-----\r\n"
    )
    assert message(raw).plain.strip() == "- first\nIt is broken."


@pytest.mark.parametrize("block", ["-----BEGIN PGP MESSAGE-----\n",
                                   "-----BEGIN PGP SIGNED MESSAGE-----\n\n"])  # fmt: skip
def test_thousands_of_frames_are_ordinary_text(block: str) -> None:
    """No text costs more than its length."""
    raw = b"From: a@b.example\r\n\r\n" + block.encode() * 20_000
    assert message(raw).plain.startswith("-----BEGIN")


EVENT = """BEGIN:VCALENDAR
METHOD:{method}
BEGIN:VEVENT
UID:1
SUMMARY:Review of the import\\, part 2
DTSTART;TZID=Europe/Berlin:20260302T090000
DTEND;TZID=Europe/Berlin:20260302T100000
LOCATION:Room 4\\; Main
  Street
DESCRIPTION:Please bring the file.\\nAnd the log.
BEGIN:VALARM
DESCRIPTION:Reminder
END:VALARM
END:VEVENT
END:VCALENDAR
"""


def invited(method: str, more: str = "") -> bytes:
    """A mail with a calendar entry."""
    text = EVENT.format(method=method).replace("\n", "\r\n")
    return (
        "From: a@b.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=s\r\n"
        f"\r\n--s\r\nContent-Type: text/plain\r\n\r\nPlease join.{more}\r\n--s\r\n"
        f"Content-Type: text/calendar; method={method}; charset=utf-8\r\n\r\n{text}\r\n--s--\r\n"
    ).encode()


def test_an_invitation_shows_time_place_and_text() -> None:
    """RFC 5545: unfolded and unescaped; the alarm inside it is not its text."""
    assert invitations.text(message(invited("REQUEST"))) == (
        "Invitation: Review of the import, part 2\n"
        "Time: 2026-03-02 09:00 Europe/Berlin to 2026-03-02 10:00 Europe/Berlin\n"
        "Place: Room 4; Main Street\nPlease bring the file.\nAnd the log."
    )
    known = invited("REQUEST", " Please bring the file. And the log.")
    assert "Please bring" not in invitations.text(message(known))
    assert invitations.text(message(invited("CANCEL"))).startswith("Cancelled: Review")
    assert invitations.text(message(invited("REPLY"))) == ""


def test_an_invitation_holds_no_control_characters() -> None:
    """Found by fuzzing: a damaged entry put them into the case and into letters."""
    damaged = invited("REQUEST").replace(b"SUMMARY:", b"SUMMARY:\x10\x1b[2J\x00")
    text = invitations.text(message(damaged))
    assert text.startswith("Invitation: [2J")
    assert text.replace("\n", "").isprintable()


def test_an_invitation_stands_in_the_case(tmp_path: Path) -> None:
    """A department that sees only the case knows when and where."""
    door = Door(tmp_path)
    raw = invited("REQUEST").decode().replace("\r\n", "\n").partition("\n\n")[2]
    door.say(AMY, raw, subject="Ask a Question: review", fields=[
        "MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=s"])  # fmt: skip
    described = door.cases()[0]["description"]
    assert "Time: 2026-03-02 09:00 Europe/Berlin" in described
    assert "Place: Room 4; Main Street" in described
