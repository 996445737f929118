"""Files of a mail: which are handed on, which are kept back and why, and the virus scanner."""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from intake.adapters.clamav import Scanner, ScannerError
from intake.config.loader import Config
from intake.mail.message import Attachment
from intake.mail.mime.attachment_risk import risk
from intake.triage import attachment_policy
from intake.worker import service as worker
from tests.support import installation
from tests.support.commands import invoke
from tests.support.mailbag import AUTHSERV, SERVICE
from tests.support.servers import MARK, clamd
from tests.support.values import POLICY, message, refusal

EXE = b"MZ\x90\x00" + b"\0" * 60
PERSON = "person0@d0.example"


def archive(names: dict[str, bytes]) -> bytes:
    """A zip with those entries."""
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as made:
        for name, content in names.items():
            made.writestr(name, content)
    return out.getvalue()


def encrypted() -> bytes:
    """A zip whose directory says that its entry is encrypted."""
    data = bytearray(archive({"a.txt": b"x"}))
    directory = data.rindex(b"PK\x01\x02")
    data[directory + 8] |= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "declared", "detected", "data", "why"),
    [
        ("a.pdf", "application/pdf", "application/pdf", b"%PDF-1.4", ""),
        ("a.zip", "application/zip", "application/zip", archive({"b.txt": b"hello"}), ""),
        ("a.docx", "application/zip", "application/zip", archive({"word/document.xml": b"x"}), ""),
        ("photo.png", "image/png", "application/vnd.microsoft.portable-executable", EXE,
         "it is a program, declared as image/png"),
        ("a.doc", "application/msword", "application/vnd.ms-office.macroenabled", b"PK",
         "it holds macros"),
        ("run.JS. ", "text/plain", "", b"x", "files that end in .js can run"),
        ("a.zip", "x/y", "application/zip", archive({"d/setup.exe": EXE}),
         "its archive holds a .exe file"),
        ("a.zip", "x/y", "application/zip", archive({"../../x.txt": b"y"}),
         "its archive names places outside itself"),
        ("a.zip", "x/y", "application/zip", archive({"z.bin": b"\0" * 9_000_000}),
         "its archive unpacks to far more than its size"),
        ("a.zip", "x/y", "application/zip", encrypted(),
         "its archive is encrypted and cannot be looked into"),
        ("a.zip", "x/y", "application/zip", b"PK\x03\x04 cut off", "its archive is damaged"),
        ("a", "x/y", "", b"", ""),
    ],
)  # fmt: skip
def test_risky_files_are_named(
    name: str, declared: str, detected: str, data: bytes, why: str
) -> None:
    """A program under any name, macros, and what the directory of an archive gives away."""
    assert risk(name, declared, detected, data) == why


def file(number: int, size: int = 10, why: str = "", *, inline: bool = False) -> Attachment:
    """One file of a mail."""
    return Attachment("f", "a/b", "", size, "0" * 64, inline, str(number), why)


def test_too_big_and_too_many_are_kept_back_with_a_reason() -> None:
    """Pictures in the text are not counted; with the switch off only the limits hold."""
    files = (file(1, why="it is a program"), file(2, 99), file(3, inline=True), file(4), file(5))
    mail = message(attachments=files)
    policy = replace(POLICY, max_file_bytes=50, max_files=3)
    found = attachment_policy.withheld(mail, policy)
    assert set(found) == {"1", "2", "5"}
    assert found["1"] == "it is a program"
    assert "1" not in attachment_policy.withheld(mail, replace(policy, withhold_risky=False))
    assert attachment_policy.withheld(refusal(), policy) == {}


def service(folder: Path, clamav: str = "") -> Config:
    """A service with a Maildir on both sides."""
    text = installation.maildir_box(folder / "in") + installation.delivery(f"maildir:{folder}/out")
    files = f'[files]\nclamav = "{clamav}"\nclamav_seconds = 5\n' if clamav else ""
    return installation.make(folder, text + files)


