"""The operator's choices about judging and answering mail, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass

from intake.model.accounts import NOTHING_MUST, MustReach


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's choices; they are frozen and hashed into every decision."""

    unknown_sender: str = "hold"  # R10: "hold" or "drop"
    max_rounds: int = 2
    acknowledge: bool = True
    silent_rules: tuple[str, ...] = ()  # ids of rules whose letters are not written
    max_letters_per_hour: int = 5  # to a contact whose mails look like a loop
    max_letters_per_day: int = 20
    max_letters_per_domain_hour: int = 60  # to all addresses of one domain
    max_letters_all_hour: int = 2000  # to all recipients
    max_same_letters_per_day: int = 2  # of one kind in one thread to one contact
    list_after_per_hour: int = 10  # acknowledgements; one letter lists the cases after them
    max_letter_age_hours: int = 96  # a mail older than this is handled without a letter
    defer_hours: int = 4  # how long a mail waits when the sender check fails temporarily
    own_addresses: tuple[str, ...] = ()  # address keys of the service, aliases included
    verp: bool = True  # each letter has its own bounce address
    writes_return_path: tuple[str, ...] = ()  # mailboxes whose server adds Return-Path to all mail
    refuse_inactive: bool = False  # R11 and R12 answer with the fixed text at L3
    claim_addresses: bool = True  # R9 asks the contact whose name the mail shows
    refuse_unknown: bool = False  # R9 answers with the fixed text at L3
    high_risk_types: tuple[str, ...] = ("modify_support_contacts", "server_access", "data_restore")
    high_risk_priority: str = "Critical"  # a reply that raises a case to it needs L3, too
    step_up: bool = True  # high-risk types need L3
    max_cases_per_contact_hour: int = 60
    max_cases_per_account_hour: int = 300
    max_strangers_per_day: int = (
        1000  # mails that each rule holds for strangers; more are only counted
    )
    max_unproved_per_day: int = 100  # the same for unproved mails in one contact's name
    may_not_submit: tuple[str, ...] = ("Read Only",)  # contact types
    reopen_days: int = 30  # a reply to a case closed longer ago opens a new one that follows it
    open_at_once: tuple[str, ...] = ("report_outage",)  # opened even if answers are missing
    only_approved: bool = False  # letters repeat only approved text about an incident
    known_incidents: bool = True  # a case about an open incident is linked to it
    withhold_risky: bool = True  # programs, macros, archives that hide something
    max_mail_bytes: int = 50 * 2**20  # of a mail; a larger one is not fetched
    max_file_bytes: int = 25_000_000  # of one file that is handed on
    max_files: int = 50  # of one mail that are handed on
    scan_files: bool = False  # a virus scanner looks at every file before it is handed on
    reply_type: str = ""  # case type of a reply to a notice that names none; empty: it is asked
    must: MustReach = NOTHING_MUST  # notices that nobody can just switch off
