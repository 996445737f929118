"""The states of all stored things, and which state may follow which.

The database stores the values as text. ``BECOMES`` lists every change that a row of a table may
make. docs/states.md says what is true on disk in each state.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class MessageStatus(StrEnum):
    """The status of a mail: a row of ``messages``."""

    HANDLED = "handled"  # a case was opened, completed, asked about or added to, or it was answered
    IGNORED = "ignored"  # needs no action: a copy, a receipt, only thanks
    DROPPED = "dropped"  # forged under an unknown name, our own mail, or above a daily limit
    HELD = "held"  # waits for an operator
    REJECTED = "rejected"  # an operator rejected it, or none decided about it for long
    DEFERRED = "deferred"  # stays in the mailbox and is tried again
    SHELVED = "shelved"  # handling it failed three times, or it could not be fetched
    VANISHED = "vanished"  # gone from the mailbox before it was fetched


class CaseStatus(StrEnum):
    """The status of a case: a row of ``cases``."""

    DRAFT = "draft"  # required answers are missing
    OPEN = "open"
    WAITING = "waiting"  # for the contact
    RESOLVED = "resolved"
    CLOSED = "closed"


class RequestState(StrEnum):
    """A question to a contact: a row of ``pending_forms``."""

    OPEN = "open"
    ANSWERED = "answered"
    SUPERSEDED = "superseded"  # the case was resolved or closed without the answer
    EXPIRED = "expired"  # the contact did not answer; the draft is flagged


class LetterState(StrEnum):
    """The state of a letter: a row of ``outbox``."""

    DUE = "due"
    CLAIMED = "claimed"  # a worker is sending it: attempt counted, lease and fence written
    IN_DOUBT = "in_doubt"  # the final dot may have been sent; never sent again automatically
    SENT = "sent"
    FAILED = "failed"
    SUPPRESSED = "suppressed"  # it may not be sent to anyone any more
    CANCELLED = "cancelled"


class SendState(StrEnum):
    """The progress of sending an update of an incident: a row of ``incident_updates``."""

    RECORD = "record"  # on record only: no letters are sent
    DRAFT = "draft"
    WAITING = "waiting"  # for another person's approval
    SENDING = "sending"  # the list is frozen
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class NoticeState(StrEnum):
    """A notice to one address: a row of ``notice_recipients``."""

    QUEUED = "queued"
    DEFERRED = "deferred"  # the server deferred it
    SENDING = "sending"
    UNCERTAIN = "uncertain"  # the final dot may have been sent; sent once more
    SENT = "sent"
    FAILED = "failed"
    BOUNCED = "bounced"
    SKIPPED = "skipped"
    DIGEST = "digest"  # waits for the person's daily summary


class DeliveryState(StrEnum):
    """The state of an event for another program: a row of ``hook_deliveries``."""

    DUE = "due"
    CLAIMED = "claimed"
    DONE = "done"
    FAILED = "failed"
    DROPPED = "dropped"  # by an operator


class FileState(StrEnum):
    """A file of a mail: a row of ``attachments``."""

    STORED = "stored"
    WITHHELD = "withheld"  # stored, and handed out only when asked for by name
    QUARANTINED = "quarantined"  # the virus scanner has not checked it


class SuppressionKind(StrEnum):
    """Why an address gets fewer letters: a row of ``suppressions``."""

    BOUNCED = "bounced"  # no notices; answers go out all the same
    LOOP = "loop"  # no letters at all


class IncidentStatus(StrEnum):
    """The status of an incident or a maintenance: a row of ``incidents``."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    SCHEDULED = "scheduled"
    IN_PROGRESS = "in progress"
    VERIFYING = "verifying"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


CASE_OVER = (CaseStatus.RESOLVED, CaseStatus.CLOSED)
SENDABLE = (NoticeState.QUEUED, NoticeState.DEFERRED)
UNDER_WAY = (NoticeState.SENDING, NoticeState.UNCERTAIN)  # under a lease
SENT_TO_PEOPLE = (SendState.SENDING, SendState.PAUSED, SendState.DONE)

_M, _C, _L, _S, _N, _D = (
    MessageStatus, CaseStatus, LetterState, SendState, NoticeState, DeliveryState,
)  # fmt: skip
_DECIDED = (_M.HANDLED, _M.IGNORED, _M.DROPPED, _M.HELD, _M.REJECTED)
_NOTICE_ENDS = (_N.SENT, _N.FAILED, _N.BOUNCED, _N.SKIPPED)

