"""A change of contacts from the case to the confirmed address: nothing is granted by a mail."""

from __future__ import annotations

import json
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from intake.config.loader import Config
from intake.worker import service
from tests.support import installation
from tests.support.mailbag import AUTHSERV, SERVICE

PEOPLE = """
[[accounts]]
id = "bayside"
name = "Bayside School District"

[[accounts]]
id = "riverdale"
name = "Riverdale Unified"

[[contacts]]
id = "zack"
name = "Zack Morris"
emails = ["zack@bayside.example"]
accounts = ["bayside"]
contact_type = "Authorized"
areas = ["SIS"]

[[contacts]]
id = "belding"
name = "Richard Belding"
emails = ["belding@bayside.example"]
accounts = ["bayside"]
contact_type = "Technical"
areas = ["SIS"]
"""
NEW = {
    "Request Type": "Add",
    "Contact First Name": "Jessie",
    "Contact Last Name": "Spano",
    "Contact Email": "jessie@bayside.example",
    "Contact Type": "Technical",
    "Area of Responsibility": "SIS, Finance",
}


class Desk:
    """A service, its contacts, and what an operator types."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0
        text = installation.maildir_box(folder / "in") + installation.delivery(
            f"maildir:{folder}/out"
        )
        self.config: Config = installation.make(folder, text, PEOPLE)

    def mail(self, who: str, text: str, *, to: str = "", subject: str = "A contact") -> str:
        """A proved mail; what became of it."""
        self.count += 1
        mail = EmailMessage(policy=SMTP)
        mail["From"], mail["To"], mail["Subject"] = who, SERVICE, subject
        mail["Message-ID"], mail["Date"] = f"<{self.count}@{who}>", installation.now_2822()
        if to:
            mail["In-Reply-To"] = to
        mail.set_content(text)
        domain = who.partition("@")[2]
        proof = f"{AUTHSERV}; dkim=pass header.d={domain}; dmarc=pass header.from={domain}"
        head = f"Authentication-Results: {proof}\r\n".encode()
        (self.folder / "in/new" / str(self.count)).write_bytes(head + mail.as_bytes())
        report = service.once(self.config)
        assert report.failures == []
        (row,) = installation.everything(self.config)["messages"][-1:]
        return f"{row['action']} {row['rule']}"

    def form(self, **changes: str) -> str:
        """Zack files the form."""
        values = NEW | {key.replace("_", " "): value for key, value in changes.items()}
        lines = "\n".join(f"{label}: {value}" for label, value in values.items() if value)
        return self.mail("zack@bayside.example", f"Case Type: Modify Support Contacts\n{lines}\n")

    def type(self, *words: str) -> tuple[int, str]:
        """A command of the operator; its exit code and what it says on one line."""
        done = installation.command(self.config, *words)
        said = (done.stdout + done.stderr).decode()
        return done.returncode, " ".join(said.split())

    def posted(self, words: str) -> str:
        """The whole text of the letters whose subject or text has these words."""
        found = [path.read_text() for path in self.folder.glob("out/new/*")]
        return "\n".join(one for one in found if words in one)

    def letters(self, kind: str) -> list[dict[str, str]]:
        """Recipients and ids of the letters of that kind."""
        return [
            one for one in installation.everything(self.config)["letters"] if one["kind"] == kind
        ]


def test_a_new_contact_is_let_in_when_the_address_has_answered(tmp_path: Path) -> None:
    """Filed, shown, applied, asked, held, confirmed, let in."""
    desk = Desk(tmp_path)
    assert desk.form() == "create R20"
    code, said = desk.type("contacts", "apply", "case-1001")
    assert code == 0
    assert "address: (nothing) -> jessie@bayside.example" in said
    assert "nothing was changed" in said
    assert "jessie" not in desk.type("contacts", "list")[1]
    code, said = desk.type("contacts", "apply", "CASE-1001", "--yes")
    assert (code, "asked to confirm" in said) == (0, True)
    assert "(unconfirmed)" in desk.type("contacts", "list")[1].replace(" ", "").replace("│", "")
    service.once(desk.config)
    (question,) = desk.letters("verify")
    assert (question["recipient"], question["state"]) == ("jessie@bayside.example", "sent")
    text = "Case Type: Ask a Question\nDescription: May I?\n"
    assert desk.mail("jessie@bayside.example", text) == "hold R9"
    forged = question["message_id_header"].replace("verify", "ack")
    assert desk.mail("jessie@bayside.example", "yes", to=forged) == "hold R9"
    stolen = desk.mail("mallory@bayside.example", "yes", to=question["message_id_header"])
    assert stolen == "hold R9"
    confirmed = desk.mail("jessie@bayside.example", "yes", to=question["message_id_header"])
    assert confirmed == "answer R24"
    assert desk.mail("jessie@bayside.example", text) == "create R20"
    events = installation.everything(desk.config)["cases"][0]["events"]
    assert "contacts-applied" in [event["kind"] for event in events]


def test_whoever_is_replaced_is_told_and_no_longer_let_in(tmp_path: Path) -> None:
    """The old contact is disabled, gets one letter, and is held from then on."""
    desk = Desk(tmp_path)
    assert desk.form(Request_Type="Replace", Contact_Replacement_Name="Richard Belding") == (
        "create R20"
    )
    code, said = desk.type("contacts", "apply", "CASE-1001", "--yes")
    assert code == 0
    assert "contact belding: Richard Belding -> no longer" in said
    service.once(desk.config)
    (told,) = desk.letters("replaced")
    assert (told["recipient"], told["state"]) == ("belding@bayside.example", "sent")
    assert desk.mail("belding@bayside.example", "hello") == "hold R11"


ONLY_NAMED = dict.fromkeys(NEW, "") | {"Request Type": "Remove"}


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ({"Contact First Name": "Richard", "Contact Last Name": "Belding"}, "Remove"),
        ({"Contact Replacement Name": "richard belding", "Request Type": "removal"}, "Remove"),
        (
            {
                "Contact First Name": "Richard",
                "Contact Last Name": "Belding",
                "Contact Email": "belding@bayside.example",
                "Request Type": "Delete",
            },
            "Remove",
        ),
    ],
)
def test_a_contact_is_removed_by_name(tmp_path: Path, lines: dict[str, str], kind: str) -> None:
    """Nothing but the name is asked for; whoever leaves is told once, and is held from then on."""
    desk = Desk(tmp_path)
    asked = ONLY_NAMED | lines
    text = "\n".join(f"{label}: {value}" for label, value in asked.items() if value)
    text = f"Case Type: Modify Support Contacts\n{text}\n"
    assert desk.mail("zack@bayside.example", text) == "create R20"
    code, said = desk.type("contacts", "apply", "CASE-1001")
    assert (code, f"{kind} belding at Bayside" in said) == (0, True)
    assert "Richard Belding -> no longer" in said
    code, said = desk.type("contacts", "apply", "CASE-1001", "--yes")
    assert (code, "applied" in said) == (0, True)
    service.once(desk.config)
    (told,) = desk.letters("removed")
    assert (told["recipient"], told["state"]) == ("belding@bayside.example", "sent")
    assert "somebody else takes over" not in desk.posted("no longer a contact")
    assert desk.mail("belding@bayside.example", "hello") == "hold R11"
    assert desk.type("contacts", "apply", "CASE-1001", "--yes")[0] == 1  # nobody of that name now


def test_a_removal_asks_who_is_meant_and_refuses_to_guess(tmp_path: Path) -> None:
    """Without a name it is asked for, and nothing else; an unknown name changes nothing."""
    desk = Desk(tmp_path)
    text = "Case Type: Modify Support Contacts\nRequest Type: Remove\n"
    assert desk.mail("zack@bayside.example", text) == "ask R18"
    letter = desk.posted("missing")
    assert "Contact First Name" in letter
    assert "Contact Email" not in letter
    assert "Area of Responsibility" not in letter
    asked = ONLY_NAMED | {"Contact First Name": "No", "Contact Last Name": "Body"}
    lines = "\n".join(f"{label}: {value}" for label, value in asked.items() if value)
    desk.mail("zack@bayside.example", f"Case Type: Modify Support Contacts\n{lines}\n")
    code, said = desk.type("contacts", "apply", "CASE-1002")
    assert (code, "found 0 active contacts named 'No Body'" in said) == (1, True)


def test_a_removal_says_when_nobody_would_be_left(tmp_path: Path) -> None:
    """The last contact asks to be removed: shown to the operator in so many words."""
    desk = Desk(tmp_path)
    desk.type("contacts", "disable", "belding")
    asked = ONLY_NAMED | {"Contact First Name": "Zack", "Contact Last Name": "Morris"}
    lines = "\n".join(f"{label}: {value}" for label, value in asked.items() if value)
    desk.mail("zack@bayside.example", f"Case Type: Modify Support Contacts\n{lines}\n")
    code, said = desk.type("contacts", "apply", "CASE-1001")
    assert (code, "nobody may write for this customer" in said) == (0, True)


def test_a_known_contact_is_modified_without_a_new_question(tmp_path: Path) -> None:
    """Same address: the type and the areas change, nobody has to confirm."""
    desk = Desk(tmp_path)
    desk.form(
        Request_Type="Modify", Contact_First_Name="Richard", Contact_Last_Name="Belding",
        Contact_Email="belding@bayside.example", Contact_Type="Read Only",
    )  # fmt: skip
    code, said = desk.type("contacts", "apply", "CASE-1001", "--yes", "--json")
    assert code == 0
    shown = json.loads(said)
    assert (shown["contact_id"], shown["is_new"], shown["email_is_new"]) == (
        "belding",
        False,
        False,
    )
    assert desk.letters("verify") == []
    assert "Read Only" in desk.type("contacts", "show", "belding")[1]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"Request_Type": "Replace", "Contact_Replacement_Name": "Nobody Here"}, "found 0 active"),
        ({"Request_Type": "Modify"}, "found 0 contacts named 'Jessie Spano'"),
        ({"Request_Type": "Remove"}, "found 0 active contacts named 'Jessie Spano'"),
        (
            {
                "Request_Type": "Replace", "Contact_First_Name": "Ricky",
                "Contact_Email": "belding@bayside.example",
                "Contact_Replacement_Name": "Richard Belding",
            },
            "cannot replace themselves",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_applied_says_why(tmp_path: Path, changes: dict[str, str], why: str) -> None:
    """One clear line, exit code 1, and nothing changed."""
    desk = Desk(tmp_path)
    desk.form(**changes)
    before = desk.type("contacts", "list")
    code, said = desk.type("contacts", "apply", "CASE-1001", "--yes")
    assert code == 1
    assert why in said
    assert desk.type("contacts", "list") == before
    assert desk.type("contacts", "apply", "CASE-9")[0] == 1
