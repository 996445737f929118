"""What was found when the doors were looked at again: a choice by chance, an absence, a late look.

Each test is a way in which one mail changed what another one got, or in which somebody who had
left, was never confirmed, or wrote the wrong word was still heard or written to.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text as sql

from intake.adapters import clamav, dkim_verifier
from intake.config import loader as settings
from intake.worker import batch, service
from tests import house
from tests.doors import (
    AMY,
    BEN,
    BY_SPF,
    MONA,
    NONE,
    PEOPLE,
    QUESTION,
    SIGNED,
    Door,
    what,
)  # fmt: skip
from tests.mailbag import AUTHSERV, SERVICE
from tests.test_doors_contacts import form

HALF = "Case Type: Application Issue\nModule: Grade Book\nDescription: Thing {}.\n"
Open = Callable[..., Door]


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


# ---------------------------------------------------------------- contacts and their accounts


def test_a_no_from_a_new_address_confirms_nothing(door: Open) -> None:
    """Whoever writes that the address is wrong does not become the contact by that."""
    made, wrong = door(), "nora@aldr.example"
    made.say(AMY, form("Add", "Nora", "New", wrong), subject="A contact")
    made.cli("contacts", "apply", "CASE-1001", "--yes")
    made.work()
    (asked,) = made.letters("verify", wrong)
    assert "with one word" in asked["text"]
    no = made.say(wrong, "No, I am not Nora. Wrong address!", to=asked["message_id_header"])
    assert what(no) == "hold R24"
    assert what(made.say(wrong, "", subject="status")) in ("hold R9", "hold R10")
    assert made.letters("cases", wrong) == []
    assert what(made.say(wrong, "Yes, that is me.", to=asked["message_id_header"])) == "answer R24"


def test_a_yes_carries_out_only_what_the_operator_applied(door: Open) -> None:
    """The case is changed between the operator's yes and the contact's: nothing happens."""
    made = door()
    add = form("Add", "Ben", "Birch", BEN, Contact_Type="Read Only")
    made.say(AMY, add, subject="A contact")
    made.cli("contacts", "apply", "CASE-1001", "--yes")
    made.work()
    (asked,), ack = made.letters("join", BEN), made.letters("ack", AMY)[-1]
    change = (
        "Request Type: Replace\nContact Type: Authorized\nContact Replacement Name: Abe Alder\n"
    )
    assert what(made.say(AMY, change, to=ack["message_id_header"])).startswith("append")
    made.say(BEN, "yes", to=asked["message_id_header"])
    shown = made.cli("contacts", "show", "ben") + made.cli("contacts", "show", "abe")
    assert "alder" not in made.cli("contacts", "show", "ben", "--json").replace("alder.example", "")
    assert "disabled" not in shown
    assert made.case("CASE-1001")["flag"] == "changed since the contact was asked"


def test_what_is_applied_is_what_was_shown(door: Open) -> None:
    """The case is changed between the look at it and the yes to it."""
    made = door()
    made.say(AMY, form("Add", "Nora", "New", "nora@alder.example"), subject="A contact")
    assert "nora@alder.example" in made.cli("contacts", "apply", "CASE-1001")
    ack = made.letters("ack", AMY)[-1]
    made.say(AMY, "Contact Email: eve@attack.example\n", to=ack["message_id_header"])
    refused = house.command(made.config, "contacts", "apply", "CASE-1001", "--yes")
    assert (refused.returncode != 0, b"was changed since it was shown" in refused.stderr) == (
        True,
        True,
    )
    assert "eve@attack.example" in made.cli("contacts", "apply", "CASE-1001")
    made.cli("contacts", "apply", "CASE-1001", "--yes")


def test_an_address_that_nobody_confirmed_stands_in_nobodys_way(door: Open) -> None:
    """One customer names it, nobody answers; its own customer can add it all the same."""
    made, vic = door(), "vic@birch.example"
    made.say(AMY, form("Add", "Vic", "Tim", vic), subject="A contact")
    made.cli("contacts", "apply", "CASE-1001", "--yes")
    made.say(BEN, form("Add", "Vic", "Tim", vic), subject="A contact")
    made.cli("contacts", "apply", "CASE-1002", "--yes")
    made.work()
    first, second = made.letters("verify", vic)
    assert what(made.say(vic, "yes", to=first["message_id_header"])) == "hold R9"
    assert what(made.say(vic, "yes", to=second["message_id_header"])) == "answer R24"
    assert what(made.say(vic)) == "create R20"
    assert made.cases()[-1]["account_id"] == "birch"


@pytest.mark.parametrize("kind", ["reminder", "letter", "notice"])
def test_who_has_left_an_account_hears_no_more_of_it(door: Open, kind: str) -> None:
    """Reminders, letters that wait and notices go to nobody who is of that account no more."""
    made = door()
    if kind == "notice":
        made.cli("incidents", "open", "Payroll is down", "--text", "Only Birch.", "--account",
                 "birch", "--module", "Grade Book", "--class", "informational")  # fmt: skip
    made.say(MONA, f"Account: Birch County\n{HALF.format(1)}", subject="Payroll of Birch")
    assert made.case("CASE-1001")["account_id"] == "birch"
    made.cli(
        "contacts", "add", "mona", "--name", "Mona Multi", "--email", MONA, "--account", "alder"
    )
    before = len(made.posted(MONA))
    with house.unit(made.config, write=True) as unit:
        if kind == "reminder":
            unit.execute(sql("UPDATE pending_forms SET asked_at = datetime(asked_at, '-20 days')"))
        if kind == "letter":
            unit.execute(
                sql("UPDATE outbox SET state = 'due', message_id_header = '<x@x.example>'")
            )
    if kind == "letter":
        (made.folder / "var/journal").unlink()  # it knows the letter by its first name
    if kind == "notice":
        made.cli("incidents", "update", "INC-1", "--text", "For Birch only.")
        house.command(
            made.config, "incidents", "send", "INC-1", "--emergency", "x", operator="otto"
        )
    made.work()
    assert len(made.posted(MONA)) == before
    assert made.letters("reminder") == []


def test_a_stand_in_works_for_every_account_that_is_told(door: Open) -> None:
    """Somebody who has left the account is told in nobody's place."""
    sam = PEOPLE + (
        '\n[[contacts]]\nid = "sam"\nname = "Sam Both"\nemails = ["sam@both.example"]\n'
        'accounts = ["alder", "birch"]\ncontact_type = "Authorized"\nareas = ["SIS"]\n'
    )
    made = door(people=sam)
    made.cli(
        "contacts", "notices", "mona", "--class", "outage", "--mode", "off", "--instead", "sam"
    )
    made.cli("contacts", "add", "sam", "--name", "Sam Both", "--email", "sam@both.example",
             "--account", "alder")  # fmt: skip
    made.cli("incidents", "open", "Outage of Birch", "--text", "x", "--account", "birch",
             "--class", "outage")  # fmt: skip
    made.cli("incidents", "send", "INC-1", "--emergency", "x")
    made.work()
    told = {str(one["To"]) for one in made.posted() if "Outage" in str(one["Subject"])}
    assert told == {MONA, BEN}


