"""What `intake doctor` finds in the configuration itself, without asking any server."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from intake.config.loader import Config


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: ok, warn or fail, and what to do."""

    verdict: str
    what: str
    words: str


USUAL = {  # port -> the scheme that is spoken there
    465: "smtps", 587: "smtp+starttls", 25: "smtp", 993: "imaps", 143: "imap+starttls",
}  # fmt: skip


def port_hint(url: str) -> str:
    """What to try when a server does not answer as expected at that port."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    usual = USUAL.get(port or 0, "")
    if usual[:4] != parts.scheme[:4] or parts.scheme in (usual, usual.partition("+")[0]):
        return ""
    return f"; port {port} usually speaks {usual}://"


def settings_checks(config: Config) -> Iterator[Finding]:
    """All findings about the configuration."""
    yield Finding("ok", "configuration", config.file or "the built-in defaults")
    if config.service.address.endswith(".example"):
        yield Finding("warn", "service.address", f"{config.service.address} is a placeholder")
    yield from _mailboxes(config)
    yield from _names(config)
    yield from _addresses(config)
    yield from _readable(config)
    yield from _departments(config)
    listen = config.shape.metrics.listen
    host = listen.rpartition(":")[0].strip("[]")
    if listen and host not in ("127.0.0.1", "::1", "localhost"):
        words = f"{listen} can be reached from other machines; 127.0.0.1 cannot"
        yield Finding("warn", "metrics.listen", words)


def _departments(config: Config) -> Iterator[Finding]:
    """Departments that nobody gets the cases of, and keys that the catalogue does not have."""
    from intake.config import loader

    configured = config.shape.department
    if not configured:
        return
    known = loader.load_catalogue(config).departments
    for one in configured:
        name = f"department {one.key}"
        ways = [way for way in ("address", "members", "desk", "folder") if getattr(one, way)]
        if one.key not in known:
            words = f"found {one.key!r}, wanted a key of the catalogue: {', '.join(known)}"
            yield Finding("fail", name, words)
        elif not ways:
            words = "has no address, no members, no desk and no folder: nobody gets its cases"
            yield Finding("warn", name, words)
        else:
            yield Finding("ok", name, f"gets its cases by {', '.join(ways)}")
    for key in known:
        if any(one.key == key for one in configured):
            continue
        words = "has no [[department]]: its cases stay in the queue, and letters say so"
        yield Finding("warn", f"department {key}", words)


def _mailboxes(config: Config) -> Iterator[Finding]:
    for box in config.mailbox:
        what = f"mailbox {box.name}"
        if not box.trusted_authserv_ids:
            yield Finding(
                "warn", what,
                "trusted_authserv_ids is empty: no sender can be proved and EVERY mail will be "
                "held; name the id your own mail server writes into Authentication-Results",
            )  # fmt: skip
        maildir = box.url.startswith("maildir:")
        source = "INBOX" if maildir else urlsplit(box.url).path.lstrip("/") or "INBOX"
        folders = {"processed_folder": box.processed_folder, "held_folder": box.held_folder}
        for key, name in folders.items():
            if name.casefold() == source.casefold():
                words = f"{key} is {name}, the folder that mail is collected from"
                yield Finding("fail", what, words)
        if box.processed_folder.casefold() == box.held_folder.casefold():
            yield Finding("fail", what, f"processed_folder and held_folder are both {name}")


def _names(config: Config) -> Iterator[Finding]:
    """Names in the configuration that the catalogue or the rules do not have."""
    from intake.config import loader
    from intake.config.toml_files import ConfigError
    from intake.triage.rules import ALL_RULES

    try:
        catalogue = loader.load_catalogue(config)
    except ConfigError:
        return  # another check says so
    replies, notices = config.replies, config.shape.notices
    for key, given, known in (
        ("departments", config.shape.departments, catalogue.departments),
        ("replies.silent_rules", replies.silent_rules, ALL_RULES),
        ("replies.high_risk_types", _set(replies, "high_risk_types"), catalogue.types),
        ("notices.contact_types", notices.contact_types, catalogue.contact_types),
    ):  # fmt: skip
        yield from _unknown(key, given, known)


def _set(section: Any, key: str) -> Iterable[str]:
    """The value if the operator wrote it; a default for the shipped catalogue proves nothing."""
    return getattr(section, key) if key in section.model_fields_set else ()


def _unknown(
    key: str, given: Iterable[str], known: Iterable[str] | Mapping[str, object]
) -> Iterator[Finding]:
    names = list(known)
    for one in given:
        if one not in names:
            yield Finding("warn", key, f"found {one!r}, wanted one of {', '.join(names)}")


def _addresses(config: Config) -> Iterator[Finding]:
    from intake.config import loader

    alerts = config.shape.alerts.address
    if alerts.lower() in loader.own_addresses(config):
        words = f"{alerts} is our own address: the alert would come back as a mail to be read"
        yield Finding("fail", "alerts.address", words)


def _readable(config: Config) -> Iterator[Finding]:
    """Files with secrets that other users of this machine can read."""
    shape = config.shape
    named = [config.service.secret_file, config.delivery.password_file, shape.alerts.password_file]
    named += [hook.secret_file for hook in shape.webhook]
    for box in shape.mailbox:
        named += [box.password_file, box.token_file, box.oauth.client_secret_file,
                  box.oauth.refresh_token_file]  # fmt: skip
    files = [config.path(one) for one in named if one]
    if config.file and _holds_secrets(config):
        files.append(Path(config.file))
    for file in files:
        try:
            mode = file.stat().st_mode
        except OSError:
            continue
        if mode & (stat.S_IRGRP | stat.S_IROTH):
            words = f"{file} holds a secret and others can read it: chmod 600 {file}"
            yield Finding("warn", "secrets", words)


def _holds_secrets(config: Config) -> bool:
    shape = config.shape
    own = [config.service.secret, config.delivery.password, shape.alerts.password]
    own += [box.password for box in shape.mailbox]
    own += [box.oauth.client_secret for box in shape.mailbox]
    own += [hook.secret for hook in shape.webhook]
    return any(one.get_secret_value() for one in own)
