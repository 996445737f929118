"""Tell a program that answers our letters from a person who writes many mails.

Such a program writes right after each letter, or it repeats the same words, or it answers one
thread again and again. It gets few letters an hour: the others wait. A program that only answers
letters then falls silent. A person writes on, and that ends the suspicion. After a long row of such
mails no letter goes to the address until an operator or a day's rest allows it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from intake.mail.word_sketch import alike
from intake.model.context import PastLetter, PastMail, Recent
from intake.triage.policy import Policy
from intake.triage.threads import plain_subject

QUICK = timedelta(minutes=2)  # no person answers so fast again and again
SLOW = timedelta(hours=8)  # two programs that face each other may each wait for hours
REST = timedelta(days=1)  # without a mail; then a row of mails has ended
SUSPECT = 3  # such mails in a row
MAILS_PER_LETTER = 4  # of a program: "we got your mail", "it was assigned", "it was closed"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TOGETHER = timedelta(minutes=10)  # acknowledgements gathered for one letter
LOOP = "loop: "  # how the reason begins when a letter waits for this
PERSON = "it waited until the sender wrote on without a letter"  # what it becomes then


@dataclass(frozen=True, slots=True)
class PutOff:
    """A letter is sent later: when, and why."""

    until: datetime
    why: str


def in_a_row(mail: PastMail, recent: Recent) -> tuple[PastMail, ...]:
    """Return the sender's newest mails that all look like a loop, this one first."""
    mails = (mail, *recent.mails)
    letters = _Letters.of(recent.letters)
    found: list[PastMail] = []
    for place, one in enumerate(mails):
        before = mails[place + 1 : place + 1 + MAILS_PER_LETTER]
        if found and found[-1].at - one.at > REST:
            break
        if not _answers_at_once(one, before, letters):
            break
        found.append(one)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Letters:
    """Letters in the order of their times, so that those before a mail are found at once."""

    times: tuple[datetime, ...]
    letters: tuple[PastLetter, ...]

    @classmethod
    def of(cls, letters: Sequence[PastLetter]) -> _Letters:
        """Sort the letters."""
        ordered = sorted(letters, key=lambda one: one.at)
        return cls(tuple(one.at for one in ordered), tuple(ordered))

    def before(self, at: datetime, span: timedelta) -> Sequence[PastLetter]:
        """Return the letters of that span before a moment, and those of the moment itself."""
        return self.letters[bisect_left(self.times, at - span) : bisect_right(self.times, at)]


def _answers_at_once(mail: PastMail, before: Sequence[PastMail], letters: _Letters) -> bool:
    if letters.before(mail.at, QUICK):
        return True
    lately = letters.before(mail.at, SLOW)
    if not lately:
        return False
    repeats = any(alike(mail.sketch, one.sketch) for one in before)
    echoes = any(one.sketch and alike(mail.sketch, one.sketch) for one in lately)
    return repeats or echoes or _in_one_thread(mail, letters)


def _in_one_thread(mail: PastMail, letters: _Letters) -> bool:
    """Return whether its thread had two letters of the same kind in the day before."""
    thread = plain_subject(mail.subject)
    there = [
        one.kind
        for one in letters.before(mail.at, REST)
        if mail.at - one.at < REST and plain_subject(one.subject) == thread
    ]
    return len(there) > len(set(there))


def is_endless(found: Sequence[PastMail], recent: Recent, policy: Policy) -> bool:
    """Return whether a row of mails must be a loop: as many letters as a day allows, all answered.

    The first mail of a loop, and the first with the program's own words, are not in the row.
    """
    answered = min(len(found), _letters_before(found, recent))
    return answered >= policy.max_letters_per_day - 2 and not writes_on(found, recent)


def writes_on(found: Sequence[PastMail], recent: Recent) -> bool:
    """Return whether the sender writes without a letter of ours: then a person does.

    A program writes a few mails about each letter, and no more while our letters wait.
    """
    return not found or len(found) > MAILS_PER_LETTER * (_letters_before(found, recent) + 1)


def _letters_before(found: Sequence[PastMail], recent: Recent) -> int:
    """Return how many letters a row of mails may answer, without those a person waited for."""
    if not found:
        return 0
    start, end = found[-1].at - SLOW, found[0].at
    return sum(start <= one.at <= end and one.put_off != PERSON for one in recent.letters)


def put_off(
    kind: str, mail: PastMail, recent: Recent, policy: Policy, now: datetime
) -> PutOff | None:
    """Return until when a letter waits; None when it may be sent at once."""
    found = in_a_row(mail, recent)
    count = 0 if writes_on(found, recent) else len(found)
    same = sum(
        one.kind == kind and plain_subject(one.subject) == plain_subject(mail.subject)
        for one in recent.letters
        if now - REST < one.at
    )
    if count >= SUSPECT:
        why = f"{LOOP}{count} mails in a row came right after a letter or say the same"
    elif count and same >= policy.max_same_letters_per_day:
        why = f"{LOOP}{same} letters of this kind and subject in the last day"
    else:
        return _gathered(kind, recent, policy, now) or _crowded(recent, policy, now)
    waiting = _waiting(kind, recent, now)
    until = waiting or _place(recent.letters, policy, now)
    if until <= now:
        return _crowded(recent, policy, now)
    return PutOff(until, f"{why}; {policy.max_letters_per_hour} letters an hour")


def _waiting(kind: str, recent: Recent, now: datetime) -> datetime | None:
    """Return when the acknowledgements are sent that wait already: one letter lists them."""
    if kind != "ack":
        return None
    later = (one.at for one in recent.letters if one.kind == "ack" and one.put_off and one.at > now)
    return min(later, default=None)


def _place(letters: Sequence[PastLetter], policy: Policy, now: datetime) -> datetime:
    """Return the first moment with few enough letters in the hour and the day before it."""
    letters = [one for one in letters if one.put_off != PERSON]
    gathered = {one.at for one in letters if one.kind == "ack" and one.put_off}
    single = [one.at for one in letters if not (one.kind == "ack" and one.put_off)]
    times = sorted([*single, *gathered])
    limits = ((policy.max_letters_per_hour, HOUR), (policy.max_letters_per_day, DAY))
    ends = [times[-most] + span for most, span in limits if len(times) >= most]
    return max([now, *times[-1:], *ends])


def _gathered(kind: str, recent: Recent, policy: Policy, now: datetime) -> PutOff | None:
    """Gather the acknowledgements of a person who opens very many cases."""
    if kind != "ack":
        return None
    lately = sum(one.kind == "ack" and one.at > now - HOUR for one in recent.letters)
    if lately < policy.list_after_per_hour:
        return None
    until = _waiting(kind, recent, now) or now + TOGETHER
    return PutOff(until, f"{lately} acknowledgements in the last hour; one letter lists the next")


def _crowded(recent: Recent, policy: Policy, now: datetime) -> PutOff | None:
    """Spread the letters to one domain, and to everyone, over the next hours."""
    limits = (
        (recent.domain_hour, policy.max_letters_per_domain_hour, "to this domain"),
        (recent.everybody_hour, policy.max_letters_all_hour, "to everyone"),
    )
    for count, most, words in limits:
        if count >= most:
            return PutOff(now + HOUR * (count // most), f"{count} letters {words} in an hour")
    return None
