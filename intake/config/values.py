"""Kinds of values in the configuration, checked when the file is read."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from intake.authentication.dkim import is_domain
from intake.mail.addresses import Address, read_address


def known_zone(name: str) -> str:
    """Accept the name of a time zone."""
    if name not in available_timezones():
        raise ValueError(f"{name!r} is no IANA time zone name such as America/Chicago")
    return name


def plain_address(text: str) -> str:
    """Accept a plain address without a display name."""
    read = read_address(text)
    if not isinstance(read, Address):
        raise ValueError(f"{text!r} is no plain email address: {read.detail}")
    return text


def _authserv_id(text: str) -> str:
    """Accept an ID, or "*." and a name of two labels or more, which means every ID below it.

    No other star is allowed.
    """
    name = text.removeprefix("*.")
    if "*" in name or (name != text and not is_domain(name.lower())):
        raise ValueError(f"{text!r} is neither an id nor *.NAME such as *.mail.yahoo.com")
    return text


AuthservId = Annotated[str, AfterValidator(_authserv_id)]
MailAddress = Annotated[str, AfterValidator(plain_address)]
NoticeClass = Literal["outage", "security", "maintenance", "informational"]
Offset = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}[dhm]$")]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]


class Section(BaseModel):
    """A table of the file: frozen, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")
