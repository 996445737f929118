"""Figures for Prometheus: only this module uses prometheus_client.

The process counts what it does. Everything else is asked for at each scrape, so a figure is never
older than the scrape.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
    write_to_textfile,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
REQUEST_SECONDS = 5


class MetricsError(Exception):
    """The figures cannot be served or written; one line."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure with its values: label values -> value; without labels the key is empty."""

    name: str
    help: str
    values: Mapping[tuple[str, ...], float]
    labels: tuple[str, ...] = ()
    grows: bool = False  # a counter


class Meter:
    """The figures of this process, and those that ``ask`` returns at each scrape."""

    def __init__(self, ask: Callable[[], Sequence[Figure]] = lambda: ()) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no type here
        self._ask = ask
        self._registry = CollectorRegistry()
        self._read = Histogram(
            "intake_read_seconds", "Time to read one mail in a child process.",
            buckets=BUCKETS, registry=self._registry,
        )  # fmt: skip
        self._judged = Histogram(
            "intake_judge_seconds", "Time to judge one mail and record the result.",
            buckets=BUCKETS, registry=self._registry,
        )  # fmt: skip
        self._handled = Counter(
            "intake_mails", "Mails recorded by this process, by action.", ["action"],
            registry=self._registry,
        )  # fmt: skip
        self._registry.register(self)

    def read(self, seconds: float) -> None:
        """Counts a mail that a child has read."""
        self._read.observe(seconds)

    def judged(self, seconds: float) -> None:
        """Counts a mail that was judged and recorded."""
        self._judged.observe(seconds)

    def handled(self, action: str) -> None:
        """Counts a recorded mail."""
        self._handled.labels(action).inc()

    def collect(self) -> Iterator[Metric]:
        """Asks for the other figures; prometheus_client calls this."""
        for one in self._ask():
            kind = CounterMetricFamily if one.grows else GaugeMetricFamily
            family = kind(one.name, one.help, labels=one.labels)
            for key, value in one.values.items():
                family.add_metric(key, value)
            yield family

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self._registry)

    def write(self, path: Path) -> None:
        """Replaces a file with all figures. Raises MetricsError."""
        try:
            write_to_textfile(str(path), self._registry)
        except OSError as error:
            raise MetricsError(f"{path}: cannot be written: {error.strerror}") from None

    @contextmanager
    def served(self, listen: str, troubles: Callable[[], Sequence[str]]) -> Iterator[int]:
        """Serves /metrics and /healthz at HOST:PORT; yields the port. Raises MetricsError."""
        host, _, port = listen.rpartition(":")
        try:
            server = _Server((host.strip("[]"), int(port)), self, troubles)
        except (OSError, OverflowError) as error:
            raise MetricsError(f"metrics.listen: {listen}: {error}") from None
        thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            server.server_close()


class _Server(ThreadingHTTPServer):
    """The HTTP server, with what its answers are made of."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self, address: tuple[str, int], meter: Meter, troubles: Callable[[], Sequence[str]]
    ) -> None:
        self.meter = meter
        self.troubles = troubles
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD for two paths."""

    server: _Server
    timeout = REQUEST_SECONDS
    server_version = "intake"
    sys_version = ""

    def do_GET(self) -> None:
        """Answers a request; HEAD gets the same without the body."""
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(200, CONTENT_TYPE_LATEST, self.server.meter.text())
        elif path == "/healthz":
            lines = self.server.troubles()
            body = "".join(f"{line}\n" for line in lines) or "ok\n"
            self._answer(503 if lines else 200, "text/plain; charset=utf-8", body.encode())
        else:
            self._answer(404, "text/plain; charset=utf-8", b"/metrics and /healthz\n")

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing: a scrape every few seconds is no news."""
