"""Finds out from stored mail which Authentication-Results could be trusted; changes nothing."""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from intake.adapters.blob_store import BlobError, Blobs
from intake.adapters.dkim_verifier import organisation
from intake.authentication import authres
from intake.authentication.alignment import Trust
from intake.authentication.sender import is_ours, level_of
from intake.config import loader as settings
from intake.config.loader import Config
from intake.config.schema import Mailbox
from intake.mail.limits import Limits
from intake.mail.message import Arrival, Header, Message, read
from intake.store.engine import StoreError, open_engine, reading
from intake.store.messages import mailboxes
from intake.worker import bootstrap

RECENT = 100  # mails that are examined
SURE = 0.8  # share of the mails that have such a field


@dataclass(slots=True)
class Proposal:
    """What the recent mail of a mailbox shows about the mail server in front of it."""

    mailbox: str
    mails: int = 0
    with_field: int = 0
    ids: dict[str, int] = field(default_factory=dict)  # topmost authserv-id -> mails
    authserv_id: str | None = None  # the proposal; "" means fields without an id; None: no proposal
    authserv_fields: int = 1
    received_above: int = 0
    now: dict[str, int] = field(default_factory=dict)  # level -> mails, with the current settings
    then: dict[str, int] = field(default_factory=dict)  # level -> mails, with the proposal
    strict: dict[str, int] = field(default_factory=dict)  # the same if only dmarc=pass counted
    seen_below: int = 0  # mails with the proposed id again further down: forged, or relayed twice


def propose(config: Config) -> list[Proposal]:
    """One proposal for each mailbox. Raises MailboxError."""
    return [_mailbox(config, box) for box in config.mailbox]


def _mailbox(config: Config, box: Mailbox) -> Proposal:
    mails = _recent(config, box)
    mails += _handled(config, box, RECENT - len(mails))
    made = Proposal(box.name, len(mails))
    tops = [top for mail in mails if (top := _top(mail)) is not None]
    made.with_field = len(tops)
    counts = Counter(name for name, _, _ in tops)
    made.ids = dict(counts.most_common(10))
    trust = bootstrap.trust_of(config, box)
    made.now = _levels(mails, trust)
    made.strict = _levels(mails, replace(trust, require_policy=True))
    for pattern in _candidates(counts, len(tops)):
        _weigh(made, pattern, mails, trust)
    return made


def _candidates(counts: Counter[str], mails: int) -> list[str]:
    """The topmost id of most mails: one id, or a parent domain of most of the ids.

    A provider with many servers writes a different host name each time. Some servers write the
    result of each method under an id of its own.
    """
    common, times = counts.most_common(1)[0] if counts else ("", 0)
    found = [common] if mails and times >= SURE * mails else []
    below: Counter[str] = Counter()
    for name, count in counts.items():
        labels = name.split(".")
        for start in range(1, len(labels) - 1):
            below[".".join(labels[start:])] += count
    wide = [one for one, count in below.items() if count >= SURE * mails and _is_one_owner(one)]
    return found + [f"*.{one}" for one in sorted(wide, key=len, reverse=True)]


def _is_one_owner(name: str) -> bool:
    """True unless the name is a public suffix, which has many owners."""
    return organisation(f"x.{name}") == organisation(name)


def _weigh(made: Proposal, pattern: str, mails: list[Message], trust: Trust) -> None:
    """Proposes the id if it proves more mails than the previous candidate."""
    tops = [top for mail in mails if (top := _top(mail, pattern)) is not None]
    if not tops:
        return
    fields = Counter(fields for _, fields, _ in tops).most_common(1)[0][0]
    above = Counter(above for _, _, above in tops).most_common(1)[0][0]
    tried = replace(trust, authserv_ids=(pattern,), received_above=above, fields=fields)
    levels = _levels(mails, tried)
    if made.authserv_id is not None and _proved(levels) <= _proved(made.then):
        return
    made.authserv_id, made.authserv_fields, made.received_above = pattern, fields, above
    made.then = levels
    made.strict = _levels(mails, replace(tried, require_policy=True))
    below = [sum(map(tried.trusts, _ids(mail))) for mail in mails]
    made.seen_below = sum(count > fields for count in below)


def _proved(levels: dict[str, int]) -> int:
    return levels.get("L2", 0) + levels.get("L3", 0)


def _recent(config: Config, box: Mailbox) -> list[Message]:
    """Reads the newest mails of the mailbox without changing anything."""
    made = bootstrap.mailbox_job(config, box).box
    try:
        made.open()
        waiting = sorted(made.waiting(1), key=lambda one: one.uid)[-RECENT:]
        limits = settings.limits(config)
        small = [one.uid for one in waiting if one.size <= limits.max_mail_bytes // 4]
        raws = [(fetched.uid, fetched.raw or b"") for fetched in made.fetch(small)]
        read_all = (_read(box, uid, raw, limits) for uid, raw in raws)
        return [mail for mail in read_all if mail is not None]
    finally:
        made.close()


def _handled(config: Config, box: Mailbox, most: int) -> list[Message]:
    """Reads the newest mails that were handled already: they are in other folders by now."""
    limits = settings.limits(config)
    engine = open_engine(config.database_url, read_only=True)
    try:
        with reading(engine) as session:
            digests = mailboxes.newest(session, box.name, max(most, 0), limits.max_mail_bytes // 4)
    except StoreError:
        return []  # there is none yet
    finally:
        engine.dispose()
    found = []
    for digest in digests:
        with suppress(BlobError):
            found.append(_read(box, 1, Blobs(config.blob_folder).read(digest), limits))
    return [mail for mail in found if mail is not None]


def _read(box: Mailbox, uid: int, raw: bytes, limits: Limits) -> Message | None:
    digest = hashlib.sha256(raw).hexdigest()
    arrival = Arrival(box.name, 0, uid, datetime.now(UTC), digest, len(raw), raw)
    mail = read(arrival, limits)
    return mail if isinstance(mail, Message) else None


def _top(mail: Message, pattern: str | None = None) -> tuple[str, int, int] | None:
    """(id of the topmost field, trusted fields of that hop, foreign hops above it).

    Trusted are the fields with the same id, or those that match ``pattern``. With a pattern, the id
    is that of the first field that matches.
    """
    trust = Trust((pattern,)) if pattern is not None else None
    name, fields, hops, above = "", 0, 0, 0
    for header in mail.fields:
        if header.name == "received":
            if trust is not None and fields and not is_ours(header.value, trust):
                break
            hops += 1
        if header.name != "authentication-results":
            continue
        found = authres.read(header.value)
        if found is None or (trust is not None and not trust.trusts(found.authserv_id)):
            continue
        if not fields:
            name, above = found.authserv_id, hops
            trust = trust or Trust((name,))
        fields += 1
    if not fields or trust is None:
        return None
    own = sum(one.name == "received" and is_ours(one.value, trust) for one in _before(mail))
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
