"""Mail that wants to be taken for somebody's: header tricks, generated senders, and a real sink.

Every run makes 20,000 generated senders; INTAKE_CAMPAIGN multiplies them.
"""

from __future__ import annotations

import email.policy
import random
from datetime import UTC, datetime
from email import message_from_bytes
from email.utils import parseaddr

import pytest
from mailparser import parse_from_bytes

from intake.authentication.alignment import Trust
from intake.authentication.dkim import flaw
from intake.authentication.sender import identify
from intake.mail.addresses import AddressRefusal, Mailbox, ascii_lower
from intake.mail.message import Message, Refusal
from intake.model.context import Known
from tests.support.forgeries import ADMIN, BODY, PASS
from tests.support.rawmail import CAMPAIGN, NOON, result
from tests.support.values import AUTHSERV, ZACK

EVIL = "second@attack.example"


def line(value: str) -> str:
    """A mail whose From is that value."""
    return f"From: {value}"


TRICKS = {
    # two senders
    "two From": f"From: {EVIL}\r\nFrom: {ADMIN}",
    "two From, case": f"From: {EVIL}\r\nFROM: {ADMIN}",
    "From behind a space": f" From: {ADMIN}\r\nFrom: {EVIL}",
    "From behind a tab": f"\tFrom: {ADMIN}\r\nFrom: {EVIL}",
    "space before the colon": f"From: {EVIL}\r\nFrom : {ADMIN}",
    "tab before the colon": f"From: {EVIL}\r\nFrom\t: {ADMIN}",
    "folded name": f"From\r\n : {ADMIN}\r\nFrom: {EVIL}",
    "no From but Sender": f"Sender: {ADMIN}",
    "no From but Resent-From": f"Resent-From: {ADMIN}",
    "no From but Reply-To": f"Reply-To: {ADMIN}",
    "a list": line(f"{ADMIN}, {EVIL}"),
    "a list without space": line(f"{ADMIN},{EVIL}"),
    "a list with an empty member": line(f"{ADMIN},"),
    "a leading comma": line(f",{ADMIN}"),
    "a semicolon": line(f"{ADMIN}; {EVIL}"),
    "a group": line(f"x: {ADMIN};"),
    "a group of two": line(f"x: {ADMIN}, {EVIL};"),
    "an empty group": line("x:;"),
    "an open group": line(f"x: {ADMIN}"),
    # angle brackets
    "text behind the brackets": line(f"<{EVIL}>{ADMIN}"),
    "an address as the name, none in brackets": line(f"{ADMIN} <>"),
    "two pairs": line(f"<{ADMIN}><{EVIL}>"),
    "two pairs apart": line(f"<{ADMIN}> <{EVIL}>"),
    "nested": line(f"<<{ADMIN}>>"),
    "nested other": line(f"<{EVIL}<{ADMIN}>>"),
    "not closed": line(f"Zack <{ADMIN}"),
    "not opened": line(f"{ADMIN}>"),
    "bracket in quotes, open": line(f'"Zack <{ADMIN}> {EVIL}'),
    "backslash comma": line(f"<{ADMIN}>\\,<{EVIL}>"),
    "bare name then brackets": line(f"{ADMIN} <{EVIL}> (x) <y@z.example>"),
    # comments
    "comment in the domain": line("zack.morris@bayside.example(.attack.example"),
    "comment inside": line(f"zack.morris(x)@bayside.example <{EVIL}>"),
    "comment instead": line(f"({ADMIN})"),
    "comment not closed": line(f"{ADMIN} ({EVIL}"),
    "deep comments": line("(" * 900 + ADMIN + ")" * 900),
    "comment then another": line(f"{ADMIN} (x) <{EVIL}>"),
    # routes and quoting
    "source route": line(f"<@attack.example:{ADMIN}>"),
    "route of two": line(f"<@a.example,@b.example:{ADMIN}>"),
    "quoted local part": line('<"zack.morris"@bayside.example>'),
    "quoted with an at": line(f'<"{ADMIN}"@attack.example>'),
    "escaped local part": line("<zack\\.morris@bayside.example>"),
    "percent hack": line("<zack.morris%bayside.example@attack.example>, x"),
    "bang path": line("<bayside.example!zack.morris@attack.example>x"),
    # encodings
    "encoded address": line(f"=?utf-8?q?{ADMIN.replace('@', '=40')}?= "),
    "encoded brackets": line("=?utf-8?q?=3Czack.morris=40bayside.example=3E?="),
    "encoded in brackets": line("<=?utf-8?q?zack.morris?=@bayside.example>"),
    "encoded domain": line("<zack.morris@=?utf-8?q?bayside.example?=>"),
    "encoded list": line(f"=?utf-8?b?PHphY2subW9ycmlzQGJheXNpZGUuZXhhbXBsZT4=?=, <{EVIL}>"),
    "a null in the name": line(f"a\0b <{ADMIN}>"),
    "a bare return": f"X-A: b\rFrom: {ADMIN}\r\nFrom: {EVIL}",
    "a bare newline in a value": f"X-A: b\nFrom: {ADMIN}\r\nFrom: {EVIL}",
    "vertical tab": line(f"x\x0b <{ADMIN}>\x0b"),
    # look-alikes
    "Kelvin sign": line("zac\u212a.morris@bayside.example"),
    "fullwidth at": line("zack.morris\uff20bayside.example"),
    "fullwidth dot": line("zack.morris@bayside\uff0eexample"),
    "ideographic dot": line("zack.morris@bayside\u3002example"),
    "zero width": line("zack.morris@bay\u200bside.example"),
    "soft hyphen": line("zack.morris@bay\u00adside.example"),
    "right to left": line("\u202ezack.morris@bayside.example"),
    "Cyrillic a": line("z\u0430ck.morris@bayside.example"),
    "sharp s": line("za\u00dfck.morris@bayside.example"),
    # domains
    "trailing dot": line("<zack.morris@bayside.example.>"),
    "two dots": line("<zack.morris@bayside..example>"),
    "leading dot": line("<.zack.morris@bayside.example>"),
    "IP literal": line("<zack.morris@[192.0.2.1]>"),
    "underscore": line("<zack.morris@bay_side.example>"),
    "hyphen at the edge": line("<zack.morris@-bayside.example>"),
    "port": line("<zack.morris@bayside.example:25>"),
    "space in the domain": line("<zack.morris@bayside.example .attack.example>"),
    "space in the local part": line("<zack .morris@bayside.example>"),
    "two ats": line("<zack.morris@bayside.example@attack.example>"),
    "no domain": line("<zack.morris>"),
    "empty": line(""),
    "only space": line("   "),
    "a label of 64": line(f"<zack.morris@{'b' * 64}.example>"),
    "a name of 5000": line(f"{'x' * 5000} <{ADMIN}>"),
    # duplicates elsewhere
    "two Subjects": f"From: {ADMIN}\r\nSubject: a",
    "two Message-IDs": f"From: {ADMIN}\r\nMessage-ID: <a@b.example>\r\nMessage-ID: <c@d.example>",
    "two Content-Types": f"From: {ADMIN}\r\nContent-Type: text/plain\r\nContent-Type: text/html",
    "two Reply-Tos": f"From: {ADMIN}\r\nReply-To: a@b.example\r\nReply-To: c@d.example",
}


