"""Conversations as scripts: who writes what, what must become of it, and who gets which letter.

Each conversation has an account of its own: ann and bob may do everything, rob may only read, dora
is disabled. "private" is an address of ann's that nobody has registered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

QUESTION = "Case Type: Ask a Question\nDescription: How is a snow day set up?\n"
OTHER = "Case Type: Ask a Question\nDescription: Who prints the transcripts?\n"
OPEN = "Case Type: Application Issue\nDescription: Grades do not post.\n"
ISSUE = (
    "Module: Gradebook\nSteps To Reproduce: open a class, press Post\nError Message: none\n"
    "Environment Changes: none\nExpected Results: they post\nWho Is Impacted: all teachers\n"
    "Issue Began: 03/02/2026\nLocation Within Product: Gradebook > Post\n"
)
MORE = "It is the same in the other school.\n"
LIST = ("List-Id: <staff.example>", "Precedence: list")
SUPPRESS = ("X-Auto-Response-Suppress: All",)
AUTO = ("Auto-Submitted: auto-replied",)
MIME = "MIME-Version: 1.0"
PARTS = (MIME, "Content-Type: multipart/mixed; boundary=s")


def calendar(method: str) -> str:
    """The body of a mail with a calendar entry."""
    return (
        "--s\nContent-Type: text/plain\n\nAnn has accepted the invitation.\n--s\n"
        f"Content-Type: text/calendar; method={method}\n\nBEGIN:VCALENDAR\nMETHOD:{method}\n"
        "BEGIN:VEVENT\nSUMMARY:Review\nDTSTART:20260302T090000Z\nATTENDEE;PARTSTAT=ACCEPTED:x\n"
        "END:VEVENT\nEND:VCALENDAR\n--s--\n"
    )


FILE = (
    "--s\nContent-Type: text/plain\n\n\n--s\nContent-Type: image/png; name=shot.png\n"
    "Content-Disposition: attachment; filename=shot.png\nContent-Transfer-Encoding: base64\n\n"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5E"
    "rkJggg==\n--s--\n"
)


@dataclass(frozen=True)
class Step:
    """One mail of a conversation and its outcome."""

    who: str
    text: str
    becomes: str  # action and rule
    case: str = ""  # "A" is the first case of the conversation, "B" the second
    letters: tuple[str, ...] = ()  # "ack ann": the kind and the reader, sorted
    subject: str = "Grades"
    answers: str = ""  # "letter" (the newest to the writer), "letter ann", "mail" (the first one)
    fields: tuple[str, ...] = ()
    to: str = "support@desk.example"
    proof: str = "dkim=pass header.d={0}; dmarc=pass header.from={0}"
    style: str = ""  # in which the answered letter is quoted
    keeps_refs: bool = True  # In-Reply-To and References
    repeat: int = -1  # the same bytes as that step's mail, with this text below
    days: int = 0  # later than the step before
    status: str = ""  # of the case afterwards


class Talk(NamedTuple):
    """One conversation."""

    name: str
    steps: tuple[Step, ...]


def ask(**changes: object) -> Step:
    """Ann's complete question, and its acknowledgement."""
    values: dict[str, object] = {
        "who": "ann", "text": QUESTION, "becomes": "create R20", "case": "A",
        "letters": ("ack ann",), **changes,
    }  # fmt: skip
    return Step(**values)  # type: ignore[arg-type]


def add(who: str = "ann", text: str = MORE, **changes: object) -> Step:
    """A mail that is added to the first case."""
    told = ("appended ann",) if who == "ann" else (f"appended {who}", "changed ann")
    values: dict[str, object] = {
        "who": who, "text": text, "becomes": "append R17", "case": "A", "letters": told,
        "answers": "letter", **changes,
    }  # fmt: skip
    return Step(**values)  # type: ignore[arg-type]


def quiet(becomes: str, **changes: object) -> Step:
    """A mail that nobody answers."""
    values: dict[str, object] = {"who": "ann", "text": QUESTION, "becomes": becomes, **changes}
    return Step(**values)  # type: ignore[arg-type]


