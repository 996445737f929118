"""``intake doctor``: checks everything before the first mail; prints one line for each check."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from intake.cli.doctor_settings import Finding, port_hint, settings_checks
from intake.cli.layout import pairs, safe, say
from intake.cli.screen import Abort, ConfigOption, JsonOption, load, plainly, show_json

if TYPE_CHECKING:
    from intake.adapters.mailbox.protocol import Opened
    from intake.config.loader import Config
    from intake.config.schema import Mailbox, Webhook

LOW_DISK_BYTES = 2**30
CHECK_SECONDS = 8  # all checks run side by side, so this is the time of the whole command
AHEAD = timedelta(minutes=5)


def register(app: typer.Typer) -> None:
    """Adds the command of this module."""
    app.command()(doctor)


def doctor(
    what: Annotated[
        str, typer.Argument(help="auth: read recent mails and propose trusted_authserv_ids.")
    ] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Check the configuration and everything that it names.

    That is: catalogue, database, folders, mailboxes, delivery, notices, page, webhooks. Exit code
    0, or 1 when a check failed.
    """
    found = load(config)
    if what == "auth":
        _auth(found, as_json=as_json)
        return
    if what:
        raise Abort(f"doctor: found {what!r}, wanted auth or nothing", 2)
    findings = examined(found)
    if as_json:
        show_json([asdict(one) for one in findings])
    else:
        for one in findings:
            pairs({one.verdict: safe(f"{one.what}: {one.words}")}, wide=6)
    failed = any(one.verdict == "fail" for one in findings)
    raise typer.Exit(1 if failed else 0)


def examined(config: Config) -> list[Finding]:
    """The findings of all checks, which run side by side; one that hangs fails by itself."""
    checks = [*CHECKS, *_by_name(config)]
    results: list[list[Finding]] = [[] for _ in checks]
    done = [threading.Event() for _ in checks]

    def run(place: int) -> None:
        try:
            results[place] = list(checks[place][1](config))
        except Exception as error:  # noqa: BLE001 - one check must not hide the others
            words = f"the check itself failed: {type(error).__name__}: {error}"
            results[place] = [Finding("fail", checks[place][0], words)]
        done[place].set()

    for place in range(len(checks)):
        threading.Thread(target=run, args=(place,), daemon=True).start()
    ends = time.monotonic() + CHECK_SECONDS
    found: list[Finding] = []
    for place, (what, _) in enumerate(checks):
        if done[place].wait(max(0.0, ends - time.monotonic())):
            found += results[place]
        else:
            words = f"no answer within {CHECK_SECONDS} s: is something there, and does it talk?"
            found.append(Finding("fail", what, words))
    return found


def _by_name(config: Config) -> list[tuple[str, Check]]:
    """A check for each mailbox and each webhook."""
    boxes = [(f"mailbox {box.name}", partial(_mailbox_check, box=box)) for box in config.mailbox]
    hooks = [
        (f"webhook {hook.name}", partial(_webhook_check, hook=hook))
        for hook in config.shape.webhook
    ]
    return [*boxes, *hooks]


def _mailbox_check(config: Config, box: Mailbox) -> Iterator[Finding]:
    return _guard(f"mailbox {box.name}", partial(_mailbox, config, box))


def _webhook_check(config: Config, hook: Webhook) -> Iterator[Finding]:
    return _guard(f"webhook {hook.name}", partial(_webhook, config, hook))


def _auth(config: Config, *, as_json: bool) -> None:
    """Shows which server could be trusted and the levels that would follow; changes no setting."""
    from intake.worker import trust_report

    with plainly():
        proposals = trust_report.propose(config)
    if as_json:
        show_json([asdict(one) for one in proposals])
        return
    for one in proposals:
        mails = f"{one.mails} recent mails" if one.mails != 1 else "1 recent mail"
        say(safe(f"mailbox {one.mailbox}: {mails}, {one.with_field} with the field"))
        for name, count in one.ids.items():
            say(safe(f"  {count:4} from {name or '(no id)'}"))
        say(safe(f"  levels today: {_levels(one.now)}"))
        if one.authserv_id is None:
            say("  no id stands on top of most mails; ask whoever runs the mail server")
            continue
        say(safe(f'  trusted_authserv_ids = ["{one.authserv_id}"]'))
        say(f"  authserv_fields = {one.authserv_fields}")
        say(f"  received_above = {one.received_above}")
        say(safe(f"  levels with these: {_levels(one.then)}"))
        say(safe(f"  if only dmarc=pass counted (require_policy): {_levels(one.strict)}"))
        if one.seen_below:
            say(
                f"  {one.seen_below} mails bear this id once more, further down: look at them first"
            )
        say("  Does that server remove fields of its own name from incoming mail? Only then.")


def _levels(counts: dict[str, int]) -> str:
    return ", ".join(f"{level} {count}" for level, count in counts.items()) or "none"