BECOMES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "messages.status": {
        _M.HANDLED: (),
        _M.IGNORED: (),
        _M.DROPPED: (),
        _M.REJECTED: (_M.HELD,),
        _M.VANISHED: (),
        _M.HELD: (_M.HANDLED, _M.IGNORED, _M.DROPPED, _M.REJECTED),
        _M.SHELVED: _DECIDED,
        _M.DEFERRED: (*_DECIDED, _M.SHELVED, _M.VANISHED),
    },
    "cases.status": {
        _C.DRAFT: (_C.OPEN, _C.RESOLVED, _C.CLOSED),
        _C.OPEN: (_C.WAITING, _C.RESOLVED, _C.CLOSED),
        _C.WAITING: (_C.OPEN, _C.RESOLVED, _C.CLOSED),
        _C.RESOLVED: (_C.OPEN, _C.CLOSED),
        _C.CLOSED: (_C.OPEN, _C.RESOLVED),
    },
    "pending_forms.state": {
        RequestState.OPEN: (RequestState.ANSWERED, RequestState.SUPERSEDED, RequestState.EXPIRED),
        RequestState.ANSWERED: (),
        RequestState.SUPERSEDED: (),
        RequestState.EXPIRED: (),
    },
    "outbox.state": {
        _L.DUE: (_L.CLAIMED, _L.SUPPRESSED, _L.CANCELLED, _L.SENT, _L.IN_DOUBT),
        _L.CLAIMED: (_L.DUE, _L.IN_DOUBT, _L.FAILED, _L.SUPPRESSED, _L.SENT),
        _L.IN_DOUBT: (_L.SENT, _L.FAILED, _L.DUE),
        _L.SENT: (),
        _L.FAILED: (_L.DUE,),
        _L.SUPPRESSED: (_L.DUE,),
        _L.CANCELLED: (_L.DUE,),
    },
    "incident_updates.send_state": {
        _S.RECORD: (_S.WAITING, _S.SENDING),
        _S.DRAFT: (_S.WAITING, _S.SENDING, _S.RECORD, _S.EXPIRED),
        _S.WAITING: (_S.DRAFT, _S.SENDING, _S.RECORD, _S.EXPIRED),
        _S.SENDING: (_S.PAUSED, _S.DONE, _S.CANCELLED),
        _S.PAUSED: (_S.SENDING, _S.CANCELLED),
        _S.DONE: (_S.WAITING, _S.SENDING),
        _S.CANCELLED: (_S.SENDING,),
        _S.EXPIRED: (),
    },
    "notice_recipients.state": {
        _N.QUEUED: (_N.SENDING, _N.SKIPPED, _N.UNCERTAIN, _N.SENT),
        _N.DEFERRED: (_N.SENDING, _N.SKIPPED, _N.UNCERTAIN, _N.SENT),
        _N.DIGEST: (_N.SENT, _N.SKIPPED),
        _N.SENDING: (_N.QUEUED, _N.DEFERRED, _N.UNCERTAIN, *_NOTICE_ENDS),
        _N.UNCERTAIN: (_N.SENDING, _N.QUEUED, _N.DEFERRED, *_NOTICE_ENDS),
        _N.SENT: (_N.BOUNCED,),
        _N.FAILED: (_N.QUEUED,),
        _N.BOUNCED: (),
        _N.SKIPPED: (),
    },
    "hook_deliveries.state": {
        _D.DUE: (_D.CLAIMED, _D.FAILED, _D.DROPPED),
        _D.CLAIMED: (_D.DUE, _D.DONE, _D.FAILED),
        _D.DONE: (),
        _D.FAILED: (_D.DUE, _D.DROPPED),
        _D.DROPPED: (_D.DUE,),
    },
    "attachments.state": {
        FileState.QUARANTINED: (FileState.STORED, FileState.WITHHELD),
        FileState.STORED: (),
        FileState.WITHHELD: (),
    },
}


def undecided() -> tuple[MessageStatus, ...]:
    """Return the states that a decision may still overwrite."""
    after = BECOMES["messages.status"]
    return tuple(one for one in MessageStatus if MessageStatus.HANDLED in after[one])
