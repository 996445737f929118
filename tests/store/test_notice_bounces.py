"""Notices that come back: settled against the ledger, and a task where nobody hears us any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from intake.adapters.smtp import Sent
from intake.config.loader import Config
from intake.mail import tokens
from intake.store.incidents import send_queue
from intake.store.tables.contacts import SuppressionRow
from intake.store.tables.incidents import IncidentUpdateRow, NoticeRecipientRow
from intake.store.tables.outbox import EventRow
from intake.worker import service
from tests.support import installation, transitions
from tests.support.bounced import ARCHIE, BOUNCE, GONE, ZACK, own_way, report, rows, verp
from tests.support.notice_answers import FORM, make, put, told

FULL = "Action: failed\nStatus: 5.2.2\n"

LATER = "Action: delayed\nStatus: 4.4.1\n"

THERE = "Action: delivered\nStatus: 2.0.0\n"


def states(config: Config) -> dict[str, str]:
    """The state of each contact's row."""
    return {name: row.state for name, row in rows(config).items()}


def kinds(config: Config) -> list[str]:
    """The kinds of events about mail that came back."""
    wanted = ("bounced", "returned", "unreachable", "reachable")
    with installation.database(config) as session:
        found = session.scalars(select(EventRow).order_by(EventRow.id))  # type: ignore[arg-type]  # a column
        return [one.kind for one in found if one.kind.startswith(wanted)]


def test_a_hard_bounce_is_the_last_word(tmp_path: Path) -> None:
    """sent -> bounced with the server's words and a new fence; what comes later changes nothing."""
    config = make(tmp_path)
    told(config, ZACK, ARCHIE)
    message_id = rows(config)["zack"].message_id_header
    for name, fields in (("a", LATER), ("b", FULL)):
        report(tmp_path, name, fields, message_id=message_id)
        service.once(config)
    assert states(config) == {"zack": "sent", "archie": "sent"}
    assert rows(config)["zack"].reply == ""
    report(tmp_path, "g", GONE, message_id=message_id)
    service.once(config)
    assert states(config) == {"zack": "sent", "archie": "sent"}  # many people may know that id
    report(tmp_path, "c", GONE, message_id=message_id, to=verp(config, "zack"))
    service.once(config)
    row = rows(config)["zack"]
    assert (row.state, row.fence, row.lease_until) == ("bounced", 2, None)
    assert row.reply == "came back: bounce 5.1.1 smtp; 550 5.1.1 no such user"
    for name, fields in (("d", THERE), ("e", LATER)):
        report(tmp_path, name, fields, message_id=message_id)
        service.once(config)
    again = rows(config)["zack"]
    assert (again.state, again.reply, again.finished_at) == (row.state, row.reply, row.finished_at)
    assert states(config)["archie"] == "sent"
    found = installation.everything(config)
    assert {(one["action"], one["rule"]) for one in found["messages"]} == {("ignore", "R2")}
    assert (found["cases"], found["letters"]) == ([], [])
    assert kinds(config) == [
        "returned-delay", "returned-bounce", "returned-bounce", "bounced", "unreachable",
        "returned-delivered", "returned-delay",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("queued", "queued"), ("sending", "sending"), ("uncertain", "bounced"), ("sent", "bounced"),
        ("deferred", "deferred"), ("failed", "failed"), ("skipped", "skipped"),
        ("bounced", "bounced"),
    ],
)  # fmt: skip
def test_only_what_may_have_left_can_bounce(tmp_path: Path, before: str, after: str) -> None:
    """The states of the ledger, one by one."""
    config = make(tmp_path)
    told(config, ZACK)
    transitions.unwatch(config)
    with installation.database(config, write=True) as session:
        session.execute(update(NoticeRecipientRow).values(state=before))
    report(tmp_path, "a", GONE, to=verp(config, "zack"))
    service.once(config)
    assert states(config) == {"zack": after}