def drop(folder: Path, files: dict[str, bytes], name: str = "a") -> None:
    """A mail with those files into the Maildir."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = PERSON, SERVICE, "Files"
    mail["Message-ID"], mail["Date"] = f"<{name}@d0.example>", installation.now_2822()
    mail.set_content("Case Type: Ask a Question\nDescription: See the files.\n")
    for file_name, content in files.items():
        mail.add_attachment(
            content, maintype="application", subtype="octet-stream", filename=file_name
        )
    proof = f"{AUTHSERV}; dkim=pass header.d=d0.example; dmarc=pass header.from=d0.example"
    head = f"Authentication-Results: {proof}\r\n".encode()
    (folder / "in/new" / name).write_bytes(head + mail.as_bytes())


def states(config: Config) -> dict[str, tuple[str, str]]:
    """File name -> state and reason, over all cases."""
    cases = installation.everything(config)["cases"]
    return {
        one["name"]: (one["state"], one["reason"]) for case in cases for one in case["attachments"]
    }


def test_a_withheld_file_is_said_and_never_exported(tmp_path: Path) -> None:
    """The case is there, the letter names the file, export leaves it out, `cases file` gives it."""
    config = service(tmp_path)
    drop(tmp_path, {"setup.exe": EXE, "notes.txt": b"hello"})
    worker.once(config)
    assert states(config) == {
        "setup.exe": ("withheld", "it is a program"), "notes.txt": ("stored", ""),
    }  # fmt: skip
    (letter,) = installation.everything(config)["letters"]
    with installation.database(config) as session:
        from intake.store import reports

        found = reports.letter(session, letter["id"])
    assert found is not None
    text = " ".join(found["text"].split())
    assert "setup.exe (64 bytes; not handed on: it is a program)" in text
    out = tmp_path / "export"
    target = str(tmp_path / "all.json")
    done = invoke(["--config", config.file, "cases", "export", "--files", str(out),
                            "--out", target])  # fmt: skip
    assert done.exit_code == 0, done.output
    assert [path.name for path in out.rglob("*") if path.is_file()] == ["2-notes.txt"]
    (exported,) = [json.loads(line) for line in Path(target).read_text().splitlines()]
    assert exported["attachments"][0]["state"] == "withheld"
    asked = tmp_path / "setup.bin"
    done = invoke(["--config", config.file, "cases", "file", "case-1001", "1", str(asked)])
    assert done.exit_code == 0, done.output
    assert asked.read_bytes() == EXE
    assert "withheld: it is a program" in " ".join(done.output.split())
    done = invoke(["--config", config.file, "cases", "file", "case-1001", "3", str(asked)])
    assert done.exit_code == 1


@pytest.mark.servers
@pytest.mark.xdist_group("servers")
def test_a_real_scanner_looks_at_every_file(tmp_path: Path) -> None:
    """While it is away files wait; then the clean one is stored and the other withheld."""
    spot = socket.socket()
    spot.bind(("127.0.0.1", 0))
    port = spot.getsockname()[1]
    spot.close()
    config = service(tmp_path, f"tcp://127.0.0.1:{port}")
    drop(tmp_path, {"bad.bin": b"xx" + MARK + b"yy", "good.txt": b"hello", "empty.txt": b""})
    report = worker.once(config)
    assert (report.failures, report.collected) == ([], 1)
    assert {state for state, _ in states(config).values()} == {"quarantined"}
    with clamd(tmp_path, port):
        drop(tmp_path, {"again.bin": MARK, "big.bin": b"0" * 3_000_000}, "b")
        worker.once(config)
    assert states(config) == {
        "bad.bin": ("withheld", "virus scanner: Intake.Test.UNOFFICIAL"),
        "again.bin": ("withheld", "virus scanner: Intake.Test.UNOFFICIAL"),
        "big.bin": ("withheld", "virus scanner: too big to be scanned"),
        "good.txt": ("stored", ""),
        "empty.txt": ("stored", ""),
    }  # fmt: skip
    events = [
        one["kind"] for case in installation.everything(config)["cases"] for one in case["events"]
    ]
    assert events.count("withheld") == 3


@pytest.mark.parametrize(
    "answer", [b"", b"stream: Broken ERROR\0", b"HTTP/1.0 400\r\n", b"x" * 9000]
)
def test_an_odd_scanner_is_unavailable(answer: bytes) -> None:
    """Whatever it says that is neither clean nor found, the file goes on waiting."""
    server = socket.create_server(("127.0.0.1", 0))

    def talk() -> None:
        link, _ = server.accept()
        with link:
            link.recv(100)
            link.sendall(answer)

    thread = threading.Thread(target=talk)
    thread.start()
    with pytest.raises(ScannerError):
        Scanner(f"tcp://127.0.0.1:{server.getsockname()[1]}", 5).find(b"x")
    thread.join(10)
    server.close()


@pytest.mark.parametrize("url", ["unix:/nowhere/clamd.ctl", "tcp://127.0.0.1:1", "http://x"])
def test_no_scanner_is_unavailable(url: str) -> None:
    """A socket that is not there, a port nobody listens on, an address of another kind."""
    with pytest.raises(ScannerError):
        Scanner(url, 1).find(b"x")
