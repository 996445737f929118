"""Staff members: the people of the departments, who get cases by mail and answer by mail."""

from __future__ import annotations

from dataclasses import dataclass

RIGHTS = ("answer", "close", "assign", "all")
"""What a staff member may do: write to contacts; change the state of a case; give cases to others,
merge and divide them; do all this for cases of every department."""


@dataclass(frozen=True, slots=True)
class Staff:
    """One staff member. Letters go to ``emails`` and to no other address."""

    id: str
    name: str
    emails: tuple[str, ...]  # as stored; the first is the primary one
    departments: tuple[str, ...] = ()  # keys of the catalogue
    rights: tuple[str, ...] = ("answer", "close", "assign")
    active: bool = True

    def may(self, right: str) -> bool:
        """Return whether the staff member has the right."""
        return right in self.rights

    def handles(self, department: str, owner: str) -> bool:
        """Return whether a case of that department and owner is theirs to work on."""
        return self.may("all") or owner == self.id or department in self.departments


@dataclass(frozen=True, slots=True)
class LostAnswer:
    """One letter with the words of a staff member that did not arrive, or perhaps did not."""

    letter: int  # id of its row in the outbox
    number: str
    subject: str
    contact: str  # address
    state: str
    why: str
    staff: str  # name of the writer
    address: str  # of the writer
    text: str