FORGED = "dmarc=fail header.from={0}"
UNPROVED = "dmarc=none header.from={0}"
DRAFT = ask(text=OPEN, becomes="ask R18", letters=("missing_fields ann",), status="draft")
FILLED = Step("ann", ISSUE, "complete R20", "A", ("ack ann",), answers="letter", status="open")
TALKS = (
    Talk("a complete question", (ask(status="open"),)),
    Talk("missing fields, answered under their labels", (DRAFT, FILLED)),
    Talk("a colleague answers the forwarded letter", (ask(), add("bob", answers="letter ann"))),
    Talk("a colleague answers the contact's own mail", (ask(), add("bob", answers="mail"))),
    Talk("a colleague who names only the number", (
        ask(), add("bob", subject="{A}", answers=""))),
    Talk("by an alias", (ask(to="helpdesk@desk.example"),)),
    Talk("by Bcc", (ask(to="teachers@{0}"),)),
    Talk("through a group", (ask(to="staff@{0}", fields=LIST, letters=()),)),
    Talk("through a group, incomplete", (
        ask(text=OPEN, becomes="ask R18", fields=LIST, letters=("missing_fields ann",)),)),
    Talk("from Exchange with a suppress mark", (ask(fields=SUPPRESS, letters=()),)),
    Talk("from Exchange with a suppress mark, incomplete", (
        ask(text=OPEN, becomes="ask R18", fields=SUPPRESS, letters=("missing_fields ann",)),
        FILLED)),
    Talk("by a delegate", (ask(fields=("Sender: bob@{0}",)),)),
    Talk("a forwarded request of somebody unregistered", (
        ask(subject="Fwd: help", text=QUESTION + "\n---------- Forwarded message ---------\n"
            "From: Tess <tess@{0}>\nDate: Mon, 2 Mar 2026\nSubject: help\nTo: Ann <ann@{0}>\n\n"
            "Can you ask them?\n"),)),
    Talk("two cases in one mail", (
        ask(text=QUESTION + "\n" + OTHER, letters=("ack ann", "ack ann")),)),
    Talk("answers to two cases in one mail", (
        ask(), ask(text=OTHER, case="B"),
        Step("ann", "{A}\nThe first is urgent.\n\n{B}\nThe second can wait.\n", "append R17", "A",
             ("appended ann", "appended ann"), subject="Both"))),
    Talk("two cases named in one subject", (
        ask(), ask(text=OTHER, case="B"), add("ann", subject="{B} and {A}", answers="", case="B"))),
    Talk("the subject was changed", (ask(), add(subject="Something else entirely"))),
    Talk("the tag was mangled", (ask(), add(subject="re {tag lower}", keeps_refs=False))),
    Talk("the references were cut", (ask(), add(subject="RE: {A}", keeps_refs=False))),
    Talk("the number stands in words", (ask(), add(subject="case # {digits}", answers=""))),
    Talk("first from the phone, then from the desktop", (
        DRAFT,
        Step("ann", "Module: Gradebook\n", "ask R18", "A", ("missing_fields ann",),
             answers="letter", style="iphone"),
        Step("ann", ISSUE, "complete R20", "A", ("ack ann",), answers="letter", style="outlook"))),
    Talk("answers below the quote", (
        DRAFT, Step("ann", ISSUE, "complete R20", "A", ("ack ann",), answers="letter",
                    style="bottom"))),
    Talk("an answer after two weeks", (DRAFT, Step(
        "ann", ISSUE, "complete R20", "A", ("ack ann",), answers="letter", days=14))),
    Talk("thanks", (ask(), Step("ann", "Thanks!\n\nAnn\n", "append R17", "A", answers="letter",
                                status="open", style="gmail"))),
    Talk("it may be closed, and yes", (
        ask(),
        Step("ann", "You can close this.\n", "append R17", "A", ("ask_close ann",),
             answers="letter", status="open"),
        Step("ann", "Yes.\n", "append R17", "A", ("closed ann",), answers="letter",
             status="closed"),
        Step("ann", "Perfect, thank you!\n", "append R17", "A", answers="letter",
             status="closed"))),
    Talk("a closed case that is not solved", (
        ask(),
        Step("ann", "Please close this case.\n", "append R17", "A", ("ask_close ann",),
             answers="letter"),
        Step("ann", "yes\n", "append R17", "A", ("closed ann",), answers="letter"),
        add(text="Now it is back, since noon.\n", status="open"))),
    Talk("an absence with its field", (
        ask(), quiet("ignore R2", text="I am away.\n", fields=AUTO, answers="letter"))),
    Talk("an absence without any field", (
        ask(), quiet("ignore R27", text="I am out of the office until Monday.\n", answers="letter",
                     subject="Out of Office: Re: Grades"))),
    Talk("an answer to an invitation", (
        ask(), quiet("ignore R27", text=calendar("REPLY"), fields=PARTS, subject="Accepted: x"))),
    Talk("a spam filter's question", (
        ask(), quiet("ignore R27", text="Click the link below to verify that you are a human.\n",
                     subject="Please confirm your message", answers="letter"))),
    Talk("a read receipt in words", (
        ask(), quiet("ignore R27", text="Your message was read on Monday, 2 March 2026.\n",
                     subject="Read: Re: Grades", answers="letter"))),
    Talk("a letter that reached a stranger", (
        ask(), quiet("hold R10", who="eve", text=MORE, answers="letter ann"))),
    Talk("a contact of another account names the number", (
        ask(), quiet("ask R18", who="zoe", text="Please tell me more.\n", subject="{A}", case="B",
                     letters=("missing_fields zoe",)))),
    Talk("an unregistered address in the contact's name", (
        quiet("hold R9", who="private", letters=("claim ann",)),
        quiet("answer R31", text="Yes, that is mine.\n", answers="letter", case="A",
              letters=("ack private",)))),
    Talk("the same mail again", (ask(), quiet("ignore R0a", repeat=0))),
    Talk("the same mail with a gateway's footer", (
        ask(), quiet("append R30", repeat=0, case="A", text="Scanned by the gateway.\n"))),
    Talk("one who may only read", (
        quiet("hold R13", who="rob", letters=("refusal rob",)),)),
    Talk("one who is disabled", (quiet("hold R11", who="dora"),)),
    Talk("nothing proves it", (quiet("hold R7", proof=UNPROVED),)),
    Talk("forged", (quiet("hold R5", proof=FORGED),)),
    Talk("a form by mail", (
        quiet("answer R22", text="\n", subject="form: Ask a Question", letters=("form ann",)),
        Step("ann", "Description: How is a snow day set up?\n", "create R20", "A", ("ack ann",),
             answers="letter"))),
    Talk("how do my cases stand", (
        ask(), quiet("answer R21", text="\n", subject="status", letters=("cases ann",)))),
    Talk("a picture and no word", (
        ask(text=FILE, becomes="ask R18", fields=PARTS, letters=("missing_fields ann",)),)),
    Talk("an outage with nothing but the fact", (
        ask(text="Case Type: Report an Outage\n", status="open"),)),
    Talk("encrypted", (
        ask(text="MIIGnQYJKoZIhvcNAQcCoIIG\n", becomes="ask R18", letters=("missing_fields ann",),
            fields=(MIME, "Content-Type: application/pkcs7-mime; smime-type=enveloped-data")),)),
)  # fmt: skip
