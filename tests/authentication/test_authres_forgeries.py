"""What receiving servers really write, and what nobody should get by imitating them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from intake.config.toml_files import ConfigError
from tests.support.mailbag import AUTHSERV
from tests.support.service import AMY, PEOPLE, Door

FROM = "header.from=alder.example"
KEY = "dkim=pass header.d=alder.example"
OURS = f"Received: from a.example by {AUTHSERV}; Tue, 3 Mar 2026 10:00:00 -0600"
THEIRS = "Received: from a.example by relay.outside.example; Tue, 3 Mar 2026 10:00:00 -0600"
RATES = """[evidence]
dkim = "off"
[replies]
max_letters_per_hour = 200
max_letters_per_day = 200
max_same_letters_per_day = 200
list_after_per_hour = 200
"""


def field(words: str, name: str = AUTHSERV) -> str:
    """A field of that server."""
    return f"Authentication-Results: {name}; {words}"


def levels(door: Door, mails: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """The level that each mail proved, by the fields on top of it."""
    marks = {}
    for name, top in mails.items():
        door.count += 1
        marks[name] = f"<{door.count}@peer.example>"
        head = (*top, f"From: {AMY}", "To: support@desk.example", f"Subject: {door.count}")
        text = f"Case Type: Ask a Question\nDescription: About {name}?\n"
        door.put_raw("\n".join((*head, f"Message-ID: {marks[name]}", "", text)))
    door.work()
    return {name: str(door.row(mark)["level"]) for name, mark in marks.items()}


def service(folder: Path, **how: Any) -> Door:
    """A service that asks no DNS."""
    return Door(folder, PEOPLE, RATES, **how)


# ---------------------------------------------------------------- header.from as a mailbox


def test_a_mailbox_in_header_from_is_the_authors_or_none(tmp_path: Path) -> None:
    """RFC 8601 §2.2 allows it: the domain is taken, and the mailbox has to be the author's."""
    given = {
        "the author's": "amy@alder.example",
        "the author's, in other letters": "Amy@Alder.Example",
        "the author's, quoted": '"amy@alder.example"',
        "a colleague's": "abe@alder.example",
        "a namesake's elsewhere": "amy@attack.example",
        "no mailbox": "amy@",
        "two": "amy@attack.example@alder.example",
        "a domain": "alder.example",
    }
    mails = {name: (field(f"{KEY}; dmarc=pass header.from={one}"),) for name, one in given.items()}
    good = ("the author's", "the author's, in other letters", "the author's, quoted", "a domain")
    wanted = {name: "L3" if name in good else "L1" for name in given}
    assert levels(service(tmp_path), mails) == wanted


# ---------------------------------------------------------------- ids by suffix, and of several


def test_an_id_may_be_trusted_by_its_suffix(tmp_path: Path) -> None:
    """A provider of many servers writes another host each time; only names below it count."""
    door = service(tmp_path, trusted='["*.mail.wahoo.example"]')
    given = {
        "a host": "atlas-17.v2-prod.mail.wahoo.example",
        "another host": "atlas-4.mail.wahoo.example",
        "in other letters": "Atlas-4.Mail.Wahoo.Example",
        "something in front": "xmail.wahoo.example",
        "something behind": "atlas-4.mail.wahoo.example.attack.example",
        "the parent": "wahoo.example",
        "none": "",
    }
    mails = {name: (field(f"{KEY}; dmarc=pass {FROM}", one),) for name, one in given.items()}
    good = ("a host", "another host", "in other letters")
    assert levels(door, mails) == {name: "L3" if name in good else "L1" for name in given}


@pytest.mark.parametrize("everybody", ["*", "*.", "*.com", "mx.*.example", "*mail.example"])
def test_a_suffix_that_is_no_name_is_refused(tmp_path: Path, everybody: str) -> None:
    """Whoever trusts everybody trusts the forger."""
    with pytest.raises(ConfigError):
        Door(tmp_path, PEOPLE, RATES, trusted=f'["{everybody}"]')


SEVERAL = (
    field("bimi=skipped", "bimi.apple.example"),
    field(f"dmarc=pass {FROM}", "dmarc.apple.example"),
    field(f"{KEY} header.s=s1", "dkim-verifier.apple.example"),
    field("spf=pass smtp.mailfrom=amy@alder.example", "spf.apple.example"),
)


@pytest.mark.parametrize(
    "trusted",
    [
        '["*.apple.example"]',
        '["dmarc.apple.example", "dkim-verifier.apple.example", "spf.apple.example"]',
    ],
)
def test_one_server_may_write_a_field_and_an_id_for_each_method(
    tmp_path: Path, trusted: str
) -> None:
    """SPF, DKIM and DMARC in fields of their own count together where all are of one hop."""
    door = service(tmp_path, trusted=trusted, box="authserv_fields = 4\n")
    failed = field(f"dmarc=fail {FROM}", "dmarc.apple.example")
    got = levels(door, {
        "all": SEVERAL,
        "in another order": SEVERAL[::-1],
        "without a signature": (SEVERAL[0], SEVERAL[1], SEVERAL[3]),
        "without a verdict": (SEVERAL[0],),
        "failed": (failed, *SEVERAL[2:]),
        "below a foreign hop": (SEVERAL[0], THEIRS, *SEVERAL[1:]),
        "of somebody else": tuple(one.replace("apple", "attack") for one in SEVERAL),
    })  # fmt: skip
    assert got == {
        "all": "L3", "in another order": "L3", "without a signature": "L2",
        "without a verdict": "L1", "failed": "L0", "below a foreign hop": "L1",
        "of somebody else": "L1",
    }  # fmt: skip


# ---------------------------------------------------------------- contradictions and versions


