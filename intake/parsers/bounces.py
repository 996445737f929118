"""Read mails that programs send about our letters: bounces, delays, receipts, absences, complaints.

It reads RFC 3464 and RFC 8098 reports, and the usual formats of programs that do not follow them.
Nothing in the mail is trusted: our own signed Message-IDs decide which letter it is about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from intake.mail.addresses import Address, read_address
from intake.mail.message import Attachment, Message
from intake.mail.mime.auto_submitted import is_answer
from intake.parsers.submission import Return

MAX_CHARS = 200_000  # of a mail that are searched
MAX_IDS = 10
MAX_WORDS = 300
_OURS = re.compile(r"<[a-z-]{1,20}\.[A-Z0-9-]{1,40}\.[a-z2-7]{16}\.[a-z2-7]{16}@[a-z0-9.-]{1,255}>")
_FIELD = re.compile(r"^([A-Za-z-]{3,40}):[ \t]*(.{0,998}(?:\r?\n[ \t].{0,998}){0,5})", re.MULTILINE)
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.-])([45]\d\d)(?=[ -])")
_ADDRESS = re.compile(
    r"<?([A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}[A-Za-z0-9])>?"
)
_ABSENCE = re.compile(
    r"out of (?:the )?office|automatic reply|auto(?:matic)?[- ]?(?:reply|response)|vacation|abwesen"
    r"|respuesta automática|fuera de la oficina|réponse automatique|absence du bureau"
    r"|resposta automática",
    re.IGNORECASE,
)
_DAEMON = re.compile(r"mailer-daemon|mailerdaemon|postmaster|mail delivery|bounce", re.IGNORECASE)
_GONE = re.compile(  # phrases, for a mail without a code
    r"user unknown|unknown user|no such (?:user|recipient|mailbox)|does(?:n't| not) exist"
    r"|mailbox (?:unavailable|not found)|invalid recipient|recipient (?:not found|unknown)"
    r"|address rejected|undeliverable|could not be delivered"
    r"|permanent(?:ly)? (?:error|failure|fatal)",
    re.IGNORECASE,
)
_LATER = re.compile(
    r"delayed|will (?:be retried|retry|keep trying)|temporar|deferred", re.IGNORECASE
)
_FULL = ("5.2.2", "4.2.2")  # a full mailbox is a temporary failure


def read_return(message: Message) -> Return | None:
    """Return what the mail says about a letter; None for a mail that no program wrote.

    Never raises.
    """
    if not message.automatic:
        return None
    parts = {one.declared_type: one for one in reversed(message.attachments)}
    report = _text(parts.get("message/delivery-status"))
    receipt = _text(parts.get("message/disposition-notification"))
    complaint = _text(parts.get("message/feedback-report"))
    whole = _whole(message)
    ids = _ids(message, whole)
    if complaint:
        return Return("complaint", "", "", hard=False, ids=ids, words="a complaint (RFC 5965)")
    if receipt:
        return Return("receipt", "", "", hard=False, ids=ids, words="a receipt (RFC 8098)")
    if report or _is_bounce(message):
        return _bounce(_fields(report), whole, ids)
    absent = _ABSENCE.match(message.subject.strip()) or (
        is_answer(message.automatic)
        and _ABSENCE.search(f"{message.subject} {message.plain[:2000]}")
    )
    kind = "absence" if absent else "automatic"
    return Return(kind, "", "", hard=False, ids=ids, words=message.subject[:MAX_WORDS])


def _is_bounce(message: Message) -> bool:
    """Judge by the sender: a null reverse-path, a daemon's name, or the type of a report."""
    senders = " ".join((*message.all("from"), *message.all("return-path")))[:2000]
    marks = set(message.automatic)
    failed = "X-Failed-Recipients" in marks or "multipart/report" in marks
    return (
        failed
        or bool(_DAEMON.search(senders))
        or (
            "Return-Path <>" in marks
            and bool(_GONE.search(f"{message.subject} {message.plain[:4000]}"))
        )
    )


