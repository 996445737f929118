"""Answers to notices, put into the drop box of a service with two districts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from intake.config.loader import Config
from tests.support import installation, notice_rows
from tests.support.mailbag import AUTHSERV, SERVICE

SECRET = "a-secret-that-the-tests-of-notices-share"

KEYS = (SECRET.encode(),)

PEOPLE = """
[[accounts]]
id = "bayside"
name = "Bayside School District"
[[accounts]]
id = "riverdale"
name = "Riverdale Unified"
[[contacts]]
id = "zack"
name = "Zack Morris"
emails = ["zack@bayside.example"]
accounts = ["bayside"]
contact_type = "Authorized"
[[contacts]]
id = "archie"
name = "Archie Andrews"
emails = ["archie@riverdale.example"]
accounts = ["riverdale"]
contact_type = "Technical"
[[contacts]]
id = "lisa"
name = "Lisa Turtle"
emails = ["lisa@both.example"]
accounts = ["bayside", "riverdale"]
contact_type = "Authorized"
"""

FORM = (
    "Steps to Reproduce: Press Post.\nWho is impacted?: all teachers\nIssue Began: yesterday\n"
    "Description: It is grey.\n"
)


def make(folder: Path, more: str = "", head: str = "", people: str = PEOPLE) -> Config:
    """A service with a Maildir on each side and the two districts."""
    text = (
        installation.maildir_box(folder / "in")
        + installation.delivery(f"maildir:{folder}/out")
        + more
    )
    return installation.make(folder, text, people, SECRET, head)


def told(config: Config, *people: str, **changes: Any) -> str:
    """An incident of which these people got a notice; gives its id."""
    now = datetime.now(UTC)
    with installation.database(config, write=True) as session:
        made = notice_rows.incident(session, now, **changes)
        for address in people:
            person = (address.partition("@")[0], address)
            notice_rows.sent(session, KEYS, made, person, now)
    return made


def put(folder: Path, who: str, name: str, body: str, *fields: str, proof: str = "") -> None:
    """A mail of that person into the mailbox."""
    domain = who.partition("@")[2]
    proof = proof or f"dkim=pass header.d={domain}; dmarc=pass header.from={domain}"
    given = {line.partition(":")[0] for line in fields}
    subject = () if "Subject" in given else ("Subject: Re: [Support desk status] Posting",)
    head = (
        f"Authentication-Results: {AUTHSERV}; {proof}", f"From: {who}", f"To: {SERVICE}",
        f"Date: {installation.now_2822()}", f"Message-ID: <{name}@{domain}>", *subject, *fields,
    )  # fmt: skip
    raw = "\r\n".join((*head, "", body.replace("\n", "\r\n")))
    (folder / "in/new" / name).write_bytes(raw.encode())


def answers(incident: str, address: str, number: int = 1) -> str:
    """The field that makes a mail an answer to that notice."""
    return f"In-Reply-To: {notice_rows.notice_id(KEYS, incident, number, address)}"
