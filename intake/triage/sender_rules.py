"""The rules R0 to R12 and R24: who wrote a mail, and whether that is proved well enough."""

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
    """Hold a mail that failed the structural checks, or whose From has no single plain author.

    A report about a letter of ours needs no author: it is recorded with the letter (R2).
    """
    mail = facts.mail
    if isinstance(mail, Refusal):
        if facts.no_place_left:
            return counted_only(facts)
        return Verdict("hold", (f"{mail.code}: {mail.detail}",))
    if mail.unread_bytes and not _is_heard(facts):
        full = facts.no_place_left and not facts.known.contacts
        return counted_only(facts) if full else Verdict("hold", (_too_big(facts),))
    if isinstance(mail.sender, AddressRefusal) and answers_our_letter(facts) is None:
        if facts.no_place_left:
            return counted_only(facts)
        return Verdict("hold", (f"From, {mail.sender.code}: {mail.sender.detail}",))
    return None


def _is_heard(facts: Facts) -> bool:
    """Return whether a proved contact wrote it, and not a program."""
    return facts.proved and facts.contact is not None and not facts.machine


def _too_big(facts: Facts) -> str:
    mail, most = facts.mail, facts.policy.max_mail_bytes
    size = mail.unread_bytes if isinstance(mail, Message) else 0
    return f"limits: the mail has {size} bytes, at most {most} are fetched"


def too_big(facts: Facts) -> Verdict | None:
    """Hold a contact's mail over the size limit unread, and inform the contact."""
    if not isinstance(facts.mail, Message) or not facts.mail.unread_bytes:
        return None
    return Verdict("hold", (_too_big(facts),), letter="refusal", reason="too_big")


def own_mail(facts: Facts) -> Verdict | None:
    """Drop mail from our own address, and a letter of ours that came back from its recipient.

    Lists and forwarders put our address into From, too. So a mail counts as our own only if it has
    a Message-ID or the envelope sender of ours.
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
        return counted_only(facts)
    why = ("From is an address of this service, as a list or a forwarder writes it",)
    named = next(iter(mail.all("reply-to")), "")
    return Verdict("hold", (*why, *([f"Reply-To: {one_line(named, 200)}"] if named else [])))


def seen_before(facts: Facts) -> Verdict | None:
    """Ignore a mail that was handled before."""
    twin = facts.known.twin
    if twin is None or twin.altered:
        return None
    if twin.status not in (MessageStatus.HANDLED, MessageStatus.IGNORED):
        return None
    what = f" (case {twin.case_number})" if twin.case_number else ""
    return Verdict("ignore", (f"the same mail was handled as message {twin.message_row}{what}",))


def answers_our_letter(facts: Facts) -> Verdict | None:
    """Record bounces, receipts and absences with the letter that they are about, and nothing else.

    A mail of a proved contact counts as one of these only by a strong mark or an absence's subject.
    """
    letter, told = facts.known.returned, facts.returned
    marked = facts.automatic or (told is not None and told.kind != "automatic")
    if not marked or (letter is None and not facts.known.answered_letters):
        return None
    if not _says_what_became_of_a_letter(facts):
        return None
    if letter is None or told is None:
        return Verdict("ignore", (f"automatic answer to a letter of ours: {facts.automatic[0]}",))
    words = f"{told.kind} {told.status}".strip()
    if not _is_credible(facts):
        told = replace(told, hard=False, about_us=False)
    return Verdict("ignore", (f"{words} about our {letter.kind} letter",), returned=told)


def _says_what_became_of_a_letter(facts: Facts) -> bool:
    told = facts.returned
    if is_answer(facts.automatic) or (told is not None and told.kind == "absence"):
        return True
    heard = facts.proved and facts.contact is not None
    return told is not None and told.kind != "automatic" and not heard


def _is_credible(facts: Facts) -> bool:
    """Return whether a delivery report can be trusted.

    It can if it came to the bounce address that only the letter had, or if its sender is proved to
    be in the recipient's organisation. If letters have no bounce addresses of their own, the null
    reverse-path is enough for some days after the letter.
    """
    letter = facts.known.returned
    if letter is None:
        return False
    if letter.by_address or (facts.proved and _of_one_house(facts, letter.recipient)):
        return True
    recent = letter.sent_at is None or facts.now - letter.sent_at < REPORTED_FOR
    return not facts.policy.verp and recent and "Return-Path <>" in facts.automatic


def _of_one_house(facts: Facts, recipient: str) -> bool:
    """Return whether the author's domain is the recipient's, or one is a subdomain of the other."""
    sender = facts.mail.sender if isinstance(facts.mail, Message) else None
    if not isinstance(sender, Mailbox):
        return False
    author, theirs = f".{sender.address.domain}", f".{recipient.rpartition('@')[2]}"
    return author.endswith(theirs) or theirs.endswith(author)


def automatic(facts: Facts) -> Verdict | None:
    """Let a program file cases only for a contact who allows it; an automatic answer never may."""
    if not facts.machine:
        return None
    contact, answer = facts.contact, is_answer(facts.automatic)
    vouched = facts.sender.released_by or (contact and contact.allow_automated and not answer)
    if facts.proved and contact and vouched:
        return None
    if not facts.known.contacts and facts.no_place_left:
        return counted_only(facts)
    return Verdict("hold", ("machine", *facts.automatic))


def unverifiable_now(facts: Facts) -> Verdict | None:
    """Leave the mail in the mailbox for some hours when DNS gave no answer."""
    if facts.sender.level != "LT":
        return None
    if facts.now - facts.mail.received_at < timedelta(hours=facts.policy.defer_hours):
        return Verdict("defer", ("the sender check had a temporary error; tried again",))
    hours = facts.policy.defer_hours
    return Verdict("hold", (f"the sender check had a temporary error for {hours} hours",))


def forged_known(facts: Facts) -> Verdict | None:
    """Hold a mail that is probably forged in the name of a contact."""
    if facts.sender.level == "L0" and facts.known.contacts:
        if facts.no_place_left:
            return counted_only(facts)
        return Verdict("hold", ("dmarc=fail for the address of a contact: probably forged",))
    return None


def forged_unknown(facts: Facts) -> Verdict | None:
    """Drop a mail that is forged in the name of an unregistered sender."""
    if facts.sender.level == "L0":
        return Verdict("drop", ("dmarc=fail and nobody of that address is registered",))
    return None


def unproved_known(facts: Facts) -> Verdict | None:
    """Hold a mail in the name of a contact when nothing proves that the contact wrote it."""
    if facts.sender.level != "L1" or not facts.known.contacts or _accepted_unproved(facts):
        return None
    if facts.no_place_left:
        count = facts.policy.max_unproved_per_day
        words = f"limits: {count} mails in this contact's name that nothing proves were held today"
        return Verdict("drop", (f"{words}, counted only",))
    return Verdict("hold", ("nothing proves that the contact wrote this", *_last(facts)))


def _accepted_unproved(facts: Facts) -> bool:
    """Apply the operator's exception for answers to a letter that we sent to that very address.

    It does not raise the level: such a mail is not answered, and risky types still need a
    signature.
    """
    contact = facts.contact
    if contact is None or not contact.active or facts.sender.conflict:
        return False
    return facts.known.replies and (contact.accept_unproved or facts.known.domain_accepted)


def unproved_unknown(facts: Facts) -> Verdict | None:
    """Hold a mail from an unknown sender that nothing proves."""
    if facts.sender.level != "L1" or facts.known.contacts:
        return None
    if facts.no_place_left:
        return counted_only(facts)
    return Verdict("hold", ("unknown sender, and nothing proves the address", *_last(facts)))


def counted_only(facts: Facts) -> Verdict:
    """Drop a mail whose rule has held as many today as it may."""
    count = facts.policy.max_strangers_per_day
    return Verdict("drop", (f"limits: {count} such mails were held today, counted only",))


def _last(facts: Facts) -> tuple[str, ...]:
    return facts.sender.evidence[-1:]


def confirms_address(facts: Facts) -> Verdict | None:
    """Accept the yes of a contact's new address to our question, if the address is proved."""
    who = facts.known.confirms
    if not who or facts.sender.level not in ("L2", "L3") or strong(facts.automatic):
        return None
    if facts.known.says_yes:
        return Verdict("answer", (f"confirms the new address of {who}",), confirms=who)
    why = f"answers whether it is the new address of {who}, and not with a plain yes"
    return Verdict("hold", (why,))