def _guard(what: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Runs a check; an expected failure becomes a finding."""
    try:
        with plainly():
            yield from check()
    except Abort as abort:
        for line in str(abort).splitlines():
            yield Finding("fail", what, line)


def _secret(config: Config) -> Iterator[Finding]:
    from intake.config import loader as settings

    def check() -> Iterator[Finding]:
        count = len(settings.load_secrets(config))
        yield Finding("ok", "secret", f"{count} in use")

    return _guard("secret", check)


def _catalogue(config: Config) -> Iterator[Finding]:
    from intake.catalogue.loader import lint
    from intake.config import loader as settings
    from intake.worker import letter_settings

    def check() -> Iterator[Finding]:
        catalogue = settings.load_catalogue(config)
        words = f"{catalogue.name}, {len(catalogue.types)} types, {len(catalogue.fields)} fields"
        yield Finding("ok", "catalogue", words)
        for doubt in lint(catalogue) if config.shape.catalogue.path else ():
            yield Finding("warn", "catalogue", doubt)
        letter_settings.load_templates(config)
        yield Finding("ok", "templates", config.replies.templates or "the shipped ones")

    return _guard("catalogue", check)


def _state(config: Config) -> Iterator[Finding]:
    folder = config.state_folder
    nearest = next(one for one in (folder, *folder.parents) if one.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        yield Finding("ok", "state", str(folder))
    else:
        words = f"service.state_folder: {nearest} cannot be written to"
        yield Finding("fail", "state", words)


def _database(config: Config) -> Iterator[Finding]:
    from intake.store.contacts import directory
    from intake.store.engine import open_engine, reading
    from intake.store.handover.directory import whole_staff
    from intake.store.migrate import check as check_schema

    def check() -> Iterator[Finding]:
        engine = open_engine(config.database_url)
        try:
            check_schema(engine)
            with reading(engine) as session:
                count = len(directory.account_views(session)), len(directory.contact_views(session))
                staff = [one for one in whole_staff(session) if one.active]
        finally:
            engine.dispose()
        yield Finding("ok", "database", f"{count[0]} accounts, {count[1]} contacts")
        if not count[1]:
            yield Finding("warn", "contacts", "none; `intake contacts import FILE` takes them over")
        for place in config.shape.department:
            by_mail = place.address or place.members
            if by_mail and not any(one.handles(place.key, "") for one in staff):
                words = "no staff may answer its cases, so every answer is held: `intake staff add`"
                yield Finding("warn", f"department {place.key}", words)

    return _guard("database", check)


def _storage(config: Config) -> Iterator[Finding]:
    from intake.adapters.blob_store import Blobs

    def check() -> Iterator[Finding]:
        blobs = Blobs(config.blob_folder)
        digest = blobs.stage(b"intake doctor\n")
        blobs.flush([digest])
        blobs.path(digest).unlink()
        free = shutil.disk_usage(config.blob_folder).free
        verdict = "warn" if free < LOW_DISK_BYTES else "ok"
        yield Finding(verdict, "storage", f"{config.blob_folder}, {free / 1e9:.1f} GB free")

    return _guard("storage", check)


def _mailbox(config: Config, box: Mailbox) -> Iterator[Finding]:
    from intake.adapters.mailbox.protocol import MailboxError
    from intake.worker import bootstrap

    line = bootstrap.mailbox_job(config, box)
    try:
        opened = line.box.open()
        count = opened.uid_next - 1 if opened.uidvalidity else len(line.box.waiting(1))
        newest = line.box.waiting(count) if opened.exists else []
    except MailboxError as error:
        raise MailboxError(error.kind, f"{error}{port_hint(box.url)}") from error
    finally:
        line.box.close()
    words = f"next UID {count + 1}" if opened.uidvalidity else f"{count} mails lie there"
    where = box.url.partition("@")[2] or box.url
    yield Finding("ok", f"mailbox {box.name}", f"{where}, {words}")
    ahead = max((one.received_at for one in newest), default=None)
    if ahead is not None and ahead > datetime.now(UTC) + AHEAD:
        words = f"its newest mail is of {ahead:%F %R} UTC: this machine's clock is behind"
        yield Finding("warn", f"mailbox {box.name}", words)
    if opened.exists and box.backfill == "none":
        yield from _old_mails(config, box, opened)


def _old_mails(config: Config, box: Mailbox, opened: Opened) -> Iterator[Finding]:
    """How many mails the first connection left, or would leave, where they are."""
    from intake.cli.service import left_alone
    from intake.store.engine import StoreError, open_engine, reading
    from intake.store.messages import mailboxes

    engine = open_engine(config.database_url, read_only=True)
    try:
        with reading(engine) as session:
            state = mailboxes.state(session, box.name)
    except StoreError:
        return  # another check says so
    finally:
        engine.dispose()
    what = f"mailbox {box.name}"
    if state is None:
        mails = f"{opened.exists} mails lie" if opened.exists > 1 else "1 mail lies"
        words = f'{mails} there now and will be left alone: backfill = "none"'
        yield Finding("warn", what, words)
    elif state.next_uid >= opened.uid_next:
        yield Finding("ok", what, left_alone(opened.exists))


def _delivery(config: Config) -> Iterator[Finding]:
    from intake.adapters.smtp import SmtpLane
    from intake.worker import bootstrap

    def check() -> Iterator[Finding]:
        lane = bootstrap.lane(config)
        trouble = lane.try_out() if isinstance(lane, SmtpLane) else None
        lane.close()
        if trouble is not None:
            hint = port_hint(config.delivery.url)
            yield Finding("fail", "delivery", f"{trouble.reply}{hint}")
        else:
            yield Finding("ok", "delivery", config.delivery.url.rpartition("@")[2])

    return _guard("delivery", check)


def _webhook(config: Config, hook: Webhook) -> Iterator[Finding]:
    from urllib.parse import urlsplit

    from intake.adapters import webhook
    from intake.config import loader as settings
    from intake.config.toml_files import ConfigError

    try:
        keys = webhook.read_keys(settings.webhook_secret(config, hook))
    except ValueError as error:
        raise ConfigError(str(error)) from None
    what, parts = f"webhook {hook.name}", urlsplit(hook.url)
    wanted = ", ".join(hook.events) or "all events"
    signed = f"signed with {len(keys)} key{'s' if len(keys) > 1 else ''}" if keys else "unsigned"
    yield Finding("ok", what, f"{parts.scheme}://{parts.hostname}, {wanted}, {signed}")
    if not keys:
        words = "no secret: its receiver cannot tell our events from somebody else's"
        yield Finding("warn", what, words)
    elif min(map(len, keys)) < webhook.MIN_KEY_BYTES:
        wanted = f"wanted at least {webhook.MIN_KEY_BYTES} bytes (Standard Webhooks)"
        yield Finding("warn", what, f"the secret is short; {wanted}")


def _alerts(config: Config) -> Iterator[Finding]:
    """The second relay for alerts, and whether anybody would be told at all."""
    from intake.adapters.smtp import SmtpLane
    from intake.worker import bootstrap

    given = config.shape.alerts
    hooks = [one.name for one in config.shape.webhook if one.hears("service.failing")]

    def check() -> Iterator[Finding]:
        if not given.address:
            words = "alerts.address is empty: no mail says what fails, waits or is overdue"
            yield Finding("warn", "alerts", words)
        if not (given.address or given.command or hooks):
            return
        if not given.url:
            ways = [given.address, *hooks, *(["a command"] if given.command else [])]
            yield Finding("ok", "alerts", f"to {', '.join(filter(None, ways))}")
            return
        lane = bootstrap.alert_lane(config)
        trouble = lane.try_out() if isinstance(lane, SmtpLane) else None
        lane.close()
        where = given.url.rpartition("@")[2]
        if trouble is not None:
            yield Finding("fail", "alerts", f"{trouble.reply}{port_hint(given.url)}")
        else:
            yield Finding("ok", "alerts", f"to {given.address} through {where}")

    return _guard("alerts", check)


def _notices(config: Config) -> Iterator[Finding]:
    from intake.adapters.dkim_verifier import organisation
    from intake.worker import notice_bootstrap

    def check() -> Iterator[Finding]:
        style = notice_bootstrap.style(config)
        rate = config.shape.notices.rate_per_minute
        yield Finding("ok", "notices", f"from {style.from_address}, {rate} a minute")
        ours, bounce = (
            one.rpartition("@")[2].lower() for one in (style.from_address, style.bounce_address)
        )
        if organisation(ours) != organisation(bounce):
            words = f"sent as {bounce} and written by {ours}: SPF cannot align, so receivers doubt"
            yield Finding("warn", "notices", words)

    return _guard("notices", check)


def _page(config: Config) -> Iterator[Finding]:
    if not config.shape.page.folder:
        return
    folder = config.path(config.shape.page.folder)
    nearest = next(one for one in (folder, *folder.parents) if one.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        yield Finding("ok", "page", f"{folder}, shows what is {config.shape.page.show}")
    else:
        yield Finding("fail", "page", f"page.folder: {nearest} cannot be written to")


Check = Callable[["Config"], "Iterator[Finding]"]
CHECKS: tuple[tuple[str, Check], ...] = (
    ("configuration", settings_checks),
    ("secret", _secret),
    ("state", _state),
    ("catalogue", _catalogue),
    ("database", _database),
    ("storage", _storage),
    ("delivery", _delivery),
    ("alerts", _alerts),
    ("notices", _notices),
    ("page", _page),
)
