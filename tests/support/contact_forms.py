"""The form that asks for a change of contacts."""

from __future__ import annotations

LABELS = (
    "Request Type", "Contact First Name", "Contact Last Name", "Contact Email", "Contact Title",
    "Contact Primary Phone", "Contact Type", "Area of Responsibility", "Contact Replacement Name",
)  # fmt: skip


def form(kind: str, first: str, last: str, email: str, **more: str) -> str:
    """The form of a change of contacts."""
    given = {
        "Request Type": kind, "Contact First Name": first, "Contact Last Name": last,
        "Contact Email": email, "Contact Title": "Chief of somebody else",
        "Contact Primary Phone": "+1 555 0100", "Contact Type": "Technical",
        "Area of Responsibility": "Finance",
    } | {name.replace("_", " "): words for name, words in more.items()}  # fmt: skip
    lines = "\n".join(f"{label}: {given[label]}" for label in LABELS if label in given)
    return f"Case Type: Modify Support Contacts\n{lines}\n"
