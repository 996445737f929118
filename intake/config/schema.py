"""The structure of the configuration: every key with its unit and default; no unknown keys.

``config.example.toml`` explains each key to operators; a test compares the two.
"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator

from intake.config.department import Department, Handover
from intake.config.values import (
    AuthservId,
    Count,
    MailAddress,
    NoticeClass,
    Offset,
    Positive,
    Section,
    known_zone,
    plain_address,
)
from intake.model.events import EVENT_KINDS, WITH_PEOPLE

LISTEN = r"^$|^(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):[0-9]{1,5}$"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Service(Section):
    """The service as the people who write to it see it."""

    name: str = Field(default="Support desk", min_length=1, max_length=80)
    address: MailAddress = "support@desk.example"
    aliases: tuple[MailAddress, ...] = ()
    timezone: Annotated[str, AfterValidator(known_zone)] = "America/Chicago"
    language: str = Field(default="en", pattern=r"^[a-z]{2,3}$")
    languages: tuple[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")], ...] = (
        "en", "es", "fr", "de", "pt",
    )  # fmt: skip
    case_prefix: str = Field(default="CASE-", pattern=r"^[A-Z0-9]{1,12}-$")
    secret: SecretStr = SecretStr("")
    secret_file: str = "var/secret"  # noqa: S105 - a file name, not a secret
    state_folder: str = Field(default="var", min_length=1)


class OAuth(Section):
    """The source of a mailbox's access tokens (RFC 6749)."""

    token_url: str = ""
    grant: Literal["client_credentials", "refresh_token"] = "client_credentials"
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    client_secret_file: str = ""
    client_secret_command: str = ""
    refresh_token_file: str = ""
    scope: str = ""


class Mailbox(Section):
    """One source of mail."""

    name: str = Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9._-]+$")
    url: str
    password: SecretStr = SecretStr("")
    password_file: str = ""
    password_command: str = ""
    auth: Literal["password", "xoauth2"] = "password"
    token_file: str = ""
    token_command: str = ""
    oauth: OAuth = OAuth()
    ca_file: str = ""
    allow_plain: bool = False
    trusted_authserv_ids: tuple[AuthservId, ...] = ()
    received_above: Count = 0
    authserv_fields: int = Field(default=1, ge=1, le=5)
    arc_sealers: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    writes_return_path: bool = False
    processed_folder: str = "Processed"
    held_folder: str = "Held"
    poll_seconds: Positive = 60
    idle: bool = True
    backfill: str = "none"
    batch_mails: Positive = 50
    batch_bytes: Positive = 16 * 2**20
    connect_seconds: Positive = 15
    read_seconds: Positive = 60


class Delivery(Section):
    """How letters are sent."""

    url: str = "maildir:var/out"
    password: SecretStr = SecretStr("")
    password_file: str = ""
    password_command: str = ""
    ca_file: str = ""
    allow_plain: bool = False
    connections: int = Field(default=4, ge=1, le=50)
    in_doubt: int = Field(default=4, ge=1, le=1000)
    lease_seconds: int = Field(default=90, gt=0, le=3600)
    bounce_address: str = ""
    verp: bool = True
    helo: str = ""


class Database(Section):
    """The database for all records."""

    url: str = "sqlite:///var/intake.db"


class Storage(Section):
    """The folder of raw mails and attachments."""

    url: str = "var/blobs"


class CatalogueChoice(Section):
    """The catalogue to use, and the fields to require."""

    path: str = ""
    required: dict[str, dict[str, bool]] = Field(default_factory=dict)


class Replies(Section):
    """Which mails are answered, and how often."""

    acknowledge: bool = True
    repeat: Literal["all", "fields", "none"] = "all"
    silent_rules: tuple[str, ...] = ()
    reply_to_case: bool = False
    max_rounds: int = Field(default=2, ge=1, le=5)
    remind_days: Count = 4
    expire_days: Positive = 14
    reopen_days: Count = 30
    max_letters_per_hour: Positive = 5
    max_letters_per_day: Positive = 20
    max_letters_per_domain_hour: Positive = 60
    max_letters_all_hour: Positive = 2000
    max_same_letters_per_day: Positive = 2
    list_after_per_hour: Positive = 10
    max_letter_age_hours: Positive = 96
    templates: str = ""
    unknown_sender: Literal["hold", "drop"] = "hold"
    refuse_inactive: bool = False
    claim_addresses: bool = True
    tell_held: bool = False
    refuse_unknown: bool = False
    high_risk_types: tuple[str, ...] = ("modify_support_contacts", "server_access", "data_restore")
    step_up: bool = True


class Limits(Section):
    """The limits for one mail."""

    max_mail_bytes: Positive = 50 * 2**20
    max_header_bytes: Positive = 256 * 2**10
    max_header_fields: Positive = 1000
    max_field_bytes: Positive = 64 * 2**10
    max_addresses: Positive = 500
    max_depth: Positive = 30
    max_parts: Positive = 500
    max_boundary_bytes: Positive = 256
    max_attachments: Positive = 100
    max_received: Positive = 50
    max_decoded_bytes: Positive = 100 * 2**20
    max_html_bytes: Positive = 2**20
    max_html_depth: Positive = 2000
    max_text_chars: Positive = 2**20
    max_cases_per_contact_hour: Positive = 60
    max_cases_per_account_hour: Positive = 300
    max_strangers_per_day: Positive = 1000
    max_unproved_per_day: Positive = 100
    parse_seconds: Positive = 10
    parse_memory_bytes: Positive = 512 * 2**20
    parse_workers: Count = 0


class Evidence(Section):
    """The checks of a sender that the service makes itself."""

    dkim: Literal["off", "upgrade", "always"] = "upgrade"
    require_policy: bool = False
    dns_seconds: Positive = 5
    dns_server: str = Field(default="", pattern=r"^$|^[0-9a-fA-F.:]+:\d{1,5}$")


