"""Thirty simulated days with programs that answer everything: it stays quiet, and comes to rest."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import SMTP
from pathlib import Path

import pytest

from tests.support import installation
from tests.support.faults import CAMPAIGN
from tests.support.loop_desk import (
    DAY,
    HOUR,
    START,
    Desk,
    Exchange,
    Peer,
    answer,
    busiest,
    people,
    service,
    text_of,
)

pytestmark = pytest.mark.takes_blobs  # records mails without their bytes

DAYS = 30


def vacation(letter: Message, count: int) -> Iterable[EmailMessage]:
    """RFC 3834 as it should be, once for every letter all the same."""
    yield answer(
        letter, f"Auto: {letter['Subject']}", "I am away.",
        Auto_Submitted="auto-replied", In_Reply_To=str(letter["Message-ID"]),
    )  # fmt: skip


def exchange(letter: Message, count: int) -> Iterable[EmailMessage]:
    """Exchange's own way to say so."""
    yield answer(
        letter, f"Automatic reply: {letter['Subject']}", "I am out of office.",
        X_Auto_Response_Suppress="All", In_Reply_To=str(letter["Message-ID"]),
    )  # fmt: skip


def naive(letter: Message, count: int) -> Iterable[EmailMessage]:
    """Nothing tells it from a person: every letter is answered in its thread."""
    yield answer(
        letter, f"Re: {letter['Subject']}", f"We have received your message number {count}.",
        In_Reply_To=str(letter["Message-ID"]), References=str(letter["Message-ID"]),
    )  # fmt: skip


def ticket_system(letter: Message, count: int) -> Iterable[EmailMessage]:
    """Opens a ticket of its own for every letter: a new subject, no reference to ours."""
    yield answer(letter, f"[Ticket #{count}] we got your mail", "Case Type: Ask a Question\n"
                  f"Description: ticket {count} was opened for you.\n")  # fmt: skip


def bulk(letter: Message, count: int) -> Iterable[EmailMessage]:
    """An old responder that only sets Precedence."""
    yield answer(letter, "Thank you for your mail", "We answer in two days.", Precedence="bulk")


def dsn(letter: Message, count: int) -> Iterable[EmailMessage]:
    """RFC 3464 with the returned header fields."""
    made = message_from_bytes(
        f"From: MAILER-DAEMON@mx.peer.example\r\nTo: {letter['Return-Path'].strip('<>')}\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\nReturn-Path: <>\r\n"
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; mx.peer.example\r\n\r\nFinal-Recipient: rfc822; {letter['To']}\r\n"
        "Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        f"Message-ID: {letter['Message-ID']}\r\nSubject: x\r\n--b--\r\n".encode(),
        policy=SMTP,
    )
    assert isinstance(made, EmailMessage)
    yield made


def qmail(letter: Message, count: int) -> Iterable[EmailMessage]:
    """A bounce in plain words, the returned mail below."""
    mail = answer(
        letter, "failure notice",
        f"Hi. This is the qmail-send program at peer.example.\n\n<{letter['To']}>:\n"
        "user unknown\n\n--- Below this line is a copy of the message.\n\n"
        f"Message-ID: {letter['Message-ID']}\n",
        Return_Path="<>",
    )  # fmt: skip
    del mail["From"], mail["To"]
    mail["From"], mail["To"] = "MAILER-DAEMON@peer.example", letter["Return-Path"].strip("<>")
    yield mail


def delayed(letter: Message, count: int) -> Iterable[EmailMessage]:
    """Not yet delivered, and no more than that."""
    mail = answer(letter, "Delayed Mail (still being retried)", "It is still in the queue.\n"
                  f"Message-ID: {letter['Message-ID']}\n", Return_Path="<>")  # fmt: skip
    del mail["From"]
    mail["From"] = "postmaster@peer.example"
    yield mail


def once(letter: Message, count: int) -> Iterable[EmailMessage]:
    """A list manager: it strips every mark and sends each letter back under a new subject."""
    yield answer(letter, f"[Staff] news {count}", text_of(letter))


