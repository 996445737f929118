"""Judges a mail outside the normal passes: explain (writes nothing), release, replay."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from intake.adapters.blob_store import Blobs
from intake.adapters.dkim_verifier import Prover
from intake.authentication.dkim import Proof
from intake.config import directory_file
from intake.config import loader as settings
from intake.config.loader import Config
from intake.mail.addresses import Mailbox
from intake.mail.message import Arrival, Refusal
from intake.model.states import MessageStatus
from intake.parsers.prose.kinds import likeliest
from intake.parsers.submission import PROSE
from intake.store.contacts import directory, suppressions
from intake.store.engine import Engine, Session, open_engine, reading, savepoint, writing
from intake.store.locks import naming_blobs
from intake.store.messages import held as ledger
from intake.store.messages.record import Entry, Recorded, record
from intake.store.migrate import check, is_there
from intake.triage.decision import Decision
from intake.worker import bootstrap, pipeline
from intake.worker.explanation import explanation
from intake.worker.judgement import in_database
from intake.worker.parser_pool import ReadMail, read_here
from intake.worker.parser_process import Reader


class ReviewError(Exception):
    """The mail cannot be judged again; the text says why."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did or, in a dry run, would do."""

    row: int
    before: str  # "hold R7"
    after: str
    reasons: tuple[str, ...]
    recorded: Recorded | None


def explain(
    config: Config, raw: bytes, *, file: str = "", at: datetime | None = None, mailbox: str = ""
) -> dict[str, object]:
    """What would be decided about the mail now, or at that moment, and why. Writes nothing."""
    return Explainer(config, mailbox).explain(raw, file=file, at=at)


UNSIGNED = (b"no secret was made yet: these references are for looking at only",)


def _secrets(config: Config) -> tuple[bytes, ...]:
    """The service's secrets; before `intake init` a placeholder that never signs anything sent."""
    given = config.service.secret.get_secret_value() or config.environment.get("INTAKE_SECRET")
    there = given or config.path(config.service.secret_file).exists()
    return settings.load_secrets(config) if there else UNSIGNED


class Explainer:
    """Explains many mails with one load of the configuration; reads the database if it exists."""

    def __init__(self, config: Config, mailbox: str = "") -> None:
        self._bench = bootstrap.judgement_context(config, _secrets(config))
        self._reader = Reader(bootstrap.pool_settings(config))
        self._prover = bootstrap.prover(config)
        self._mailbox = mailbox or config.mailbox[0].name
        self._engine = open_engine(config.database_url, read_only=True)

    def explain(
        self, raw: bytes, *, file: str = "", at: datetime | None = None
    ) -> dict[str, object]:
        """One object as ``intake explain --json`` prints it."""
        now = at or datetime.now(UTC)
        digest = hashlib.sha256(raw).hexdigest()
        arrival = Arrival(self._mailbox, 0, 0, now, digest, len(raw), raw)
        read = self._reader.read(arrival)
        proof = _proof(self._prover, read, raw)
        judged = self._judge(read, now, proof)
        return explanation(read.message, judged, file) | {"likeliest": self._likeliest(read)}

    def _likeliest(self, read: ReadMail) -> list[dict[str, object]]:
        """The likeliest types of a mail that names none, and the words that speak for them."""
        scan = read.scan
        if scan is None or scan.type_source not in ("", PROSE):
            return []
        text = "\n\n".join((scan.leftover, *(one.words for one in scan.candidates)))
        return [asdict(one) for one in likeliest(scan.subject, text, self._bench.catalogue)]

    def _judge(self, read: ReadMail, now: datetime, proof: Proof) -> pipeline.Judgement:
        context = self._bench
        if not is_there(self._engine):
            return pipeline.judge(None, read, context, now, proof)
        with reading(self._engine) as session:
            found = in_database(session, context, now)
            return pipeline.judge(found, read, context, now, proof)

    def judge_again(self, raw: bytes, row: int, at: datetime) -> Decision:
        """The decision about the mail recorded in that row, without its own effects."""
        digest = hashlib.sha256(raw).hexdigest()
        arrival = Arrival(self._mailbox, 0, 0, at, digest, len(raw), raw)
        read = self._reader.read(arrival)
        proof = _proof(self._prover, read, raw)
        with reading(self._engine) as session:
            again = pipeline.Again(row, alone=True)
            found = in_database(session, self._bench, at, again.row)
            judged = pipeline.judge(found, read, self._bench, at, proof, again)
        return judged.decision

    def close(self) -> None:
        """Closes the database."""
        self._engine.dispose()


