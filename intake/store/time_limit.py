"""PostgreSQL: a server that stops answering costs a transaction, not the worker.

The library waits for an answer without a limit. Here each transaction has one, and when it is over,
the sockets of the engine's connections are shut down; what waits for them then fails as it does
when the network fails. The server ends a transaction in which nothing happens, so that a frozen
worker does not keep its locks. Commands that may take long on purpose, such as migrations, have no
limit as a whole.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakSet

from sqlalchemy import Engine, event

from intake.adapters.time_limits import OVERTIME

TRANSACTION_SECONDS = 600.0
CONNECT = {  # libpq: for each connection attempt, and until a dead host counts as gone
    "connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds
}  # fmt: skip
LOCK = "60s"  # a lock that another transaction keeps for so long is an error
IDLE = "300s"  # a frozen worker keeps the locks of its transaction for no longer
_CONNECTIONS = "intake_connections"


def watched(engine: Engine) -> Engine:
    """Lets ``limited`` know the engine's connections."""
    connections: WeakSet[Any] = WeakSet()

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, record: Any) -> None:
        connections.add(connection)
        for name, limit in (
            ("lock_timeout", LOCK),
            ("idle_in_transaction_session_timeout", IDLE),
        ):
            connection.execute("SELECT set_config(%s, %s, false)", (name, limit))
        connection.commit()  # a setting at the start of the session: poolers refuse some in the URL

    setattr(engine, _CONNECTIONS, connections)
    return engine


@contextmanager
def limited(engine: Engine) -> Iterator[None]:
    """A transaction with the limit; SQLite has its own for each lock."""
    connections = getattr(engine, _CONNECTIONS, None)
    if connections is None:
        yield
        return
    with OVERTIME.within(TRANSACTION_SECONDS, lambda: _shut(list(connections))):
        yield


def _shut(connections: list[Any]) -> None:
    for connection in connections:
        with suppress(Exception):  # closed already: nobody waits for it
            link = socket.socket(fileno=os.dup(connection.fileno()))
            try:
                link.shutdown(socket.SHUT_RDWR)
            finally:
                link.close()
