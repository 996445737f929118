"""Two districts, their cases, and the words of a command about incidents."""

from __future__ import annotations

from pathlib import Path

from intake.model.incidents import Incident
from tests.support import installation
from tests.support.mailbag import AUTHSERV, SERVICE

POSTING = Incident("INC-1", "incident", "Posting is delayed", "identified", modules=("Grade Book",))


TWO = """
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
id = "archie"
name = "Archie Andrews"
emails = ["archie@riverdale.example"]
accounts = ["riverdale"]
contact_type = "Technical"
areas = ["Finance"]
"""


def mail(folder: Path, who: str, name: str, module: str) -> None:
    """A complete application issue about that module."""
    domain = who.partition("@")[2]
    (folder / "in/new" / name).write_text(
        f"Authentication-Results: {AUTHSERV}; dkim=pass header.d={domain};"
        f" dmarc=pass header.from={domain}\r\nFrom: {who}\r\nTo: {SERVICE}\r\nSubject: Posting\r\n"
        f"Date: {installation.now_2822()}\r\nMessage-ID: <{name}@{domain}>\r\n\r\n"
        f"Case Type: Application Issue\r\nModule: {module}\r\nWho is impacted?: all\r\n"
        "Issue Began: yesterday\r\nSteps to Reproduce: Press Post.\r\nDescription: It is grey.\r\n"
    )
