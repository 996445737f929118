"""One case from the first mail to the last, by mail alone, through real servers."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import SMTP
from html import escape
from pathlib import Path
from typing import Any

import pytest

from intake.config.loader import Config
from intake.worker import service
from tests.support import installation
from tests.support.letter_text import plain_text
from tests.support.mailbag import AUTHSERV, SERVICE
from tests.support.servers import Dovecot, Sink, dovecot, smtp_sink

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("servers")]
PERSON = "person0@d0.example"
BLUE = "<span style='color:#1F497D'>{}</span>"


class Talk:
    """Both sides of a conversation: what the contact sends, and what comes back."""

    def __init__(self, config: Config, imap: Dovecot, sink: Sink) -> None:
        self.config, self.imap, self.sink = config, imap, sink
        self.sent = 0

    def say(self, subject: str, text: str, *, html: str = "", to: Message | None = None) -> Message:
        """One mail by LMTP, one pass of the worker, and the letter that answers it."""
        mail = EmailMessage(policy=SMTP)
        mail["From"] = f"Person 0 <{PERSON}>"
        mail["To"] = SERVICE
        mail["Subject"] = subject
        mail["Date"] = installation.now_2822()
        self.sent += 1
        mail["Message-ID"] = f"<talk-{self.sent}@d0.example>"
        if to is not None:
            mail["In-Reply-To"] = mail["References"] = str(to["Message-ID"])
        mail.set_content(text)
        if html:
            mail.add_alternative(html, subtype="html")
        proof = f"{AUTHSERV}; dkim=pass header.d=d0.example; dmarc=pass header.from=d0.example"
        raw = f"Authentication-Results: {proof}\r\n".encode() + mail.as_bytes()
        self.imap.deliver(raw)
        report = service.once(self.config)
        assert report.failures == []
        assert report.collected == 1
        letters = [message_from_bytes(one) for one in self.sink.letters()]
        mine = [one for one in letters if one["In-Reply-To"] == mail["Message-ID"]]
        assert len(mine) == 1
        assert mine[0]["To"] == PERSON
        return mine[0]

    def case(self) -> dict[str, Any]:
        """The one case there is."""
        (found,) = installation.everything(self.config)["cases"]
        return found


def text_of(letter: Message) -> str:
    """What the contact reads."""
    return plain_text(letter)


def subject_of(letter: Message) -> str:
    """On one line."""
    return " ".join(str(letter["Subject"]).split())


def outlook(letter: Message, answers: dict[str, str]) -> tuple[str, str]:
    """A reply as Outlook for Windows makes it: answers in blue inside the copy, no quote marks."""
    head = [
        "From: Support desk <support@desk.example>",
        "Sent: Monday, March 2, 2026 9:00 AM",
        f"To: {PERSON}",
        f"Subject: {subject_of(letter)}",
        "",
    ]
    plain = ["See my answers in blue below.", "", *head]
    html = ["<p class=MsoNormal>See my answers in blue below.<o:p></o:p></p>", "<div>"]
    html += [f"<p class=MsoNormal>{escape(line)}<o:p></o:p></p>" for line in head]
    for line in text_of(letter).splitlines():
        added = answers.get(line.rstrip(":"), "")
        plain.append(f"{line} {added}".rstrip())
        blue = BLUE.format(escape(added)) if added else ""
        html.append(f"<p class=MsoNormal>{escape(line) or '&nbsp;'} {blue}<o:p></o:p></p>")
    return "\n".join(plain), "<html><body>" + "\n".join(html) + "</div></body></html>"


def test_a_case_is_finished_by_mail(tmp_path: Path) -> None:
    """Half a mail, a request, answers inside the quote, a correction, status, close, reopen."""
    with dovecot(tmp_path) as imap, smtp_sink(tmp_path) as sink:
        text = installation.imap_box(imap.imap, imap.password)
        text += installation.delivery(f"smtp://127.0.0.1:{sink.port}")
        config = installation.make(tmp_path, text + "[replies]\nmax_letters_per_hour = 20\n")
        talk = Talk(config, imap, sink)
        asked = talk.say(
            "Post button is grey",
            "Case Type: Application Issue\nModule: Grade Book\n\n"
            "Description: English teachers cannot post their grades.\n",
        )
        assert talk.case()["status"] == "draft"
        given = {
            "Steps to Reproduce": "Log in as a teacher, open Grade Book, press Post.",
            "Who is impacted?": "all English teachers",
            "Issue Began": "02/23/2026",
            "Error Message": "none",
        }
        plain, html = outlook(asked, given)
        done = talk.say(f"RE: {subject_of(asked)}", plain, html=html, to=asked)
        case = talk.case()
        assert (case["status"], case["number"]) == ("open", "CASE-1001")
        assert case["fields"]["issue_began"]["value"] == "2026-02-23"
        words = {name: one["words"] for name, one in case["fields"].items()}
        assert words["who_is_impacted"] == "all English teachers"
        assert words["steps_to_reproduce"] == given["Steps to Reproduce"]
        assert words["error_message"] == "none"
        assert case["description"] == "English teachers cannot post their grades."
        assert "that was everything we needed" in " ".join(text_of(done).split())
        corrected = talk.say(
            f"Re: {subject_of(done)}",
            "Priority: High\n\nIt is worse than we thought.\n\n"
            + "".join(f"> {line}\n" for line in text_of(done).splitlines()),
            to=done,
        )
        assert "Priority: High" in text_of(corrected)
        assert talk.case()["priority"] == "High"
        _end(talk, corrected)


def _end(talk: Talk, last: Message) -> None:
    """Asks, closes, and opens the case again."""
    listed = text_of(talk.say("status", ""))
    assert "CASE-1001  open" in listed
    assert "Post button is grey" in listed
    assert "worse than we thought" not in listed
    closed = talk.say("close CASE-1001", "It works again, thank you.\n")
    assert "is closed, as you asked" in text_of(closed)
    assert talk.case()["status"] == "closed"
    assert "CASE-1001  closed" in text_of(talk.say("cases closed", ""))
    again = talk.say(f"Re: {subject_of(last)}", "The button is grey once more.\n", to=last)
    assert "open again" in " ".join(text_of(again).split())
    case = talk.case()
    assert case["status"] == "open"
    history = [event["kind"] for event in case["events"]]
    assert [kind for kind in history if kind in ("asked", "completed", "closed")] == [
        "asked", "completed", "closed",
    ]  # fmt: skip
    comments = [one["detail"]["text"] for one in case["events"] if one["kind"] == "comment"]
    assert any("once more" in one for one in comments)
    assert any("works again" in one for one in comments)
