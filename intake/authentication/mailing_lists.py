"""Mail of lists that put their own address into From: the author stands in a field beside it.

Google Groups do so for domains with a DMARC policy. The author's field proves nothing by itself;
only a believed forwarder's ARC seal over the author's own dmarc=pass does: see ``identity``.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from intake.mail.addresses import AddressRefusal, Mailbox, ascii_lower, read_mailbox
from intake.mail.message import Message

FIELD = "x-original-from"


def author_behind(mail: Message, lists: Collection[str]) -> Message:
    """The mail with its author as the sender, where one of the lists has put itself into From.

    As it is for every other mail, and where the field is missing, doubled or no plain mailbox.
    """
    if not isinstance(mail.sender, Mailbox):
        return mail
    own = mail.sender.address.key
    values = mail.all(FIELD)
    if own not in {ascii_lower(one) for one in lists} or len(values) != 1:
        return mail
    author = read_mailbox(values[0].encode("latin-1", "replace"))
    return mail if isinstance(author, AddressRefusal) else replace(mail, sender=author, through=own)
