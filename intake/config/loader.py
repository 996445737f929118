"""Load config.toml and the environment into a Config; an error names file, key, found and wanted.

Order: ``--config FILE``, else INTAKE_CONFIG, else ``./config.toml``, else the built-in defaults.
Relative paths in the file are relative to its folder. Secrets may be in INTAKE_… environment
variables, in files, or in the output of a command. They are never shown.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from pydantic import SecretStr, ValidationError

from intake.catalogue.catalogue import Catalogue, CatalogueError
from intake.config import schema as parts
from intake.config.mistakes import mistake
from intake.config.toml_files import (
    ConfigError,
    built,
    canonical,
    catalogue_text,
    parsed,
    read_toml,
)
from intake.config.validation import doubts, variable_name
from intake.mail.addresses import ascii_lower
from intake.mail.limits import Limits
from intake.model.accounts import MustReach
from intake.triage.policy import Policy

SECRET_SECONDS = 20  # time limit of a password or token command
MIN_SECRET_BYTES = 16


@dataclass(frozen=True, slots=True)
class Config:
    """The settings in force, and the folder that relative paths start from."""

    shape: parts.Shape
    folder: Path
    file: str = ""  # empty: the built-in defaults
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def service(self) -> parts.Service:
        """Return the settings about the service itself."""
        return self.shape.service

    @property
    def mailbox(self) -> tuple[parts.Mailbox, ...]:
        """Return the sources of mail."""
        return self.shape.mailbox

    @property
    def delivery(self) -> parts.Delivery:
        """Return the settings for sending letters."""
        return self.shape.delivery

    @property
    def replies(self) -> parts.Replies:
        """Return the settings for replies."""
        return self.shape.replies

    @property
    def retention(self) -> parts.Retention:
        """Return how long data is kept."""
        return self.shape.retention

    def path(self, text: str) -> Path:
        """Return a path of the configuration as an absolute path."""
        return (self.folder / Path(text).expanduser()).absolute()

    @property
    def state_folder(self) -> Path:
        """Return the folder of the heartbeat and the journal."""
        return self.path(self.shape.service.state_folder)

    @property
    def database_url(self) -> str:
        """Return the URL of the database; the path of a database file is made absolute."""
        url = self.shape.database.url
        kind, found, path = url.partition(":///")
        return f"{kind}:///{self.path(path)}" if found and kind == "sqlite" and path else url

    @property
    def database_folder(self) -> Path | None:
        """Return the folder of an SQLite database; None for another database."""
        scheme, _, path = self.database_url.partition(":///")
        return Path(path).parent if scheme == "sqlite" and path else None

    @property
    def blob_folder(self) -> Path:
        """Return the folder of raw mails and attachments."""
        return self.path(self.shape.storage.url)


def load(path: str | None = None, environment: Mapping[str, str] | None = None) -> Config:
    """Return the configuration in force. Raises ConfigError with every mistake in it."""
    environment = os.environ if environment is None else environment
    _refuse_unknown(environment)
    named = path or environment.get("INTAKE_CONFIG", "")
    file = Path(named or "config.toml")
    if not file.exists():
        if named:
            raise ConfigError(f"{file}: there is no such file; `intake init` writes one")
        return Config(parts.Shape(), Path.cwd(), "", dict(environment))
    data = read_toml(file)
    try:
        made = parts.Shape.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(mistake(file, one) for one in error.errors())) from None
    config = Config(made, file.absolute().parent, str(file), dict(environment))
    mistakes = doubts(made)
    if mistakes:
        raise ConfigError("\n".join(f"{file}: {one}" for one in mistakes))
    return config


# ---------------------------------------------------------------- secrets


MAILBOX_ENDS = ("_PASSWORD", "_TOKEN", "_CLIENT_SECRET")
WEBHOOK_SECRET = "INTAKE_WEBHOOK_NAME_SECRET"  # noqa: S105 - a variable's name, not a secret


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    """Reject a misspelt variable instead of ignoring it."""
    own = ("CONFIG", "OPERATOR", "SECRET", "SECRET_OLD", "DELIVERY_PASSWORD", "ALERTS_PASSWORD")
    fixed = tuple(f"INTAKE_{name}" for name in own)
    tests = ("INTAKE_CAMPAIGN", "INTAKE_REQUIRE_SERVERS")
    alert = ("INTAKE_ALERT", "INTAKE_ALERT_PART", "INTAKE_ALERT_WORDS")  # given to alerts.command
    for name in sorted(environment):
        named = name.startswith("INTAKE_MAILBOX_") and name.endswith(MAILBOX_ENDS)
        named = named or (name.startswith("INTAKE_WEBHOOK_") and name.endswith("_SECRET"))
        if name.startswith("INTAKE_") and name not in (*fixed, *tests, *alert) and not named:
            ends = (*(f"INTAKE_MAILBOX_NAME{end}" for end in MAILBOX_ENDS), WEBHOOK_SECRET)
            wanted = ", ".join((*fixed, *ends))
            raise ConfigError(f"environment: {name}: found an unknown variable, wanted {wanted}")


def mailbox_secret(config: Config, box: parts.Mailbox) -> str:
    """Return the password or token of a mailbox, read again at each call. Raises ConfigError."""
    if box.auth == "xoauth2":
        variable = variable_name("mailbox", box.name, "token")
        return _secret(config, variable, SecretStr(""), box.token_file, box.token_command)
    variable = variable_name("mailbox", box.name, "password")
    return _secret(config, variable, box.password, box.password_file, box.password_command)


def oauth_secret(config: Config, box: parts.Mailbox) -> str:
    """Return the client secret for the token endpoint; empty for a public client.

    Raises ConfigError.
    """
    own = box.oauth
    variable = variable_name("mailbox", box.name, "client_secret")
    named = own.client_secret.get_secret_value() or own.client_secret_file
    if not (named or own.client_secret_command or variable in config.environment):
        return ""
    return _secret(
        config, variable, own.client_secret, own.client_secret_file, own.client_secret_command
    )


def refresh_token(config: Config, box: parts.Mailbox) -> str:
    """Return the refresh token that is in the file now. Raises ConfigError."""
    if not box.oauth.refresh_token_file:
        raise ConfigError(f"mailbox {box.name}.oauth.refresh_token_file: found nothing")
    return _secret_file(config.path(box.oauth.refresh_token_file))


def delivery_secret(config: Config) -> str:
    """Return the password for sending; empty when there is none."""
    return _relay_password(config, "INTAKE_DELIVERY_PASSWORD", config.delivery)


def alerts_secret(config: Config) -> str:
    """Return the password of the relay for alerts; empty when there is none."""
    return _relay_password(config, "INTAKE_ALERTS_PASSWORD", config.shape.alerts)


def _relay_password(config: Config, variable: str, way: parts.Delivery | parts.Alerts) -> str:
    named = way.password.get_secret_value() or way.password_file or way.password_command
    if not named and variable not in config.environment:
        return ""
    return _secret(config, variable, way.password, way.password_file, way.password_command)


def webhook_secret(config: Config, hook: parts.Webhook) -> str:
    """Return the secret that signs the events for that program; empty when there is none.

    Raises ConfigError.
    """
    variable = variable_name("webhook", hook.name, "secret")
    named = hook.secret.get_secret_value() or hook.secret_file or hook.secret_command
    if not named and variable not in config.environment:
        return ""
    return _secret(config, variable, hook.secret, hook.secret_file, hook.secret_command)


def _secret(config: Config, variable: str, given: SecretStr, file: str, command: str) -> str:
    if config.environment.get(variable):
        return config.environment[variable]
    if given.get_secret_value():
        return given.get_secret_value()
    if file:
        return _secret_file(config.path(file))
    if command:
        return _secret_command(command)
    raise ConfigError(f"no secret: found neither {variable} nor a password, file or command")


def _secret_file(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the secret cannot be read: {error}") from None
    if not text:
        raise ConfigError(f"{path}: found an empty file, wanted a secret")
    return text


def _secret_command(command: str) -> str:
    """Return the first line that the command prints.

    The command runs without a shell for at most 20 seconds.
    """
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own command, split without a shell
            shlex.split(command), capture_output=True, timeout=SECRET_SECONDS, check=True
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise ConfigError(f"the secret command failed: {type(error).__name__}") from None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    if not lines or not lines[0].strip():
        raise ConfigError("the secret command printed nothing")
    return lines[0].strip()


def load_secrets(config: Config) -> tuple[bytes, ...]:
    """Return the keys that sign references, the newest first. Raises ConfigError."""
    found = [config.environment.get(name, "") for name in ("INTAKE_SECRET", "INTAKE_SECRET_OLD")]
    if not found[0]:
        given = config.service.secret.get_secret_value()
        found.insert(0, given or _secret_lines(config.path(config.service.secret_file)))
    secrets = [line.encode() for text in found for line in text.split() if line]
    if not secrets or any(len(secret) < MIN_SECRET_BYTES for secret in secrets):
        raise ConfigError(
            f"service.secret: found one shorter than {MIN_SECRET_BYTES} characters, "
            "wanted a long random text; `intake init` makes one"
        )
    return tuple(dict.fromkeys(secrets))


def _secret_lines(path: Path) -> str:
    if not path.exists():
        raise ConfigError(f"{path}: there is no secret file; `intake init` makes one")
    return _secret_file(path)


# ---------------------------------------------------------------- values for the pure packages


def catalogue_data(config: Config) -> dict[str, object]:
    """The parsed catalogue file: the operator's, or the shipped one. Nobody may change it."""
    return parsed(_catalogue_text(config))


