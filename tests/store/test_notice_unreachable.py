"""A contact that notices do not reach: a task for the operator, and word to the colleagues."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from intake.config.loader import Config
from intake.mail import tokens
from intake.model.authorship import By
from intake.store.contacts import directory, undeliverable, undeliverable_notice
from intake.store.incidents import resolve_cases
from intake.store.tables.contacts import ContactRow, SuppressionRow
from intake.store.tables.incidents import NoticeRecipientRow
from intake.store.tables.outbox import EventRow
from intake.worker import service
from tests.support import installation, notice_rows
from tests.support.bounced import ARCHIE, BOUNCE, GONE, ZACK, own_way, report, verp
from tests.support.notice_answers import FORM, KEYS, PEOPLE, answers, make, put, told
from tests.support.postgres import postgres
from tests.support.values import MUST


def test_an_unreachable_contact_is_a_task_until_it_is_settled(tmp_path: Path) -> None:
    """In status (exit code 1), lists and the alert; `reachable` and a new address settle it."""
    config = make(tmp_path, '[alerts]\naddress = "night@desk.example"\n')
    made = told(config, ZACK, ARCHIE)
    installation.alive(config)
    assert installation.command(config, "status").returncode == 0
    report(tmp_path, "a", GONE, who=ARCHIE, to=verp(config, "archie"))
    service.once(config)
    assert installation.command(config, "status").returncode == 0  # a Technical contact is no task
    listed = installation.command(config, "contacts", "list").stdout
    assert (b"mail" in listed, b"since" in listed) == (True, True)
    report(tmp_path, "b", GONE, to=verp(config, "zack"))
    service.once(config)
    status = installation.command(config, "status")
    assert (status.returncode, b"1 authorized contacts" in status.stdout) == (1, True)
    assert b"unreachable_since" in installation.command(config, "contacts", "show", "zack").stdout
    alerts = [one for one in installation.everything(config)["letters"] if one["kind"] == "alert"]
    assert len(alerts) == 1
    done = installation.command(config, "contacts", "reachable", "zack")
    assert (done.returncode, installation.command(config, "status").returncode) == (0, 0)
    again = installation.command(config, "contacts", "reachable", "zack")
    assert again.returncode == 1
    assert b"no mail came back" in again.stderr
    assert installation.command(config, "contacts", "reachable", "nobody").returncode == 1
    report(tmp_path, "c", GONE, to=verp(config, "zack"))
    service.once(config)
    assert installation.command(config, "status").returncode == 1
    changed = installation.command(
        config, "contacts", "add", "zack", "--name", "Zack Morris", "--email",
        "z.morris@bayside.example", "--account", "bayside",
    )  # fmt: skip
    assert (changed.returncode, installation.command(config, "status").returncode) == (0, 0)
    report(tmp_path, "d", GONE, to=verp(config, "zack"))
    service.once(config)
    assert (
        installation.command(config, "status").returncode == 0
    )  # the old address is nobody's by now
    with installation.database(config) as session:
        settled = [one for one in session.scalars(select(EventRow)) if one.kind == "reachable"]
        assert [one.who.partition(":")[0] for one in settled] == ["operator", "operator"]
        assert settled[0].detail["recipients"] == [ZACK]
    assert made == "INC-1"


def test_settling_forgets_what_came_back_before(tmp_path: Path) -> None:
    """After `reachable` the suspension is gone, and it takes two more letters to suspend again."""
    config = make(tmp_path)
    now = datetime.now(UTC)
    for title in ("One", "Two", "Three", "Four"):
        told(config, ZACK, title=title)
    with installation.database(config) as session:
        ids = [row.id for row in session.scalars(select(NoticeRecipientRow))]

    def bounce(number: int) -> int:
        report(tmp_path, f"m{number}", GONE, to=own_way(ids[number]))
        service.once(config)
        with installation.database(config) as session:
            return len(list(session.scalars(select(SuppressionRow))))

    assert [bounce(0), bounce(1)] == [0, 1]
    with installation.database(config, write=True) as session:
        assert undeliverable.clear(session, "zack", "operator:a", now) == ""
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
    with installation.database(config, write=True) as session:
        directory.set_active(session, "slater", False, datetime.now(UTC))
    report(tmp_path, "a", GONE, to=verp(config, "zack"))
    service.once(config)
    service.once(config)
    letters = [
        one for one in installation.everything(config)["letters"] if one["kind"] == "unreachable"
    ]
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
    with installation.database(config, write=True) as session:
        assert undeliverable_notice.tell(session, house_of, MUST, datetime.now(UTC)) == 0
        assert (
            undeliverable_notice.tell(
                session, house_of, MUST, datetime.now(UTC) + timedelta(days=40)
            )
            == 2
        )


def worker_house(config: Config) -> Any:
    """The house that the worker writes letters with."""
    from intake.worker import bootstrap

    return bootstrap.judgement_context(config).letter_context


def test_an_answer_that_bounced_tells_no_colleague(tmp_path: Path) -> None:
    """Only lost notices concern them; whoever is marked otherwise is the operator's task."""
    config = make(tmp_path, people=COLLEAGUES)
    now = datetime.now(UTC)
    with installation.database(config, write=True) as session:
        session.execute(
            update(ContactRow).where(ContactRow.id == "zack").values(undeliverable_since=now)
        )
        assert undeliverable_notice.tell(session, worker_house(config), MUST, now) == 0
        assert [one.contact_id for one in undeliverable.waiting(session, MUST)] == ["zack"]
        directory.set_active(session, "zack", False, now)
        assert undeliverable.count(session, MUST) == 0


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
    made = notice_rows.notice_id(KEYS, "INC-7", 2, ZACK)
    own = tokens.read_message_id(KEYS, made, notice_rows.DOMAIN)
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
        with installation.database(config) as session:
            sent = [one for one in session.scalars(select(NoticeRecipientRow)) if one.key == ZACK]
            ids = {one.incident_id: one.id for one in sent}
        for name, incident in (("c", made), ("d", other)):
            report(tmp_path, name, GONE, to=own_way(ids[incident]))
        service.once(config)
        with installation.database(config, write=True) as session:
            now = datetime.now(UTC)
            people_told = resolve_cases.answer(
                session, made, 2, "Over.", By("operator:a", now), worker_house(config)
            )
            assert people_told == ("zack",)
            assert undeliverable.count(session, MUST) == 1
            assert undeliverable.newest(session, MUST) > 0
            assert session.get(SuppressionRow, ZACK) is not None
            assert undeliverable.clear(session, "zack", "operator:a", now) == ""
            assert undeliverable.count(session, MUST) == 0
        found = installation.everything(config)
        assert [one["rule"] for one in found["messages"][2:]] == ["R2", "R2"]
        assert sorted(one["kind"] for one in found["letters"]) == [
            "ack", "resolved", "unreachable", "unreachable", "unreachable", "unsubscribed",
        ]  # fmt: skip
        assert [one["status"] for one in found["cases"]] == ["resolved"]
