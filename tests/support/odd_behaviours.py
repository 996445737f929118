"""The behaviours of odd servers, and passes over them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from intake.adapters.mailbox.imap import ImapBox
from intake.adapters.mailbox.protocol import MailboxError
from intake.config.loader import Config
from intake.store import reports
from intake.store.tables.messages import MessageRow
from intake.worker import collector
from intake.worker.bootstrap import assemble
from intake.worker.collector import Rules
from tests.support import installation
from tests.support.mailbag import bag
from tests.support.odd_imap import Command, OddServer, odd

CAMPAIGN = int(os.environ.get("INTAKE_CAMPAIGN", "1"))

PASSES = 8 if CAMPAIGN == 1 else 20  # of which the last is over two hours after the first

MAILS = [mail.raw for mail in bag(8)]

BACKFILL = Rules(backfill_all=True)


@dataclass
class Passes:
    """Passes over one mailbox by one process."""

    config: Config
    box: ImapBox
    made: Any
    rules: Rules = BACKFILL
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    step: timedelta = timedelta(minutes=15 if CAMPAIGN == 1 else 6)
    troubles: list[str] = field(default_factory=list)

    def __call__(self, times: int) -> Passes:
        """So many passes; one that fails closes the connection, as the worker does."""
        for _ in range(times):
            self.now += self.step
            try:
                collector.collect(
                    self.box, replace(self.made.collector, clock=lambda: self.now), self.rules
                )
            except MailboxError as trouble:
                self.troubles.append(str(trouble))
                self.box.close()
        return self

    def rows(self) -> dict[int, str]:
        """The status by UID."""
        with installation.database(self.config) as session:
            return dict(session.execute(select(MessageRow.uid, MessageRow.status)).all())  # type: ignore[call-overload]  # columns

    def shown(self) -> int:
        """The mails that the status command says were not handed over."""
        with installation.database(self.config) as session:
            return reports.status(session).not_handed_over


@contextmanager
def passes(
    config: Config, server: OddServer, rules: Rules = BACKFILL, **more: Any
) -> Iterator[Passes]:
    """A worker on that server."""
    with odd(server, **more) as box, assemble(config) as made:
        yield Passes(config, box, made, rules)


def no_uidnext(server: OddServer, command: Command) -> str | None:
    """UIDNEXT is told nowhere."""
    if command.verb == "STATUS":
        return server.done(command, "STATUS INBOX ()")
    if command.verb == "SELECT":
        return server.done(command, f"{len(server.mails)} EXISTS", "OK [UIDVALIDITY 7] v")
    return None


HANDLED = "handled"