def _catalogue_text(config: Config) -> str:
    chosen = config.shape.catalogue.path
    return catalogue_text(config.path(chosen) if chosen else None)


def load_catalogue(config: Config) -> Catalogue:
    """Return the catalogue in force. Raises ConfigError with every mistake in it."""
    where = config.shape.catalogue.path or "the shipped catalogue"
    try:
        made = built(_catalogue_text(config))
    except CatalogueError as error:
        raise ConfigError("\n".join(f"{where}: {line}" for line in error.mistakes)) from None
    for type_name, overrides in config.shape.catalogue.required.items():
        known = made.types.get(type_name)
        unknown = [name for name in overrides if known is None or name not in known.fields]
        if known is None or unknown:
            found = ", ".join(unknown) if known else "an unknown type"
            raise ConfigError(
                f"{config.file}: catalogue.required.{type_name}: found {found}, "
                f"wanted types and fields of {where}"
            )
    notices = config.shape.notices
    if "reply_type" in notices.model_fields_set and notices.reply_type not in made.types:
        raise ConfigError(
            f"{config.file}: notices.reply_type: found {notices.reply_type!r}, "
            f"wanted a type of {where}: {', '.join(made.types)}"
        )
    return made


def limits(config: Config) -> Limits:
    """Return the limits for one mail."""
    given = config.shape.limits.model_dump()
    return Limits(**{one.name: given[one.name] for one in fields(Limits)})


