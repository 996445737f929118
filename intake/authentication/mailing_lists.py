"""Handle mailing lists that put their own address into From and the author into another field.

Google Groups does so for domains with a DMARC policy. The author's field proves nothing by itself.
Only the ARC seal of a trusted forwarder over the author's own dmarc=pass proves it: see ``sender``.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from intake.mail.addresses import AddressRefusal, Mailbox, ascii_lower, read_mailbox
from intake.mail.message import Message

FIELD = "x-original-from"


def author_behind(mail: Message, lists: Collection[str]) -> Message:
    """Return the mail with its author as the sender, if one of the lists put itself into From.

    The mail is unchanged otherwise, and when the field is missing, doubled or no plain mailbox.
    """
    if not isinstance(mail.sender, Mailbox):
        return mail
    own = mail.sender.address.key
    values = mail.all(FIELD)
    if own not in {ascii_lower(one) for one in lists} or len(values) != 1:
        return mail
    author = read_mailbox(values[0].encode("latin-1", "replace"))
    return mail if isinstance(author, AddressRefusal) else replace(mail, sender=author, through=own)