def ambiguous(facts: Facts) -> Verdict | None:
    """Hold a mail from an address that two contacts share."""
    if facts.sender.ambiguous:
        return Verdict("hold", ("two contacts share this address",))
    return None


def stranger_at_known_domain(facts: Facts) -> Verdict | None:
    """Hold a mail from a proved, unregistered sender at a domain where others are registered."""
    if facts.contact is not None or not facts.known.domain_registered:
        return None
    if facts.no_place_left:
        return counted_only(facts)
    told = facts.policy.refuse_unknown and facts.sender.level == "L3"
    letter, reason = ("refusal", "unknown") if told else ("", "")
    why = "not registered, though others at that domain are"
    owner = facts.known.namesake if facts.policy.claim_addresses else None
    if owner is None:
        return Verdict("hold", (why,), letter=letter, reason=reason)
    asked = "it shows the name of one of them, who is asked about the address"
    return Verdict("hold", (why, asked), asks_owner=True)


def stranger(facts: Facts) -> Verdict | None:
    """Hold or drop a mail from a proved, unregistered sender."""
    if facts.contact is not None:
        return None
    if facts.no_place_left and facts.policy.unknown_sender == "hold":
        return counted_only(facts)
    return Verdict(facts.policy.unknown_sender, ("nobody of that address is registered",))


def inactive(facts: Facts) -> Verdict | None:
    """Hold a mail from a disabled contact."""
    if facts.contact is None or facts.contact.active:
        return None
    return Verdict("hold", ("the contact is disabled",), letter=_fixed(facts), reason="inactive")


def no_account(facts: Facts) -> Verdict | None:
    """Hold a mail from a contact who has no active account."""
    if facts.active_accounts:
        return None
    return Verdict(
        "hold", ("no account in force is on record",), letter=_fixed(facts), reason="inactive"
    )


def _fixed(facts: Facts) -> str:
    return "refusal" if facts.policy.refuse_inactive and facts.sender.level == "L3" else ""
