"""The folders of a mailbox under their names on this server (RFC 2342)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

from intake.adapters.mailbox.imap_errors import one_line
from intake.adapters.mailbox.imap_move import Mover
from intake.adapters.mailbox.protocol import MailboxError

MAX_NAMED = 20  # folders in an error message

if TYPE_CHECKING:
    from intake.adapters.mailbox.imap_settings import ImapSettings


def found(client: IMAPClient, settings: ImapSettings) -> tuple[str, Mover]:
    """The folder that receives mail, and the two target folders, which are created if missing."""
    prefix, delimiter = _personal(client)
    inbox = _source(client, settings.folder, prefix, delimiter)
    if inbox.upper() != "INBOX" and not client.folder_exists(inbox):
        raise MailboxError("folder", f"{where(settings)}: there is no such folder{_others(client)}")
    names = {}
    for key, name in (
        ("processed", settings.processed_folder),
        ("held", settings.held_folder),
    ):
        names[key] = full = below(prefix, delimiter, name)
        if not client.folder_exists(full):
            _make(client, full, key, settings)
    return inbox, Mover(client, inbox, names)


def where(settings: ImapSettings) -> str:
    """The mailbox as error messages name it."""
    return f"{settings.user}@{settings.host}:{settings.port}/{settings.folder}"


def _others(client: IMAPClient) -> str:
    """The folders that the server has, for who has mistyped one."""
    try:
        names = sorted(str(one[2]) for one in client.list_folders())
    except IMAPClientError:
        return ""
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return f"; the server has {', '.join(names[:MAX_NAMED])}{more}"


def _personal(client: IMAPClient) -> tuple[str, str]:
    """The prefix of the user's own folders, and the hierarchy delimiter."""
    if client.has_capability("NAMESPACE"):
        personal = client.namespace().personal
        if personal:
            return personal[0][0] or "", personal[0][1] or "/"
    return "", "/"


def below(prefix: str, delimiter: str, name: str) -> str:
    """The name as the server knows it, with the prefix if the name does not have it."""
    full = safe(name.replace("/", delimiter))
    return full if not prefix or full.startswith(prefix) else safe(prefix) + full


def _source(client: IMAPClient, name: str, prefix: str, delimiter: str) -> str:
    """The source folder: INBOX as it is; another name may be given with or without the prefix."""
    full = below(prefix, delimiter, name)
    if name.upper() == "INBOX" or full == name or client.folder_exists(safe(name)):
        return safe(name)
    return full if client.folder_exists(full) else safe(name)


def _make(client: IMAPClient, full: str, key: str, settings: ImapSettings) -> None:
    try:
        client.create_folder(full)
        client.subscribe_folder(full)
    except IMAPClientError as error:
        if "[ALREADYEXISTS]" in str(error).upper():  # RFC 5530
            return
        raise MailboxError(
            "folder",
            f"{where(settings)}: folder {full!r} is missing and cannot be made "
            f"({one_line(error)}); make it, or set {key}_folder",
        ) from error


def safe(text: str) -> str:
    """Checks text that goes into a command: it must not contain line ends or NUL."""
    if any(char in text for char in "\r\n\x00"):
        raise MailboxError("config", f"{text!r} holds a control character")
    return text
