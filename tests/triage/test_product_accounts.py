"""Accounts, roles, marks and references in every combination: whose case is seen or changed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import insert

from intake.mail.addresses import read_mailbox
from intake.model.accounts import AccountEntry, Contact, ContactEntry, Entries, Membership
from intake.model.cases import CaseBrief, CaseLine, CaseList
from intake.model.context import Keys, Known, SentLetter
from intake.parsers.submission import Return, Submission, Wish
from intake.store.cases.write import nobody_row
from intake.store.contacts import directory
from intake.store.engine import writing
from intake.store.messages.context import look_up
from intake.store.tables.cases import CaseRow
from intake.store.tables.contacts import AccountRow
from intake.triage.decision import Decision, decide
from tests.support.postgres import prepared
from tests.support.rawmail import CAMPAIGN
from tests.support.values import BAYSIDE, COMPLETE, KNOWN, NOW, POLICY, SIGNED, ZACK, message

RIVERDALE = replace(BAYSIDE, id="riverdale", name="Riverdale", aliases=())
ROLES = ("Authorized", "Read Only", "")  # at an account; empty: none there
CASES: dict[str, tuple[str, str, str] | None] = {  # account, contact, submitted by
    "none": None,
    "at bayside": ("bayside", "kelly", ""),
    "at riverdale": ("riverdale", "kelly", ""),
    "of nobody, his own": ("", "zack", ""),
    "of nobody, his own for a colleague": ("", "kelly", "zack"),
    "of nobody, a colleague's": ("", "kelly", ""),
    "of nobody, a colleague's for him": ("", "zack", "kelly"),
    "elsewhere": ("elsewhere", "zack", ""),
}
MARKS = ((), ("Precedence: bulk",), ("X-Auto-Response-Suppress", "List-Id"), ("X-Autoreply",))
FORMS = (
    COMPLETE,
    replace(COMPLETE, missing=("description",)),
    replace(COMPLETE, wish=Wish("close", number="CASE-1000")),
)
REPORT = Return("bounce", "zack.morris@bayside.example", "5.1.1", hard=True, ids=(), words="gone")


def brief(kind: str, status: str) -> CaseBrief | None:
    """The case that the mail refers to."""
    what = CASES[kind]
    if what is None:
        return None
    return CaseBrief("CASE-1000", *what, "ask_question", "Medium", "support", status, "Snow")


def listed(case: CaseBrief | None, who: Contact) -> CaseList:
    """What the store gives for a wish to close it: nothing of anybody else's."""
    if case is None or not case.is_for(who):
        return CaseList()
    line = CaseLine(case.number, case.account_id, case.type, case.subject, case.status, NOW, NOW)
    return CaseList((line,))


def combinations() -> Iterator[tuple[str, tuple[str, ...], Contact, Known, Submission]]:
    """Level x marks x roles x case x state x account named x form."""
    for here, there in product(ROLES, ROLES):
        memberships = tuple(
            Membership(account, role)
            for account, role in (("bayside", here), ("riverdale", there))
            if role
        )
        who = replace(ZACK, memberships=memberships)
        accounts = tuple(one for one in (BAYSIDE, RIVERDALE) if who.at(one.id))
        named = ("", *(one.id for one in accounts))
        for level, marks, kind, status, account, form in product(
            ("L0", "L1", "L2", "L3"), MARKS, CASES, ("draft", "open"), named, FORMS
        ):
            case = brief(kind, status)
            known = replace(KNOWN, contacts=(who,), accounts=accounts, case=case)
            if form.wish:
                known = replace(known, case=None, listed=listed(case, who))
            yield level, marks, who, known, replace(form, account=account)


def check(who: Contact, known: Known, level: str, decision: Decision) -> None:
    """What holds for every one of them."""
    change, case = decision.change, known.case
    proved = level in ("L2", "L3")
    if not proved:
        assert change is None
        assert decision.letters == ()
        assert decision.rule != "R1"
        assert decision.returned is None or not decision.returned.hard
    if case is not None and not case.is_for(who):
        assert change is None
        assert decision.letters == ()
    if change is None:
        return
    own = {one.account_id for one in who.memberships}
    assert change.account in own or (change.account == "" and (len(own) > 1 or not change.new))
    if change.account:
        role = who.at(change.account)
        assert role is not None
        assert role.contact_type not in POLICY.may_not_submit
    if not change.new:
        there = case or brief_of(known)
        assert there is not None


def brief_of(known: Known) -> CaseLine | None:
    """The case that a wish to close names."""
    return next(iter(known.listed.cases), None)


