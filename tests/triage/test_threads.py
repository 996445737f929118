"""One matter is one case: the mail that is answered, the number in a subject, copies of a mail."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import UTC, datetime
from pathlib import Path

import pytest

from intake.letters import outlook_thread
from tests.support.rawmail import mail, message
from tests.support.service import ABE, AMY, BEN, MONA, NONE, Door, what, words_of

MORE = "It is the same in the other school.\n"


@pytest.mark.parametrize("field", ["In-Reply-To", "References"])
def test_a_colleague_answers_the_contacts_own_mail(tmp_path: Path, field: str) -> None:
    """Copied in on the first mail, the colleague never had a letter of ours."""
    door = Door(tmp_path)
    mark = door.put(AMY, message_id="<first@alder.example>")
    door.work()
    number = door.row(mark)["case_number"]
    fields = [
        f"{field}: <other@alder.example> {mark}" if field == "References" else f"{field}: {mark}"
    ]
    row = door.say(ABE, MORE, subject="Re: A question", fields=fields)
    assert (row["rule"], row["case_number"], len(door.cases())) == ("R17", number, 1)
    assert MORE.strip() in str(door.case(number)["events"])


@pytest.mark.parametrize(
    ("who", "proof", "outcome"), [(BEN, None, "create R20"), (AMY, NONE, "hold R7")]
)
def test_a_message_id_of_another_account_opens_nothing(
    tmp_path: Path, who: str, proof: str | None, outcome: str
) -> None:
    """Anyone may know a Message-ID; it leads nobody to a case of others, proved or not."""
    door = Door(tmp_path)
    mark = door.put(AMY, message_id="<first@alder.example>")
    door.work()
    how = {"proof": proof} if proof else {}
    row = door.say(who, MORE, fields=[f"In-Reply-To: {mark}"], **how)
    assert row["case_number"] != door.row(mark)["case_number"]
    assert what(row) == outcome
    assert "comment" not in [one["kind"] for one in door.cases()[0]["events"]]


def test_our_own_letter_counts_before_any_other_reference(tmp_path: Path) -> None:
    """A reply to our letter about the second case, with the first mail in References."""
    door = Door(tmp_path)
    first = door.put(AMY, message_id="<first@alder.example>")
    door.work()
    door.say(AMY, "Case Type: Ask a Question\nDescription: Another one entirely.\n")
    ours = door.posted()[-1]["Message-ID"]
    row = door.say(AMY, MORE, fields=[f"References: {first} {ours}", f"In-Reply-To: {first}"])
    assert row["case_number"] == door.cases()[1]["number"]


def test_a_subject_that_names_two_cases_is_asked_about(tmp_path: Path) -> None:
    """The first number counts, and the letter names the other one."""
    door = Door(tmp_path)
    door.say(AMY)
    door.say(AMY, "Case Type: Ask a Question\nDescription: Another one entirely.\n")
    one, two = (case["number"] for case in door.cases())
    row = door.say(ABE, MORE, subject=f"{two} and {one}")
    assert (row["case_number"], len(door.cases())) == (two, 2)
    text = words_of(door.posted(ABE)[-1])
    assert f"Your subject names {one}, too." in text


def test_numbers_of_others_are_not_named(tmp_path: Path) -> None:
    """A number of another account's case in the subject is ordinary text."""
    door = Door(tmp_path)
    door.say(BEN)
    door.say(AMY)
    theirs, own = (case["number"] for case in door.cases())
    row = door.say(ABE, MORE, subject=f"{theirs} and {own}")
    assert row["case_number"] == own
    assert theirs not in words_of(door.posted(ABE)[-1])


@pytest.mark.parametrize("changed", ["footer", "subject tag", "nothing"])
def test_the_same_mail_in_other_bytes_is_one_mail(tmp_path: Path, changed: str) -> None:
    """A gateway's footer is added to the case; there is no second case and no second letter."""
    door = Door(tmp_path)
    text = "Case Type: Ask a Question\nDescription: How is a snow day set up?\n"
    date = "Date: Mon, 2 Mar 2026 09:00:00 +0000"
    head = ["Authentication-Results: mx.desk.example; dkim=pass header.d=alder.example; "
            "dmarc=pass header.from=alder.example", f"From: {AMY}", "To: support@desk.example",
            date, "Message-ID: <same@alder.example>"]  # fmt: skip
    door.put_raw("\n".join((*head, "Subject: Snow", "", text)))
    door.work()
    subject = "[EXTERNAL] Snow" if changed == "subject tag" else "Snow"
    more = "Scanned by the gateway of Alder.\n" if changed == "footer" else " \n"
    door.put_raw("\n".join((*head, f"Subject: {subject}", "X-Gateway: 1", "", text + more)))
    door.work()
    row = door.messages()[-1]
    assert (len(door.cases()), len(door.letters())) == (1, 1)
    if changed == "footer":
        assert (row["rule"], row["action"]) == ("R30", "append")
        assert "Scanned by the gateway" in str(door.cases()[0]["events"])
    else:
        assert row["action"] == "ignore"


