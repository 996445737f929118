"""Found at a second look: the same mail twice, many mails, and what absence proved."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from sqlalchemy import text as sql

from intake.adapters import clamav, dkim_verifier
from intake.config import loader as settings
from intake.worker import batch, service
from tests.support import installation
from tests.support.mailbag import AUTHSERV, SERVICE
from tests.support.service import (
    AMY,
    BEN,
    BY_SPF,
    NONE,
    PEOPLE,
    QUESTION,
    SIGNED,
    Door,
    what,
)  # fmt: skip
from tests.support.two_accounts import HALF, Open


@pytest.fixture
def door(tmp_path: Path) -> Open:
    """Opens the service with what is configured."""
    return lambda **how: Door(tmp_path, **how)


def raw(sender: str, body: str, *fields: str, proof: str = SIGNED, number: int = 1) -> str:
    """A whole mail whose fields above From are the test's own."""
    domain = sender.rpartition("@")[2]
    head = [f"Authentication-Results: {AUTHSERV}; {proof.replace('{0}', domain)}", *fields]
    head += [f"From: {sender}", f"To: {SERVICE}", "Subject: A question"]
    head += ["Date: Wed, 04 Mar 2026 10:00:00 +0000", f"Message-ID: <{number}@peer.example>"]
    return "\n".join([*head, "", body])


# ---------------------------------------------------------------- the same mail, many mails


SIGNATURE = (
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=alder.example; s=s1; "
    "h=from:to:subject:date:message-id; bh=AAAA=; b=REALSIGNATURE="
)


LOOKED_AT = SIGNATURE.replace("AAAA=", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=").replace(
    "REALSIGNATURE=", "AAAA"
)


def test_a_signed_mail_is_known_again_below_a_false_signature(door: Open) -> None:
    """Whoever holds a copy puts a signature on top and a blank in the body, again and again."""
    made = door()
    made.put_raw(raw(AMY, QUESTION, SIGNATURE))
    for number in range(3):
        false = (
            f"DKIM-Signature: v=1; a=rsa-sha256; d=alder.example; s=n; h=from; bh=x; b=F{number}"
        )
        made.put_raw(raw(AMY, QUESTION + " " * number, false, SIGNATURE))
    made.work()
    assert [what(one) for one in made.messages()] == ["create R20", *["ignore R0a"] * 3]


def test_a_held_mail_hides_no_later_copy_of_itself(door: Open) -> None:
    """Held, then sent again and handled, then sent once more: one case."""
    made, new = door(), "newman@alder.example"
    made.put_raw(raw(new, QUESTION, proof=BY_SPF))
    made.work()
    made.cli("contacts", "add", "newman", "--name", "New Man", "--email", new, "--account", "alder")
    for _ in range(2):
        made.put_raw(raw(new, QUESTION, proof=BY_SPF))
        made.work()
    assert [what(one) for one in made.messages()] == ["hold R9", "create R20", "ignore R0a"]


def test_a_flood_takes_no_place_from_other_mail(door: Open) -> None:
    """Junk of one kind, and mails in one contact's name, change nothing for anybody else."""
    made = door(more="\n[limits]\nmax_strangers_per_day = 3\nmax_unproved_per_day = 3\n")
    for number in range(4):
        made.put(f"junk{number}@spam.example", "buy", proof=NONE)
        made.put(AMY, f"forged {number}", proof=NONE)
    made.work()
    assert sum(one["action"] == "drop" for one in made.messages()) == 2
    assert what(made.say("new.hire@alder.example")) == "hold R9"
    assert what(made.say(BEN, proof=NONE)) == "hold R7"
    made.put_raw(raw(AMY, QUESTION, "Subject: twice", number=77))
    made.work()
    assert what(made.messages()[-1]) == "hold R0"


def test_an_old_letter_does_not_come_back_by_a_null_reverse_path(door: Open) -> None:
    """Everybody who was ever copied knows its Message-ID; servers report within some days."""
    made = door()
    made.say(AMY)
    ack = made.letters("ack", AMY)[-1]
    with installation.database(made.config, write=True) as session:
        session.execute(sql("UPDATE outbox SET created_at = datetime(created_at, '-20 days')"))
    for number in (1, 2):
        made.put_raw(
            "\n".join(
                [
                    "Return-Path: <>",
                    f"Authentication-Results: {AUTHSERV}; spf=none; dmarc=none",
                    "From: MAILER-DAEMON@attack.example",
                    f"To: {SERVICE}",
                    "Subject: Undelivered Mail Returned to Sender",
                    f"Message-ID: <b{number}@x.example>",
                    "Date: Wed, 04 Mar 2026 10:00:00 +0000",
                    "",
                    f"550 5.1.1 <{AMY}>: user unknown",
                    "",
                    f"Message-ID: {ack['message_id_header']}",
                ]
            )
        )
    made.work()
    assert "unreachable" not in made.cli("contacts", "show", "amy").replace("unreachable_since", "")
    assert AMY not in made.cli("contacts", "suspended")


# ---------------------------------------------------------------- what absence proved


