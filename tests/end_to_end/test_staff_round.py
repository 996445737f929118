"""Contact, case, department, answer, reply, close, thanks: over Dovecot and a real SMTP sink.

The answers of staff have the shapes of Outlook, Gmail and the iPhone, in text and HTML.
"""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import SMTP
from html import escape
from pathlib import Path

import pytest

from intake.config.loader import Config
from intake.worker import service
from tests.support import installation
from tests.support.commands import good
from tests.support.letter_text import plain_text
from tests.support.mailbag import AUTHSERV, SERVICE
from tests.support.servers import Dovecot, Sink, dovecot, smtp_sink

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("servers")]
PERSON, NORA, GROUP = "person0@d0.example", "nora@vendor.example", "app@desk.example"
DEPARTMENT = f'\n[[department]]\nkey = "support"\naddress = "{GROUP}"\n'
QUESTION = "Case Type: Ask a Question\nDescription: How is a snow day set up?\n"
SIGNED = "\n\nBest regards,\nNora Field\nSupport Engineer\n+1 312 555 0199\n" + NORA


class Line:
    """The mailbox on one side, the sink on the other."""

    def __init__(self, config: Config, imap: Dovecot, sink: Sink) -> None:
        self.config, self.imap, self.sink, self.count = config, imap, sink, 0

    def send(self, sender: str, text: str, *, html: str = "", to: Message | None = None) -> None:
        """One mail by LMTP and one pass."""
        self.count += 1
        domain = sender.rpartition("@")[2].strip(">")
        mail = EmailMessage(policy=SMTP)
        mail["From"], mail["To"] = sender, SERVICE
        mail["Date"] = installation.now_2822()
        mail["Message-ID"] = f"<round-{self.count}@{domain}>"
        title = "Snow day" if to is None else "Re: " + " ".join(str(to["Subject"]).split())
        mail["Subject"] = title
        if to is not None:
            mail["In-Reply-To"] = mail["References"] = str(to["Message-ID"])
        mail.set_content(text, cte="quoted-printable")
        if html:
            mail.add_alternative(html, subtype="html")
        proof = f"{AUTHSERV}; dkim=pass header.d={domain}; dmarc=pass header.from={domain}"
        self.imap.deliver(f"Authentication-Results: {proof}\r\n".encode() + mail.as_bytes())
        report = service.once(self.config)
        assert report.failures == []
        assert report.collected == 1

    def got(self, to: str) -> list[Message]:
        """Every letter that left for that address."""
        letters = [message_from_bytes(one) for one in self.sink.letters()]
        return [one for one in letters if one["To"] == to]


def outlook(words: str, letter: Message) -> tuple[str, str]:
    """No quote marks, a head of four lines, Word's HTML."""
    head = f"From: Support desk <{SERVICE}>\nSent: Monday, March 2, 2026 9:00 AM\nTo: {GROUP}\n"
    text = f"{words}{SIGNED}\n\n{head}Subject: case\n\n{plain_text(letter)}"
    rows = "".join(f"<p class=MsoNormal>{escape(one) or '&nbsp;'}</p>" for one in text.split("\n"))
    return text, f"<html><body><div class=WordSection1>{rows}</div></body></html>"


def gmail(words: str, letter: Message) -> tuple[str, str]:
    """An attribution, quote marks, a gmail_quote in the HTML."""
    line = f"On Mon, Mar 2, 2026 at 9:00 AM Support desk <{SERVICE}> wrote:"
    quoted = "\n".join(f"> {one}" for one in plain_text(letter).split("\n"))
    shown = "<br>".join(escape(words).split("\n"))
    below = "<br>".join(escape(plain_text(letter)).split("\n"))
    html = (
        f'<div dir="ltr">{shown}</div><br><div class="gmail_quote"><div class="gmail_attr">'
        f'{escape(line)}<br></div><blockquote class="gmail_quote">{below}</blockquote></div>'
    )
    return f"{words}\n\n{line}\n\n{quoted}\n", html


def iphone(words: str, letter: Message) -> tuple[str, str]:
    """ "Sent from my iPhone" between the words and the quote; no HTML."""
    line = f"On Mar 2, 2026, at 9:00 AM, Support desk <{SERVICE}> wrote:"
    quoted = "\n".join(f"> {one}" for one in plain_text(letter).split("\n"))
    return f"{words}\n\nSent from my iPhone\n\n> {line}\n>\n{quoted}\n", ""


def test_a_case_from_the_first_word_to_the_thanks(tmp_path: Path) -> None:
    """Each answer reaches the contact once and clean; each reply reaches the department."""
    with dovecot(tmp_path / "mx") as imap, smtp_sink(tmp_path / "out") as sink:
        text = installation.imap_box(imap.imap, imap.password)
        text += installation.delivery(f"smtp://127.0.0.1:{sink.port}") + DEPARTMENT
        config = installation.make(tmp_path, text)
        good(config, "staff", "add", "nora", "--name", "Nora Field", "--email", NORA,
                    "--department", "support")  # fmt: skip
        line = Line(config, imap, sink)
        line.send(f"Person 0 <{PERSON}>", QUESTION)
        assert "it has gone to" in plain_text(line.got(PERSON)[0])
        for number, (shape, words) in enumerate(
            [
                (outlook, "Please open the calendar."),
                (gmail, "Then choose the day.\nAnd click Save."),
                (iphone, "Did it work?"),
            ],
            1,
        ):
            letter = line.got(GROUP)[-1]
            plain, html = shape(words, letter)
            line.send(f"Nora Field <{NORA}>", plain, html=html, to=letter)
            answers = [one for one in line.got(PERSON) if "<answer." in str(one["Message-ID"])]
            assert len(answers) == number
            shown = plain_text(answers[-1])
            assert shown.startswith(f"Hello Person 0,\n\n{words}\n\nNora Field\n")
            for secret in (NORA, GROUP, "only for staff", "555 0199", "iPhone", "wrote:"):
                assert secret not in answers[-1].as_string() + shown, (secret, shape)
            before = len(line.got(GROUP))
            line.send(f"Person 0 <{PERSON}>", f"Step {number} is done.", to=answers[-1])
            assert len(line.got(GROUP)) == before + 1
            assert f"Step {number} is done." in plain_text(line.got(GROUP)[-1])
        plain, html = outlook("#close\nWelcome!", line.got(GROUP)[-1])
        line.send(f"Nora Field <{NORA}>", plain, html=html, to=line.got(GROUP)[-1])
        (case,) = installation.everything(config)["cases"]
        assert case["status"] == "closed"
        letters = len(sink.letters())
        line.send(f"Person 0 <{PERSON}>", "Thank you!", to=line.got(PERSON)[-1])
        assert len(sink.letters()) == letters, "thanks are answered to nobody"
        (case,) = installation.everything(config)["cases"]
        assert case["status"] == "closed"