def helper(letter: Message, count: int) -> Iterable[EmailMessage]:
    """A help desk that writes three mails about each letter, without any mark."""
    for words in ("was opened for you", "has been assigned to the second line", "waits for you"):
        yield answer(letter, f"Request {count}: {words}", f"Description: request {count} {words}.")


PEERS: dict[str, Peer] = {
    one.__name__: one
    for one in (vacation, exchange, naive, ticket_system, bulk, dsn, qmail, delayed, once, helper)
}
WAITS = [timedelta(seconds=10), timedelta(minutes=10), timedelta(hours=3)]
if CAMPAIGN > 1:
    WAITS += [timedelta(minutes=1), timedelta(minutes=45)]


@pytest.mark.parametrize("wait", WAITS, ids=str)
def test_nobody_gets_more_than_a_few_letters_from_a_loop(tmp_path: Path, wait: timedelta) -> None:
    """Ten programs, all writing to one service for thirty days, fast and slow."""
    desk = service(tmp_path / "a", "support@desk.example", people(list(PEERS), "peer.example"))
    found = Exchange(desk, PEERS, wait)
    for name in PEERS:
        mail = EmailMessage(policy=SMTP)
        mail["From"], mail["To"] = f"{name}@peer.example", "support@desk.example"
        mail["Subject"] = "Request Training"
        mail.set_content("Description: Half a day for our cooks.\n")
        found.put(START, name, mail)
    last = found.run(START + timedelta(days=DAYS), most=2000)
    assert not found.queue
    assert last < START + timedelta(days=DAYS - 21), "nothing for the last three weeks"
    assert (busiest(desk.sent, HOUR), busiest(desk.sent, DAY)) <= (5, 20)
    assert busiest(desk.sent, DAY) <= 20
    told = {one.to for one in desk.sent}
    assert len(told) == len(PEERS)  # each was answered at least once, so each had its chance
    assert found.count > 2 * len(PEERS)
    events = [
        one["kind"]
        for case in installation.everything(desk.config)["cases"]
        for one in case["events"]
    ]
    assert events.count("bounced") >= 2
    assert "returned-delay" in events


@pytest.mark.parametrize("stripped", [False, True])
@pytest.mark.parametrize("wait", WAITS, ids=str)
def test_two_services_facing_each_other_come_to_rest(
    tmp_path: Path, wait: timedelta, stripped: bool
) -> None:
    """Each is a contact of the other; with their marks, and with all marks lost on the way."""
    addresses = ("support@a.example", "support@b.example")
    desks = {
        addresses[0]: service(tmp_path / "a", addresses[0], people(["support"], "b.example")),
        addresses[1]: service(tmp_path / "b", addresses[1], people(["support"], "a.example")),
    }
    first = EmailMessage(policy=SMTP)
    first["From"], first["To"], first["Subject"] = addresses[0], addresses[1], "Request Training"
    first.set_content("Description: The first mail, by a person.\n")
    queue = [(START, 0, first)]
    count, now, end = 0, START, START + timedelta(days=DAYS)
    while True:
        due = [
            at for at in (*(desk.due() for desk in desks.values()), *(q[0] for q in queue)) if at
        ]
        if not due or min(due) >= end:
            break
        now = max(now, min(due))
        while queue and queue[0][0] <= now:
            _, _, mail = heapq.heappop(queue)
            desks[str(mail["To"])].receive(mail, str(mail["From"]), now, proved=True)
        for desk in desks.values():
            for letter in desk.letters(now):
                count += 1
                heapq.heappush(queue, (now + wait, count, _carried(letter, stripped=stripped)))
        assert count < 500
    assert not queue
    assert now < end - timedelta(days=21)
    for desk in desks.values():
        assert busiest(desk.sent, HOUR) <= 5
        assert busiest(desk.sent, DAY) <= 20
    assert count >= (2 if stripped else 1)


def _carried(letter: Message, *, stripped: bool) -> EmailMessage:
    """A letter as the other service gets it."""
    copy = EmailMessage(policy=SMTP)
    for name in ("To", "Subject", "Message-ID", "In-Reply-To", "References"):
        if letter[name]:
            copy[name] = " ".join(str(letter[name]).split())
    copy["From"] = str(letter["From"]).rpartition("<")[2].rstrip(">")
    if not stripped:
        copy["Auto-Submitted"] = "auto-replied"
    copy.set_content(text_of(letter))
    return copy


