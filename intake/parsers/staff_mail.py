"""Read the mail of a staff member: commands on top, then the words for the contact.

Lines that begin with ``#`` on top of the mail are commands; behind the first other line nothing is
one. Quotes, the copy of our letter and the signature are cut away. What looks like a slip (an
unknown command, a note without its mark) is named, so that nothing leaves by mistake.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from intake.mail.addresses import Address, Mailbox, read_address
from intake.mail.message import Message
from intake.parsers import body_lines, signatures
from intake.parsers.conversation_text import said
from intake.parsers.quoted_form import SentForm, words_of

COMMANDS = (
    "note", "close", "resolve", "wait", "open", "ask", "assign", "department", "priority", "type",
    "set", "merge", "split", "for", "incident", "cc", "uncc", "send", "help",
)  # fmt: skip
ALONE = ("help", "send", "for")  # with one of these no other command goes
BARE = ("note", "close", "resolve", "wait", "open", "send", "help")  # take no words on their line
MAX_COMMANDS = 20
MAX_LINE_CHARS = 500
MAX_TEXT_CHARS = 100_000
INTERNAL_BELOW = "=== only for staff: nothing below this line is sent on ==="
MIN_COPIED_WORDS = 4  # of a line that is taken for a copy of our letter
_COMMAND = re.compile(r"#\s?([^\W\d_]{2,20})(?=[\s:]|\Z)[\s:]*(.*)\Z")
_SLIP = re.compile(
    r"\W{0,3}(?:internal|internally|note|notes|private|confidential|intern|interna|interno|interne"
    r"|nota|notiz|fyi|for staff|staff only|team only|do not send|not for the customer)\b",
    re.IGNORECASE,
)
_DANGER = re.compile(rf"(?:^|\s)#(?:{'|'.join(COMMANDS)})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a staff member."""

    name: str  # one of COMMANDS
    words: str = ""  # the rest of its line


@dataclass(frozen=True, slots=True)
class StaffMail:
    """What a staff member's mail asks for."""

    commands: tuple[Command, ...] = ()
    text: str = ""  # the new words, without quotes and signature
    slips: tuple[str, ...] = ()  # what is not understood, one sentence each; then nothing is done
    doubt: str = ""  # why the words may not be meant for the contact

    def has(self, name: str) -> bool:
        """Return whether that command is given."""
        return any(one.name == name for one in self.commands)

    def words(self, name: str) -> str:
        """Return the words of the first such command."""
        return next((one.words for one in self.commands if one.name == name), "")

    @property
    def behalf(self) -> str:
        """Return the address for which a new case is opened; empty for none."""
        read = read_address(self.words("for").strip("<> ")) if self.has("for") else None
        return read.key if isinstance(read, Address) else ""


def read(message: Message, sent: Sequence[str] = (), addresses: Sequence[str] = ()) -> StaffMail:
    """Return the commands and the words of the mail. Pure; any mail gives a StaffMail.

    ``sent`` are letters of ours that it may quote, ``addresses`` the staff member's own ones: they
    never leave.
    """
    lines = _own_lines(message, sent)
    commands: list[Command] = []
    slips: list[str] = []
    while lines and (not lines[0].strip() or lines[0].lstrip().startswith("#")):
        line = lines.pop(0).strip()
        if not line:
            continue
        found = _COMMAND.match(line[:MAX_LINE_CHARS])
        name = found[1].lower() if found else ""
        if found is None or name not in COMMANDS:
            slips.append(_unknown(line, name))
        elif len(commands) < MAX_COMMANDS:
            commands.append(Command(name, found[2].strip()))
        else:
            slips.append(f"There are more than {MAX_COMMANDS} commands on top of the mail.")
            break
    text = _text(lines, message, addresses)
    return StaffMail(
        tuple(commands), text, tuple(slips) or _misuse(commands), _doubt(commands, text)
    )


def _unknown(line: str, name: str) -> str:
    near = get_close_matches(name, COMMANDS, 1, 0.6) if name else []
    meant = f" Did you mean #{near[0]}?" if near else ""
    return f"I do not know {line[:60]!r}.{meant}"


def _misuse(commands: Sequence[Command]) -> tuple[str, ...]:
    """Return what is wrong with commands that are known."""
    names = [one.name for one in commands]
    found = [f"#{name} is given twice." for name in dict.fromkeys(names) if names.count(name) > 1]
    for one in commands:
        if one.name in ALONE and len(set(names)) > 1:
            found.append(f"#{one.name} cannot stand with other commands.")
        if one.name in BARE and one.words:
            found.append(
                f"#{one.name} takes nothing on its line, and it says {one.words[:60]!r}. Write the"
                " text on the next line."
            )
        if one.name not in BARE and not one.words and one.name != "split":
            found.append(f"#{one.name} needs a word behind it.")
    states = [name for name in names if name in ("close", "resolve", "wait", "open")]
    if len(set(states)) > 1:
        found.append(f"#{states[0]} and #{states[1]} contradict each other.")
    return tuple(dict.fromkeys(found))


def _doubt(commands: Sequence[Command], text: str) -> str:
    """Return why the words may be meant for colleagues only."""
    if any(one.name == "note" for one in commands) or not text:
        return ""
    first = next((line for line in text.split("\n") if line.strip()), "")
    if _SLIP.match(first):
        return f"it begins with {first.strip()[:40]!r}, as a note does"
    later = _DANGER.search(text)
    if later is not None:
        return f"it holds {later[0].strip()!r} behind other text"
    return ""


def _own_lines(message: Message, sent: Sequence[str]) -> list[str]:
    """Return the new lines: no quotes, no copy of our letters, nothing below our own mark."""
    own = said(message).own.split("\n")
    form = SentForm.of("\n".join(sent))
    kept: list[str] = []
    for line in own:
        if INTERNAL_BELOW[4:30] in line:
            break
        if len(words_of(line)) >= MIN_COPIED_WORDS and form.is_copy(line, quoted=True):
            continue
        kept.append(line.rstrip())
    return kept


def _text(lines: Sequence[str], message: Message, addresses: Sequence[str]) -> str:
    """Return the words without the signature, and without the staff member's own addresses."""
    end = next((n for n, line in enumerate(lines) if body_lines.is_signature(line)), len(lines))
    text = "\n".join(lines[:end]).strip("\n")
    name = message.sender.name if isinstance(message.sender, Mailbox) else ""
    flat = " ".join(name.casefold().split())
    names = [one for one in (flat, flat.partition(" ")[0]) if one]
    text = signatures.cut(text, names)[0]
    for address in addresses:
        text = re.sub(rf"<?{re.escape(address)}>?", "", text, flags=re.IGNORECASE)
    return re.sub(r"\n{3,}", "\n\n", text).strip()[:MAX_TEXT_CHARS]