def own_addresses(config: Config) -> tuple[str, ...]:
    """Return the keys of all our addresses; mail from one of them is our own mail."""
    given = (
        config.service.address, *config.service.aliases, config.delivery.bounce_address,
        config.shape.notices.from_address,
    )  # fmt: skip
    return tuple(dict.fromkeys(ascii_lower(address) for address in given if address))


def policy(config: Config, catalogue: Catalogue) -> Policy:
    """Return the operator's choices, and what the catalogue allows each kind of contact."""
    replies, notices = config.replies, config.shape.notices
    barred = (kind.name for kind in catalogue.contact_types.values() if not kind.may_submit)
    at_once = (one.name for one in catalogue.types.values() if one.opens_at_once)
    return Policy(
        unknown_sender=replies.unknown_sender,
        max_rounds=replies.max_rounds,
        acknowledge=replies.acknowledge,
        silent_rules=replies.silent_rules,
        max_letters_per_hour=replies.max_letters_per_hour,
        max_letters_per_day=replies.max_letters_per_day,
        max_letters_per_domain_hour=replies.max_letters_per_domain_hour,
        max_letters_all_hour=replies.max_letters_all_hour,
        max_same_letters_per_day=replies.max_same_letters_per_day,
        list_after_per_hour=replies.list_after_per_hour,
        max_letter_age_hours=replies.max_letter_age_hours,
        own_addresses=own_addresses(config),
        verp=config.delivery.verp,
        writes_return_path=tuple(box.name for box in config.mailbox if box.writes_return_path),
        refuse_inactive=replies.refuse_inactive,
        claim_addresses=replies.claim_addresses,
        refuse_unknown=replies.refuse_unknown,
        high_risk_types=replies.high_risk_types,
        step_up=replies.step_up,
        max_cases_per_contact_hour=config.shape.limits.max_cases_per_contact_hour,
        max_cases_per_account_hour=config.shape.limits.max_cases_per_account_hour,
        max_strangers_per_day=config.shape.limits.max_strangers_per_day,
        max_unproved_per_day=config.shape.limits.max_unproved_per_day,
        may_not_submit=tuple(barred),
        open_at_once=tuple(at_once),
        only_approved=config.shape.page.show == "approved",
        known_incidents=catalogue.rule("known_incident") is not None,
        reopen_days=replies.reopen_days,
        withhold_risky=config.shape.files.withhold_risky,
        max_mail_bytes=config.shape.limits.max_mail_bytes,
        max_file_bytes=config.shape.files.max_bytes,
        max_files=config.shape.files.max_files,
        scan_files=bool(config.shape.files.clamav),
        reply_type=notices.reply_type if notices.reply_type in catalogue.types else "",
        must=must_reach(config, catalogue),
    )


def must_reach(config: Config, catalogue: Catalogue) -> MustReach:
    """Which notices must reach whom: the classes of the configuration, the catalogue's contacts."""
    kinds = catalogue.contact_types.values()
    return MustReach(
        config.shape.notices.mandatory_classes,
        tuple(one.name for one in kinds if one.must_be_reached),
        tuple(one.name for one in kinds if one.bounce_is_a_task),
    )


def policy_hash(config: Config, catalogue: Catalogue) -> str:
    """Return sixteen hex digits that change whenever a judgement might change."""
    chosen = policy(config, catalogue)
    trust = [
        (box.name, box.trusted_authserv_ids, box.received_above, box.authserv_fields,
         box.arc_sealers, box.lists)
        for box in config.mailbox
    ]  # fmt: skip
    parts = [
        repr(chosen),
        repr(trust),
        canonical(_catalogue_text(config)),
    ]
    parts.append(json.dumps(config.shape.catalogue.required, sort_keys=True))
    parts += [config.service.timezone, repr(config.shape.evidence), repr(config.shape.limits)]
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:16]
