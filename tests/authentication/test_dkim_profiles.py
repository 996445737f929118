"""A server's word about a signature counts for the strict profile only where its field is found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.service import AMY, PEOPLE, Door, what

PASS = "dmarc=pass header.from=alder.example"
WHOLE = "h=from:to:subject:date:message-id:content-type"
GOOD = f"v=1; a=rsa-sha256; d=alder.example; s=s1; {WHOLE}; bh=x; b=AAAA"
OPEN = "v=1; a=rsa-sha256; d=alder.example; s=s1; l=0; h=from; bh=x; b=AAAA"
OFF = """[evidence]
dkim = "off"
[replies]
max_letters_per_hour = 200
max_letters_per_day = 200
max_same_letters_per_day = 200
list_after_per_hour = 200
"""

# the server's word, and the fields of the mail
UNPROVED: dict[str, tuple[str, tuple[str, ...]]] = {
    "the identity at a subdomain": (
        "dkim=pass header.i=@sub.alder.example",
        (OPEN.replace("s=s1", "i=@sub.alder.example; s=s1"),),
    ),
    "a person's identity at a subdomain": (
        "dkim=pass header.i=amy@mail.alder.example header.s=s1",
        (OPEN.replace("s=s1", "i=amy@mail.alder.example; s=s1"),),
    ),
    "the selector in other letters": (
        "dkim=pass header.d=alder.example header.s=S1", (OPEN,),
    ),
    "the field's selector in other letters": (
        "dkim=pass header.d=alder.example header.s=s1", (OPEN.replace("s=s1", "s=S1"),),
    ),
    "a tag that stands twice": (
        "dkim=pass header.d=alder.example", (f"{OPEN}; d=alder.example",),
    ),
    "another tag that stands twice": (
        "dkim=pass header.d=alder.example header.s=s1", (f"{OPEN}; q=dns/txt; q=dns/txt",),
    ),
    "a field of another domain only": (
        "dkim=pass header.d=alder.example",
        (GOOD.replace("d=alder.example", "d=list.example"),),
    ),
    "a field of another selector only": (
        "dkim=pass header.d=alder.example header.s=s9", (GOOD,),
    ),
    "a field without a domain": (
        "dkim=pass header.d=alder.example", (OPEN.replace("d=alder.example; ", ""),),
    ),
    "an open one of a subdomain beside a whole one of the domain": (
        "dkim=pass header.i=@sub.alder.example",
        (GOOD, OPEN.replace("d=alder.example", "d=sub.alder.example")),
    ),
    "an open one of another selector": (
        "dkim=pass header.d=alder.example header.s=S2",
        (GOOD, OPEN.replace("s=s1", "s=s2")),
    ),
    "an open one, as it should be named": ("dkim=pass header.d=alder.example header.s=s1", (OPEN,)),
}  # fmt: skip
PROVED: dict[str, tuple[str, tuple[str, ...]]] = {
    "no field: the word is all there is": ("dkim=pass header.d=alder.example", ()),
    "a whole one": ("dkim=pass header.d=alder.example header.s=s1", (GOOD,)),
    "the selector in other letters": ("dkim=pass header.d=alder.example header.s=S1", (GOOD,)),
    "the domain in other letters": (
        "dkim=pass header.d=Alder.Example", (GOOD.replace("alder.example", "ALDER.example"),),
    ),
    "the identity at a subdomain": (
        "dkim=pass header.i=@sub.alder.example",
        (GOOD.replace("s=s1", "i=@sub.alder.example; s=s1"),),
    ),
    "an open one of another domain beside it": (
        "dkim=pass header.d=alder.example header.s=s1",
        (OPEN.replace("d=alder.example", "d=list.example"), GOOD),
    ),
}  # fmt: skip


def restore() -> str:
    """A Data Restore with everything it needs."""
    lost = f"{datetime.now(UTC) - timedelta(days=5):%m/%d/%Y}"
    return (
        f"Case Type: Data Restore\nApproximate Date of Loss: {lost}\n"
        "Reason for Restore: deleted by mistake\n"
        "Written Permission: Yes, I give permission to restore this data.\n"
        "Description: One enrollment is gone.\n"
    )


def put(door: Door, word: str, signatures: tuple[str, ...], text: str) -> str:
    """A mail with that word of the server above those fields."""
    mark = f"b=A{door.count}"  # one mail sent again would have the same one
    fields = [f"DKIM-Signature: {one.replace('b=AAAA', mark)}" for one in signatures]
    return door.put(AMY, text, proof=f"{word}; {PASS}", fields=fields, subject="Restore")


def test_a_signature_that_cannot_be_matched_opens_nothing_risky(tmp_path: Path) -> None:
    """Fields are there and none is the one the server speaks of, or it is an open one: L2."""
    door = Door(tmp_path, PEOPLE, OFF)
    sent = {name: put(door, *how, restore()) for name, how in UNPROVED.items()}
    door.work()
    got = {name: f"{door.row(one)['level']} {what(door.row(one))}" for name, one in sent.items()}
    assert got == dict.fromkeys(UNPROVED, "L2 hold R14")
    assert door.cases() == []


def test_who_signed_openly_is_asked_to_confirm(tmp_path: Path) -> None:
    """The high-risk mail is no riddle to its writer: a letter says what is wanted."""
    door = Door(tmp_path, PEOPLE, OFF)
    word, signatures = UNPROVED["the selector in other letters"]
    mark = put(door, word, signatures, restore())
    door.work()
    assert what(door.row(mark)) == "hold R14"
    assert [one["kind"] for one in door.letters(to=AMY)] == ["refusal"]


def test_an_unmatched_signature_is_still_proof_for_an_ordinary_case(tmp_path: Path) -> None:
    """dmarc=pass stands: what is not risky is handled and answered."""
    door = Door(tmp_path, PEOPLE, OFF)
    text = "Case Type: Ask a Question\nDescription: How?\n"
    marks = [put(door, *how, f"{text}{name}\n") for name, how in UNPROVED.items()]
    door.work()
    assert {what(door.row(one)) for one in marks} == {"create R20"}


def test_a_whole_signature_is_strict_proof_however_it_is_spelt(tmp_path: Path) -> None:
    """Case and the identity's subdomain make no difference; no field leaves the word alone."""
    door = Door(tmp_path, PEOPLE, OFF)
    sent = {name: put(door, *how, f"{restore()}{name}\n") for name, how in PROVED.items()}
    door.work()
    got = {name: f"{door.row(one)['level']} {what(door.row(one))}" for name, one in sent.items()}
    assert got == dict.fromkeys(PROVED, "L3 create R20")