def _proof(prover: Prover, read: ReadMail, raw: bytes) -> Proof:
    """Our own DKIM verification, done before any transaction."""
    if isinstance(read.message, Refusal):
        return Proof()
    return prover.proof(read.message, lambda digest: raw, registered=True)


@dataclass(frozen=True, slots=True)
class Vouching:
    """What an operator decides about the sender of a held mail, apart from this one mail."""

    why: str = ""
    add_to: str = ""  # the contact that gets the sender's address
    new_contact: str = ""  # the id of a new contact with the sender's address
    name: str = ""  # of the new contact
    accounts: tuple[str, ...] = ()
    contact_type: str = "Authorized"
    accept_domain: bool = False  # unproved replies from the sender's domain are accepted


def release(
    config: Config, message_id: int, who: str, vouching: Vouching | None = None
) -> Recorded:
    """Handles a held mail whose sender an operator vouches for. Raises ReviewError, PeopleError.

    The operator's decisions about the sender are saved in the same transaction as the mail's
    result. If the mail is still held, they are not saved.
    """
    done = _again(config, message_id, who=who, dry=False, vouching=vouching or Vouching())
    if done.recorded is None:
        raise ReviewError(f"message {message_id}: still {done.after}: {'; '.join(done.reasons)}")
    return done.recorded


def replay(config: Config, message_id: int, *, dry: bool) -> Replayed:
    """Judges a held or shelved mail again with the current configuration. Raises ReviewError."""
    return _again(config, message_id, who="", dry=dry)


def preview(config: Config, message_id: int, who: str) -> Replayed:
    """What a release by that operator, or without one a replay, would do. Raises ReviewError."""
    return _again(config, message_id, who=who, dry=True)


def replay_all(config: Config, limit: int) -> list[Replayed]:
    """Judges the newest mails of the messages table again, as of their time of arrival.

    Writes nothing. Returns the mails that the current configuration and contacts would treat
    differently. Duplicates and rates are ignored, because later cases and letters exist by now.
    """
    explainer = Explainer(config)
    engine = open_engine(config.database_url, read_only=True)
    blobs = Blobs(config.blob_folder)
    try:
        with reading(engine) as session:
            rows = ledger.judged(session, limit)
        found = []
        for row in rows:
            if not blobs.has(row.digest):
                continue
            judged = explainer.judge_again(blobs.read(row.digest), row.id or 0, row.received_at)
            before, after = f"{row.action} {row.rule}", f"{judged.action} {judged.rule}"
            if before != after:
                found.append(Replayed(row.id or 0, before, after, judged.reasons, None))
        return found
    finally:
        engine.dispose()
        explainer.close()


class _StillHeld(Exception):
    """Undoes the decisions about the sender; carries the mail's result."""

    def __init__(self, replayed: Replayed) -> None:
        super().__init__(replayed.after)
        self.replayed = replayed


