"""Read mails that programs send about our letters: bounces, delays, receipts, absences, complaints.

It reads RFC 3464 and RFC 8098 reports, and the usual formats of programs that do not follow them.
Nothing in the mail is trusted: our own signed Message-IDs decide which letter it is about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from intake.mail.addresses import Address, AddressRefusal, read_address
from intake.mail.message import Attachment, Message
from intake.mail.mime.auto_submitted import is_answer
from intake.parsers.bounce_words import meaning
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
_DAEMON = re.compile(r"mailer-?daemon|post_?master|mail delivery|bounce", re.IGNORECASE)
_REFUSED = re.compile(  # phrases of a bounce, where only the null reverse-path marks it
    r"undeliver|could not be delivered|delivery (?:has )?(?:failed|failure|status)|returned mail"
    r"|user unknown|unknown user|no such (?:user|recipient|mailbox)|does(?:n't| not) exist"
    r"|mailbox (?:unavailable|not found)|recipient (?:not found|unknown)|address rejected"
    r"|failure notice|unzustellbar|non remis|no entregado|não entregue|mancata consegna",
    re.IGNORECASE,
)
_LATER = re.compile(
    r"delayed|will (?:be retried|retry|keep trying|continue)|still being (?:re)?tried|not yet been"
    r"|no action is required|temporary failure report|warning: (?:could not|message)|deferred",
    re.IGNORECASE,
)
_COPY = re.compile(  # where the returned mail begins in the text
    r"^[ \t>*]*(?:-{2,}[^\n]{0,60}(?:copy|original|returned|undelivered|headers?\b)[^\n]{0,60}$"
    r"|(?:message headers follow|below (?:this line )?(?:is|are)"
    r"|original message (?:follows|header)"
    r"|the (?:message|header|original)[^\n]{0,40}follows?|copy of the message)[^\n]{0,80}$"
    r")|^(?:return-path|received|x-\w[\w-]*|mime-version):[^\n]*$",
    re.IGNORECASE | re.MULTILINE,
)
_TO = re.compile(r"^(?:to|x-original-to|delivered-to|original-rcpt-to):[ \t]*([^\n]*)", re.I | re.M)
_NOBODY = re.compile(r"(?:mailer-?daemon|post_?master|mail-?daemon|no-?reply)@", re.IGNORECASE)
_DIAGNOSED = re.compile(  # a line with a reply of the other server
    r"(?<![\d.-])[45]\d\d[ -]|[45]\.\d{1,3}\.\d{1,3}|\bsaid:|reason:|because|error:", re.IGNORECASE
)
_OF_ADDRESS = re.compile(rf"\s*\W?{_ADDRESS.pattern}\W?\s*(?::|$)")
MAX_NOTE = 8000  # characters of the text for people
MAX_LINES = 12


def read_return(message: Message) -> Return | None:
    """Return what the mail says about a letter; None for a mail that no program wrote.

    Never raises.
    """
    report_of_nobody = isinstance(message.sender, AddressRefusal) and any(
        one.declared_type == "message/delivery-status" for one in message.attachments
    )
    if not message.automatic and not report_of_nobody:
        return None
    parts = {one.declared_type: one for one in reversed(message.attachments)}
    report = _text(parts.get("message/delivery-status"))
    receipt = _text(parts.get("message/disposition-notification"))
    complaint = _text(parts.get("message/feedback-report"))
    ids = _ids(message, _whole(message))
    if complaint:
        return Return("complaint", "", "", hard=False, ids=ids, words="a complaint (RFC 5965)")
    if receipt:
        return Return("receipt", "", "", hard=False, ids=ids, words="a receipt (RFC 8098)")
    if report or _is_bounce(message):
        return _bounce(message, report, ids)
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
            and bool(_REFUSED.search(f"{message.subject} {message.plain[:4000]}"))
        )
    )


def _bounce(message: Message, report: str, ids: tuple[str, ...]) -> Return:
    """Return the recipient, the status code and whether the failure is permanent.

    Only the report is read: its fields, its text up to the returned mail, the returned mail's To.
    """
    fields, note = _fields(report), _note(message)
    action = fields.get("action", "").partition(";")[0].strip().lower()
    recipient = _recipient(fields, note, message)
    words = " ".join(fields.get("diagnostic-code", "").split())
    said = words or _diagnosis(note, recipient)
    status = _status(fields.get("status", ""), words, note)
    told = Return("bounce", recipient, status, hard=False, ids=ids, words=said[:MAX_WORDS])
    if action in ("delivered", "relayed", "expanded", "deliverable"):
        return replace(told, kind="delivered")
    delayed = not action and bool(_LATER.search(f"{message.subject} {note[:2000]}"))
    if action == "delayed" or (delayed and not status.startswith("5")):
        return replace(told, kind="delay")
    meant = meaning(status, said, f"{message.subject}\n{note}")
    kind = "delay" if status.startswith("4") and action != "failed" and not meant.hard else "bounce"
    return replace(told, kind=kind, hard=meant.hard, about_us=meant.about_us)


def _status(field: str, words: str, note: str) -> str:
    """Return the RFC 3463 code; "5.0.0" or "4.0.0" where only the class is known."""
    failures = (one for one in _STATUS.finditer(note) if one[1][0] in "45")  # "version 2.4.1"
    named, replied = _STATUS.search(field), _STATUS.search(words)
    if named and named[1].endswith(".0.0") and replied:
        named = replied  # the other server's own code says more
    found = named or replied or next(failures, None)
    if found:
        return found[1]
    reply = _REPLY.search(words) or _REPLY.search(note)
    return f"{reply[1][0]}.0.0" if reply else "5.0.0" if _REFUSED.search(note) else ""


def _diagnosis(note: str, recipient: str) -> str:
    """Return the lines of the text that repeat what the other server said of that address."""
    lines: list[str] = []
    for line in note.splitlines():
        other = _OF_ADDRESS.match(line)
        if other and lines and _key(other[1]) not in ("", recipient):
            break
        lines += [" ".join(line.split())] if line.strip() else []
    at = [place for place, line in enumerate(lines) if _DIAGNOSED.search(line)]
    chosen = sorted({near for place in at for near in (place, place + 1) if near < len(lines)})
    return " ".join(lines[place] for place in chosen[:MAX_LINES])


def _note(message: Message) -> str:
    """Return what the report says to people, without the returned mail."""
    body = message.plain if message.plain.strip() else message.html.text
    cut = _COPY.search(body)
    note = body[: cut.start()] if cut and body[: cut.start()].strip() else body
    return note[:MAX_NOTE]


def _recipient(fields: dict[str, str], note: str, message: Message) -> str:
    """Return the key of the address to which the letter went, as the report names it.

    The text may name the address to which the report itself is sent; that is never the one.
    """
    ours = {*message.to, *message.cc}
    for name in ("original-recipient", "final-recipient", "x-actual-recipient"):
        value = fields.get(name, "")
        found = _addresses(value.partition(";")[2] or value, set())
        if found:
            return found[0]
    starts = "\n".join(line for line in note.splitlines() if _OF_ADDRESS.match(line))
    for text in (starts, note, *_TO.findall(_returned(message))):
        found = _addresses(text, ours)
        if found:
            return found[0]
    return ""


def _addresses(text: str, ours: set[str]) -> list[str]:
    keys = (_key(one) for one in _ADDRESS.findall(text[:20_000]))
    return [key for key in keys if key and key not in ours and not _NOBODY.match(key)]


def _returned(message: Message) -> str:
    """Return the header and the text of the letter that came back, as far as it is there."""
    body = message.plain if message.plain.strip() else message.html.text
    cut = _COPY.search(body)
    parts = [
        _text(one)
        for one in message.attachments
        if one.declared_type in ("message/rfc822", "text/rfc822-headers", "message/global")
        or one.name.endswith(".eml")
    ]
    return "\n".join((*parts, body[cut.start() :][:MAX_CHARS] if cut else ""))


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
    """Return all text that may hold our Message-ID: the body and the returned parts."""
    returned = (
        _text(one)
        for one in message.attachments
        if one.declared_type.startswith(("message/", "text/")) or one.name.endswith(".eml")
    )
    body = message.plain if message.plain.strip() else message.html.text
    return "\n".join((message.subject, body[:MAX_CHARS], *returned))[: 2 * MAX_CHARS]


def _ids(message: Message, whole: str) -> tuple[str, ...]:
    """Return everything in the form of our Message-IDs; none of them has been checked yet."""
    named: Iterable[str] = (*message.in_reply_to, *message.references, *_OURS.findall(whole))
    return tuple(dict.fromkeys(one for one in named if _OURS.fullmatch(one)))[:MAX_IDS]
