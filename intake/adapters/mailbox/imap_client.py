"""The library's client, changed so that its connection can be cut before the greeting."""

from __future__ import annotations

from collections.abc import Callable

from imapclient import IMAPClient
from imapclient.imap4 import IMAP4WithTimeout
from imapclient.tls import IMAP4_TLS


class Client(IMAPClient):  # type: ignore[misc]  # the library has no types
    """Passes on its connection before the greeting is read."""

    def __init__(self, keep: Callable[[object], None], *args: object, **more: object) -> None:
        self._keep = keep
        super().__init__(*args, **more)

    def _create_IMAP4(self) -> object:  # noqa: N802 - the library's name
        kind = IMAP4_TLS if self.ssl else IMAP4WithTimeout
        keep = self._keep

        class Kept(kind):  # type: ignore[misc,valid-type]  # the library has no types
            def _create_socket(self, timeout: float | None = None) -> object:
                link = super()._create_socket(timeout)
                keep(link)
                return link

        seconds = self._timeout.connect
        if self.ssl:
            return Kept(self.host, self.port, self.ssl_context, seconds)
        return Kept(self.host, self.port, seconds)
