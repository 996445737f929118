"""A letter, the data that all letters share, and the templates that they are filled from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from jinja2 import BaseLoader, DictLoader, StrictUndefined, TemplateError, select_autoescape
from jinja2.sandbox import ImmutableSandboxedEnvironment

from intake.catalogue.catalogue import Catalogue
from intake.mail.encoder import LetterError
from intake.model.accounts import Contact
from intake.model.context import FileRef
from intake.model.incidents import Incident

MAX_REFERENCES = 20


MAX_SUBJECT_CHARS = 200

ENGLISH_WORDS = "en/words.txt"


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
    files: tuple[FileRef, ...] = ()  # are attached when it is sent


@dataclass(frozen=True, slots=True)
class Reminded:
    """A request without an answer, as it is sent once more."""

    case_number: str
    contact_id: str
    contact_name: str
    recipient: str
    subject: str
    text: str  # of the request
    language: str = ""  # ISO 639 code; empty: the service's own


@dataclass(frozen=True, slots=True)
class Reached:
    """A contact and the one address to which a letter goes."""

    contact_id: str
    name: str
    address: str
    language: str = ""  # ISO 639 code of the letter; empty: the service's own

    @classmethod
    def at(cls, contact: Contact, address: str = "") -> Reached:
        """The contact at that address, or at the first one, in the contact's language."""
        return cls(contact.id, contact.name, address or contact.emails[0], contact.reads)


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
    incident: Incident | None = None  # the known incident that the letter is about
    files: tuple[FileRef, ...] = ()  # are attached when it is sent
    as_written: bool = False  # lines of a person's text stay lines in the HTML part


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
        self._names = frozenset(sources)
        self._sources = sources
        self._words: dict[str, Mapping[str, str]] = {}

    def words(self, language: str) -> Mapping[str, str]:
        """The short texts of a language by name; English where the language has none."""
        if language not in self._words:
            own = _words(self._sources.get(f"{language}/words.txt", ""))
            self._words[language] = {**_words(self._sources.get(ENGLISH_WORDS, "")), **own}
        return self._words[language]

    def fill(self, name: str, values: Mapping[str, object], language: str = "") -> str:
        """The template of that name, if there is one in that language, with those values in it."""
        translated = f"{language}/{name}"
        name = translated if translated in self._names else name
        try:
            return self._environment.get_template(name).render(values)
        except TemplateError as error:
            where = f", line {error.lineno}" if hasattr(error, "lineno") else ""
            raise LetterError(f"template {name}{where}: {error}") from error


def _words(text: str) -> dict[str, str]:
    """The lines ``name: text`` of a file of short texts; other lines are comments."""
    rows = (line.partition(": ") for line in text.splitlines() if not line.startswith("#"))
    return {name.strip(): words for name, colon, words in rows if colon}


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
    handed_over: frozenset[str] = frozenset()  # departments that cases are handed over to
    timezone: str = "UTC"  # IANA name, for the dates in letters
    language: str = "en"  # of letters to people whose own language is not known
    languages: tuple[str, ...] = ("en",)  # in which letters are written
    reopen_days: int = 30
    reply_to_case: bool = False  # each case has its own address for answers
    repeat: str = "all"  # what an acknowledgement repeats of a mail: all, fields, none
    max_mail_bytes: int = 50 * 2**20  # a larger mail is not read
    page_url: str = ""  # of the notifications page, if there is one

    @property
    def domain(self) -> str:
        """Return the domain of our Message-IDs."""
        return self.address.rpartition("@")[2]
