"""The operator's help with senders: proposals from real mail, and the ledger judged again."""

from __future__ import annotations

import json
from pathlib import Path

from intake.config.loader import Config
from intake.worker import service as worker
from intake.worker import trust_report
from tests.support import installation
from tests.support.mailbag import AUTHSERV, bag
from tests.support.service import AMY, Door

HOP = "Received: from relay.outside.example by {by}; Tue, 3 Mar 2026 10:00:00 -0600\r\n"


def service(folder: Path, *, trusted: bool) -> Config:
    """A drop box, whose server is trusted or not."""
    text = installation.maildir_box(folder / "in")
    if not trusted:
        text = text.replace(f'["{AUTHSERV}"]', "[]")
    return installation.make(folder, text + installation.delivery(f"maildir:{folder}/out"))


def fill(folder: Path, count: int = 10, *, extra: str = "", below: str = "") -> None:
    """Mails that bear the server's field, with fields above and below it."""
    for number, mail in enumerate(bag(count)):
        head, _, rest = mail.raw.partition(b"\r\n")
        raw = extra.encode() + head + b"\r\n" + below.encode() + rest
        (folder / "in/new" / str(number)).write_bytes(raw)


def test_the_id_on_top_is_proposed_and_nothing_is_turned_on(tmp_path: Path) -> None:
    """All would have been L3; until somebody writes it down, all are held."""
    config = service(tmp_path, trusted=False)
    fill(tmp_path, extra=HOP.format(by="relay.desk.example"))
    (one,) = trust_report.propose(config)
    assert (one.mails, one.authserv_id, one.received_above) == (10, AUTHSERV, 1)
    assert (one.now, one.then, one.seen_below) == ({"L1": 10}, {"L3": 10}, 0)
    done = installation.command(config, "doctor", "auth")
    said = " ".join(done.stdout.decode().split())
    assert f'trusted_authserv_ids = ["{AUTHSERV}"]' in said
    assert "received_above = 1" in said
    assert len(list((tmp_path / "in/new").iterdir())) == 10
    assert worker.once(config).actions == {"hold": 10}
    (later,) = trust_report.propose(config)  # they lie in another folder now
    assert (later.mails, later.authserv_id) == (10, AUTHSERV)
    assert installation.command(config, "doctor", "nonsense").returncode == 2


def test_a_copy_further_down_is_said(tmp_path: Path) -> None:
    """The same id below a foreign hop is a forgery, or a mail that was relayed twice."""
    config = service(tmp_path, trusted=True)
    below = HOP.format(by="x.example") + f"Authentication-Results: {AUTHSERV}; dmarc=pass\r\n"
    fill(tmp_path, below=below)
    (one,) = trust_report.propose(config)
    assert (one.seen_below, one.authserv_fields, one.now) == (10, 1, {"L3": 10})
    shown = json.loads(installation.command(config, "doctor", "auth", "--json").stdout)
    assert shown[0]["seen_below"] == 10


def test_without_the_field_nothing_is_proposed(tmp_path: Path) -> None:
    """An empty mailbox, and mails of many servers."""
    config = service(tmp_path, trusted=True)
    assert trust_report.propose(config)[0].authserv_id is None
    for number, mail in enumerate(bag(4)):
        raw = mail.raw.replace(AUTHSERV.encode(), f"mx{number}.example".encode())
        (tmp_path / "in/new" / str(number)).write_bytes(raw)
    (one,) = trust_report.propose(config)
    assert (one.with_field, one.authserv_id, len(one.ids)) == (4, None, 4)
    assert b"ask whoever runs" in installation.command(config, "doctor", "auth").stdout


def test_a_provider_of_many_servers_is_proposed_by_its_name(tmp_path: Path) -> None:
    """Each mail bears another host; what all of them share is proposed, and no public suffix."""
    config = service(tmp_path, trusted=False)
    for number, mail in enumerate(bag(10)):
        host = f"atlas-{number}.prod.mail.wahoo.example".encode()
        raw = mail.raw.replace(b"Authentication-Results: " + AUTHSERV.encode(),
                               b"Authentication-Results: " + host)  # fmt: skip
        (tmp_path / "in/new" / str(number)).write_bytes(raw)
    (one,) = trust_report.propose(config)
    assert (one.authserv_id, one.then) == ("*.prod.mail.wahoo.example", {"L3": 10})


def test_a_server_with_an_id_for_each_method_is_proposed_with_all_its_fields(
    tmp_path: Path,
) -> None:
    """The field on top has no verdict in it; together they prove every mail."""
    config = service(tmp_path, trusted=False)
    for number, mail in enumerate(bag(5)):
        head, _, rest = mail.raw.partition(b"\r\n")
        methods = head.decode().partition(";")[2].split(";")
        fields = ["Authentication-Results: bimi.apple.example; bimi=skipped"]
        for words in methods:
            name = words.split("=")[0].strip()
            fields.append(f"Authentication-Results: {name}.apple.example;{words}")
        raw = "\r\n".join(fields).encode() + b"\r\n" + rest
        (tmp_path / "in/new" / str(number)).write_bytes(raw)
    (one,) = trust_report.propose(config)
    assert one.authserv_id == "*.apple.example"
    assert one.authserv_fields > 1
    assert one.then == {"L3": 5}


def test_the_ledger_says_what_would_differ_today(tmp_path: Path) -> None:
    """Held while nothing was trusted; with the id in place all of them would be cases."""
    config = service(tmp_path, trusted=False)
    fill(tmp_path)
    worker.once(config)
    dry = installation.command(config, "messages", "replay", "--dry-run", "--json")
    assert json.loads(dry.stdout) == []
    file = Path(config.file)
    file.write_text(
        file.read_text().replace(
            "trusted_authserv_ids = []", f'trusted_authserv_ids = ["{AUTHSERV}"]'
        )
    )
    changed = json.loads(
        installation.command(config, "messages", "replay", "--dry-run", "--json").stdout
    )
    assert len(changed) == 10
    assert {one["before"] for one in changed} == {"hold R7"}
    assert {one["after"] for one in changed} <= {"create R20", "ask R18"}
    assert installation.command(config, "messages", "replay").returncode == 2
    held = installation.command(config, "messages", "list", "--held").stdout.decode()
    assert "R7 nothing proves that the contact wrote this" in " ".join(held.split())
    assert "-> release it;" in " ".join(held.split())
    assert not installation.everything(config)["cases"]


def test_a_held_mail_whose_check_must_wait_stays_held(tmp_path: Path) -> None:
    """It lies in the held folder, so it cannot be put off to a next pass over the inbox."""
    door = Door(tmp_path, trusted='["mx.other.example"]')
    held = door.say(AMY, proof="dmarc=temperror header.from={0}")
    assert held["status"] == "held"
    file = Path(door.config.file)
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("mx.other.example", AUTHSERV), encoding="utf-8")
    said = door.cli("messages", "replay", str(held["id"]))
    assert "temporary error" in said
    assert door.messages()[-1]["status"] == "held"
    assert AMY in door.cli("messages", "list", "--held")
