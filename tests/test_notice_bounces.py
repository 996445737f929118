"""Notices that come back: settled against the ledger, and a task where nobody hears us any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from intake.adapters.smtp import Sent
from intake.config.loader import Config
from intake.mail import tokens
from intake.store.contacts import directory, undeliverable, undeliverable_notice
from intake.store.incidents import resolve_cases, send_queue
from intake.store.tables.contacts import ContactRow, SuppressionRow
from intake.store.tables.incidents import IncidentUpdateRow, NoticeRecipientRow
from intake.store.tables.outbox import EventRow
from intake.worker import service
from tests import house, notice_house
from tests.postgres import postgres
from tests.test_notice_replies import FORM, KEYS, PEOPLE, answers, make, put, told

ZACK, ARCHIE = "zack@bayside.example", "archie@riverdale.example"
GONE = "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n"
FULL = "Action: failed\nStatus: 5.2.2\n"
LATER = "Action: delayed\nStatus: 4.4.1\n"
THERE = "Action: delivered\nStatus: 2.0.0\n"
BOUNCE = "bounce@desk.example"


def report(
    folder: Path, name: str, fields: str, *, who: str = ZACK, message_id: str = "", to: str = BOUNCE
) -> None:
    """A delivery report into the mailbox: about that person, returning that Message-ID."""
    final = f"Final-Recipient: rfc822; {who}\n" if who else ""
    returned = f"Message-ID: {message_id}" if message_id else "Subject: nothing of use"
    raw = (
        f"Return-Path: <>\nFrom: MAILER-DAEMON@mx.peer.example\nTo: {to}\nSubject: Undelivered\n"
        f"X-Test: {name}\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        "--b\nContent-Type: text/plain\n\nSorry.\n--b\nContent-Type: message/delivery-status\n\n"
        f"Reporting-MTA: dns; x\n\n{final}{fields}\n"
        f"--b\nContent-Type: text/rfc822-headers\n\n{returned}\n--b--\n"
    )
    (folder / "in/new" / name).write_bytes(raw.replace("\n", "\r\n").encode())


def rows(config: Config) -> dict[str, NoticeRecipientRow]:
    """The ledger by contact."""
    with house.unit(config) as unit:
        found = {row.contact_id: row for row in unit.scalars(select(NoticeRecipientRow))}
        unit.expunge_all()
        return found


def states(config: Config) -> dict[str, str]:
    """The state of each contact's row."""
    return {name: row.state for name, row in rows(config).items()}


def kinds(config: Config) -> list[str]:
    """The kinds of events about mail that came back."""
    wanted = ("bounced", "returned", "unreachable", "reachable")
    with house.unit(config) as unit:
        found = unit.scalars(select(EventRow).order_by(EventRow.id))  # type: ignore[arg-type]  # a column
        return [one.kind for one in found if one.kind.startswith(wanted)]


def verp(config: Config, contact: str) -> str:
    """The bounce address of that contact's notice."""
    return own_way(rows(config)[contact].id)


def own_way(row: int | None, use: str = "bounce") -> str:
    """The bounce address of a notice's row, or of a letter's."""
    return tokens.bounce_address(KEYS, row or 0, BOUNCE, use)


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
    found = house.everything(config)
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
    with house.unit(config, write=True) as unit:
        unit.execute(update(NoticeRecipientRow).values(state=before))
    report(tmp_path, "a", GONE, to=verp(config, "zack"))
    service.once(config)
    assert states(config) == {"zack": after}


def test_a_bounce_before_the_servers_answer_ends_the_broadcast(tmp_path: Path) -> None:
    """In doubt at the dot, and the report is quicker: bounced, done, and the sender is late."""
    config = make(tmp_path)
    told(config, ZACK)
    now = datetime.now(UTC)
    with house.unit(config, write=True) as unit:
        lease = now + timedelta(minutes=1)
        unit.execute(
            update(NoticeRecipientRow).values(
                state="uncertain", lease_until=lease, finished_at=None
            )
        )
        unit.execute(update(IncidentUpdateRow).values(send_state="sending"))
    before = rows(config)["zack"]
    report(tmp_path, "a", GONE, to=own_way(before.id))
    service.once(config)
    with house.unit(config, write=True) as unit:
        assert list(unit.scalars(select(IncidentUpdateRow.send_state))) == ["done"]
        late = (before.id or 0, before.fence, Sent("250 ok"))
        assert send_queue.settle(unit, [late], now, 1.0, send_queue.Pace()) == [before.id]
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
    assert {one["rule"] for one in house.everything(config)["messages"]} == {"R3"}
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
    (letter,) = house.everything(config)["letters"]

    def suspended() -> list[str]:
        with house.unit(config) as unit:
            return [row.key for row in unit.scalars(select(SuppressionRow))]

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


