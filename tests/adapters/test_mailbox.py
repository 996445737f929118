"""Mailboxes: the same promises over Dovecot, a server in this process, and a Maildir."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from imapclient import IMAPClient

from intake.adapters.mailbox.imap import ImapBox
from intake.adapters.mailbox.imap_move import expand
from intake.adapters.mailbox.maildir import MaildirBox
from intake.adapters.mailbox.protocol import MailboxClient, MailboxError
from intake.cli.demo import servers
from tests.support.fakes import listening, scripted_imap, usual
from tests.support.mailbox_kinds import settings
from tests.support.servers import Dovecot, dovecot

MAILS = [b"Subject: %d\r\n\r\nbody %d \xe9\xff\r\n.\r\nend\r\n" % (n, n) for n in range(6)]

KINDS = ["dovecot", "pymap", "maildir"]


@contextmanager
def box_of(kind: str, tmp_path: Path) -> Iterator[tuple[MailboxClient, Callable[[bytes], object]]]:
    """A box of that kind, and a way to put mail into it."""
    with ExitStack() as stack:
        if kind == "maildir":
            made = MaildirBox("box", tmp_path / "in")
            made.open()
            count = iter(range(10000))

            def put(raw: bytes) -> None:
                (tmp_path / "in/new" / f"{next(count):05d}.x").write_bytes(raw)

            yield made, put
            return
        if kind == "pymap":
            port = stack.enter_context(servers.imap_server())
            user, password = servers.USER, servers.PASSWORD
        else:
            server = stack.enter_context(dovecot(tmp_path))
            port, user, password = server.imap, server.user, server.password
        client = stack.enter_context(IMAPClient("127.0.0.1", port=port, ssl=False, timeout=20))
        client._imap.debug = 0
        client.login(user, password)
        one = ImapBox(settings(port, user=user, secret=lambda: password, read_seconds=20))
        yield one, lambda raw: client.append("INBOX", raw)
        one.close()


@pytest.mark.servers
@pytest.mark.xdist_group("servers")
@pytest.mark.parametrize("kind", KINDS)
def test_every_box_keeps_the_same_promises(kind: str, tmp_path: Path) -> None:
    """Listed in order, fetched byte for byte, moved and gone, told apart from what vanished."""
    with box_of(kind, tmp_path) as (box, put):
        for raw in MAILS:
            put(raw)
        box.open()
        waiting = box.waiting(1)
        assert len(waiting) == 6
        assert [one.size for one in waiting] == [len(raw) for raw in MAILS]
        assert all(one.received_at.tzinfo is not None for one in waiting)
        uids = [one.uid for one in waiting]
        assert [one.raw for one in box.fetch(uids)] == MAILS
        chunks: list[bytes] = []
        assert box.fetch_large(uids[0], chunks.append)
        assert b"".join(chunks) == MAILS[0]
        assert all(one.done for one in box.settle("processed", uids[:4]))
        assert all(one.done for one in box.settle("held", uids[4:5]))
        assert [one.uid for one in box.waiting(1)] == uids[5:]
        assert all(one.done for one in box.settle("processed", uids[:2])), "moved before"
        assert [one.raw for one in box.fetch([uids[0]])] == [None]
        assert not box.fetch_large(uids[0], chunks.append)
        assert box.idle(0.3, lambda: False) is False
        assert box.idle(30, lambda: True) is False
        threading.Timer(0.4, lambda: put(MAILS[0])).start()
        assert box.idle(15, lambda: False) is True
        box.open()
        assert len(box.waiting(1)) == 2
        put(MAILS[0])
        assert box.idle(15, lambda: False) is True, "it came after the list and before the wait"
        box.close()
        box.close()


@pytest.mark.servers
@pytest.mark.xdist_group("servers")
def test_two_workers_that_move_the_same_mails_disturb_nobody(tmp_path: Path) -> None:
    """Some were moved by another session since the list: the server says no, the rest moves."""
    with dovecot(tmp_path) as server:
        server.append(MAILS)
        first, second = patient(server), patient(server)
        first.open()
        second.open()
        uids = [one.uid for one in first.waiting(1)]
        second.waiting(1)
        assert all(one.done for one in second.settle("processed", uids[1:3]))
        assert all(one.done for one in first.settle("processed", uids))
        second.open()
        assert second.waiting(1) == []
        first.close()
        second.close()
        assert server.count("Processed") == len(MAILS)


@pytest.mark.servers
@pytest.mark.xdist_group("servers")
def test_dovecot_with_tls_and_its_traps(tmp_path: Path) -> None:
    """Verified TLS both ways; a wrong certificate or password is named and nothing is sent."""
    with dovecot(tmp_path) as server:
        secret = lambda: server.password  # noqa: E731 - a provider
        for security, port in (("tls", server.imaps), ("starttls", server.imap)):
            more = {
                "host": "localhost",
                "security": security,
                "user": server.user,
                "secret": secret,
            }
            good = ImapBox(settings(port, ca_file=str(server.ca_file), **more))
            assert good.open().uidvalidity > 0
            assert good.idle(0.2, lambda: False) is False
            threading.Timer(0.4, server.append, [MAILS[:1]]).start()
            assert good.idle(15, lambda: False) is True
            good.open()
            (one,) = good.waiting(1)
            assert good.settle("processed", [one.uid])[0].done
            good.close()
            with pytest.raises(MailboxError, match="CERTIFICATE_VERIFY_FAILED") as caught:
                ImapBox(settings(port, **more)).open()
            assert caught.value.kind == "tls"
        wrong = ImapBox(
            settings(server.imap, user=server.user, secret=lambda: "not-it", read_seconds=20)
        )
        with pytest.raises(MailboxError, match="login refused") as caught:
            wrong.open()
        assert caught.value.kind == "auth"
        assert "not-it" not in str(caught.value)
        more = {"user": server.user, "secret": secret, "read_seconds": 20}  # it delays after a no
        missing = ImapBox(settings(server.imap, folder="Moon", **more))
        with pytest.raises(MailboxError, match="Moon") as caught:
            missing.open()
        assert caught.value.kind == "folder"
        _many(server)
        _little_traffic(server)


def patient(server: Dovecot, port: int = 0) -> ImapBox:
    """A box that waits as long as it takes."""
    secret = lambda: server.password  # noqa: E731 - a provider
    return ImapBox(settings(port or server.imap, user=server.user, secret=secret, read_seconds=20))


def _many(server: Dovecot) -> None:
    """A large folder is listed in windows, and only from the asked UID on."""
    server.append([b"Subject: %d\r\n\r\nx\r\n" % n for n in range(600)])
    box = patient(server)
    top = box.open().uid_next
    assert len(box.waiting(1)) == 600
    assert [one.uid for one in box.waiting(top - 3)] == [top - 3, top - 2, top - 1]
    assert box.waiting(top) == [], "n:* names the last mail, which is below n"
    moved = box.settle("processed", [one.uid for one in box.waiting(1)])
    assert all(one.done for one in moved)
    assert len(moved) == 600
    box.close()


def _little_traffic(server: Dovecot) -> None:
    """A look that finds nothing moves less than two kilobytes."""
    count = [0]
    with listening(lambda client: _pump(client, server.imap, count)) as port:
        box = patient(server, port)
        top = box.open().uid_next
        count[0] = 0
        box.open()
        assert box.waiting(top) == []
        assert 0 < count[0] < 2048
        box.close()


def _pump(client: socket.socket, port: int, count: list[int]) -> None:
    """A proxy that counts the bytes both ways."""
    with client, socket.create_connection(("127.0.0.1", port)) as server:

        def pass_on(source: socket.socket, target: socket.socket) -> None:
            try:
                while data := source.recv(65536):
                    count[0] += len(data)
                    target.sendall(data)
            except OSError:
                pass

        thread = threading.Thread(target=pass_on, args=(server, client), daemon=True)
        thread.start()
        pass_on(client, server)


@pytest.mark.servers
@pytest.mark.xdist_group("servers")
@pytest.mark.parametrize("extra", ["", "UIDPLUS"])
def test_without_move_mail_is_copied_once_however_often_it_fails(
    extra: str, tmp_path: Path
) -> None:
    """An interrupted copy is found again by size, date and bytes."""
    capability = f"IMAP4rev1 NAMESPACE LITERAL+ {extra}".strip()
    with dovecot(tmp_path, f"protocol imap {{\n imap_capability = {capability}\n}}") as server:
        server.append(MAILS)
        box = patient(server)
        box.open()
        uids = [one.uid for one in box.waiting(1)]
        with server.client() as other:
            other.select_folder("INBOX")
            other.copy(uids[:2], "Processed")
        for _ in range(3):
            assert all(one.done for one in box.settle("processed", uids[:4]))
        assert sorted(server.read("Processed")) == sorted(MAILS[:4])
        assert server.count() == (2 if extra else 6)
        box.close()


SCRIPTS: list[tuple[dict[str, str], str, str, str]] = [
    ({"LOGIN": "close"}, "IMAP4rev1", "connect", ""),
    ({"LOGIN": "hang"}, "IMAP4rev1", "connect", ""),
    ({"LOGIN": "{tag} NO [UNAVAILABLE] too many simultaneous connections\r\n"}, "IMAP4rev1", "connect", "too many"),  # noqa: E501 - one row of a table
    ({"SELECT": "{tag} NO no such folder\r\n"}, "IMAP4rev1", "folder", "no such folder"),
    ({"SEARCH": "close"}, "IMAP4rev1", "connect", ""),
    ({"SEARCH": "hang"}, "IMAP4rev1", "connect", ""),
    ({"SEARCH": "* SEARCH 1 2 x\r\n{tag} OK done\r\n"}, "IMAP4rev1", "", ""),
    ({"FETCH": "* 1 FETCH (UID 4 BODY[] {4294967295}\r\n"}, "IMAP4rev1", "", ""),
    ({"SEARCH": "{tag} NO Request is throttled. Suggested Backoff Time: 299961 milliseconds\r\n"}, "IMAP4rev1", "protocol", "throttled"),  # noqa: E501 - one row of a table
    ({"CREATE": "{tag} NO over quota\r\n", "LIST": "{tag} OK done\r\n"}, "IMAP4rev1", "folder", "Processed"),  # noqa: E501 - one row of a table
    ({}, "IMAP4rev1 LOGINDISABLED", "", ""),
]  # fmt: skip


def _trouble(box: ImapBox) -> MailboxError | None:
    """What comes of opening, listing and fetching."""
    try:
        box.open()
        box.waiting(1)
        list(box.fetch([4]))
    except MailboxError as error:
        return error
    return None


@pytest.mark.parametrize(("answers", "capabilities", "kind", "words"), SCRIPTS, ids=str)
def test_whatever_a_server_does_is_one_error_of_ours(
    answers: dict[str, str], capabilities: str, kind: str, words: str
) -> None:
    """A cut, silence, garbage and refusals end as MailboxError with place and reason."""
    with listening(scripted_imap(answers, capabilities)) as port:
        box = ImapBox(settings(port))
        error = _trouble(box)
        if error is None:
            assert not kind
        else:
            assert error.kind == kind or not kind
            assert words in str(error)
            assert f"u@127.0.0.1:{port}/INBOX" in str(error)
        if error is not None and words == "throttled":
            assert error.retry_after_seconds == pytest.approx(299.961)
        box.close()
        with pytest.raises(MailboxError, match="not open"):
            box.waiting(1)


def test_a_stripped_starttls_gets_no_password() -> None:
    """Where the server does not offer it, nothing is said but goodbye."""
    seen: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        with connection:
            connection.sendall(b"* OK [CAPABILITY IMAP4rev1] fake\r\n")
            while data := connection.recv(4096):
                seen.append(data)
                tag = data.split(b" ")[0]
                connection.sendall(b"* CAPABILITY IMAP4rev1\r\n" + tag + b" OK done\r\n")

    with listening(serve) as port, pytest.raises(MailboxError, match="STARTTLS") as caught:
        ImapBox(settings(port, security="starttls")).open()
    assert caught.value.kind == "tls"
    assert b"LOGIN" not in b"".join(seen).upper()


def test_plain_imap_to_another_machine_must_be_asked_for() -> None:
    """The password would cross the network in clear."""
    with pytest.raises(MailboxError, match="allow_plain") as caught:
        ImapBox(settings(143, host="mail.desk.example"))
    assert caught.value.kind == "config"
    ImapBox(settings(143, host="mail.desk.example", allow_plain=True))
    with pytest.raises(MailboxError, match="control character"):
        ImapBox(settings(free_closed_port(), folder="a\r\nA1 DELETE x")).open()


def free_closed_port() -> int:
    """A port where a server greets and nothing more is needed."""
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_greet, args=(server,), daemon=True).start()
    return int(server.getsockname()[1])


def _greet(server: socket.socket) -> None:
    connection, _ = server.accept()
    scripted_imap({})(connection)
    server.close()


@pytest.mark.parametrize("news", [b"* 2 FETCH (FLAGS (\\Recent))|\r\n", b"* 5 EXI|STS\r\n", b"|"])
def test_idle_reads_lines_that_arrive_in_pieces(news: bytes) -> None:
    """A network may cut a line anywhere; what follows its first half is waited for."""
    first, _, rest = news.partition(b"|")

    def serve(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"* OK [CAPABILITY IMAP4rev1 IDLE] fake\r\n")
            tag = ""
            for line in lines:
                if line == b"DONE\r\n":
                    connection.sendall(rest + f"{tag} OK done\r\n".encode())
                    continue
                tag, verb, *more = line.decode().split()
                if verb == "IDLE":
                    connection.sendall(b"+ go\r\n")
                    time.sleep(0.2)
                    connection.sendall(first)
                    continue
                answer = usual(more[0] if verb == "UID" else verb, "IMAP4rev1 IDLE")
                connection.sendall(answer.replace("{tag}", tag).encode())

    with listening(serve) as port:
        box = ImapBox(settings(port))
        box.open()
        assert box.idle(1.5, lambda: False) is (b"EXI" in news)
        assert [one.uid for one in box.waiting(1)] == [4], "the same connection goes on"
        box.close()


def test_tokens_are_asked_for_again_when_one_is_refused() -> None:
    """XOAUTH2: one more try with a fresh token, then a clear error."""
    asked: list[int] = []

    def secret() -> str:
        asked.append(1)
        return "token"

    answers = {"AUTHENTICATE": "{tag} NO expired\r\n"}
    fake = scripted_imap(answers, "IMAP4rev1 AUTH=XOAUTH2 SASL-IR")
    with listening(fake) as port, pytest.raises(MailboxError, match="login refused"):
        ImapBox(settings(port, auth="xoauth2", secret=secret)).open()
    assert len(asked) == 2


def test_copyuid_sets_are_read_with_care() -> None:
    """Ranges are numbers; an absurd one proves nothing."""
    assert expand(b"1:3,7") == {1, 2, 3, 7}
    assert expand(b"3:1") == {1, 2, 3}
    assert expand(b"1:99999999,x,2:y") == set()