@pytest.mark.parametrize(
    "named", ["Account: High School\n", "Account: Birch County\nAccount: Alder Unified\n"]
)
def test_two_accounts_that_may_be_meant_are_asked_about(door: Open, named: str) -> None:
    """One name for two accounts, or two names: no account is chosen for the writer."""
    both = re.sub(
        r'(name = "(?:Alder Unified|Birch County)")', r'\1\naliases = ["High School"]', PEOPLE
    )
    made = door(people=both)
    assert what(made.say(MONA, named + QUESTION)).startswith("ask")
    assert made.case("CASE-1001")["account_id"] == ""


def test_an_account_out_of_force_is_out_of_force_for_everybody(door: Open) -> None:
    """A contact of another account, too, sees, continues and closes none of its cases."""
    made = door()
    made.say(BEN, subject="Of Birch")
    ack = made.letters("ack", BEN)[-1]
    made.cli("accounts", "disable", "birch")
    made.say(MONA, "", subject="status")
    assert "CASE-1001" not in made.letters("cases", MONA)[-1]["text"]
    said = made.say(MONA, "One word more.", to=ack["message_id_header"], subject=ack["subject"])
    assert said["case_number"] != "CASE-1001"
    made.say(MONA, "", subject="close CASE-1001")
    assert made.case("CASE-1001")["status"] == "open"


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
    with house.unit(made.config, write=True) as unit:
        unit.execute(sql("UPDATE outbox SET created_at = datetime(created_at, '-20 days')"))
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
    with house.unit(made.config, write=True) as unit:
        late = "created_at = datetime(created_at, '-3 hours'), cause = id"
        unit.execute(sql(f"UPDATE outbox SET {late}"))
        unit.execute(sql("UPDATE pending_forms SET asked_at = datetime(asked_at, '-60 days')"))
    made.work()
    assert made.case("CASE-1001")["flag"]
    made.work()
    assert len(made.letters("alert")) == 2


def test_a_lost_mail_is_judged_by_the_trust_of_its_own_mailbox(tmp_path: Path) -> None:
    """After a restore, too: the first mailbox's server does not speak for the second one's."""
    two = house.maildir_box(tmp_path / "two").replace('"support"', '"second"')
    boxes = house.maildir_box(tmp_path / "one") + two.replace(AUTHSERV, "mx.two.example")
    config = house.make(tmp_path, boxes + house.delivery(f"maildir:{tmp_path}/out"), PEOPLE)
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
    assert house.command(config, "reconcile", "--repair").returncode == 0
    (mail,) = house.everything(config)["messages"]
    assert (mail["mailbox"], mail["status"], mail["level"]) == ("second", "held", "L1")
