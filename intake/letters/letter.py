"""A letter, the data that all letters share, and the templates that they are filled from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from jinja2 import BaseLoader, DictLoader, StrictUndefined, TemplateError, select_autoescape
from jinja2.sandbox import ImmutableSandboxedEnvironment

from intake.catalogue.catalogue import Catalogue
from intake.mail.encoder import LetterError

MAX_REFERENCES = 20


MAX_SUBJECT_CHARS = 200


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter as it is sent, and the data that an operator wants to see."""

    kind: str  # ack, missing_fields, appended, refusal, form, cases, closed, unsubscribed, …
    cause: str  # unique: a letter of that kind for that mail is written once
    message_id: str
    recipient: str  # the envelope recipient: one bare address from the contact table
    subject: str
    text: str  # the body as the contact reads it
    raw: bytes = field(repr=False)  # CRLF line ends, ASCII
    contact: str = ""  # contact id
    case_number: str = ""
    due_at: datetime | None = None  # None: at once
    put_off: str = ""  # why it is sent later


@dataclass(frozen=True, slots=True)
class Reminded:
    """A request without an answer, as it is sent once more."""

    case_number: str
    contact_id: str
    contact_name: str
    recipient: str
    subject: str
    text: str  # of the request


@dataclass(frozen=True, slots=True)
class Reached:
    """A contact and the one address to which a letter goes."""

    contact_id: str
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Thread:
    """The case that a letter is about, and the last letter in its thread."""

    case_number: str
    subject: str  # of the last letter, or of the case
    last_id: str = ""  # Message-ID of the last letter; empty when there is none


@dataclass(frozen=True, slots=True)
class Occasion:
    """The reason for a letter that answers no mail."""

    kind: str  # "verify", "replaced", "resolved" …: its templates' folder
    cause: str  # unique among letters of that kind
    values: Mapping[str, object] = field(default_factory=dict)  # for the templates
    thread: Thread | None = None


class Templates:
    """The templates of letters; raises LetterError for a template that is wrong."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        loader: BaseLoader = DictLoader(dict(sources))
        self._environment = ImmutableSandboxedEnvironment(
            loader=loader,
            undefined=StrictUndefined,
            autoescape=select_autoescape(("html",), default=False),
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
        )

    def fill(self, name: str, values: Mapping[str, object]) -> str:
        """The template of that name with those values in it."""
        try:
            return self._environment.get_template(name).render(values)
        except TemplateError as error:
            where = f", line {error.lineno}" if hasattr(error, "lineno") else ""
            raise LetterError(f"template {name}{where}: {error}") from error


@dataclass(frozen=True, slots=True)
class LetterContext:
    """The data that all letters of this service share."""

    service: str  # name of the service, as people know it
    address: str  # where answers go
    secrets: tuple[bytes, ...] = field(repr=False)  # the newest first
    catalogue: Catalogue
    templates: Templates
    departments: Mapping[str, str] = field(
        default_factory=dict
    )  # the operator's labels, which replace the catalogue's
    timezone: str = "UTC"  # IANA name, for the dates in letters
    reopen_days: int = 30
    reply_to_case: bool = False  # each case has its own address for answers
    repeat: str = "all"  # what an acknowledgement repeats of a mail: all, fields, none
    max_mail_bytes: int = 50 * 2**20  # a larger mail is not read
    page_url: str = ""  # of the notifications page, if there is one

    @property
    def domain(self) -> str:
        """Return the domain of our Message-IDs."""
        return self.address.rpartition("@")[2]

    def department(self, key: str) -> str:
        """Return the name of the department as people use it."""
        label = self.departments.get(key) or self.catalogue.departments.get(key, "")
        return label or self.service