@pytest.mark.parametrize(
    "domain",
    ["mx.attack.example", "_mx.attack.example", "lists.trusted.example_x.attack.example", ""],
)
def test_a_seal_that_cannot_be_read_is_not_believed(door: Open, domain: str) -> None:
    """Every seal of a chain counts, and each is of a domain on the list."""
    made = door(box='arc_sealers = ["lists.trusted.example"]\n')
    good = [
        "ARC-Seal: i=2; a=rsa-sha256; t=1; cv=pass; d=lists.trusted.example; s=k; b=AA==",
        "ARC-Authentication-Results: i=2; lists.trusted.example; arc=pass",
        f"ARC-Seal: i=1; a=rsa-sha256; t=1; cv=none; d={domain}; s=k; b=AA==",
        "ARC-Authentication-Results: i=1; mx.x.example; dmarc=pass header.from=alder.example",
    ]
    told = "arc=pass; dmarc=none header.from={0}"
    made.put_raw(raw(AMY, QUESTION, *good, proof=told))
    whole = [line.replace(f"d={domain};", "d=lists.trusted.example;") for line in good]
    for number, fields in enumerate((whole, whole[:3], [*whole, whole[3]], whole[2:])):
        made.put_raw(raw(AMY, f"{QUESTION}{number}", *fields, proof=told, number=number + 5))
    made.work()
    assert [one["level"] for one in made.messages()] == ["L1", "L2", "L1", "L1", "L2"]


def test_a_mail_from_a_pipe_is_looked_at_as_one_from_the_mailbox(
    door: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same trust judges it and asks for its keys."""
    asked: list[str] = []
    monkeypatch.setattr(dkim_verifier.Resolver, "_ask", lambda self, name: asked.append(name))
    made = door(more='\n[evidence]\ndkim = "always"\n')
    mail = raw(AMY, QUESTION, LOOKED_AT)
    assert service.receive(made.config, mail.replace("\n", "\r\n").encode()) == 0
    assert asked


def test_a_strangers_name_servers_cost_contacts_nothing(
    door: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names that never answer use up a batch's time; mail of contacts was looked at before."""
    asked: list[str] = []

    def ask(self: dkim_verifier.Resolver, name: str) -> bytes | None:
        asked.append(name)
        if "slow" in name:
            time.sleep(0.3)
            raise dkim_verifier.TemporaryDnsError(name)
        return b"v=DKIM1; p="

    monkeypatch.setattr(batch, "PROVING_SECONDS", 1)
    monkeypatch.setattr(dkim_verifier.Resolver, "_ask", ask)
    made = door(more='\n[evidence]\ndkim = "always"\n')
    file = Path(made.config.file)
    file.write_text(file.read_text().replace("batch_mails = 1\n", "batch_mails = 50\n"))
    made.config = settings.load(str(file), {})
    real = LOOKED_AT
    for number in range(3):
        slow = [
            real.replace("alder", f"slow{number}").replace("s=s1", f"s=k{key}") for key in range(5)
        ]
        made.put_raw(raw(f"x@slow{number}.example", QUESTION, *slow, proof=BY_SPF, number=number))
    made.put_raw(raw(AMY, QUESTION, real, number=9))
    made.work()
    assert any("alder" in name for name in asked)


def test_a_file_that_the_scanner_cannot_read_holds_up_no_other(
    door: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger's file waits; a contact's is looked at."""

    def find(self: clamav.Scanner, data: bytes) -> str:
        said = "stream: Can't allocate memory ERROR" if b"POISON" in data else "stream: OK"
        return clamav._read(said, self.url)

    monkeypatch.setattr(clamav.Scanner, "find", find)
    made = door(more='\n[files]\nclamav = "tcp://127.0.0.1:3310"\n')
    for sender, proof, word in (("junk@spam.example", NONE, "POISON"), (AMY, SIGNED, "fine")):
        body = "\n".join(
            [
                "--b",
                "Content-Type: text/plain",
                "",
                QUESTION,
                "--b",
                'Content-Disposition: attachment; filename="a.txt"',
                "",
                word,
                "--b--",
                "",
            ]
        )
        kind = 'Content-Type: multipart/mixed; boundary="b"'
        made.put_raw(raw(sender, body, "MIME-Version: 1.0", kind, proof=proof, number=len(word)))
    made.work()
    (file,) = made.case("CASE-1001")["attachments"]
    assert file["state"] == "stored"


def test_a_case_that_was_flagged_is_told_whatever_came_since(door: Open) -> None:
    """The alert does not go by the newest mail alone."""
    made = door(more='\n[alerts]\naddress = "ops@desk.example"\nevery_hours = 1\n')
    made.say(AMY, HALF.format(1), subject="Draft")
    made.say("junk@spam.example", "buy", proof=NONE)
    assert len(made.letters("alert")) == 1
    with installation.database(made.config, write=True) as session:
        late = "created_at = datetime(created_at, '-3 hours'), cause = id"
        session.execute(sql(f"UPDATE outbox SET {late}"))
        session.execute(sql("UPDATE pending_forms SET asked_at = datetime(asked_at, '-60 days')"))
    made.work()
    assert made.case("CASE-1001")["flag"]
    made.work()
    assert len(made.letters("alert")) == 2


def test_a_lost_mail_is_judged_by_the_trust_of_its_own_mailbox(tmp_path: Path) -> None:
    """After a restore, too: the first mailbox's server does not speak for the second one's."""
    two = installation.maildir_box(tmp_path / "two").replace('"support"', '"second"')
    boxes = installation.maildir_box(tmp_path / "one") + two.replace(AUTHSERV, "mx.two.example")
    config = installation.make(
        tmp_path, boxes + installation.delivery(f"maildir:{tmp_path}/out"), PEOPLE
    )
    service.once(config)
    database = tmp_path / "var"
    shutil.copytree(database, tmp_path / "old")
    (tmp_path / "two/new/1").write_bytes(raw(AMY, QUESTION).replace("\n", "\r\n").encode())
    service.once(config)
    shutil.rmtree(tmp_path / "two")
    for path in database.glob("intake.db*"):
        path.unlink()
    for path in (tmp_path / "old").glob("intake.db*"):
        shutil.copy(path, database / path.name)
    assert installation.command(config, "reconcile", "--repair").returncode == 0
    (mail,) = installation.everything(config)["messages"]
    assert (mail["mailbox"], mail["status"], mail["level"]) == ("second", "held", "L1")