@pytest.mark.long
def test_no_combination_shows_or_changes_another_customers_case() -> None:
    """Accounts unknown or named, roles that differ, marks on answers, cases of all kinds."""
    rules: Counter[str] = Counter()
    for level, marks, who, known, form in combinations():
        sender = replace(SIGNED, level=level, contact=who)
        mail = message(automatic=marks)
        decision = decide(mail, sender, form, known, POLICY, NOW)
        check(who, known, level, decision)
        if level in ("L2", "L3") and marks and marks != ("X-Autoreply",):
            assert decision.action not in ("ignore", "drop")
        if marks == ("X-Autoreply",):
            assert decision.letters == ()
        rules[decision.rule] += 1
    assert sum(rules.values()) == 16_128
    assert set(rules) >= {"R3", "R5", "R7", "R12", "R13", "R16", "R17", "R18", "R20", "R23"}


def test_what_nothing_proves_says_nothing_of_a_letter_for_good() -> None:
    """A report counts as hard by its own address, or by proof that the reader's house wrote it.

    Its null path counts only where no letter has an address of its own.
    """
    letter = SentLetter("<x@desk.example>", "ack", "zack.morris@bayside.example", "zack", "")
    known = replace(KNOWN, returned=letter, answered_letters=("<x@desk.example>",))
    levels, both = ("L0", "L1", "L2", "L3"), (False, True)
    senders = ("zack.morris@bayside.example", "mx@mail.bayside.example", "mallory@attack.example")
    for level, path, own, verp, who in product(levels, both, both, both, senders):
        marks = ("Return-Path <>", "multipart/report") if path else ("multipart/report",)
        about = replace(known, returned=replace(letter, by_address=own))
        decision = decide(
            message(automatic=marks, sender=read_mailbox(who.encode())),
            replace(SIGNED, level=level), replace(COMPLETE, returned=REPORT), about,
            replace(POLICY, verp=verp), NOW,
        )  # fmt: skip
        assert decision.rule == "R2"
        assert decision.returned is not None
        assert decision.returned.hard == (
            own or (path and not verp) or (level in ("L2", "L3") and not who.startswith("mallory"))
        )


@pytest.mark.long
def test_the_store_lists_and_closes_for_nobody_but_whose_case_it_is(tmp_path: Path) -> None:
    """Cases of chance, with and without account, asked for by every contact."""
    dice = random.Random(5)
    accounts = ["a", "b", "c"]
    belongs = {f"p{n}": dice.sample(accounts, dice.choice((1, 2, 2, 3))) for n in range(8)}
    with prepared("sqlite", tmp_path) as engine:
        entries = Entries(
            tuple(AccountEntry(one, one.upper()) for one in accounts),
            tuple(
                ContactEntry(one, one, emails=(f"{one}@x.example",), accounts=tuple(theirs),
                             contact_type="Authorized")
                for one, theirs in belongs.items()
            ),
        )  # fmt: skip
        with writing(engine) as session:
            directory.load(session, entries, NOW)
            session.execute(insert(AccountRow).values(**nobody_row(NOW)))
            for number in range(100 * CAMPAIGN):
                writer = dice.choice(list(belongs))
                other = dice.choice([*belongs, ""])
                session.execute(
                    insert(CaseRow).values(
                        number=f"CASE-{1001 + number}",
                        account_id=dice.choice([*belongs[writer], ""]),
                        contact_id=writer, submitted_by=other if number % 5 == 0 else "",
                        type="ask_question", priority="Medium", department="support",
                        billable=False, status=dice.choice(["draft", "open", "closed"]),
                        subject="x", description="", incident_id="", flag="", follows="",
                        message_id=number, received_at=NOW, created_at=NOW, updated_at=NOW,
                    )
                )  # fmt: skip
        with writing(engine) as session:
            rows = {row.number: row for row in session.query(CaseRow)}
            for person, theirs in belongs.items():
                for number, row in rows.items():
                    keys = Keys(
                        "d" * 64, f"{person}@x.example", "", "", list_state="", list_number=number
                    )
                    found = look_up(session, keys, NOW).listed.cases
                    writer = row.submitted_by or row.contact_id
                    wanted = row.account_id in theirs if row.account_id else writer == person
                    assert bool(found) == wanted, (person, number)
                referred = Keys(
                    "d" * 64, f"{person}@x.example", "", "", case_numbers=("CASE-1001",)
                )
                known = look_up(session, referred, NOW)
                row = rows["CASE-1001"]
                writer = row.submitted_by or row.contact_id
                wanted = row.account_id in theirs if row.account_id else writer == person
                assert known.case is not None
                assert known.case.is_for(known.contacts[0]) == wanted