def test_an_unreachable_contact_is_a_task_until_it_is_settled(tmp_path: Path) -> None:
    """In status (exit code 1), lists and the alert; `reachable` and a new address settle it."""
    config = make(tmp_path, '[alerts]\naddress = "night@desk.example"\n')
    made = told(config, ZACK, ARCHIE)
    assert house.command(config, "status").returncode == 0
    report(tmp_path, "a", GONE, who=ARCHIE, to=verp(config, "archie"))
    service.once(config)
    assert house.command(config, "status").returncode == 0  # a Technical contact is no task
    listed = house.command(config, "contacts", "list").stdout
    assert (b"mail" in listed, b"since" in listed) == (True, True)
    report(tmp_path, "b", GONE, to=verp(config, "zack"))
    service.once(config)
    status = house.command(config, "status")
    assert (status.returncode, b"1 authorized contacts" in status.stdout) == (1, True)
    assert b"unreachable_since" in house.command(config, "contacts", "show", "zack").stdout
    alerts = [one for one in house.everything(config)["letters"] if one["kind"] == "alert"]
    assert len(alerts) == 1
    done = house.command(config, "contacts", "reachable", "zack")
    assert (done.returncode, house.command(config, "status").returncode) == (0, 0)
    again = house.command(config, "contacts", "reachable", "zack")
    assert again.returncode == 1
    assert b"no mail came back" in again.stderr
    assert house.command(config, "contacts", "reachable", "nobody").returncode == 1
    report(tmp_path, "c", GONE, to=verp(config, "zack"))
    service.once(config)
    assert house.command(config, "status").returncode == 1
    changed = house.command(
        config, "contacts", "add", "zack", "--name", "Zack Morris", "--email",
        "z.morris@bayside.example", "--account", "bayside",
    )  # fmt: skip
    assert (changed.returncode, house.command(config, "status").returncode) == (0, 0)
    report(tmp_path, "d", GONE, to=verp(config, "zack"))
    service.once(config)
    assert house.command(config, "status").returncode == 0  # the old address is nobody's by now
    with house.unit(config) as unit:
        settled = [one for one in unit.scalars(select(EventRow)) if one.kind == "reachable"]
        assert [one.who.partition(":")[0] for one in settled] == ["operator", "operator"]
        assert settled[0].detail["recipients"] == [ZACK]
    assert made == "INC-1"


def test_settling_forgets_what_came_back_before(tmp_path: Path) -> None:
    """After `reachable` the suspension is gone, and it takes two more letters to suspend again."""
    config = make(tmp_path)
    now = datetime.now(UTC)
    for title in ("One", "Two", "Three", "Four"):
        told(config, ZACK, title=title)
    with house.unit(config) as unit:
        ids = [row.id for row in unit.scalars(select(NoticeRecipientRow))]

    def bounce(number: int) -> int:
        report(tmp_path, f"m{number}", GONE, to=own_way(ids[number]))
        service.once(config)
        with house.unit(config) as unit:
            return len(list(unit.scalars(select(SuppressionRow))))

    assert [bounce(0), bounce(1)] == [0, 1]
    with house.unit(config, write=True) as unit:
        assert undeliverable.clear(unit, "zack", "operator:a", now) == ""
    assert [bounce(2), bounce(3)] == [0, 1]


COLLEAGUES = (
    PEOPLE
    + """
[[contacts]]
id = "kelly"
name = "Kelly Kapowski"
emails = ["kelly@bayside.example"]
accounts = ["bayside"]
contact_type = "Technical"
[[contacts]]
id = "belding"
name = "Richard Belding"
emails = ["belding@bayside.example"]
accounts = ["bayside"]
contact_type = "Read Only"
[[contacts]]
id = "slater"
name = "Albert Slater"
emails = ["slater@bayside.example"]
accounts = ["bayside"]
contact_type = "Technical"
"""
)


@pytest.mark.parametrize("told_too", [True, False])
def test_colleagues_are_told_once_a_month(tmp_path: Path, told_too: bool) -> None:
    """Authorized and Technical ones of the account, none who is disabled, none elsewhere."""
    more = f"[notices]\ntell_colleagues = {str(told_too).lower()}\n"
    config = make(tmp_path, more, people=COLLEAGUES)
    told(config, ZACK)
    with house.unit(config, write=True) as unit:
        directory.set_active(unit, "slater", False, datetime.now(UTC))
    report(tmp_path, "a", GONE, to=verp(config, "zack"))
    service.once(config)
    service.once(config)
    letters = [one for one in house.everything(config)["letters"] if one["kind"] == "unreachable"]
    assert sorted(one["recipient"] for one in letters) == (
        ["kelly@bayside.example", "lisa@both.example"] if told_too else []
    )
    assert {one["state"] for one in letters} <= {"sent"}
    texts = [path.read_text() for path in tmp_path.glob("out/new/*")]
    assert len(texts) == len(letters)
    assert all("Zack Morris" in text and "550" not in text for text in texts)
    assert all("Bayside School District" in text and "Riverdale" not in text for text in texts)
    assert all(ZACK not in text and "peer.example" not in text for text in texts)
    if not told_too:
        return
    house_of = worker_house(config)
    with house.unit(config, write=True) as unit:
        assert undeliverable_notice.tell(unit, house_of, datetime.now(UTC)) == 0
        assert (
            undeliverable_notice.tell(unit, house_of, datetime.now(UTC) + timedelta(days=40)) == 2
        )