class Files(Section):
    """Which files are handed on with a case."""

    withhold_risky: bool = True
    max_bytes: Positive = 25_000_000
    max_files: Positive = 50
    clamav: str = Field(default="", pattern=r"^$|^tcp://[^/]+$|^unix:/.+$")
    clamav_seconds: Positive = 60


class Retention(Section):
    """How long data is kept that is no longer needed."""

    orphan_blob_hours: Positive = 24
    stranger_days: Count = 14
    unproved_days: Count = 180
    dropped_days: Positive = 7
    forgotten_days: Positive = 30
    case_days: Count = 0
    mail_days: Count = 0
    letter_days: Count = 0
    notice_days: Count = 0
    event_days: Count = 90


class Notices(Section):
    """Letters about incidents and maintenances."""

    name: str = Field(default="", max_length=80)
    from_address: str = ""
    list_id: str = Field(default="", pattern=r"^$|^[a-z0-9-]+(\.[a-z0-9-]+)+$")
    unsubscribe_url: str = Field(default="", pattern=r"^$|^https://[^\s<>]+$")
    contact_types: tuple[str, ...] = ()
    mandatory_classes: tuple[NoticeClass, ...] = ("outage", "security")
    max_without_approval: Count = 0
    rate_per_minute: Positive = 60
    rate_per_minute_domain: Positive = 30
    connections: int = Field(default=1, ge=1, le=20)
    in_doubt: int = Field(default=1, ge=1, le=1000)
    connections_domain: int = Field(default=1, ge=1, le=20)
    park_after: Positive = 3
    park_minutes: Positive = 5
    expire_hours: Positive = 72
    lead_days: Count = 14
    reminders: tuple[Offset, ...] = ("14d", "7d", "24h", "1h")
    digest_hour: int = Field(default=7, ge=0, le=23)
    reply_type: str = "application_issue"
    tell_colleagues: bool = False

    @field_validator("from_address")
    @classmethod
    def _plain(cls, value: str) -> str:
        return plain_address(value) if value else value


class Page(Section):
    """The notifications page, as files that any web server can show."""

    folder: str = ""
    url: str = Field(default="", pattern=r"^$|^https?://[^\s<>]+$")
    title: str = Field(default="", max_length=80)
    closed_days: Positive = 90
    show: Literal["written", "approved"] = "written"


class Webhook(Section):
    """Another program that receives events about incidents."""

    name: str = Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9._-]+$")
    url: str = Field(pattern=r"^https?://[^\s<>]+$")
    secret: SecretStr = SecretStr("")
    secret_file: str = ""
    secret_command: str = ""
    events: tuple[str, ...] = ()
    seconds: int = Field(default=10, ge=1, le=120)
    give_up_hours: Positive = 24

    @field_validator("url")
    @classmethod
    def _safe(cls, value: str) -> str:
        """Require https, except to this machine, and an address without user and fragment."""
        parts = urlsplit(value)  # an invalid port raises a ValueError that names it
        if not value.isascii() or not parts.hostname or (parts.port or 1) < 1:
            raise ValueError("https://HOST/PATH in ASCII")
        if "@" in parts.netloc or parts.fragment:
            raise ValueError("an address without a user and without #: the secret has its own key")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError("https://…; http:// is for this machine only")
        return value

    @field_validator("events")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Reject a pattern that matches no event: it is a typing error."""
        for pattern in value:
            if not any(_matches(pattern, kind) for kind in EVENT_KINDS):
                raise ValueError(f'{pattern!r} is neither "incident.*" nor an event\'s kind')
        return value

    def hears(self, kind: str) -> bool:
        """Return whether this program wants events of that kind."""
        if not self.events:
            return kind not in WITH_PEOPLE
        return any(_matches(pattern, kind) for pattern in self.events)


def _matches(pattern: str, kind: str) -> bool:
    """Match ``*``, ``incident.*`` or the whole kind; there are no other patterns."""
    return pattern in ("*", kind) or (pattern.endswith(".*") and kind.startswith(pattern[:-1]))


class Alerts(Section):
    """Who is notified when something waits for an operator, or fails."""

    address: str = ""
    every_hours: Positive = 24
    after_minutes: Positive = 5
    late_minutes: Positive = 15
    url: str = ""
    password: SecretStr = SecretStr("")
    password_file: str = ""
    password_command: str = ""
    command: str = ""

    @field_validator("address")
    @classmethod
    def _plain(cls, value: str) -> str:
        return plain_address(value) if value else value


class Metrics(Section):
    """Figures about the service for Prometheus."""

    listen: str = Field(default="", pattern=LISTEN)
    textfile: str = ""


class Logging(Section):
    """The log of the worker."""

    format: Literal["console", "json"] = "console"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Shape(Section):
    """The whole file."""

    service: Service = Service()
    mailbox: tuple[Mailbox, ...] = (Mailbox(name="drop", url="maildir:var/mail"),)
    delivery: Delivery = Delivery()
    database: Database = Database()
    storage: Storage = Storage()
    catalogue: CatalogueChoice = CatalogueChoice()
    departments: dict[str, str] = Field(default_factory=dict)
    department: tuple[Department, ...] = ()
    handover: Handover = Handover()
    replies: Replies = Replies()
    limits: Limits = Limits()
    evidence: Evidence = Evidence()
    files: Files = Files()
    retention: Retention = Retention()
    notices: Notices = Notices()
    page: Page = Page()
    webhook: tuple[Webhook, ...] = ()
    alerts: Alerts = Alerts()
    metrics: Metrics = Metrics()
    logging: Logging = Logging()
