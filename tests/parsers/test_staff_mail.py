"""The mail of staff: commands on top, words below, and nothing of the house in the words."""

from __future__ import annotations

import random
import string

import pytest

from intake.parsers.staff_mail import COMMANDS, Command, read
from tests.support.rawmail import message


def mail(text: str, sender: str = "Nora Field <nora@vendor.example>") -> bytes:
    """A mail of Nora's as it arrives."""
    head = f"From: {sender}\r\nTo: support@desk.example\r\nSubject: Re: case\r\n"
    head += "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    return head.encode() + text.replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    ("text", "commands", "words"),
    [
        ("#close\nDone.", [("close", "")], "Done."),
        ("\n#CLOSE\n\n#priority: high\n\nDone.", [("close", ""), ("priority", "high")], "Done."),
        ("# assign dana\n", [("assign", "dana")], ""),
        ("Done.\n#close", [], "Done.\n#close"),
        ("#1 priority is the bell.", [], ""),
        ("#closet is broken", [], ""),
        ("Hello\n\n-- \nNora", [], "Hello"),
        ("Hello\n\n\n\nagain nora@vendor.example there", [], "Hello\n\nagain  there"),
    ],
)
def test_commands_and_words(text: str, commands: list[tuple[str, str]], words: str) -> None:
    """Only lines on top are commands; the words are kept as they were written."""
    got = read(message(mail(text)), addresses=("nora@vendor.example",))
    if not got.slips:
        assert got.text == words
    assert [(one.name, one.words) for one in got.commands] == commands


def test_what_is_unknown_is_named() -> None:
    """A hash that is no command is a slip, so nothing is done."""
    assert read(message(mail("#1 priority is the bell."))).slips
    assert "Did you mean #close?" in read(message(mail("#clsoe\nx"))).slips[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_read_alone(name: str) -> None:
    """With the words that it needs."""
    words = "" if name in ("note", "close", "resolve", "wait", "open", "send", "help") else "x y"
    got = read(message(mail(f"#{name} {words}\ntext")))
    assert got.commands == (Command(name, words),)
    assert got.slips == ()


@pytest.mark.long
def test_any_text_gives_a_staff_mail() -> None:
    """10,000 random mails of hashes, words, quotes and odd characters: no exception."""
    draw = random.Random(7)
    pieces = [*("#" + one for one in COMMANDS), "#", ">", "> #close", "-- ", "\u200b", "\u202e",
              "From: a@b.example", *string.ascii_letters, "\n", "\n\n", ":", " "]  # fmt: skip
    for _ in range(10_000):
        text = " ".join(draw.choice(pieces) for _ in range(draw.randrange(60)))
        got = read(message(mail(text.replace(" \n ", "\n"))))
        assert len(got.commands) <= 20


def test_a_mail_of_a_mebibyte_is_read_in_one_go() -> None:
    """Hashes, quotes and blank lines in the thousands: bounded, and the words are cut."""
    for line in ("#close\n", "> x\n", "\n", "#a b c\n", "word "):
        got = read(message(mail(line * (2**20 // len(line)))))
        assert len(got.text) <= 100_000


def test_too_many_commands_do_nothing() -> None:
    """None of them is passed over in silence."""
    text = "".join(f"#set field {number}: x\n" for number in range(25))
    assert "more than 20 commands" in " ".join(read(message(mail(text))).slips)
