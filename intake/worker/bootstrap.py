"""Builds the service from the configuration: collector, judgement, delivery and mailboxes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from intake import __version__
from intake.adapters import memory
from intake.adapters.blob_store import Blobs
from intake.adapters.dkim_verifier import SUFFIX_LIST, Prover, Resolver, organisation
from intake.adapters.mailbox.imap import ImapBox
from intake.adapters.mailbox.imap_settings import ImapSettings
from intake.adapters.mailbox.maildir import MaildirBox
from intake.adapters.mailbox.protocol import MailboxClient, MailboxError
from intake.adapters.oauth import OAuthError, TokenSource
from intake.adapters.smtp import Lane, Patience, open_lane
from intake.authentication.alignment import Trust
from intake.config import loader as settings
from intake.config import schema
from intake.config.loader import Config
from intake.config.toml_files import ConfigError
from intake.config.validation import backfill
from intake.mail.encoder import with_files
from intake.mail.tokens import bounce_address
from intake.model.events import WITH_PEOPLE
from intake.store import restore_check
from intake.store.engine import Engine, open_engine
from intake.store.letter_checks import Claimed
from intake.store.messages.record import RecordMetadata
from intake.store.migrate import check
from intake.store.pruning import Ages
from intake.store.retention import Keep
from intake.worker import notice_bootstrap
from intake.worker.collector import CollectorContext, Rules, utc_now
from intake.worker.departments import departments
from intake.worker.figures import Figures, Live
from intake.worker.journal import journal_of
from intake.worker.letter_settings import letter_context
from intake.worker.outbox_sender import SendingContext, Streak
from intake.worker.parser_pool import Pool
from intake.worker.parser_process import Settings as PoolSettings
from intake.worker.pipeline import JudgementContext

IMAP_SCHEMES = {
    "imaps": ("tls", 993),
    "imap+starttls": ("starttls", 143),
    "imap": ("plain", 143),
}


@dataclass(frozen=True, slots=True)
class MailboxJob:
    """One mailbox with its collection settings."""

    name: str
    box: MailboxClient
    rules: Rules
    poll_seconds: float
    idle: bool


@dataclass(frozen=True, slots=True)
class Application:
    """All open resources that a pass needs."""

    collector: CollectorContext
    post: SendingContext
    notices: SendingContext  # the same connection settings, but for the notice queue
    mailboxes: tuple[MailboxJob, ...]
    pipe_rules: Rules
    stop: threading.Event
    folder: Path  # where the heartbeat is written
    figures: Figures
    end_reading: Callable[[], None] = lambda: None  # kills the reader processes at once


@contextmanager
def assemble(
    config: Config, stop: threading.Event | None = None, *, reconciling: bool = False
) -> Iterator[Application]:
    """Opens the whole service and closes it at the end. Raises ConfigError, StoreError.

    A restored database is refused unless ``reconciling`` is set.
    """
    memory.one_arena()
    stop = stop or threading.Event()
    context = judgement_context(config)
    engine = open_engine(config.database_url)
    pool: Pool | None = None
    try:
        check(engine)
        blobs = Blobs(config.blob_folder)
        journal = journal_of(config)
        if not reconciling:
            restore_check.check(engine, journal.tail())
        size = config.shape.limits.parse_workers or min(4, os.cpu_count() or 1)
        live = Live()
        figures = Figures(config, engine, live)
        children = replace(pool_settings(config), blob_run=blobs.run)
        pool = Pool(size, children, stop.is_set, figures.counter.read)
        live.restarts = pool.restarts
        collector = CollectorContext(
            engine,
            blobs,
            pool,
            context,
            settings.limits(config),
            utc_now,
            prover(config),
            stop.is_set,
            journal,
            counter=figures.counter,
            backlog=live.backlog,
        )
        post = replace(
            _post(config, engine, context), stopped=stop.is_set, journal=journal,
            attach=lambda item: _attached(blobs, item),
        )  # fmt: skip
        notices = _notices(config, post, context)
        mailboxes = tuple(mailbox_job(config, box) for box in config.mailbox)
        rules = Rules(backfill_all=True, alone=False)
        yield Application(
            collector,
            post,
            notices,
            mailboxes,
            rules,
            stop,
            config.state_folder,
            figures,
            pool.kill,
        )
    finally:
        if pool is not None:
            pool.close()
        engine.dispose()


def _post(config: Config, engine: Engine, context: JudgementContext) -> SendingContext:
    """How letters are sent."""
    way = config.delivery
    lanes = tuple(lane(config) for _ in range(way.connections))
    return SendingContext(
        engine, lanes, _bounces(config, context), utc_now, way.lease_seconds, in_doubt=way.in_doubt
    )


def _attached(blobs: Blobs, item: Claimed) -> bytes:
    """The letter with its files, the same bytes at every attempt. Raises BlobError."""
    files = [(one["name"], one["media_type"], blobs.read(one["sha256"])) for one in item.files]
    return with_files(item.raw, files)


def _bounces(config: Config, context: JudgementContext) -> Callable[[int], str]:
    """The bounce address of a letter: its own (VERP), or one address for all letters."""
    address = config.delivery.bounce_address or config.service.address
    secrets = context.letter_context.secrets
    if not config.delivery.verp:
        return lambda _row: address
    return lambda row: bounce_address(secrets, row, address, "letter")


def _notices(config: Config, post: SendingContext, context: JudgementContext) -> SendingContext:
    """Notices get their own connections, so that a broadcast never delays replies."""
    lanes = tuple(lane(config) for _ in range(config.shape.notices.connections))
    queue = notice_bootstrap.queue(config, context.letter_context)
    return replace(
        post, lanes=lanes, queue=queue, streak=Streak(), in_doubt=config.shape.notices.in_doubt
    )


def trust_of(config: Config, box: schema.Mailbox) -> Trust:
    """The servers whose statements about senders are trusted for that mailbox."""
    return Trust(
        authserv_ids=box.trusted_authserv_ids,
        received_above=box.received_above,
        fields=box.authserv_fields,
        arc_sealers=box.arc_sealers,
        own=settings.own_addresses(config),
        organisation=organisation,
        require_policy=config.shape.evidence.require_policy,
        suffix_list=SUFFIX_LIST,
    )


def keep(config: Config) -> Keep:
    """How long mails are kept that need no action."""
    given = config.retention
    return Keep(given.dropped_days, given.stranger_days, given.forgotten_days, given.unproved_days)


def ages(config: Config) -> Ages:
    """After how many days words are removed."""
    given = config.retention
    return Ages(
        given.case_days, given.mail_days, given.letter_days, given.notice_days, given.event_days
    )


def prover(config: Config) -> Prover:
    """The verifier of DKIM signatures."""
    own = config.shape.evidence
    return Prover(Resolver(own.dns_seconds, own.dns_server), own.dkim, _trusts(config))


def judgement_context(config: Config, secrets: tuple[bytes, ...] = ()) -> JudgementContext:
    """All settings that a judgement depends on; ``secrets`` replace the configured ones.

    Raises ConfigError.
    """
    catalogue = settings.load_catalogue(config)
    personal = frozenset(name for name, one in catalogue.fields.items() if one.personal_data)
    return JudgementContext(
        catalogue=catalogue,
        policy=settings.policy(config, catalogue),
        letter_context=letter_context(config, secrets or settings.load_secrets(config), catalogue),
        stamp=RecordMetadata(
            settings.policy_hash(config, catalogue), __version__, personal, hears_cases(config)
        ),
        timezone=config.service.timezone,
        case_prefix=config.service.case_prefix,
        trust=_trusts(config),
        required=config.shape.catalogue.required,
        departments=departments(config, catalogue),
        attach_bytes=config.shape.handover.max_bytes,
    )


def hears_cases(config: Config) -> bool:
    """Whether a webhook or a folder wants events about cases."""
    hooks = any(hook.hears(kind) for hook in config.shape.webhook for kind in WITH_PEOPLE)
    return hooks or any(one.folder for one in config.shape.department)


def _trusts(config: Config) -> dict[str, Trust]:
    """The trust settings by mailbox name; for any other mailbox no server is trusted."""
    return {box.name: trust_of(config, box) for box in (*config.mailbox, _pipe(config))}


def _pipe(config: Config) -> schema.Mailbox:
    """A pipe's mail is trusted like the first mailbox's, because the same MX wrote its fields."""
    pipe: schema.Mailbox = config.mailbox[0].model_copy(update={"name": "pipe"})
    return pipe


def pool_settings(config: Config) -> PoolSettings:
    """The settings of the reader processes: folders, limits, catalogue."""
    given = config.shape.limits
    return PoolSettings(
        blob_root=str(config.blob_folder),
        catalogue=settings.catalogue_data(config),
        limits=settings.limits(config),
        wall_seconds=given.parse_seconds,
        memory_bytes=given.parse_memory_bytes,
        lists={box.name: box.lists for box in (*config.mailbox, _pipe(config))},
    )


def lane(config: Config, patience: Patience | None = None) -> Lane:
    """One connection for sending letters. Raises DeliveryError for an invalid setting."""
    way = config.delivery
    url = way.url
    if url.startswith("maildir:"):
        url = f"maildir:{config.path(url.removeprefix('maildir:'))}"
    return open_lane(
        url,
        secret=lambda: settings.delivery_secret(config),
        ca_file=str(config.path(way.ca_file)) if way.ca_file else "",
        helo=way.helo,
        allow_plain=way.allow_plain,
        patience=patience,
    )


ALERT_PATIENCE = Patience(connect=10, command=30, data=30, block=30, dot=60, letter=120)


def alert_lane(config: Config) -> Lane:
    """The connection for alerts: the second relay if there is one. Raises DeliveryError."""
    given = config.shape.alerts
    if not given.url:
        return lane(config, ALERT_PATIENCE)
    return open_lane(
        given.url,
        secret=lambda: settings.alerts_secret(config),
        helo=config.delivery.helo,
        patience=ALERT_PATIENCE,
    )


def mailbox_job(config: Config, box: schema.Mailbox) -> MailboxJob:
    """One mailbox with its rules. Raises ConfigError."""
    everything, since = backfill(box)
    is_maildir = box.url.startswith("maildir:")
    rules = Rules(box.batch_mails, box.batch_bytes, since, everything or is_maildir)
    app: MailboxClient = maildir(config, box) if is_maildir else imap(config, box)
    return MailboxJob(box.name, app, rules, box.poll_seconds, box.idle)


def maildir(config: Config, box: schema.Mailbox) -> MailboxClient:
    """A Maildir as a mailbox."""
    path = config.path(box.url.removeprefix("maildir:"))
    return MaildirBox(box.name, path, box.processed_folder, box.held_folder)


def _at_login(give: Callable[[], str], name: str) -> Callable[[], str]:
    """Returns the secret at each login; if it is missing, only this mailbox fails."""

    def secret() -> str:
        try:
            return give()
        except (OAuthError, ConfigError) as error:
            raise MailboxError("auth", f"mailbox {name}: {error}") from error

    return secret


def tokens(config: Config, box: schema.Mailbox) -> TokenSource:
    """The source of access tokens for a mailbox."""
    own = box.oauth
    return TokenSource(
        url=own.token_url,
        grant=own.grant,
        client_id=own.client_id,
        client_secret=lambda: settings.oauth_secret(config, box),
        scope=own.scope,
        refresh_token=lambda: settings.refresh_token(config, box),
        keep=config.path(own.refresh_token_file) if own.refresh_token_file else None,
    )


def imap(config: Config, box: schema.Mailbox) -> MailboxClient:
    """An IMAP folder as a mailbox; the secret is read only when it is needed."""
    url = urlsplit(box.url)
    where = f"{config.file or 'configuration'}: mailbox {box.name}.url"
    if url.scheme not in IMAP_SCHEMES or not url.hostname or not url.username:
        raise ConfigError(
            f"{where}: found {url.scheme}://…, wanted imaps://USER@HOST/FOLDER, "
            "imap+starttls://…, imap://… on this machine, or maildir:PATH"
        )
    security, port = IMAP_SCHEMES[url.scheme]
    secret: Callable[[], str] = lambda: settings.mailbox_secret(config, box)  # noqa: E731 - read again at each login
    if box.auth == "xoauth2" and box.oauth.token_url:
        secret = tokens(config, box).token
    return ImapBox(
        ImapSettings(
            name=box.name,
            host=url.hostname,
            port=url.port or port,
            security=security,
            user=unquote(url.username),
            secret=_at_login(secret, box.name),
            auth=box.auth,
            folder=unquote(url.path.lstrip("/")) or "INBOX",
            processed_folder=box.processed_folder,
            held_folder=box.held_folder,
            ca_file=str(config.path(box.ca_file)) if box.ca_file else "",
            allow_plain=box.allow_plain,
            connect_seconds=box.connect_seconds,
            read_seconds=box.read_seconds,
        )
    )
