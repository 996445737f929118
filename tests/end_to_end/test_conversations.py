"""More than forty conversations over a real Dovecot and a real SMTP server, step by step.

All of them go on at the same time in one service. Each mail must become what its script says, and
the letters of each conversation must be exactly the script's, to nobody else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine

from intake.config.loader import Config
from intake.worker import service
from tests.support import installation
from tests.support.conversations import TALKS, Step
from tests.support.letter_text import plain_text
from tests.support.mailbag import AUTHSERV
from tests.support.servers import Dovecot, Sink, dovecot, smtp_sink

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("servers")]
NAMES = {"ann": "Ann {0}", "bob": "Bob {0}", "rob": "Rob {0}", "dora": "Dora {0}"}


def people() -> str:
    """An account for each conversation, and one more whose contact is zoe."""
    rows = [
        '[[accounts]]\nid = "zed"\nname = "Zed"\n',
        _contact("zoe", "Zoe", "zed.example", "zed"),
    ]
    for number in range(len(TALKS)):
        rows.append(f'[[accounts]]\nid = "c{number}"\nname = "Account {number}"\n')
        for who, name in NAMES.items():
            rows.append(_contact(f"{who}{number}", name.format(number), f"c{number}.example",
                                 f"c{number}", who))  # fmt: skip
    return "\n".join(rows)


def _contact(key: str, name: str, domain: str, account: str, local: str = "zoe") -> str:
    kind = "Read Only" if local == "rob" else "Authorized"
    return (
        f'[[contacts]]\nid = "{key}"\nname = "{name}"\nemails = ["{local}@{domain}"]\n'
        f'accounts = ["{account}"]\ncontact_type = "{kind}"\nareas = ["SIS"]\n'
    )


@dataclass
class Live:
    """One conversation under way."""

    number: int
    raws: list[bytes] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)  # Message-IDs of its mails
    letters: list[Message] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)

    @property
    def domain(self) -> str:
        """The domain of its contacts."""
        return f"c{self.number}.example"

    def address(self, who: str) -> str:
        """The address behind a name of the script."""
        others = {
            "eve": "eve@attack.example", "zoe": "zoe@zed.example",
            "private": f"ann.private@{self.domain}",
        }  # fmt: skip
        return others.get(who, f"{who}@{self.domain}")

    def newest(self, who: str) -> Message:
        """The newest letter to that person."""
        address = self.address(who)
        return [one for one in self.letters if one["To"] == address][-1]

    def mail(self, step: Step, now: datetime) -> bytes:
        """The step's mail as it comes from the exchanger."""
        if step.repeat >= 0:
            more = "" if step.text.startswith("Case Type") else step.text
            return self.raws[step.repeat] + more.encode().replace(b"\n", b"\r\n")
        address = self.address(step.who)
        domain = address.partition("@")[2]
        mark = f"<{len(self.marks)}.{self.number}@{domain}>"
        self.marks.append(mark)
        known = " ".join(NAMES.get("ann" if step.who == "private" else step.who, "").split())
        name = known.format(self.number)
        head = [
            f"Authentication-Results: {AUTHSERV}; {step.proof.format(domain)}",
            f"From: {name} <{address}>" if name else f"From: {address}",
            f"To: {step.to.format(self.domain)}", f"Date: {format_datetime(now)}",
            f"Message-ID: {mark}",
        ]  # fmt: skip
        subject, text = self._filled(step.subject), self._filled(step.text)
        if step.answers:
            subject, text, refs = self._answer(step, subject, text)
            head += refs if step.keeps_refs else []
        head += [f"Subject: {subject}", *(one.format(self.domain) for one in step.fields)]
        raw = "\n".join((*head, "", text)).replace("\n", "\r\n").encode()
        self.raws.append(raw)
        return raw

    def _filled(self, text: str) -> str:
        """Numbers of the conversation's cases in place of {A} and {B}."""
        names = dict(zip("AB", self.cases, strict=False))
        tags = [re.search(r"\[(\S+)\]", str(one["Subject"])) for one in self.letters]
        tag = next((found[1] for found in reversed(tags) if found), "")
        names |= {"0": self.domain, "tag lower": tag.lower().replace("-", " - ")}
        names |= {"digits": self.cases[0].rpartition("-")[2]} if self.cases else {}
        return re.sub(r"\{([\w ]+)\}", lambda one: names.get(one[1], one[0]), text)

    def _answer(self, step: Step, subject: str, text: str) -> tuple[str, str, list[str]]:
        """Subject, text and references of an answer to the letter or the mail it names."""
        if step.answers == "mail":
            return f"Re: {subject}", text, [f"In-Reply-To: {self.marks[0]}"]
        letter = self.newest(step.answers.partition(" ")[2] or step.who)
        mark = letter["Message-ID"]
        older = " ".join(str(letter["References"] or "").split())
        refs = [f"In-Reply-To: {mark}", f"References: {older} {mark}"]
        own = step.subject != "Grades"
        said = plain_text(letter)
        shown = subject if own else f"Re: {letter['Subject']}"
        return " ".join(shown.split()), quoted(step.style, text, said), refs


def quoted(style: str, text: str, letter: str) -> str:
    """The answer with the letter below it, or above, as that program shows it."""
    lines = letter.replace("\r\n", "\n").strip().split("\n")
    marked = "\n".join(f"> {line}".rstrip() for line in lines)
    plain = "\n".join(lines)
    return {
        "": text,
        "gmail": f"{text}\nOn Mon, Mar 2, 2026 at 9:00 AM Support desk <support@desk.example>\n"
        f"wrote:\n\n{marked}\n",
        "iphone": f"{text}\nSent from my iPhone\n\n> On Mar 2, 2026, at 9:00 AM, Support desk "
        f"<support@desk.example> wrote:\n> \n{marked}\n",
        "outlook": f"{text}\n\n________________________________\nFrom: Support desk "
        "<support@desk.example>\nSent: Monday, March 2, 2026 9:00 AM\nTo: Ann\n"
        f"Subject: Re: Grades\n\n{plain}\n",
        "bottom": f"On 3/2/26 9:00 AM, Support desk wrote:\n{marked}\n\n{text}",
    }[style]