@pytest.mark.parametrize("name", TRICKS)
def test_a_header_trick_names_nobody(name: str) -> None:
    """Under a passing field of the real server the mail is refused, or is plainly the forger's."""
    mail = result(f"{PASS}\r\n{TRICKS[name]}{BODY}".encode())
    if isinstance(mail, Refusal) or isinstance(mail.sender, AddressRefusal):
        return
    sender = identify(mail, Known(contacts=(ZACK,)), Trust((AUTHSERV,)))
    assert sender.address != ADMIN
    assert not sender.proved


def test_a_second_date_names_nobody_else_and_weakens_the_signature() -> None:
    """The first counts; the server's verdict proves the sender, but never to L3."""
    head = f"{PASS}\r\nFrom: {ADMIN}\r\nDate: Mon, 2 Mar 2026 09:00:00 +0000\r\nDate: x"
    mail = result(f"{head}{BODY}".encode())
    assert isinstance(mail, Message)
    assert mail.date == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert [one.code for one in mail.warnings] == ["twice"]
    sender = identify(mail, Known(contacts=(ZACK,)), Trust((AUTHSERV,)))
    assert sender.address == ADMIN
    present = [one.name for one in mail.fields]
    tags = {
        "d": "bayside.example",
        "s": "x",
        "a": "rsa-sha256",
        "h": "from:subject:date:message-id",
    }
    assert flaw(tags, present, NOON) == "date stands twice"