def test_a_verdict_that_its_own_field_does_not_bear_out_proves_nothing(tmp_path: Path) -> None:
    """dmarc=pass beside an SPF and a DKIM of which nothing aligned has passed."""
    words = {
        "both failed": f"spf=fail smtp.mailfrom=alder.example; dkim=fail header.d=alder.example; "
        f"dmarc=pass {FROM}",
        "both of others": "spf=pass smtp.mailfrom=attack.example; "
        f"dkim=pass header.d=attack.example; dmarc=pass {FROM}",
        "SPF of others alone": f"spf=pass smtp.mailfrom=attack.example; dmarc=pass {FROM}",
        "DKIM of others alone": f"dkim=pass header.d=attack.example; dmarc=pass {FROM}",
        "no signature, soft fail": f"spf=softfail smtp.mailfrom=alder.example; dkim=none; "
        f"dmarc=pass {FROM}",
        "a public suffix": f"dkim=pass header.d=example; dmarc=pass {FROM}",
        "SPF of its own": f"spf=pass smtp.mailfrom=amy@alder.example; dkim=none; dmarc=pass {FROM}",
        "SPF of others, DKIM of its own": f"spf=pass smtp.mailfrom=list.example; {KEY}; "
        f"dmarc=pass {FROM}",
        "a verdict alone": f"dmarc=pass {FROM}",
    }
    door = service(tmp_path)
    assert levels(door, {name: (field(one),) for name, one in words.items()}) == {
        "both failed": "L1", "both of others": "L1", "SPF of others alone": "L1",
        "DKIM of others alone": "L1", "no signature, soft fail": "L1", "a public suffix": "L1",
        "SPF of its own": "L2", "SPF of others, DKIM of its own": "L3", "a verdict alone": "L2",
    }  # fmt: skip


def test_versions_that_nobody_knows_are_not_read(tmp_path: Path) -> None:
    """RFC 8601 §2.2: version 1 is the only one, of the field and of each method."""
    good = f"{KEY}; dmarc=pass {FROM}"
    door = service(tmp_path)
    got = levels(door, {
        "version 1": (f"Authentication-Results: {AUTHSERV} 1; {good}",),
        "version 2": (f"Authentication-Results: {AUTHSERV} 2; {good}",),
        "version 1 in a comment": (f"Authentication-Results: {AUTHSERV} (1) 2; {good}",),
        "no number": (f"Authentication-Results: {AUTHSERV} x; {good}",),
        "method 1": (field(f"{KEY}; dmarc/1=pass {FROM}"),),
        "method 9": (field(f"{KEY}; dmarc/9=pass {FROM}"),),
        "method 2 with room": (field(f"{KEY}; dmarc / 2 = pass {FROM}"),),
        "a failure of method 9": (field(f"{KEY}; dmarc=pass {FROM}; dmarc/9=fail"),),
    })  # fmt: skip
    assert got == {
        "version 1": "L3", "version 2": "L1", "version 1 in a comment": "L1", "no number": "L1",
        "method 1": "L3", "method 9": "L2", "method 2 with room": "L2",  # no word of a policy
        "a failure of method 9": "L3",
    }  # fmt: skip


def test_a_signature_by_an_unknown_version_is_none(tmp_path: Path) -> None:
    """It raises nothing to L3."""
    words = f"dkim/2=pass header.d=alder.example; dmarc=pass {FROM}"
    assert levels(service(tmp_path), {"it": (field(words),)})["it"] != "L3"


def test_a_second_field_of_another_hop_raises_nothing(tmp_path: Path) -> None:
    """Two fields count together only where the same hop wrote both: a copy below is a claim."""
    door = service(tmp_path, box="authserv_fields = 2\n")
    key, verdict = field(KEY), field(f"dmarc=pass {FROM}")
    whole = field(f"{KEY}; dmarc=pass {FROM}")
    got = levels(door, {
        "both on top of the hop": (verdict, key, OURS),
        "both below the hop": (OURS, verdict, key),
        "nothing, then a verdict below the hop": (field("dkim=none"), OURS, verdict),
        "nothing, then all below the hop": (field("spf=none"), OURS, whole),
        "no verdict, then all below the hop": (
            field(f"dmarc=none {FROM}"), OURS, whole,
        ),
        "a verdict, then a signature below the hop": (verdict, OURS, key),
        "a failure, then a verdict below the hop": (field(f"dmarc=fail {FROM}"), OURS, verdict),
    })  # fmt: skip
    assert got == {
        "both on top of the hop": "L3", "both below the hop": "L3",
        "nothing, then a verdict below the hop": "L1", "nothing, then all below the hop": "L1",
        "no verdict, then all below the hop": "L1",
        "a verdict, then a signature below the hop": "L2",
        "a failure, then a verdict below the hop": "L0",
    }  # fmt: skip


def test_a_field_that_begins_with_a_semicolon_is_refused(tmp_path: Path) -> None:
    """Where fields without an id count, one that leaves it out by a trick does not."""
    good = f"{KEY}; dmarc=pass {FROM}"
    door = service(tmp_path, trusted='[""]')
    got = levels(door, {
        "no id, as it is written": (f"Authentication-Results: {good}",),
        "a semicolon": (f"Authentication-Results: ; {good}",),
        "a semicolon on the next line": (f"Authentication-Results:\n ; {good}",),
        "a comment and a semicolon": (f"Authentication-Results: (mx.desk.example); {good}",),
        "semicolons": (f"Authentication-Results: ;; {good}",),
    })  # fmt: skip
    assert got == {
        "no id, as it is written": "L3", "a semicolon": "L1", "a semicolon on the next line": "L1",
        "a comment and a semicolon": "L1", "semicolons": "L1",
    }  # fmt: skip
