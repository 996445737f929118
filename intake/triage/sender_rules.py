"""The rules R0 to R12 and R24: who wrote a mail, as far as it is proved, and who is not heard."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from intake.mail.addresses import AddressRefusal, Mailbox, without_plus
from intake.mail.message import Message, Refusal
from intake.mail.mime.auto_submitted import is_answer, strong
from intake.mail.mime.encoded_words import one_line
from intake.model.states import MessageStatus
from intake.triage.facts import Facts, Verdict

REPORTED_FOR = timedelta(days=10)  # twice as long as servers try (RFC 5321 §4.5.4.1)


def malformed(facts: Facts) -> Verdict | None:
    """A mail that the structural gate refused, or whose From has no single plain author."""
    mail = facts.mail
    refused = isinstance(mail, Refusal) or isinstance(mail.sender, AddressRefusal)
    if refused and facts.no_place_left:
        return _counted_only(facts)
    if isinstance(mail, Refusal):
        return Verdict("hold", (f"{mail.code}: {mail.detail}",))
    if mail.unread_bytes and not _is_heard(facts):
        full = facts.no_place_left and not facts.known.contacts
        return _counted_only(facts) if full else Verdict("hold", (_too_big(facts),))
    if isinstance(mail.sender, AddressRefusal):
        return Verdict("hold", (f"From, {mail.sender.code}: {mail.sender.detail}",))
    return None


def _is_heard(facts: Facts) -> bool:
    """Whether a proved contact wrote it, and no program."""
    return facts.proved and facts.contact is not None and not facts.machine


def _too_big(facts: Facts) -> str:
    mail, most = facts.mail, facts.policy.max_mail_bytes
    size = mail.unread_bytes if isinstance(mail, Message) else 0
    return f"limits: the mail has {size} bytes, at most {most} are fetched"


def too_big(facts: Facts) -> Verdict | None:
    """A contact's mail over the size limit: nothing of it was read, and they are told so."""
    if not isinstance(facts.mail, Message) or not facts.mail.unread_bytes:
        return None
    return Verdict("hold", (_too_big(facts),), letter="refusal", reason="too_big")


def own_mail(facts: Facts) -> Verdict | None:
    """Our own address, or a letter of ours that came back from the very address it went to.

    Lists and forwarders write our address into From, too: only what bears a Message-ID or the
    envelope sender of ours is a mail of our own.
    """
    ours = {without_plus(key) for key in facts.policy.own_addresses}
    if without_plus(facts.sender.address) in ours:
        return _from_our_address(facts)
    if facts.known.is_own_letter and facts.proved:
        return Verdict("drop", ("a letter of this service came back from where it went",))
    return None


def _from_our_address(facts: Facts) -> Verdict:
    mail = facts.mail
    assert isinstance(mail, Message)
    paths = {path.strip().strip("<>").lower() for path in mail.all("return-path")}
    ours = {key.lower() for key in facts.policy.own_addresses}
    if facts.known.bears_own_id or paths & ours:
        return Verdict("drop", ("the mail comes from this service itself",))
    if facts.sender.level == "L0":
        return Verdict("drop", ("dmarc=fail for an address of this service",))
    if facts.no_place_left:
        return _counted_only(facts)
    why = ("From is an address of this service, as a list or a forwarder writes it",)
    named = next(iter(mail.all("reply-to")), "")
    return Verdict("hold", (*why, *([f"Reply-To: {one_line(named, 200)}"] if named else [])))


def seen_before(facts: Facts) -> Verdict | None:
    """The same mail again."""
    twin = facts.known.twin
    if twin is None or twin.status not in (MessageStatus.HANDLED, MessageStatus.IGNORED):
        return None
    what = f" (case {twin.case_number})" if twin.case_number else ""
    return Verdict("ignore", (f"the same mail was handled as message {twin.message_row}{what}",))


def answers_our_letter(facts: Facts) -> Verdict | None:
    """Bounces, receipts, absences: noted with the letter they are about, and nothing else.

    What a proved contact writes is one of these by a strong mark only, or by an absence's subject.
    """
    letter, told = facts.known.returned, facts.returned
    if not facts.automatic or (letter is None and not facts.known.answered_letters):
        return None
    if not _says_what_became_of_a_letter(facts):
        return None
    if letter is None or told is None:
        return Verdict("ignore", (f"automatic answer to a letter of ours: {facts.automatic[0]}",))
    words = f"{told.kind} {told.status}".strip()
    hard = told.hard and _is_credible(facts)
    return Verdict(
        "ignore", (f"{words} about our {letter.kind} letter",), returned=replace(told, hard=hard)
    )


def _says_what_became_of_a_letter(facts: Facts) -> bool:
    told = facts.returned
    if is_answer(facts.automatic) or (told is not None and told.kind == "absence"):
        return True
    heard = facts.proved and facts.contact is not None
    return told is not None and told.kind != "automatic" and not heard


def _is_credible(facts: Facts) -> bool:
    """A report proves something by the address it came back to, which only the letter bore.

    Or by a sender that is proved to be of the recipient's own organisation. Where letters have no
    address of their own, the null reverse-path has to do, for some days after the letter.
    """
    letter = facts.known.returned
    if letter is None:
        return False
    if letter.by_address or (facts.proved and _of_one_house(facts, letter.recipient)):
        return True
    recent = letter.sent_at is None or facts.now - letter.sent_at < REPORTED_FOR
    return not facts.policy.verp and recent and "Return-Path <>" in facts.automatic


