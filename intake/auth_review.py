"""Which Authentication-Results could be trusted, told from mail that is there; changes nothing."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from intake import assembly, authres
from intake import config as settings
from intake.config import Config
from intake.config_shape import Mailbox
from intake.identity import Trust, is_ours, level_of
from intake.message import Arrival, Header, Message, read

RECENT = 100  # mails that are looked at
SURE = 0.8  # of the mails that have a field at all


@dataclass(slots=True)
class Proposal:
    """What one mailbox's recent mail says about the server in front of it."""

    mailbox: str
    mails: int = 0
    with_field: int = 0
    ids: dict[str, int] = field(default_factory=dict)  # topmost authserv-id -> mails
    authserv_id: str | None = None  # proposed; "" stands for fields without an id; None: nothing
    authserv_fields: int = 1
    received_above: int = 0
    now: dict[str, int] = field(default_factory=dict)  # level -> mails, under today's settings
    then: dict[str, int] = field(default_factory=dict)  # under the proposal
    seen_below: int = 0  # mails that bear the proposed id further down: forged, or relayed twice


def propose(config: Config) -> list[Proposal]:
    """One proposal for each mailbox. Raises MailboxError."""
    return [_mailbox(config, box) for box in config.mailbox]


def _mailbox(config: Config, box: Mailbox) -> Proposal:
    mails = _recent(config, box)
    made = Proposal(box.name, len(mails))
    tops = [top for mail in mails if (top := _top(mail)) is not None]
    made.with_field = len(tops)
    counts = Counter(name for name, _, _ in tops)
    made.ids = dict(counts.most_common(10))
    made.now = _levels(mails, assembly.trust_of(config, box))
    if tops and counts.most_common(1)[0][1] >= SURE * len(tops):
        name = made.authserv_id = counts.most_common(1)[0][0]
        mine = [(fields, above) for one, fields, above in tops if one == name]
        made.authserv_fields = Counter(fields for fields, _ in mine).most_common(1)[0][0]
        made.received_above = Counter(above for _, above in mine).most_common(1)[0][0]
        trust = replace(
            assembly.trust_of(config, box), authserv_ids=(name,),
            received_above=made.received_above, fields=made.authserv_fields,
        )  # fmt: skip
        made.then = _levels(mails, trust)
        made.seen_below = sum(_ids(mail).count(name) > made.authserv_fields for mail in mails)
    return made


def _recent(config: Config, box: Mailbox) -> list[Message]:
    """The newest mails of the mailbox, read without a trace."""
    made = assembly.line(config, box).box
    try:
        made.open()
        waiting = sorted(made.waiting(1), key=lambda one: one.uid)[-RECENT:]
        limits = settings.limits(config)
        small = [one.uid for one in waiting if one.size <= limits.max_mail_bytes // 4]
        found = []
        for fetched in made.fetch(small):
            raw = fetched.raw or b""
            digest = hashlib.sha256(raw).hexdigest()
            arrival = Arrival(box.name, 0, fetched.uid, datetime.now(UTC), digest, len(raw), raw)
            mail = read(arrival, limits)
            if isinstance(mail, Message):
                found.append(mail)
        return found
    finally:
        made.close()


def _top(mail: Message) -> tuple[str, int, int] | None:
    """(id of the topmost field, fields of that id in a row, foreign hops above it)."""
    name: str | None = None
    fields = hops = above = 0
    for header in mail.fields:
        if header.name == "received":
            if name is not None and not is_ours(header.value, Trust((name,))):
                break
            hops += 1
        if header.name != "authentication-results":
            continue
        found = authres.read(header.value)
        if found is None or (name is not None and found.authserv_id != name):
            continue
        if name is None:
            name, above = found.authserv_id, hops
        fields += 1
    if name is None:
        return None
    own = sum(
        one.name == "received" and is_ours(one.value, Trust((name,))) for one in _before(mail)
    )
    return name, fields, max(0, above - own)


def _before(mail: Message) -> list[Header]:
    """The fields above the topmost Authentication-Results."""
    found: list[Header] = []
    for header in mail.fields:
        if header.name == "authentication-results":
            break
        found.append(header)
    return found


def _ids(mail: Message) -> list[str]:
    read_all = (authres.read(value) for value in mail.all("authentication-results"))
    return [one.authserv_id for one in read_all if one is not None]


def _levels(mails: list[Message], trust: Trust) -> dict[str, int]:
    counts = Counter(level_of(mail, trust) for mail in mails)
    return dict(sorted(counts.items()))
