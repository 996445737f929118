"""What the clock does with questions that nobody answers: one reminder, then a flag."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text as sql

from intake.adapters.blob_store import Blobs
from intake.config.loader import Config
from intake.store import reports
from intake.worker import service
from tests.support import installation
from tests.support.mailbag import bag

ASKS = next(mail for mail in bag(60) if mail.action == "ask")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A service that has asked one contact for a missing field."""
    text = installation.maildir_box(tmp_path / "in") + installation.delivery(
        f"maildir:{tmp_path}/out"
    )
    made = installation.make(tmp_path, text)
    (tmp_path / "in/new/a").write_bytes(ASKS.raw)
    service.once(made)
    return made


def later(config: Config, days: int) -> dict[str, Any]:
    """So many days pass; what there is after the next pass."""
    with installation.database(config, write=True) as session:
        for table, columns in {
            "pending_forms": ("asked_at", "reminded_at"),
            "outbox": ("created_at",),
        }.items():
            for row in session.execute(sql(f"SELECT id, {', '.join(columns)} FROM {table}")).all():
                for column, value in zip(columns, row[1:], strict=True):
                    if value:
                        moved = installation.moment(value) - timedelta(days=days)
                        session.execute(
                            sql(f"UPDATE {table} SET {column} = :at WHERE id = :id"),
                            {"at": f"{moved:%Y-%m-%d %H:%M:%S.%f}", "id": row[0]},
                        )
    service.once(config)
    return installation.everything(config)


def test_a_question_is_repeated_once_and_then_flagged(config: Config) -> None:
    """Nothing after three days, one letter after five, no second one, a flag after fifteen."""
    assert [one["kind"] for one in later(config, 3)["letters"]] == ["missing_fields"]
    letters = later(config, 2)["letters"]
    assert [(one["kind"], one["state"]) for one in letters] == [
        ("missing_fields", "sent"), ("reminder", "sent"),
    ]  # fmt: skip
    assert letters[0]["recipient"] == letters[1]["recipient"]
    assert letters[0]["subject"] == letters[1]["subject"]
    found = later(config, 4)
    assert len(found["letters"]) == 2
    assert found["cases"][0]["flag"] == ""
    found = later(config, 6)
    assert (len(found["letters"]), found["cases"][0]["status"]) == (2, "draft")
    assert found["cases"][0]["flag"] == "no answer for 14 days"
    assert "reminded" in [event["kind"] for event in found["cases"][0]["events"]]


def test_nobody_is_reminded_of_a_case_that_is_closed(config: Config) -> None:
    """Nor of one that was answered."""
    done = installation.command(config, "cases", "close", "case-1001", "--why", "a test")
    assert done.returncode == 0, done.stderr
    assert [one["kind"] for one in later(config, 9)["letters"]] == ["missing_fields"]
    again = installation.command(config, "cases", "close", "CASE-1001")
    assert again.returncode == 1
    assert b"closed already" in again.stderr
    assert installation.command(config, "cases", "reopen", "CASE-1001").returncode == 0
    assert installation.everything(config)["cases"][0]["status"] == "open"


def strangers(tmp_path: Path, more: str) -> Config:
    """A service that holds three mails of people nobody knows."""
    text = installation.maildir_box(tmp_path / "in") + installation.delivery(
        f"maildir:{tmp_path}/out"
    )
    made = installation.make(tmp_path, text + more, "")
    for number, mail in enumerate(bag(3)):
        (tmp_path / "in/new" / str(number)).write_bytes(mail.raw)
    service.once(made)
    return made


def test_the_operator_is_told_once_and_again_only_of_something_new(tmp_path: Path) -> None:
    """One letter with numbers and rules; none the next day; one more when more waits."""
    config = strangers(tmp_path, '[alerts]\naddress = "night@desk.example"\n')
    alerts = [one for one in installation.everything(config)["letters"] if one["kind"] == "alert"]
    assert [(one["recipient"], one["state"]) for one in alerts] == [("night@desk.example", "sent")]
    with installation.database(config) as session:
        found = reports.letter(session, alerts[0]["id"])
    assert found is not None
    assert "3 held by R10" in found["text"]
    assert "Person" not in found["text"]
    assert len(later(config, 2)["letters"]) == 1
    (tmp_path / "in/new/x").write_bytes(bag(4)[3].raw)
    service.once(config)
    assert len(later(config, 0)["letters"]) == 2
    assert installation.command(config, "status").returncode == 1


def test_strangers_are_closed_after_a_month(tmp_path: Path) -> None:
    """Rejected with an event; the bytes stay."""
    config = strangers(tmp_path, "")
    with installation.database(config, write=True) as session:
        session.execute(sql("UPDATE messages SET recorded_at = '2020-01-01 00:00:00.000000'"))
    service.once(config)
    found = installation.everything(config)
    assert {one["status"] for one in found["messages"]} == {"rejected"}
    blobs = Blobs(config.blob_folder)
    assert all(blobs.has(one["digest"]) for one in found["messages"])