def test_a_forged_copy_with_the_same_marks_adds_nothing(tmp_path: Path) -> None:
    """Message-ID, Date and From can be copied; without proof the copy is held."""
    door = Door(tmp_path)
    date = "Date: Mon, 2 Mar 2026 09:00:00 +0000"
    same = [f"From: {AMY}", "To: support@desk.example", date, "Message-ID: <same@alder.example>"]
    proof = "Authentication-Results: mx.desk.example; dmarc={} header.from=alder.example"
    text = "Case Type: Ask a Question\nDescription: How is a snow day set up?\n"
    passed = proof.format("pass") + "; dkim=pass header.d=alder.example"
    door.put_raw("\n".join((passed, *same, "Subject: x", "", text)))
    door.work()
    for result, rule in (("none", "R7"), ("fail", "R5")):
        door.put_raw("\n".join((proof.format(result), *same, "Subject: x", "", text + result)))
        door.work()
        assert door.messages()[-1]["rule"] == rule
    assert "comment" not in [one["kind"] for one in door.cases()[0]["events"]]


def test_two_mailboxes_that_see_one_mail_make_one_case(tmp_path: Path) -> None:
    """The inbox and an archive: the archive's copy has fields of its own."""
    second = (
        f'[[mailbox]]\nname = "archive"\nurl = "maildir:{tmp_path}/archive"\n'
        'trusted_authserv_ids = ["mx.desk.example"]\n'
    )
    door = Door(tmp_path, more=second)
    (tmp_path / "archive/new").mkdir(parents=True, exist_ok=True)
    mark = door.put(AMY)
    raw = next((tmp_path / "in/new").iterdir()).read_bytes()
    (tmp_path / "archive/new/1").write_bytes(raw)
    (tmp_path / "archive/new/2").write_bytes(b"Delivered-To: archive@desk.example\r\n" + raw)
    door.work()
    rules = sorted(one["rule"] for one in door.messages())
    assert rules == ["R0a", "R0a", "R20"]
    assert (len(door.cases()), len(door.letters())) == (1, 1)
    assert door.cases()[0]["events"][0]["message_id"] in [
        one["id"] for one in door.messages() if one["message_id"] == mark
    ]


def test_a_thread_stays_whole_to_twenty_references(tmp_path: Path) -> None:
    """The first and the newest are kept (RFC 5322 §3.6.4); programs thread by either."""
    door = Door(tmp_path)
    old = [f"<{n}@alder.example>" for n in range(30)]
    mark = door.put(AMY, fields=["References: " + "\n ".join(old)])
    door.work()
    found = str(door.posted()[-1]["References"]).split()
    assert len(found) == 20
    assert (found[0], found[-1]) == (old[0], mark)


INDEX = b64encode(bytes.fromhex("01d9a0b1c2d3") + bytes(range(16))).decode()


def test_outlooks_own_thread_is_carried_on(tmp_path: Path) -> None:
    """Thread-Index gets one child block of five bytes; Thread-Topic stays."""
    door = Door(tmp_path)
    door.say(MONA, fields=["Thread-Topic: Snow days", f"Thread-Index: {INDEX}"])
    letter = door.posted()[-1]
    raw = b64decode("".join(str(letter["Thread-Index"]).split()))
    assert (letter["Thread-Topic"], raw[:22], len(raw)) == ("Snow days", b64decode(INDEX), 27)


@pytest.mark.parametrize(
    "index",
    [
        "",
        "x",
        "AAAA",
        "%%%",
        INDEX[:-4],
        INDEX + "AAAA",
        "A" * 5000,
        b64encode(bytes(400)).decode(),
    ],
)
def test_a_thread_index_that_is_none_is_left_out(index: str) -> None:
    """Whatever a stranger writes there, the letter is written."""
    read = message(mail("Thread-Topic: a\u0007b", f"Thread-Index: {index}"))
    assert outlook_thread.fields(read, "cause", datetime(2026, 3, 2, tzinfo=UTC)) == ()
