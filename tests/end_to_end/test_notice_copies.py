"""Answers over copies of real notices: whatever a program did to them, only new words count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes
from html import escape

import pytest

from intake.incidents import notice as notice_mail
from intake.incidents.notice import NoticeLetter
from intake.mail.message import Message
from intake.parsers import notice_replies
from intake.parsers.replies import added
from tests.support import notices, rawmail
from tests.support.forms import CATALOGUE

OWN = "We see the same, at two schools.\n\nIt began when the bell rang."
ATTRIBUTION = "On Mon, Mar 2, 2026 at 9:30 AM Campus Support <cases@support.example> wrote:"
HEADS = {
    "From": "Campus Support <cases@support.example>", "Sent": "Monday, March 2, 2026 9:30 AM",
    "To": "Zack Morris <zack.morris@bayside.example>", "Subject": "[Campus status] Posting",
}  # fmt: skip


def letter(kind: str, language: str = "") -> NoticeLetter:
    """The notice of that kind as Zack got it."""
    notice = replace(notices.KINDS[kind], language=language)
    built = notice_mail.build(notice, notices.letter_context(), notices.STYLE)
    return notice_mail.address(
        built, notices.ZACK, notices.letter_context(), notices.STYLE, notices.NOW
    )


def html_of(one: NoticeLetter) -> str:
    """Its HTML part."""
    parts = [part for part in message_from_bytes(one.raw).walk()]
    body = next(part for part in parts if part.get_content_type() == "text/html")
    payload = body.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


def quoted(text: str, mark: str = "> ") -> str:
    """Every line behind a quote mark."""
    return "\n".join(f"{mark}{line}".rstrip() for line in text.split("\n"))


def heads(end: str = "\n") -> str:
    """The header block that Outlook writes above a copy."""
    return end.join(f"{name}: {value}" for name, value in HEADS.items())


PLAIN: dict[str, Callable[[str], str]] = {
    "gmail": lambda text: f"{OWN}\n\n{ATTRIBUTION}\n\n{quoted(text)}",
    "thunderbird, below": lambda text: f"{ATTRIBUTION}\n{quoted(text)}\n\n{OWN}",
    "iphone": lambda text: f"{OWN}\n\nSent from my iPhone\n\n> {ATTRIBUTION}\n>\n{quoted(text)}",
    "twice quoted": lambda text: f"{OWN}\n\n{quoted(text, '>> ')}",
    "outlook": lambda text: f"{OWN}\n\n-----Original Message-----\n{heads()}\n\n{text}",
    "outlook, a rule": lambda text: f"{OWN}\n\n{'_' * 32}\n{heads()}\n\n{text}",
    "samsung": lambda text: f"{OWN}\n\n-------- Original message --------\n{heads()}\n\n{text}",
    "yahoo": lambda text: f"{OWN}\n\n    {ATTRIBUTION}\n\n{text}",
    "bare": lambda text: f"{OWN}\n\n{text}",
    "proton": lambda text: f"{OWN}\n\n{ATTRIBUTION}\n\n{quoted(text, '>')}\n",
}  # fmt: skip


def paragraphs(text: str) -> str:
    """Plain words as HTML lines."""
    return "".join(f"<div>{escape(line) or '<br>'}</div>" for line in text.split("\n"))


GMAIL = (
    '<div class="gmail_quote"><div class="gmail_attr">{}<br></div><blockquote>{}</blockquote></div>'
)
OUTLOOK = '<hr><div id="divRplyFwdMsg">{}</div><div>{}</div>'
HTML: dict[str, Callable[[str], str]] = {
    "gmail": lambda html: paragraphs(OWN) + GMAIL.format(escape(ATTRIBUTION), html),
    "outlook web": lambda html: (
        paragraphs(OWN)
        + OUTLOOK.format("".join(f"<b>{n}:</b> {escape(v)}<br>" for n, v in HEADS.items()), html)
    ),
    "apple": lambda html: (
        f"{paragraphs(OWN)}<div><br><blockquote type='cite'><div>{escape(ATTRIBUTION)}</div>"
        f"<div>{html}</div></blockquote></div>"
    ),
}


def mail(body: str, kind: str = "plain") -> Message:
    """Zack's answer with that body."""
    head = (
        "From: Zack Morris <zack.morris@bayside.example>\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    )
    return rawmail.message((head + body.replace("\n", "\r\n")).encode())


def words(one: Message, kind: str, *, exact: bool = False) -> str:
    """Everything that is taken for the writer's own, on one line."""
    notice = notices.KINDS[kind]
    sent = "\n".join(notice_replies.texts(notice.incident, (*notice.earlier, notice.update)))
    sent = letter(kind).text if exact else sent
    found = added(one, sent, CATALOGUE, "application_issue", notice.incident.title)
    return " ".join((found.comment, *(f"{c.label}={c.words}" for c in found.candidates))).strip()


@pytest.mark.parametrize("program", PLAIN)
@pytest.mark.parametrize("kind", notices.KINDS)
def test_a_plain_answer_says_its_own_words(kind: str, program: str) -> None:
    """Known only as far as the incident shows it, the copy adds nothing and hides nothing."""
    assert words(mail(PLAIN[program](letter(kind).text)), kind) == OWN


@pytest.mark.parametrize("program", HTML)
@pytest.mark.parametrize("kind", notices.KINDS)
def test_an_html_answer_says_its_own_words(kind: str, program: str) -> None:
    """The notice's own HTML in the copy: its table cells and labels are nobody's answers."""
    assert words(mail(HTML[program](html_of(letter(kind))), "html"), kind) == OWN


@pytest.mark.parametrize("program", [*PLAIN, *(f"{one}, HTML" for one in HTML)])
@pytest.mark.parametrize("language", ["es", "fr", "de", "pt"])
def test_an_answer_to_a_notice_of_another_language_says_its_own_words(
    language: str, program: str
) -> None:
    """The frame is not English; the headline of the copy has the operator's title all the same."""
    name = program.removesuffix(", HTML")
    for kind in ("own cases", "identified, two missed", "correction", "scheduled", "cancelled"):
        sent = letter(kind, language)
        plain = PLAIN[program](sent.text) if program in PLAIN else HTML[name](html_of(sent))
        one = mail(plain) if program in PLAIN else mail(plain, "html")
        assert words(one, kind) == OWN, kind


@pytest.mark.parametrize("kind", notices.KINDS)
def test_words_below_a_bare_copy_are_the_answer(kind: str) -> None:
    """No mark and no attribution, and nothing above: the letter's own text tells the two apart."""
    assert words(mail(f"{letter(kind).text}\n\n{OWN}"), kind, exact=True) == OWN


def test_a_title_of_one_word_is_nobodys_headline() -> None:
    """A line that happens to be that word ends no answer."""
    one = mail("It is down.\nOutage\nSince noon.")
    assert added(one, "", CATALOGUE, "", "Outage").comment == "It is down.\nOutage\nSince noon."