def _vouch(
    session: Session, config: Config, read: ReadMail, vouching: Vouching, who: str, now: datetime
) -> None:
    """Registers the sender as the operator decided. Raises ReviewError, PeopleError."""
    if not (vouching.add_to or vouching.new_contact or vouching.accept_domain):
        return
    mail = read.message
    if isinstance(mail, Refusal) or not isinstance(mail.sender, Mailbox):
        raise ReviewError("the mail has no sender that could be made known")
    address = mail.sender.address
    if vouching.add_to:
        directory.add_address(session, vouching.add_to, str(address), now)
    if vouching.new_contact:
        row = {
            "id": vouching.new_contact, "name": vouching.name, "emails": [str(address)],
            "accounts": list(vouching.accounts), "contact_type": vouching.contact_type,
        }  # fmt: skip
        if directory.contact_views(session, vouching.new_contact):
            raise ReviewError(f"there is a contact {vouching.new_contact!r} already")
        directory.load(
            session,
            directory_file.from_data({"contacts": [row]}, settings.load_catalogue(config)),
            now,
        )
    if vouching.accept_domain:
        suppressions.accept_domain(session, address.domain, who, vouching.why, now)


def _again(
    config: Config, message_id: int, *, who: str, dry: bool, vouching: Vouching | None = None
) -> Replayed:
    try:
        return _judged_again(config, message_id, who, vouching or Vouching(), dry=dry)
    except _StillHeld as held:
        return held.replayed


def _judged_again(
    config: Config, message_id: int, who: str, vouching: Vouching, *, dry: bool
) -> Replayed:
    context = bootstrap.judgement_context(config)
    blobs = Blobs(config.blob_folder)
    engine = open_engine(config.database_url)
    try:
        check(engine)
        arrival, before = _arrival(engine, message_id, blobs, dry=dry)
        read = read_here(arrival, bootstrap.pool_settings(config))
        if not isinstance(read.message, Refusal):
            for attachment in read.message.attachments:
                blobs.stage(attachment.content)
            blobs.flush(attachment.sha256 for attachment in read.message.attachments)
        now = datetime.now(UTC)
        proof = _proof(bootstrap.prover(config), read, arrival.raw)
        with writing(engine) as session, savepoint(session):
            naming_blobs(session)
            _all_there(blobs, read)
            _vouch(session, config, read, vouching, who, now)
            found = in_database(session, context, now, message_id)
            judged = pipeline.judge(
                found, read, context, now, proof, pipeline.Again(message_id, who)
            )
            decision = judged.decision
            after = f"{decision.action} {decision.rule}"
            replayed = Replayed(message_id, before, after, decision.reasons, None)
            if decision.action == "defer" or (who and decision.action == "hold"):
                raise _StillHeld(replayed)
            if not dry:
                entry = Entry(replace(arrival, raw=b""), read.message, message_id)
                recorded = record(session, entry, pipeline.results(judged), now, context.stamp)
                detail = {"before": before, "after": after}
                detail |= {key: value for key, value in asdict(vouching).items() if who and value}
                kind = "released" if who else "replayed"
                ledger.note(session, message_id, kind, who, now, detail)
                replayed = replace(replayed, recorded=recorded)
        return replayed
    finally:
        engine.dispose()


def _all_there(blobs: Blobs, read: ReadMail) -> None:
    """Raises ReviewError if a file was removed by the cleanup after it was stored."""
    files = () if isinstance(read.message, Refusal) else read.message.attachments
    missing = blobs.missing(one.sha256 for one in files)
    if missing:
        raise ReviewError(f"the file {missing[0]} was removed a moment ago; try again")


def _arrival(engine: Engine, message_id: int, blobs: Blobs, *, dry: bool) -> tuple[Arrival, str]:
    with reading(engine) as session:
        row = ledger.find(session, message_id)
    if row is None:
        raise ReviewError(f"there is no message {message_id}; `intake messages list` shows all")
    if not dry and row.status not in (
        MessageStatus.HELD,
        MessageStatus.SHELVED,
        MessageStatus.DEFERRED,
    ):
        raise ReviewError(f"message {message_id} is {row.status}; there is nothing to decide again")
    if not row.digest or not blobs.has(row.digest):
        raise ReviewError(f"message {message_id}: its bytes were never fetched, or are gone")
    raw = blobs.read(row.digest)
    arrival = Arrival(
        row.mailbox, row.uidvalidity, row.uid, row.received_at, row.digest, len(raw), raw
    )
    return arrival, f"{row.action} {row.rule}"
