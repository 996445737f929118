"""The last part of ``intake demo``: a department answers, the contact replies, the case closes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email import message_from_bytes

from intake.cli.demo import mails
from intake.cli.demo.incident import Stage
from intake.cli.layout import safe, say
from intake.config.loader import Config
from intake.model.staff import Staff
from intake.store import reports
from intake.store.engine import open_engine, reading, writing
from intake.store.handover import conversation, directory
from intake.worker import service

DEPARTMENT = "app-support@desk.example"
DANA = ("Dana Reyes", "dana@desk.example")


def register(config: Config) -> None:
    """Registers the one staff member of the demo."""
    engine = open_engine(config.database_url)
    with writing(engine) as session:
        dana = Staff("dana", DANA[0], (DANA[1],), ("support",))
        directory.load(session, [dana], datetime.now(UTC))
    engine.dispose()


def play(stage: Stage) -> bool:
    """One case from its hand-over to its end; True if each word arrived once where it belongs."""
    handed = (raw for to, raw in stage.taken.letters if to == DEPARTMENT)
    given = min(handed, key=_number, default=b"")  # they arrive over several connections
    say("\n--- the case as its department gets it " + "-" * 38)
    mails.show_letter(given)
    answer = _step(stage, given, DANA, "Please clear the cache and post the grades once more.")
    say("\n--- Dana replies to it; this is what the contact gets " + "-" * 23)
    mails.show_letter(answer)
    reply = _step(stage, answer, _reader(answer), "That did it, all grades are there.")
    closed = _step(stage, reply, DANA, "#close\nGlad to hear it.")
    number, status, lines = _outcome(stage.config, given)
    say(f"\n{number}, as `intake cases show` tells it:\n")
    for name, words in lines:
        say(f"  {name}: {safe(words)[:60]}")
    say(f"\n{number} is {status}.")
    return bool(answer and reply and closed) and status == "closed" and len(lines) == 4


def _number(given: bytes) -> str:
    """The number of the case that a letter hands over."""
    return str(message_from_bytes(given)["Message-ID"]).split(".")[1] if given else ""


def _reader(letter: bytes) -> tuple[str, str]:
    """The contact to whom a letter went."""
    to = str(message_from_bytes(letter)["To"])
    known = {one[1]: one for one in (mails.ZACK, mails.KELLY, mails.BETTY, mails.ARCHIE)}
    return known.get(to, (to, to))


def _step(stage: Stage, letter: bytes, who: tuple[str, str], words: str) -> bytes:
    """One mail as an answer to a letter, and a pass; gives the letter that the pass sent."""
    before = len(stage.taken.letters)
    head = message_from_bytes(letter)
    subject = " ".join(str(head["Subject"]).split())
    quoted = "\n".join(f"> {line}" for line in mails.text_of(letter).splitlines()[:6])
    body = f"{words}\n\nOn Tuesday the support desk wrote:\n{quoted}\n"
    stage.arrive([mails.answer(datetime.now(UTC), who, str(head["Message-ID"]), subject, body)])
    service.once(stage.config)
    made: Sequence[tuple[str, bytes]] = stage.taken.letters[before:]
    return next((raw for to, raw in made if to != who[1]), b"")


def _outcome(config: Config, given: bytes) -> tuple[str, str, list[tuple[str, str]]]:
    """The case of a hand-over: its number, its status, and what was said in it."""
    number = _number(given)
    engine = open_engine(config.database_url)
    with reading(engine) as session:
        row = reports.case(session, number) or {"status": "missing"}
        said = conversation.lines(session, number, of_all=True)
    engine.dispose()
    lines = [
        (str(one["name"]), " ".join(str(one["text"]).split()))
        for one in said
        if one["kind"] != "letter"
    ]
    return number, str(row["status"]), lines
