"""A service seen from outside: mails are put in, the worker makes a pass, and what came of it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

from intake.config.loader import Config
from intake.worker import service as worker
from tests.support import installation
from tests.support.letter_text import plain_text
from tests.support.mailbag import AUTHSERV, SERVICE

SIGNED = "dkim=pass header.d={0}; dmarc=pass header.from={0}"
BY_SPF = "spf=pass smtp.mailfrom={0}; dmarc=pass header.from={0}"
NONE = "dmarc=none header.from={0}"
FAILED = "dmarc=fail header.from={0}"
QUESTION = "Case Type: Ask a Question\nDescription: How is a snow day set up?\n"
PEOPLE = """
[[accounts]]
id = "alder"
name = "Alder Unified"

[[accounts]]
id = "birch"
name = "Birch County"

[[contacts]]
id = "mona"
name = "Mona Multi"
emails = ["mona@both.example"]
accounts = ["alder", "birch"]
contact_type = "Authorized"
areas = ["SIS"]

[[contacts]]
id = "amy"
name = "Amy Alder"
emails = ["amy@alder.example"]
accounts = ["alder"]
contact_type = "Authorized"
areas = ["SIS"]

[[contacts]]
id = "abe"
name = "Abe Alder"
emails = ["abe@alder.example"]
accounts = ["alder"]
contact_type = "Authorized"
areas = ["SIS"]

[[contacts]]
id = "ben"
name = "Ben Birch"
emails = ["ben@birch.example"]
accounts = ["birch"]
contact_type = "Authorized"
areas = ["SIS"]
"""
MONA, AMY = "mona@both.example", "amy@alder.example"
ABE, BEN = "abe@alder.example", "ben@birch.example"


@dataclass
class Door:
    """A drop box, an outgoing Maildir, and everything that can be seen of what is between them."""

    folder: Path
    people: str = PEOPLE
    more: str = ""  # tables behind the mailbox and the delivery
    box: str = ""  # keys of the mailbox
    trusted: str = f'["{AUTHSERV}"]'  # its trusted_authserv_ids
    count: int = 0
    began: float = field(default_factory=time.time)
    pace: float = 0.01  # seconds from one mail to the next
    config: Config = field(init=False)

    def __post_init__(self) -> None:
        text = installation.maildir_box(self.folder / "in").replace(f'["{AUTHSERV}"]', self.trusted)
        text += f"batch_mails = 1\n{self.box}"
        text += installation.delivery(f"maildir:{self.folder}/out") + self.more
        self.config = installation.make(self.folder, text, self.people)
        (self.folder / "in/new").mkdir(parents=True, exist_ok=True)

    def put(
        self,
        sender: str,
        text: str = QUESTION,
        *,
        subject: str = "A question",
        to: str = "",
        proof: str | Sequence[str] = SIGNED,
        fields: Sequence[str] = (),
        message_id: str = "",
        service: str = SERVICE,
    ) -> str:
        """One mail into the drop box; gives its Message-ID. ``to`` is the letter it answers."""
        self.count += 1
        mark = message_id or f"<{self.count}@peer.example>"
        domain = sender.rpartition("@")[2].strip("<>")
        proofs = [proof] if isinstance(proof, str) else proof
        head = [f"Authentication-Results: {AUTHSERV}; {one.replace('{0}', domain)}"
                for one in proofs if one]  # fmt: skip
        head += [f"From: {sender}", f"To: {service}", f"Subject: {subject}"]
        head += [f"Date: {installation.now_2822()}", f"Message-ID: {mark}"]
        head += [f"In-Reply-To: {to}", f"References: {to}"] if to else []
        self.put_raw("\n".join((*head, *fields, "", text)))
        return mark

    def put_raw(self, raw: str) -> None:
        """A whole mail as it is, with the line ends of mail."""
        self.count += 1
        data = raw.replace("\r\n", "\n").replace("\n", "\r\n").encode()
        file = self.folder / "in/new" / f"{self.count:05}"
        file.write_bytes(data)
        came = (
            self.began + self.count * self.pace
        )  # so that they are handled in the order they were put
        os.utime(file, (came, came))

    def work(self) -> None:
        """One pass of the worker in which nothing fails."""
        report = worker.once(self.config)
        assert report.failures == []

    def say(self, sender: str, text: str = QUESTION, **how: Any) -> dict[str, Any]:
        """One mail and one pass; gives the ledger's row."""
        mark = self.put(sender, text, **how)
        self.work()
        return self.row(mark)

    def messages(self) -> list[dict[str, Any]]:
        """The ledger, oldest first."""
        return installation.everything(self.config)["messages"]

    def row(self, mark: str) -> dict[str, Any]:
        """The newest row of the mail with that Message-ID."""
        return [one for one in self.messages() if one["message_id"] == mark][-1]

    def cases(self) -> list[dict[str, Any]]:
        """Every case as stored."""
        return installation.everything(self.config)["cases"]

    def case(self, number: str) -> dict[str, Any]:
        """That case."""
        (found,) = [one for one in self.cases() if one["number"] == number]
        return found

    def letters(self, kind: str = "", to: str = "") -> list[dict[str, Any]]:
        """The outbox with its texts: of that kind, to that address."""
        return [
            json.loads(self.cli("outbox", "show", str(one["id"]), "--json"))
            for one in installation.everything(self.config)["letters"]
            if kind in ("", one["kind"]) and to in ("", one["recipient"])
        ]

    def posted(self, to: str = "") -> list[Message]:
        """What really left, by its bytes; to that address."""
        files = sorted((self.folder / "out").rglob("*"), key=lambda one: one.stat().st_mtime_ns)
        mails = [message_from_bytes(one.read_bytes()) for one in files if one.is_file()]
        return [one for one in mails if to in ("", one["To"])]

    def cli(self, *words: str, code: int = 0) -> str:
        """What a command prints, when it ends with that code."""
        done = installation.command(self.config, *words)
        said = (done.stdout + done.stderr).decode()
        assert done.returncode == code, said
        return said


def what(row: dict[str, Any]) -> str:
    """What became of a mail, in two words."""
    return f"{row['action']} {row['rule']}"


def words_of(letter: Message) -> str:
    """The plain text of a letter, on one line."""
    return " ".join(plain_text(letter).split())
