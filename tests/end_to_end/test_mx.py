"""A signed mail and forged ones through Postfix, OpenDKIM and OpenDMARC into Dovecot."""

from __future__ import annotations

import smtplib
import time
from pathlib import Path

import dkim
import pytest

from intake.worker import service
from tests.support import installation
from tests.support.dkim_mail import HEADERS, key
from tests.support.mx import HOST, mx
from tests.support.servers import USER, dovecot

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("servers")]
PERSON = "person0@d0.example"


def mail(number: int, sender: str = PERSON, top: str = "") -> bytes:
    """A question of that sender."""
    return (
        f"{top}From: Person 0 <{sender}>\r\nTo: support@desk.example\r\n"
        f"Subject: Question {number}\r\nDate: {installation.now_2822()}\r\n"
        f"Message-ID: <mx-{number}@d0.example>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n"
        "Case Type: Ask a Question\r\nDescription: How is a snow day set up?\r\n"
    ).encode()


def signed(raw: bytes, domain: bytes = b"d0.example") -> bytes:
    """The mail with a signature of that domain."""
    made = dkim.sign(raw, b"s1", domain, key(2048)[0], include_headers=HEADERS)
    return bytes(made) + raw


FORGED = (
    f"Authentication-Results: {HOST}; dkim=pass header.d=d0.example;"
    " dmarc=pass header.from=d0.example\r\n"
)


def test_a_signed_mail_is_l3_and_a_forged_one_is_held(tmp_path: Path) -> None:
    """What the real filters write is read right, and copies of it in the mail change nothing."""
    public = key(2048)[1].decode()
    records = {
        "s1._domainkey.d0.example": f"v=DKIM1; k=rsa; p={public}",
        "s1._domainkey.attack.example": f"v=DKIM1; k=rsa; p={public}",
        "_dmarc.d0.example": "v=DMARC1; p=none",
        "_dmarc.attack.example": "v=DMARC1; p=none",
        "d0.example": "v=spf1 -all",
        "attack.example": "v=spf1 -all",
    }
    mails = {
        1: (signed(mail(1)), "create R20", "L3"),
        2: (mail(2), "hold R5", "L0"),
        3: (mail(3, top=FORGED), "hold R5", "L0"),
        4: (signed(mail(4), b"attack.example"), "hold R5", "L0"),
        5: (signed(mail(5)).replace(b"snow day", b"sun day"), "hold R5", "L0"),
        6: (signed(mail(6, "eve@attack.example"), b"attack.example"), "hold R10", "L3"),
        7: (signed(mail(7, top=FORGED)), "create R20", "L3"),
    }
    with dovecot(tmp_path) as imap, mx(imap, records) as exchanger:
        more = "authserv_fields = 2"
        text = installation.imap_box(imap.imap, imap.password, more=more).replace(
            "mx.desk.example", HOST
        )
        config = installation.make(
            tmp_path, text + installation.delivery(f"maildir:{tmp_path}/out")
        )
        for raw, _, _ in mails.values():
            with smtplib.SMTP("127.0.0.1", exchanger.port, timeout=20) as client:
                client.sendmail("bounce@outside.example", ["support@desk.example"], raw)
        ends = time.monotonic() + 30
        while imap.count() < len(mails) and time.monotonic() < ends:
            time.sleep(0.1)
        arrived = imap.read()
        assert len(arrived) == len(mails), exchanger.log()[-3000:]
        report = service.once(config)
        assert report.failures == []
    rows = {row["message_id"]: row for row in installation.everything(config)["messages"]}
    got = {
        number: (f"{row['action']} {row['rule']}", row["level"])
        for number in mails
        for row in [rows[f"<mx-{number}@d0.example>"]]
    }
    assert got == {number: (what, level) for number, (_, what, level) in mails.items()}, arrived[0]
    assert USER