def worker_house(config: Config) -> Any:
    """The house that the worker writes letters with."""
    from intake.worker import bootstrap

    return bootstrap.judge(config).house


def test_an_answer_that_bounced_tells_no_colleague(tmp_path: Path) -> None:
    """Only lost notices concern them; whoever is marked otherwise is the operator's task."""
    config = make(tmp_path, people=COLLEAGUES)
    now = datetime.now(UTC)
    with house.unit(config, write=True) as unit:
        unit.execute(
            update(ContactRow).where(ContactRow.id == "zack").values(undeliverable_since=now)
        )
        assert undeliverable_notice.tell(unit, worker_house(config), now) == 0
        assert [one.contact_id for one in undeliverable.waiting(unit)] == ["zack"]
        directory.set_active(unit, "zack", False, now)
        assert undeliverable.count(unit) == 0


@settings(deadline=None)
@given(st.integers(1, 2**53), st.integers(0, 80), st.characters(codec="ascii"))
def test_no_altered_bounce_address_is_ours(row: int, place: int, char: str) -> None:
    """One other character before the domain makes it nobody's; it fits into 64 octets."""
    made = tokens.bounce_address(KEYS, row, BOUNCE)
    local = made.partition("@")[0]
    assert len(local) <= 64
    assert tokens.read_bounce_addresses(KEYS, [made.upper(), made]) == (row,)
    at = local.index("+") + place % (len(local) - local.index("+"))
    altered = made[:at] + char + made[at + 1 :]
    if altered.lower() != made:
        assert tokens.read_bounce_addresses(KEYS, [altered]) == ()


@settings(deadline=None)
@given(st.lists(st.text(max_size=100), max_size=5))
def test_any_addresses_are_survived(keys: list[str]) -> None:
    """None of random text is an address of ours, and none makes the reading raise."""
    assert tokens.read_bounce_addresses(KEYS, keys) == ()


def test_the_ledger_of_a_test_is_signed_like_the_real_one() -> None:
    """The ids in these tests are of the kind notice and name the incident."""
    made = notice_house.notice_id(KEYS, "INC-7", 2, ZACK)
    own = tokens.read_message_id(KEYS, made, notice_house.DOMAIN)
    assert own is not None
    assert (own.kind, own.case_number) == ("notice", "INC-7")


@pytest.mark.servers
def test_the_other_database_says_the_same(tmp_path: Path) -> None:
    """PostgreSQL: an answer, a wish, two bounces, the task, colleagues and the cases' answer."""
    with postgres() as url:
        more = f'[database]\nurl = "{url}"\n[notices]\ntell_colleagues = true\n'
        config = make(tmp_path, more, people=COLLEAGUES)
        made, other = told(config, ZACK, ARCHIE), told(config, ZACK, title="Another one")
        put(tmp_path, ZACK, "a", FORM, answers(made, ZACK))
        put(tmp_path, ARCHIE, "b", "stop", answers(made, ARCHIE))
        service.once(config)
        with house.unit(config) as unit:
            sent = [one for one in unit.scalars(select(NoticeRecipientRow)) if one.key == ZACK]
            ids = {one.incident_id: one.id for one in sent}
        for name, incident in (("c", made), ("d", other)):
            report(tmp_path, name, GONE, to=own_way(ids[incident]))
        service.once(config)
        with house.unit(config, write=True) as unit:
            now = datetime.now(UTC)
            people_told = resolve_cases.answer(
                unit, made, 2, "Over.", "operator:a", now, worker_house(config)
            )
            assert people_told == ("zack",)
            assert undeliverable.count(unit) == 1
            assert undeliverable.newest(unit) > 0
            assert unit.get(SuppressionRow, ZACK) is not None
            assert undeliverable.clear(unit, "zack", "operator:a", now) == ""
            assert undeliverable.count(unit) == 0
        found = house.everything(config)
        assert [one["rule"] for one in found["messages"][2:]] == ["R2", "R2"]
        assert sorted(one["kind"] for one in found["letters"]) == [
            "ack", "resolved", "unreachable", "unreachable", "unreachable", "unsubscribed",
        ]  # fmt: skip
        assert [one["status"] for one in found["cases"]] == ["resolved"]
