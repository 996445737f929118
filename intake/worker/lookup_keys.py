"""Which data to look up in the database for a mail: sender, identity, references to our letters."""

from __future__ import annotations

from dataclasses import replace

from intake.authentication import sender as identity
from intake.letters.letter import LetterContext
from intake.mail import tokens
from intake.mail.addresses import Mailbox
from intake.mail.message import Message, Refusal
from intake.model.context import Keys
from intake.model.departments import Departments
from intake.parsers import staff_mail
from intake.parsers.submission import Scan
from intake.triage.policy import Policy

USUAL = Policy()


def keys(
    mail: Message | Refusal,
    letter_context: LetterContext,
    scan: Scan | None = None,
    case_prefix: str = "CASE-",
    policy: Policy = USUAL,
) -> Keys:
    """The keys of a mail: its sender, its identity and its references to our letters and cases."""
    limits = (policy.max_strangers_per_day, policy.max_unproved_per_day)
    if isinstance(mail, Refusal):
        return Keys(
            mail.digest, "", mail.message_id, "", max_strangers=limits[0], max_unproved=limits[1]
        )
    ids = (*mail.in_reply_to, *reversed(mail.references))
    own = tokens.own_ids(letter_context.secrets, ids, letter_context.domain)
    ours = {one.message_id for one in own}
    plus = (*mail.recipients, *mail.to, *mail.cc)
    tagged = (
        *tokens.read_subject_tags(letter_context.secrets, mail.subject),
        *tokens.read_reply_addresses(letter_context.secrets, plus),
    )
    notices = [one for one in own if one.kind == "notice"]  # they name an incident, never a case
    numbers = [one.case_number for one in own if one.case_number and one not in notices]
    asked = scan.wish if scan else None
    listing = asked is not None and asked.kind in ("cases", "close")
    return Keys(
        digest=mail.digest,
        sender=mail.sender.address.key if isinstance(mail.sender, Mailbox) else "",
        message_id=mail.message_id,
        body_digest=mail.body_digest,
        case_numbers=tuple(dict.fromkeys((*numbers, *tagged))),
        plain_numbers=() if asked else tokens.plain_numbers(mail.subject, case_prefix),
        thread_ids=tuple(dict.fromkeys(one for one in ids if one not in ours)),
        dated=mail.date,
        outbox_ids=tuple(dict.fromkeys(one.message_id for one in own)),
        names_contact=bool(ids or tagged) or _names_contact(mail, scan, case_prefix),
        list_state=asked.state if asked and listing else "-",
        list_number=_numbered(asked.number, case_prefix) if asked and listing else "",
        form_ids=tuple(one.message_id for one in own if one.kind == "form"),
        return_ids=_returned(scan, letter_context),
        verify_ids=tuple(one.message_id for one in own if one.kind == "verify"),
        join_ids=tuple(one.message_id for one in own if one.kind == "join"),
        claim_ids=tuple(one.message_id for one in own if one.kind == "claim"),
        author_name=_author_name(mail),
        close_ids=tuple(one.message_id for one in own if one.kind == "ask-close"),
        return_rows=_own_ways(letter_context, plus, "bounce", scan),
        return_letters=_own_ways(letter_context, plus, "letter", scan),
        notice_ids=tuple(one.message_id for one in notices),
        notice_incidents=tuple(dict.fromkeys(one.case_number for one in notices)),
        token_row=tokens.read_unsubscribe_token(letter_context.secrets, asked.token) or 0
        if asked and asked.token
        else None,
        only_approved=policy.only_approved,
        signatures=identity.signature_hashes(mail),
        own_id=_own_id(mail, letter_context),
        other_number=_other_number(mail, case_prefix),
        max_strangers=limits[0],
        max_unproved=limits[1],
    )


def _names_contact(mail: Message, scan: Scan | None, case_prefix: str) -> bool:
    """Whether colleagues matter: for a case, named under a label, or addressed by the mail."""
    if scan is None or tokens.plain_numbers(mail.subject, case_prefix):
        return True
    labelled = any(one.field == "contact" for one in scan.candidates)
    return labelled or len({*mail.to, *mail.cc}) > 1


def _other_number(mail: Message, case_prefix: str) -> str:
    """The case that a command on top of the mail names: "#merge CASE-1002"."""
    text = mail.plain if mail.plain.strip() else mail.html.text
    if not text.lstrip().startswith("#"):
        return ""
    words = staff_mail.read(mail).words("merge")
    found = tokens.plain_numbers(_numbered(words, case_prefix), case_prefix)
    return next(iter(found), "")


def _author_name(mail: Message) -> str:
    """The display name, in lower case."""
    sender = mail.sender
    return " ".join(sender.name.casefold().split()) if isinstance(sender, Mailbox) else ""


def _own_id(mail: Message, letter_context: LetterContext) -> str:
    """The mail's Message-ID, if only we can have made it."""
    ours = tokens.own_ids(letter_context.secrets, (mail.message_id,), letter_context.domain)
    return mail.message_id if ours else ""


def _own_ways(
    letter_context: LetterContext, addresses: tuple[str, ...], use: str, scan: Scan | None
) -> tuple[int, ...]:
    """The letters to whose own bounce address a program sent this mail."""
    if scan is None or scan.returned is None:
        return ()
    return tokens.read_bounce_addresses(letter_context.secrets, addresses, use)


def _returned(scan: Scan | None, letter_context: LetterContext) -> tuple[str, ...]:
    """Our letters that a program's mail is about, by Message-IDs that only intake can have made."""
    if scan is None or scan.returned is None:
        return ()
    own = tokens.own_ids(letter_context.secrets, scan.returned.ids, letter_context.domain)
    return tuple(one.message_id for one in own)


def _numbered(words: str, case_prefix: str) -> str:
    """A case number as people type it: "1001" means "CASE-1001"."""
    return f"{case_prefix}{words}" if words.isdigit() else words


def only_case(found: Keys, number: str) -> Keys:
    """The same keys, but that case is the only thing that the mail refers to."""
    return replace(
        found, plain_numbers=(number,), case_numbers=(), thread_ids=(), outbox_ids=(), form_ids=(),
        verify_ids=(), join_ids=(), claim_ids=(), close_ids=(), notice_ids=(), notice_incidents=(),
        list_state="-", token_row=None,
    )  # fmt: skip


def with_departments(keys: Keys, departments: Departments) -> Keys:
    """The keys with what the letters to departments need."""
    places = departments.values()
    return replace(
        keys,
        wants_staff=keys.wants_staff or any(one.members for one in places),
        desks=tuple(sorted({one.desk.lower() for one in places if one.desk})),
    )


def keys_of_case(number: str, departments: Departments) -> Keys:
    """The keys that look up one case and its department, without a mail."""
    found = Keys("", "", "", "", case_numbers=(number,), names_contact=False, wants_staff=True)
    return with_departments(found, departments)