@dataclass
class Stage:
    """The service between its servers."""

    imap: Dovecot
    sink: Sink
    config: Config
    seen: int = 0

    def put(self, raw: bytes, now: datetime) -> None:
        """A mail that arrives at that moment."""
        with self.imap.client() as client:
            client.append("INBOX", raw, msg_time=now)

    def new_letters(self) -> list[Message]:
        """What has left since the last look."""
        found = [message_from_bytes(raw) for raw in self.sink.letters()]
        fresh, self.seen = found[self.seen :], len(found)
        return fresh


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """A Dovecot, an SMTP server, and a service between them."""
    with dovecot(folder) as imap, smtp_sink(folder) as sink:
        head = installation.HEAD.replace(
            "[logging]", 'aliases = ["helpdesk@desk.example"]\n[logging]'
        )
        text = installation.imap_box(imap.imap, imap.password)
        text += installation.delivery(f"smtp://127.0.0.1:{sink.port}")
        config = installation.make(folder, text, people(), head=head)
        for number, talk in enumerate(TALKS):
            if any(step.who == "dora" for step in talk.steps):
                installation.command(config, "contacts", "disable", f"dora{number}")
        yield Stage(imap, sink, config)


def kind_of(letter: Message) -> str:
    """The kind of a letter, from its Message-ID."""
    return str(letter["Message-ID"]).strip("<").partition(".")[0].replace("-", "_")


def test_every_conversation_goes_as_written(tmp_path: Path) -> None:
    """Round by round: the outcome, the case, its status, the letters and their readers."""
    assert len(TALKS) >= 40
    lives = [Live(number) for number in range(len(TALKS))]
    wrong: list[str] = []
    later = {step.days for talk in TALKS for step in talk.steps}
    with stage(tmp_path) as made:
        for days in sorted(later):
            began = datetime.now(UTC) - timedelta(days=max(later) - days)  # Dovecot has no future
            with time_machine.travel(began, tick=True):
                for place in range(max(len(talk.steps) for talk in TALKS)):
                    _round(made, lives, place, days, wrong)
    assert wrong == [], "\n".join(wrong)


def _round(made: Stage, lives: list[Live], place: int, days: int, wrong: list[str]) -> None:
    """One mail of each conversation that has one now, a pass, and what came of them."""
    now = datetime.now(UTC).replace(microsecond=0)
    steps = {
        live.number: TALKS[live.number].steps[place]
        for live in lives
        if place < len(TALKS[live.number].steps)
        and TALKS[live.number].steps[place].days == days
    }  # fmt: skip
    if not steps:
        return
    before = len(installation.everything(made.config)["messages"])
    for number, step in steps.items():
        made.put(lives[number].mail(step, now), now)
    service.once(made.config)
    service.once(made.config)  # a mail that an answer has released gets its letter, too
    everything = installation.everything(made.config)
    rows = everything["messages"][before:]
    letters = made.new_letters()
    readers = {live.address(who): live for live in lives for who in (*NAMES, "private")}
    for (number, step), row in zip(steps.items(), rows, strict=True):
        live, name = lives[number], TALKS[number].name
        mine = [one for one in letters if readers.get(str(one["To"])) is live]
        mine += [one for one in letters if one["To"] == "zoe@zed.example" and step.who == "zoe"]
        live.letters += mine
        _note_cases(live, everything["cases"], row)
        got = tuple(sorted(f"{kind_of(one)} {_who(live, str(one['To']))}" for one in mine))
        _compare(wrong, f"{name}, {place}", step, (row, got), live, everything["cases"])
    known = {str(one["To"]) for one in letters} - set(readers) - {"zoe@zed.example"}
    wrong += [f"a letter to {one}" for one in sorted(known)]


def _note_cases(live: Live, cases: list[dict[str, Any]], row: dict[str, Any]) -> None:
    """The conversation's cases in the order in which they were opened."""
    mine = [one["number"] for one in cases if one["account_id"] == f"c{live.number}"]
    mine += [row["case_number"]] if row["case_number"] and row["case_number"] not in mine else []
    live.cases += [one for one in mine if one not in live.cases]


def _who(live: Live, address: str) -> str:
    names = {live.address(who): who for who in (*NAMES, "private", "zoe")}
    return names.get(address, address)


def _compare(
    wrong: list[str],
    where: str,
    step: Step,
    outcome: tuple[dict[str, Any], tuple[str, ...]],
    live: Live,
    cases: list[dict[str, Any]],
) -> None:
    """Adds what differs from the script."""
    row, letters = outcome
    became = f"{row['action']} {row['rule']}"
    if became != step.becomes:
        wrong.append(f"{where}: {became}, not {step.becomes}: {row['reasons']}")
    if letters != step.letters:
        wrong.append(f"{where}: letters {letters}, not {step.letters}: {row['reasons']}")
    number = live.cases["AB".index(step.case)] if step.case and len(live.cases) else ""
    if step.case and row["case_number"] != number and not step.becomes.startswith("answer"):
        wrong.append(f"{where}: case {row['case_number']}, not {step.case} of {live.cases}")
    state = next((one["status"] for one in cases if one["number"] == number), "")
    if step.status and state != step.status:
        wrong.append(f"{where}: the case is {state}, not {step.status}")
