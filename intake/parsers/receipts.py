"""Recognise mails that a person's program sends and that ask for nothing: "accepted", "was read".

They come from a proved contact's own address and have no mark of a program. Nothing that a person
added may be lost, so a mail with one more word is treated as an ordinary mail.
"""

from __future__ import annotations

import re

from intake.mail.message import Attachment, Message
from intake.parsers.absences import is_absence

MAX_CHARS = 20_000  # of a calendar entry
MAX_RECEIPT_CHARS = 2000
MAX_RECEIPT_LINES = 2  # "Your message", "was read on Monday"
_METHOD = re.compile(r"^METHOD:REPLY\s*$", re.MULTILINE | re.IGNORECASE)
_COMMENT = re.compile(r"^COMMENT[;:]", re.MULTILINE | re.IGNORECASE)
_ANSWER = re.compile(r"PARTSTAT=(ACCEPTED|DECLINED|TENTATIVE)", re.IGNORECASE)
_INVITED = re.compile(
    r"\b(?:has|have)\s+(?:tentatively\s+)?(?:accepted|declined|replied)\b[^.\n]*\binvitation\b"
    r"|\bha\s+(?:aceptado|rechazado)\b|\ba\s+(?:accepté|refusé)\b|\bhat\b[^.\n]*\b(?:zugesagt|angenommen)"
    r"|\bhat\b[^.\n]*\babgelehnt|\b(?:aceitou|recusou)\b",
    re.IGNORECASE,
)
_READ_SUBJECT = re.compile(
    r"\s*(?:read|not read|gelesen|ungelesen|le[ií]do|no le[ií]do|lu|non lu|lida|n[aã]o lida"
    r"|letto)\s?:",
    re.IGNORECASE,
)
_READ = re.compile(
    r"\bwas (?:read|displayed|opened) on\b|\bwas deleted without being read\b"
    r"|\bwurde (?:am .{4,40} )?(?:gelesen|angezeigt|ungelesen gelöscht)\b"
    r"|\bse leyó\b|\bfue le[ií]do\b|\bse ha le[ií]do\b|\ba été (?:lu|affiché|supprimé)\b"
    r"|\bfoi (?:lida|exibida|excluída)\b|\bè stato letto\b",
    re.IGNORECASE,
)
_CHALLENGE = re.compile(  # the subject of a challenge (RFC 3834 does not know them)
    r"verif(?:y|ication|ier|icar|ica|izieren)|confirm|bestätig|bevestig|conferm|spam ?arrest|boxbe"
    r"|challenge|not a robot|delivery pending|action required|sender unknown|whitelist",
    re.IGNORECASE,
)
_CONFIRM = re.compile(
    r"(?:not a robot|(?:are|a) (?:real )?(?:human|person)|kein roboter|no eres un robot"
    r"|pas un robot|não é um robô|geen robot|non sei un robot|un robot)"
    r"|(?:click|follow|use)[^.\n]{0,60}(?:link|here|below)[^.\n]{0,80}"
    r"(?:deliver|release|verify|confirm|approve|whitelist)"
    r"|(?:message|mail|email)[^.\n]{0,60}"
    r"(?:is being held|was held|will not be delivered|quarantine)"
    r"[^.]{0,120}(?:verify|confirm|authenticate|reply)",
    re.IGNORECASE,
)
_FIELD = re.compile(  # the returned mail's own lines: "To: Support", "Sent: Monday, 2 March"
    r"\s*(?:to|an|para|à|pour|a|subject|betreff|asunto|objet|assunto|oggetto|sent|gesendet"
    r"|enviado|envoyé|date|datum|fecha|data|from|von|de)\s?:",
    re.IGNORECASE,
)


def tidings(message: Message, own_words: str) -> str:
    """Return what a mail reports that asks for nothing; empty for any other mail. Never raises."""
    return _calendar(message, own_words) or _receipt(message) or _from_a_program(message)


def _from_a_program(message: Message) -> str:
    """Recognise a notice of absence, and a spam filter that wants its question answered."""
    text = message.plain if message.plain.strip() else message.html.text
    if any(not one.inline for one in message.attachments):
        return ""
    if is_absence(message.subject, text):
        return "a notice of absence"
    challenge = _CHALLENGE.search(message.subject) and _CONFIRM.search(text[:MAX_CHARS])
    asks = "?" in text  # then a person may want an answer
    return "a spam filter asks the sender to confirm" if challenge and not asks else ""


def _calendar(message: Message, own_words: str) -> str:
    """RFC 5546 §3.2.3: recognise an answer to an invitation that has no comment."""
    entries = [_entry(one) for one in message.attachments if _is_entry(one)]
    others = [one for one in message.attachments if not _is_entry(one) and not one.inline]
    if not entries or others or not all(map(_METHOD.search, entries)):
        return ""
    if any(map(_COMMENT.search, entries)):
        return ""
    if own_words.strip() and not _INVITED.search(own_words):
        return ""
    found = _ANSWER.search(entries[0])
    return f"an answer to an invitation: {found[1].lower() if found else 'no word'}"


def _is_entry(one: Attachment) -> bool:
    return one.declared_type == "text/calendar" or one.name.lower().endswith(".ics")


def _entry(one: Attachment) -> str:
    text = one.content[:MAX_CHARS].decode("utf-8", "replace")
    return re.sub(r"\r?\n[ \t]", "", text).replace("\r\n", "\n")


def _receipt(message: Message) -> str:
    """Recognise a receipt in plain text, as Outlook and others write it instead of RFC 8098."""
    text = message.plain if message.plain.strip() else message.html.text
    if not _READ_SUBJECT.match(message.subject) or len(text) > MAX_RECEIPT_CHARS:
        return ""
    if any(not one.inline for one in message.attachments) or not _READ.search(text):
        return ""
    lines = [line for line in text.splitlines() if line.strip() and not _FIELD.match(line)]
    return "a receipt in plain words" if len(lines) <= MAX_RECEIPT_LINES else ""
