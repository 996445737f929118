"""An incident from its first word to its last, by the commands, through Dovecot and SMTP."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
import time_machine
from sqlalchemy import select

from intake.config.loader import Config
from intake.incidents.schedule import offset
from intake.store.incidents.read import updates
from intake.store.tables.incidents import HookEventRow
from intake.worker import service
from tests.support import installation
from tests.support.commands import invoke
from tests.support.incident_cases import TWO
from tests.support.mailbag import AUTHSERV, SERVICE
from tests.support.servers import PASSWORD, dovecot, smtp_sink

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("servers")]
MODULE = "Grade Book"


def said(config: Config, *words: str, who: str = "ann") -> str:
    """What a command says when all is well, as that operator."""
    done = installation.command(config, *words, operator=who)
    assert done.returncode == 0, done.stderr.decode()
    return " ".join(done.stdout.decode().split())


def case(who: str, name: str) -> bytes:
    """A complete application issue about the module, as the server in front hands it over."""
    domain = who.partition("@")[2]
    return (
        f"Authentication-Results: {AUTHSERV}; dkim=pass header.d={domain};"
        f" dmarc=pass header.from={domain}\r\nFrom: {who}\r\nTo: {SERVICE}\r\nSubject: Posting\r\n"
        f"Date: {installation.now_2822()}\r\nMessage-ID: <{name}@{domain}>\r\n\r\n"
        f"Case Type: Application Issue\r\nModule: {MODULE}\r\nWho is impacted?: all\r\n"
        "Issue Began: yesterday\r\nSteps to Reproduce: Press Post.\r\nDescription: It is grey.\r\n"
    ).encode()


def told(config: Config) -> str:
    """The newest update proposed by one person and approved by another."""
    shown = said(config, "incidents", "send", "INC-1")
    found = re.search(r"approve INC-1 ([0-9a-f]{16})", shown)
    assert found, shown
    return said(config, "incidents", "approve", "INC-1", found[1], who="ben")


def notices(letters: list[Message], address: str) -> list[Message]:
    """The notices that this person got, in the order of their updates."""
    mine = [one for one in letters if one["To"] == address and one["List-Id"]]
    return sorted(mine, key=lambda one: len(str(one["References"]).split()))


def test_an_incident_from_first_word_to_last(tmp_path: Path) -> None:
    """Told, three cases of two districts linked, updates in one thread, resolved and answered."""
    fast = "\n[notices]\nrate_per_minute = 6000\nrate_per_minute_domain = 6000\n"
    with dovecot(tmp_path) as imap, smtp_sink(tmp_path) as sink:
        text = installation.imap_box(imap.imap, PASSWORD) + installation.delivery(
            f"smtp://127.0.0.1:{sink.port}"
        )
        config = installation.make(tmp_path, text + fast, TWO)
        said(config, "incidents", "open", "Posting is delayed", "--module", MODULE,
             "--text", "We look for the cause.")  # fmt: skip
        assert "goes to 2 people" in told(config)
        said(config, "once")
        for who, name in (("zack", "1"), ("archie", "2"), ("zack", "3")):
            domain = "bayside" if who == "zack" else "riverdale"
            imap.deliver(case(f"{who}@{domain}.example", name))
        said(config, "once")
        shown = json.loads(said(config, "incidents", "show", "INC-1", "--json"))
        assert {name: len(cases) for name, cases in shown["cases"].items()} == {
            "bayside": 2, "riverdale": 1,
        }  # fmt: skip
        said(config, "incidents", "update", "INC-1", "--status", "identified", "--text", "Found.")
        assert "goes to 2 people" in told(config)
        said(config, "once")
        done = said(
            config, "incidents", "resolve", "INC-1", "--text", "It is mended.", "--answer-cases"
        )
        assert "2 people get that as their answer" in done
        said(config, "once")
        letters = [message_from_bytes(one.partition(b"\r\nFrom: ")[1][2:] +
                   one.partition(b"\r\nFrom: ")[2]) for one in sink.letters()]  # fmt: skip
    acks = [one for one in letters if "no need to call" in one.as_string() and not one["List-Id"]]
    assert len(acks) == 3
    first, second = notices(letters, "zack@bayside.example")
    assert (
        first["Subject"] == second["Subject"] == "[Support desk status] Posting is delayed (INC-1)"
    )
    root, last = str(second["References"]).split()
    assert str(first["References"]) == root
    assert last == first["Message-ID"] == second["In-Reply-To"]
    assert "CASE-1001" in second.as_string()
    answers = [one for one in letters if "It is mended." in one.as_string()]
    assert len(answers) == 3
    assert {one["To"] for one in answers} == {"zack@bayside.example", "archie@riverdale.example"}
    assert {one["status"] for one in installation.everything(config)["cases"]} == {"resolved"}
    with installation.database(config) as session:
        kinds = [
            row.kind for row in session.scalars(select(HookEventRow).order_by(HookEventRow.id))
        ]  # type: ignore[arg-type] # a column
    assert kinds.count("case.linked") == 3
    assert kinds.count("notice.approved") == kinds.count("notice.sent") == 2
    assert kinds[0] == "incident.opened"
    assert kinds[-1] == "incident.resolved"


def at(config: Config, moment: datetime, *commands: tuple[str, ...], who: str = "ann") -> str:
    """Commands and one pass of the worker, at that moment; what the last command says."""
    shown = ""
    with time_machine.travel(moment, tick=True), pytest.MonkeyPatch.context() as patch:
        patch.setenv("INTAKE_OPERATOR", who)
        for words in commands:
            done = invoke(["--config", config.file, *words])
            assert done.exit_code == 0, (words, done.output, done.exception)
            shown = " ".join(done.output.split())
        report = service.once(config)
        assert report.failures == []
    return shown


def test_a_maintenance_from_two_weeks_ahead_to_its_end(tmp_path: Path) -> None:
    """Announced, reminded four times, begun and ended by the clock: seven letters a person."""
    text = "\n[notices]\nrate_per_minute = 6000\nrate_per_minute_domain = 6000\n"
    text += f'\n[page]\nfolder = "{tmp_path}/page"\n'
    with dovecot(tmp_path) as imap, smtp_sink(tmp_path) as sink:
        text += installation.imap_box(imap.imap, PASSWORD)
        text += installation.delivery(f"smtp://127.0.0.1:{sink.port}")
        config = installation.make(tmp_path, text, TWO)
        start = datetime(2031, 3, 17, 3, 0, tzinfo=UTC)
        end, announced = start + timedelta(hours=2), start - timedelta(days=15)
        plan = ("incidents", "schedule", "New servers", "--start", start.isoformat(),
                "--end", end.isoformat(), "--text", "Nobody can sign in.")  # fmt: skip
        shown = at(config, announced, plan, ("incidents", "send", "INC-1"))
        found = re.search(r"approve INC-1 ([0-9a-f]{16})", shown)
        assert found, shown
        at(config, announced, ("incidents", "approve", "INC-1", found[1]), who="ben")
        for before in ("14d", "7d", "24h", "1h", "0m"):
            span = timedelta(0) if before == "0m" else offset(before)
            at(config, start - span + timedelta(minutes=1))
            at(config, start - span + timedelta(minutes=2))  # nothing twice
        at(config, end + timedelta(minutes=1))
        at(config, end + timedelta(days=1))
        letters = [message_from_bytes(b"From: " + one.partition(b"\r\nFrom: ")[2])
                   for one in sink.letters()]  # fmt: skip
    for address in ("zack@bayside.example", "archie@riverdale.example"):
        mine = [one for one in letters if one["To"] == address]
        assert len(mine) == 7
        assert len({one["Message-ID"] for one in mine}) == 7
        assert len({one["Subject"] for one in mine}) == 1
        assert len({str(one["References"]).split()[0] for one in mine}) == 1
        entries = [part for one in mine for part in one.walk()
                   if part.get_content_type() == "text/calendar"]  # fmt: skip
        assert entries
        assert all(part.get_param("method") == "PUBLISH" for part in entries)
    with installation.database(config) as session:
        told = updates(session, "INC-1")
    assert [one.kind for one in told] == ["update", *["reminder"] * 4, "automatic", "automatic"]
    assert [one.status for one in told][-2:] == ["in progress", "completed"]
    assert "Completed" in (tmp_path / "page/INC-1.html").read_text()
