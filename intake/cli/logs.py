"""The worker's log as JSON or console lines, never with the text of a mail or a secret.

Libraries log at WARNING or above, whatever level is configured: below it they print what they fetch
and store, which is customers' mail.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

QUIET = (
    "imapclient", "mailparser", "sqlalchemy", "alembic", "apscheduler", "asyncio", "pymap",
    "dateparser", "tzlocal", "mail.log",
)  # fmt: skip


def set_up(form: str, level: str, stream: Any = None) -> None:
    """Makes all loggers write one line per record to standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    last: Any = structlog.processors.JSONRenderer()
    if form == "console":
        last = structlog.dev.ConsoleRenderer(colors=(stream or sys.stderr).isatty())
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, one_line, last],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("apscheduler.scheduler").addFilter(_is_news)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, getattr(logging, level.upper())))


def _is_news(record: logging.LogRecord) -> bool:
    """False for a job that is left out because it still runs: that is how jobs wait here."""
    return "maximum number of running instances" not in str(record.msg)


def one_line(logger: Any, method: str, event: Any) -> Any:
    """Escapes control characters in all values, so that one record is one line."""
    return {key: _escaped(value) for key, value in event.items()}


def _escaped(value: Any) -> object:
    if isinstance(value, str) and not value.isprintable():
        return value.encode("unicode_escape").decode("ascii")
    if isinstance(value, (list, tuple)):
        return [_escaped(one) for one in value]
    return value