def _of_one_house(facts: Facts, recipient: str) -> bool:
    """Whether the author's domain is the recipient's, or one lies below the other."""
    sender = facts.mail.sender if isinstance(facts.mail, Message) else None
    if not isinstance(sender, Mailbox):
        return False
    author, theirs = f".{sender.address.domain}", f".{recipient.rpartition('@')[2]}"
    return author.endswith(theirs) or theirs.endswith(author)


def automatic(facts: Facts) -> Verdict | None:
    """A program may file cases for a contact who allows it; an automatic answer never does."""
    if not facts.machine:
        return None
    contact, answer = facts.contact, is_answer(facts.automatic)
    vouched = facts.sender.released_by or (contact and contact.allow_automated and not answer)
    if facts.proved and contact and vouched:
        return None
    if not facts.known.contacts and facts.no_place_left:
        return _counted_only(facts)
    return Verdict("hold", ("machine", *facts.automatic))


def unverifiable_now(facts: Facts) -> Verdict | None:
    """DNS had no answer: the mail stays in the mailbox for some hours."""
    if facts.sender.level != "LT":
        return None
    if facts.now - facts.mail.received_at < timedelta(hours=facts.policy.defer_hours):
        return Verdict("defer", ("the sender check had a temporary error; tried again",))
    hours = facts.policy.defer_hours
    return Verdict("hold", (f"the sender check had a temporary error for {hours} hours",))


def forged_known(facts: Facts) -> Verdict | None:
    """Somebody writes in the name of a contact."""
    if facts.sender.level == "L0" and facts.known.contacts:
        if facts.no_place_left:
            return _counted_only(facts)
        return Verdict("hold", ("dmarc=fail for the address of a contact: probably forged",))
    return None


def forged_unknown(facts: Facts) -> Verdict | None:
    """Somebody writes in the name of nobody we know."""
    if facts.sender.level == "L0":
        return Verdict("drop", ("dmarc=fail and nobody of that address is registered",))
    return None


def unproved_known(facts: Facts) -> Verdict | None:
    """A contact, and nothing proves it."""
    if facts.sender.level != "L1" or not facts.known.contacts or _accepted_unproved(facts):
        return None
    if facts.no_place_left:
        count = facts.policy.max_unproved_per_day
        words = f"limits: {count} mails in this contact's name that nothing proves were held today"
        return Verdict("drop", (f"{words}, counted only",))
    return Verdict("hold", ("nothing proves that the contact wrote this", *_last(facts)))


def _accepted_unproved(facts: Facts) -> bool:
    """The operator's exception, and an answer to a letter that we sent to that very address.

    It makes no level: nothing is answered, and what is risky still needs a signature.
    """
    contact = facts.contact
    if contact is None or not contact.active or facts.sender.conflict:
        return False
    return facts.known.replies and (contact.accept_unproved or facts.known.domain_accepted)


def unproved_unknown(facts: Facts) -> Verdict | None:
    """Nobody we know, and nothing proves who."""
    if facts.sender.level != "L1" or facts.known.contacts:
        return None
    if facts.no_place_left:
        return _counted_only(facts)
    return Verdict("hold", ("unknown sender, and nothing proves the address", *_last(facts)))


def _counted_only(facts: Facts) -> Verdict:
    count = facts.policy.max_strangers_per_day
    return Verdict("drop", (f"limits: {count} such mails were held today, counted only",))


def _last(facts: Facts) -> tuple[str, ...]:
    return facts.sender.evidence[-1:]


def confirms_address(facts: Facts) -> Verdict | None:
    """A new address of a contact has said yes to our question, and is proved to be its own."""
    who = facts.known.confirms
    if not who or facts.sender.level not in ("L2", "L3") or strong(facts.automatic):
        return None
    if facts.known.says_yes:
        return Verdict("answer", (f"confirms the new address of {who}",), confirms=who)
    why = f"answers whether it is the new address of {who}, and not with a plain yes"
    return Verdict("hold", (why,))


def ambiguous(facts: Facts) -> Verdict | None:
    """Two contacts with one address."""
    if facts.sender.ambiguous:
        return Verdict("hold", ("two contacts share this address",))
    return None


def stranger_at_known_domain(facts: Facts) -> Verdict | None:
    """Proved, not registered, at a domain where others are."""
    if facts.contact is not None or not facts.known.domain_registered:
        return None
    if facts.no_place_left:
        return _counted_only(facts)
    told = facts.policy.refuse_unknown and facts.sender.level == "L3"
    letter, reason = ("refusal", "unknown") if told else ("", "")
    why = "not registered, though others at that domain are"
    return Verdict("hold", (why,), letter=letter, reason=reason)


def stranger(facts: Facts) -> Verdict | None:
    """Proved, and nobody we know."""
    if facts.contact is not None:
        return None
    if facts.no_place_left and facts.policy.unknown_sender == "hold":
        return _counted_only(facts)
    return Verdict(facts.policy.unknown_sender, ("nobody of that address is registered",))


def inactive(facts: Facts) -> Verdict | None:
    """A contact who was disabled."""
    if facts.contact is None or facts.contact.active:
        return None
    return Verdict("hold", ("the contact is disabled",), letter=_fixed(facts), reason="inactive")


def no_account(facts: Facts) -> Verdict | None:
    """A contact none of whose accounts is in force."""
    if facts.active_accounts:
        return None
    return Verdict(
        "hold", ("no account in force is on record",), letter=_fixed(facts), reason="inactive"
    )


def _fixed(facts: Facts) -> str:
    return "refusal" if facts.policy.refuse_inactive and facts.sender.level == "L3" else ""