ATOMS = ("zack.morris", "second", "a+b", "x", '"q"', '"a@b"', "=?utf-8?q?z?=", "é", "\u212a", "")

DOMAINS = (
    "bayside.example",
    "attack.example",
    "x",
    "[192.0.2.1]",
    "b\u00fccher.example",
    "a..b",
    "",
)

MARKS = (
    "<",
    ">",
    "@",
    ",",
    ";",
    ":",
    "(",
    ")",
    '"',
    "\\",
    " ",
    "\t",
    "[",
    "]",
    ".",
    "=?utf-8?q?=3C?=",
    "\r\n ",
)


def generated(dice: random.Random) -> str:
    """A From line made of good pieces and marks in any order."""
    pieces = []
    for _ in range(dice.randint(1, 6)):
        what = dice.random()
        if what < 0.55:
            pieces.append(f"{dice.choice(ATOMS)}@{dice.choice(DOMAINS)}")
        elif what < 0.7:
            pieces.append(dice.choice(ATOMS))
        else:
            pieces.append(dice.choice(MARKS))
    value = "".join(pieces)
    if dice.random() < 0.4:  # something good, with a trick in it or none
        value = (
            f"{dice.choice(('Zack Morris', '', 'Z. M.'))} <zack@{dice.choice(DOMAINS[:3])}.example>"
        )
    elif dice.random() < 0.5:
        value = f"{dice.choice(ATOMS)} <{value}>"
    for _ in range(dice.choice((0, 0, 1, 2))):
        at = dice.randint(0, len(value))
        value = value[:at] + dice.choice(MARKS) + value[at:]
    return value


def modern(raw: bytes) -> str:
    """The address that the standard library's newer reading gives; it raises on odd ones."""
    try:
        parsed = message_from_bytes(raw, policy=email.policy.default)["from"]
        addresses = parsed.addresses if parsed is not None else ()
        return addresses[0].addr_spec if len(addresses) == 1 else ""
    except Exception:  # noqa: BLE001 - it raises anything on such input
        return ""


def library(raw: bytes) -> str:
    """The addresses that mail-parser names, in one text."""
    try:
        return ascii_lower(",".join(address for _, address in parse_from_bytes(raw).from_))
    except Exception:  # noqa: BLE001 - it raises anything on such input
        return ""


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_no_generated_sender_is_accepted_where_a_parser_disagrees(seed: int) -> None:
    """parseaddr, the newer reading and mail-parser all name the mailbox that we name."""
    dice = random.Random(seed)
    accepted = disagreed = 0
    for _ in range(2000 * CAMPAIGN):
        value = generated(dice)
        raw = f"From: {value}\r\nSubject: x\r\n\r\nbody\r\n".encode()
        mail = result(raw)
        said = {ascii_lower(parseaddr(" ".join(value.split()))[1]), library(raw)}
        disagreed += len(said) > 1
        if not isinstance(mail, Message) or not isinstance(mail.sender, Mailbox):
            continue
        accepted += 1
        key = mail.sender.address.key
        assert said == {key}, value
        assert ascii_lower(modern(raw)) == key, value
    assert accepted > 300 * CAMPAIGN
    assert disagreed > 100 * CAMPAIGN  # so there was something to be taken in by