def test_a_bounce_before_the_servers_answer_ends_the_broadcast(tmp_path: Path) -> None:
    """In doubt at the dot, and the report is quicker: bounced, done, and the sender is late."""
    config = make(tmp_path)
    told(config, ZACK)
    now = datetime.now(UTC)
    transitions.unwatch(config)
    with installation.database(config, write=True) as session:
        lease = now + timedelta(minutes=1)
        session.execute(
            update(NoticeRecipientRow).values(
                state="uncertain", lease_until=lease, finished_at=None
            )
        )
        session.execute(update(IncidentUpdateRow).values(send_state="sending"))
    before = rows(config)["zack"]
    report(tmp_path, "a", GONE, to=own_way(before.id))
    service.once(config)
    with installation.database(config, write=True) as session:
        assert list(session.scalars(select(IncidentUpdateRow.send_state))) == ["done"]
        late = (before.id or 0, before.fence, Sent("250 ok"))
        assert send_queue.settle(session, [late], now, 1.0, send_queue.Pace()) == [before.id]
    assert states(config) == {"zack": "bounced"}


@pytest.mark.parametrize(
    ("who", "column", "state"),
    [
        (ZACK, "to", "bounced"),
        ("", "to", "bounced"),
        (ARCHIE, "to", "sent"),
        (ZACK, "delivered-to", "bounced"),
    ],
)
def test_an_address_of_its_own_tells_which_notice_came_back(
    tmp_path: Path, who: str, column: str, state: str
) -> None:
    """VERP: without the Message-ID, in small letters, without a recipient, but not another's."""
    config = make(tmp_path)
    told(config, ZACK, ARCHIE)
    address = verp(config, "zack").lower()
    report(tmp_path, "a", GONE, who=who, to=address if column == "to" else BOUNCE)
    if column != "to":
        file = tmp_path / "in/new/a"
        file.write_bytes(f"Delivered-To: {address}\r\n".encode() + file.read_bytes())
    service.once(config)
    assert states(config) == {"zack": state, "archie": "sent"}


def test_what_is_not_ours_settles_nothing(tmp_path: Path) -> None:
    """An altered id, an altered address, another's address, an old secret: held, nothing noted."""
    config = make(tmp_path)
    told(config, ZACK)
    good = rows(config)["zack"].message_id_header
    forged = good.replace("<notice.INC-1.", "<notice.INC-2.")
    report(tmp_path, "a", GONE, message_id=forged)
    report(tmp_path, "b", GONE, to=verp(config, "zack").replace("-1-", "-2-"))
    report(tmp_path, "c", GONE, to=tokens.bounce_address((b"another secret",), 1, BOUNCE))
    service.once(config)
    assert {one["rule"] for one in installation.everything(config)["messages"]} == {"R3"}
    report(tmp_path, "d", GONE, who=ARCHIE, message_id=good)
    service.once(config)
    assert states(config) == {"zack": "sent"}
    assert kinds(config) == ["returned-bounce"]


def test_a_person_who_copies_a_report_settles_nothing(tmp_path: Path) -> None:
    """Only a program's mail is about a letter; a contact may quote whatever they like."""
    config = make(tmp_path)
    told(config, ZACK)
    report(tmp_path, "a", GONE, message_id=rows(config)["zack"].message_id_header)
    file = tmp_path / "in/new/a"
    raw = file.read_bytes().replace(b"Return-Path: <>\r\n", b"")
    raw = raw.replace(b"MAILER-DAEMON@mx.peer.example", b"eve@attack.example")
    file.write_bytes(
        raw.replace(b"multipart/report; report-type=delivery-status", b"multipart/mixed")
    )
    service.once(config)
    assert states(config) == {"zack": "sent"}


def test_letters_and_notices_count_together(tmp_path: Path) -> None:
    """An acknowledgement and a notice that come back suspend the address; one of them twice not."""
    config = make(tmp_path)
    told(config, ZACK)
    put(tmp_path, ZACK, "mail", f"Case Type: Application Issue\nModule: Attendance\n{FORM}")
    service.once(config)
    (letter,) = installation.everything(config)["letters"]

    def suspended() -> list[str]:
        with installation.database(config) as session:
            return [row.key for row in session.scalars(select(SuppressionRow))]

    for name in ("a", "b"):
        report(tmp_path, name, GONE, to=verp(config, "zack"))
        service.once(config)
        assert suspended() == []
    report(tmp_path, "c", GONE, message_id=letter["message_id_header"])
    service.once(config)
    assert suspended() == []
    report(tmp_path, "d", GONE, to=own_way(letter["id"], "letter"))
    service.once(config)
    assert suspended() == [ZACK]
    assert (states(config), kinds(config).count("bounced")) == ({"zack": "bounced"}, 3)