def _bounce(fields: dict[str, str], whole: str, ids: tuple[str, ...]) -> Return:
    """Return the recipient, the status code and whether the failure is permanent."""
    action = fields.get("action", "").lower()
    recipient = _recipient(fields, whole)
    words = " ".join(fields.get("diagnostic-code", "").split())[:MAX_WORDS]
    failures = (one for one in _STATUS.finditer(whole) if one[1][0] in "45")  # "version 2.4.1"
    found = (
        _STATUS.search(fields.get("status", "")) or _STATUS.search(words) or next(failures, None)
    )
    status = found[1] if found else ""
    if not status:
        reply = _REPLY.search(words) or _REPLY.search(whole[:20_000])
        status = f"{reply[1][0]}.0.0" if reply else "5.0.0" if _GONE.search(whole[:20_000]) else ""
    delayed = action == "delayed" or (
        not action and not status and bool(_LATER.search(whole[:4000]))
    )
    if action in ("delivered", "relayed", "expanded") or status.startswith("2"):
        return Return("delivered", recipient, status, hard=False, ids=ids, words=words)
    if delayed or (status.startswith("4") and action != "failed"):
        return Return("delay", recipient, status, hard=False, ids=ids, words=words)
    hard = status.startswith("5") and status not in _FULL and not status.startswith(("5.7", "5.3"))
    return Return("bounce", recipient, status, hard=hard, ids=ids, words=words)


def _recipient(fields: dict[str, str], whole: str) -> str:
    """Return the key of the failed address, from the report, the server's own field or the text."""
    for name in ("final-recipient", "original-recipient", "x-actual-recipient"):
        found = _ADDRESS.search(fields.get(name, "").partition(";")[2] or fields.get(name, ""))
        if found:
            return _key(found[1])
    for line in whole[:20_000].splitlines():
        if line.lower().startswith(("x-failed-recipients:", "final-recipient:")):
            found = _ADDRESS.search(line)
            if found:
                return _key(found[1])
    found = _ADDRESS.search(whole[:20_000])
    return _key(found[1]) if found else ""


def _key(text: str) -> str:
    read = read_address(text)
    return read.key if isinstance(read, Address) else ""


def _fields(report: str) -> dict[str, str]:
    """Return the fields of a report about its first failed recipient, else about its first one."""
    groups = [group for group in re.split(r"\r?\n[ \t]*\r?\n", report.strip()) if group.strip()]
    read = [{name.lower(): value for name, value in _FIELD.findall(group)} for group in groups[:50]]
    people = [one for one in read if "final-recipient" in one or "action" in one]
    failed = [one for one in people if one.get("action", "").strip().lower() == "failed"]
    chosen = (failed or people or [{}])[0]
    return {name: value.strip() for name, value in chosen.items()}


def _text(part: Attachment | None) -> str:
    return part.content[:MAX_CHARS].decode("utf-8", "replace") if part else ""


def _whole(message: Message) -> str:
    """Return all text that may hold a code or our Message-ID: fields, body, returned parts."""
    top = "\n".join(
        f"{one.name}: {one.value}" for one in message.fields if one.name.startswith("x-")
    )
    returned = (
        _text(one)
        for one in message.attachments
        if one.declared_type.startswith(("message/", "text/")) or one.name.endswith(".eml")
    )
    body = message.plain if message.plain.strip() else message.html.text
    return "\n".join((message.subject, top, body[:MAX_CHARS], *returned))[: 2 * MAX_CHARS]


def _ids(message: Message, whole: str) -> tuple[str, ...]:
    """Return everything in the form of our Message-IDs; none of them has been checked yet."""
    named: Iterable[str] = (*message.in_reply_to, *message.references, *_OURS.findall(whole))
    return tuple(dict.fromkeys(one for one in named if _OURS.fullmatch(one)))[:MAX_IDS]
