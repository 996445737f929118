"""Earlier mails that are the same mail as one of a batch, and the cases of mails it refers to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlmodel import col

from intake.model.context import Keys, Twin
from intake.model.states import MessageStatus
from intake.store.engine import Session
from intake.store.sql import stored_id, unindexed
from intake.store.tables.messages import AttachmentRow, MessageRow

HANDLED = (
    MessageStatus.HANDLED,
    MessageStatus.IGNORED,
)  # a held, dropped or rejected mail does not hide a later copy


def message_id_hash(message_id: str) -> str:
    """The lookup key of a Message-ID of any length; empty if there is none."""
    return hashlib.sha256(message_id.encode()).hexdigest() if message_id else ""


class _Copy(NamedTuple):
    """The oldest of some handled mails that agree in everything below."""

    id: int
    hash: str  # of the Message-ID, or of the signature
    sender: str
    body: str
    dated: datetime | None
    contact: str


@dataclass(frozen=True, slots=True)
class Twins:
    """What was found for the mails of a batch."""

    by_digest: dict[str, int]
    by_id: dict[str, list[_Copy]]  # by hash of the Message-ID, the oldest first
    by_signature: dict[str, list[_Copy]]
    rows: dict[int, Twin]
    files: dict[int, set[str]]  # sha256 of the files of those mails
    threads: dict[str, str]  # hash of a Message-ID -> the case that came of that mail

    def of(self, keys: Keys) -> Twin | None:
        """An earlier mail with the same bytes, or with the same Message-ID, body and sender.

        Otherwise one with the same DKIM signature and sender: the same mail sent again with
        additions. Otherwise the same mail of the same sender and Date that a gateway has changed.
        """
        row = self.by_digest.get(keys.digest)
        named = self.by_id.get(message_id_hash(keys.message_id), ()) if keys.message_id else ()
        same = [one for one in named if keys.sender and one.sender == keys.sender]
        if row is None:
            row = next((one.id for one in same if one.body == keys.body_digest), None)
        if row is None and keys.sender:
            signed = (one for key in keys.signatures for one in self.by_signature.get(key, ()))
            row = min((one.id for one in signed if one.sender == keys.sender), default=None)
        if row is not None:
            return self.rows[row]
        if keys.dated is None:
            return None
        changed = (one.id for one in same if one.dated == keys.dated and one.contact)
        row = next(changed, None)
        if row is None:
            return None
        return replace(self.rows[row], altered=True, files=frozenset(self.files.get(row, ())))

    def cases(self, ids: Iterable[str]) -> tuple[str, ...]:
        """The cases that came of the mails with those Message-IDs, in that order."""
        hashes = map(message_id_hash, ids)
        found = (self.threads[one] for one in hashes if one in self.threads)
        return tuple(dict.fromkeys(found))


def twins(session: Session, keys: Sequence[Keys], not_row: int = 0) -> Twins:
    """Looks for the mails of a batch. ``not_row`` is the row of a mail that is judged again."""
    digests = _by_digest(session, sorted({one.digest for one in keys}), not_row)
    ids = {message_id_hash(one.message_id) for one in keys if one.message_id and one.sender}
    signatures = {key for one in keys if one.sender for key in one.signatures}
    by_id = _copies(session, MessageRow.message_id_hash, ids, not_row)
    by_signature = _copies(session, MessageRow.signature_hash, signatures, not_row)
    found = set(digests.values())
    found |= {one.id for part in (by_id, by_signature) for all_ in part.values() for one in all_}
    threads = {message_id_hash(one) for key in keys for one in key.thread_ids}
    rows, files = _rows(session, found), _files(session, found)
    return Twins(digests, by_id, by_signature, rows, files, _threads(session, threads))


def _by_digest(session: Session, digests: Sequence[str], not_row: int) -> dict[str, int]:
    query = (
        select(col(MessageRow.digest), func.min(stored_id(MessageRow.id)))
        .where(
            col(MessageRow.digest).in_(digests),
            unindexed(MessageRow.status).in_(HANDLED),
            col(MessageRow.id) != not_row,
        )
        .group_by(col(MessageRow.digest))
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _copies(
    session: Session, column: str, hashes: set[str], not_row: int
) -> dict[str, list[_Copy]]:
    """The handled mails with one of those hashes in that column, the oldest of each kind."""
    if not hashes:
        return {}
    alike = (
        col(column), col(MessageRow.sender), col(MessageRow.body_digest), col(MessageRow.dated),
        col(MessageRow.contact_id),
    )  # fmt: skip
    query = (
        select(func.min(stored_id(MessageRow.id)).label("id"), *alike)
        .where(
            col(column).in_(sorted(hashes)),
            unindexed(MessageRow.status) == MessageStatus.HANDLED,
            col(MessageRow.id) != not_row,
        )
        .group_by(*alike)
        .order_by("id")
    )
    found: dict[str, list[_Copy]] = {}
    for row in session.execute(query):
        found.setdefault(row[1], []).append(_Copy(*row))
    return found


def _files(session: Session, ids: set[int]) -> dict[int, set[str]]:
    """The digests of the files of those mails."""
    files: dict[int, set[str]] = {}
    query = select(col(AttachmentRow.message_id), col(AttachmentRow.sha256)).where(
        col(AttachmentRow.message_id).in_(sorted(ids))
    )
    for row, digest in session.execute(query) if ids else ():
        files.setdefault(row, set()).add(digest)
    return files


def _rows(session: Session, ids: set[int]) -> dict[int, Twin]:
    if not ids:
        return {}
    query = select(
        stored_id(MessageRow.id), col(MessageRow.case_number), col(MessageRow.status)
    ).where(col(MessageRow.id).in_(sorted(ids)))
    return {row[0]: Twin(row[0], row[1], row[2]) for row in session.execute(query)}


def _threads(session: Session, hashes: set[str]) -> dict[str, str]:
    """Hash of a Message-ID -> the case that came of that mail."""
    if not hashes:
        return {}
    query = (
        select(col(MessageRow.message_id_hash), col(MessageRow.case_number))
        .where(
            col(MessageRow.message_id_hash).in_(sorted(hashes)),
            col(MessageRow.case_number) != "",
            col(MessageRow.status) == MessageStatus.HANDLED,
        )
        .order_by(col(MessageRow.id))
    )
    return {row[0]: row[1] for row in session.execute(query)}
