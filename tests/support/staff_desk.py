"""A service with departments and staff, and mails as staff write them."""

from __future__ import annotations

from email.message import Message
from pathlib import Path
from typing import Any

from tests.support.service import AMY, PEOPLE, Door

DEPARTMENTS = """
[[department]]
key = "support"
address = "app@desk.example"
lead = "lead@desk.example"

[[department]]
key = "hosting"
members = ["hans", "dana"]

[[department]]
key = "training"
address = "training@desk.example"
"""
STAFF = """
[[staff]]
id = "nora"
name = "Nora Field"
emails = ["nora.field@vendor.example"]
departments = ["support"]

[[staff]]
id = "dana"
name = "Dana Reyes"
emails = ["dana@vendor.example"]
departments = ["support", "hosting"]

[[staff]]
id = "hans"
name = "Hans Ober"
emails = ["hans@vendor.example"]
departments = ["hosting"]

[[staff]]
id = "trainee"
name = "Theo Young"
emails = ["theo@vendor.example"]
departments = ["support"]
rights = ["close"]
"""
NORA, DANA, HANS, THEO = (
    "Nora Field <nora.field@vendor.example>", "Dana Reyes <dana@vendor.example>",
    "Hans Ober <hans@vendor.example>", "Theo Young <theo@vendor.example>",
)  # fmt: skip
SUPPORT, HOSTING, LEAD = "app@desk.example", "hans@vendor.example", "lead@desk.example"
ABE = "abe@alder.example"
QUOTED = """

On Mon, Mar 2, 2026 at 9:00 AM Support desk <support@desk.example> wrote:
> === only for staff: nothing below this line is sent on ===
>
> A new case for Application Support.
>
> Contact: Amy Alder <amy@alder.example>, secret fact of the hand-over
"""


class StaffDesk(Door):
    """The same service, with staff who answer."""

    @classmethod
    def open(
        cls, folder: Path, more: str = "", staff: str = STAFF, drop: str = "", people: str = ""
    ) -> StaffDesk:
        """With the departments above, and the staff registered; ``drop`` is support's folder."""
        key = 'key = "support"\n'
        departments = DEPARTMENTS.replace(key, f'{key}folder = "{drop}"\n') if drop else DEPARTMENTS
        desk = cls(folder, people=PEOPLE + people, more=departments + more)
        file = folder / "staff.toml"
        file.write_text(staff)
        desk.cli("staff", "import", str(file))
        return desk

    def case_of(self, sender: str = AMY, **how: Any) -> str:
        """A new open case of a contact; gives its number."""
        self.say(sender, **how)
        return str(self.cases()[-1]["number"])

    def handed(self, to: str = SUPPORT, number: int = -1) -> Message:
        """A letter to a department, the newest by default."""
        return self.posted(to)[number]

    def staff(self, text: str, who: str = NORA, *, to: Message | None = None, **how: Any) -> Any:
        """A mail of a staff member, by default an answer to the newest letter to support."""
        letter = to or self.handed()
        subject = how.pop("subject", "Re: " + " ".join(str(letter["Subject"]).split()))
        how.setdefault("fields", UTF8)
        return self.say(who, text, to=str(letter["Message-ID"]), subject=subject, **how)

    def answers(self, to: str = AMY) -> list[Message]:
        """The words of staff that reached a contact."""
        return [one for one in self.posted(to) if "<answer." in str(one["Message-ID"])]


UTF8 = (
    "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: 8bit",
)  # fmt: skip