def first_mails(desk: Desk, minutes: list[float], subject: str, body: str) -> Exchange:
    """A person's mails at those minutes; ``{n}`` stands for the number."""
    found = Exchange(desk, {"ann": lambda letter, count: ()}, HOUR)
    for number, minute in enumerate(minutes):
        mail = EmailMessage(policy=SMTP)
        mail["From"], mail["To"] = "ann@peer.example", "support@desk.example"
        mail["Subject"] = subject.format(n=number)
        mail.set_content(body.format(n=number))
        found.put(START + timedelta(minutes=minute), "ann", mail)
    return found


@pytest.mark.parametrize("minutes", [
    [float(n) for n in range(60)],
    [n * 0.1 for n in range(60)],
    [(n // 15) * 14 + (n % 15) * 0.5 for n in range(60)],
], ids=["one a minute", "all at once", "four bursts"])  # fmt: skip
@pytest.mark.parametrize(("subject", "body"), [
    ("Ask a Question", "Description: May class {n} have two teachers?\n"),
    ("School {n}", "Case Type: Ask a Question\nDescription: How is class {n} closed?\n"),
], ids=["same subject", "other subjects"])  # fmt: skip
def test_a_person_who_opens_sixty_cases_in_an_hour_is_told_of_each(
    tmp_path: Path, minutes: list[float], subject: str, body: str
) -> None:
    """Every number reaches the person within an hour of its mail, in far fewer letters."""
    desk = service(tmp_path / "a", "support@desk.example", people(["ann"], "peer.example"))
    first_mails(desk, minutes, subject, body).run(START + timedelta(days=2), most=100)
    told: dict[str, timedelta] = {}
    cases = installation.everything(desk.config)["cases"]
    assert len(cases) == 60
    for number, minute in zip((one["number"] for one in cases), minutes, strict=True):
        letter = next(one for one in desk.sent if number in one.text)
        told[number] = letter.at - START - timedelta(minutes=minute)
    assert max(told.values()) <= HOUR
    assert len(desk.sent) <= 30
    assert "acks" in {one.kind for one in desk.sent}


def test_every_question_to_a_person_in_a_hurry_is_asked(tmp_path: Path) -> None:
    """Twelve incomplete mails of one subject in a quarter of an hour: twelve questions leave."""
    desk = service(tmp_path / "a", "support@desk.example", people(["ann"], "peer.example"))
    body = "Module: Attendance\nDescription: Class {n} has no list.\n"
    first_mails(desk, [n * 1.2 for n in range(12)], "Application Issue", body).run(
        START + timedelta(days=2), most=100
    )
    asked = [one for one in desk.sent if one.kind == "missing_fields"]
    assert len(asked) == 12
    assert max(one.at for one in asked) <= START + timedelta(hours=3)


def test_waiting_letters_say_until_when_and_why(tmp_path: Path) -> None:
    """`intake outbox list` shows it; `outbox retry` sends at once."""
    desk = service(tmp_path / "a", "support@desk.example", people(["ann"], "peer.example"))
    found = first_mails(desk, [0.0] * 12, "Request Training", "Description: Class {n}.\n")
    found.run(START + timedelta(seconds=1), most=100)
    said = installation.command(desk.config, "outbox", "list").stdout.decode()
    flat = " ".join(said.split())
    assert flat.count("waits until 2026-03-02") >= 1
    assert "loop:" in flat or "one letter lists the next" in flat
    waiting = next(one for one in installation.everything(desk.config)["letters"]
                   if one["state"] == "due")  # fmt: skip
    installation.command(desk.config, "outbox", "retry", str(waiting["id"]))
    shown = next(one for one in installation.everything(desk.config)["letters"]
                 if one["id"] == waiting["id"])  # fmt: skip
    assert shown["due_at"] < waiting["due_at"] or shown["due_at"] != waiting["due_at"]
