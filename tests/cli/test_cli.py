"""The commands as operators use them: exit codes, one clear line for a mistake, 80 columns."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from intake.cli.screen import Abort, settings
from intake.config.loader import Config
from intake.worker import service
from tests.support import installation
from tests.support.commands import good, invoke, run
from tests.support.mailbag import bag

FORGED = b"dmarc=fail"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A service with twelve mails handled, one of them forged and held."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(settings, "file", None)
    made = installation.make(
        tmp_path,
        installation.maildir_box(tmp_path / "in")
        + installation.delivery(f"maildir:{tmp_path}/out"),
    )
    for number, mail in enumerate(bag(12)):
        raw = mail.raw.replace(b"dmarc=pass", FORGED) if number == 5 else mail.raw
        (tmp_path / "in/new" / f"{number:02d}").write_bytes(raw)
    service.once(made)
    return made


def failed(config: Config, *words: str) -> Abort:
    """Its error, when it refused."""
    done = run(config, *words)
    assert isinstance(done.exception, Abort), done.output
    return done.exception


def held_id(config: Config) -> int:
    """The number of the held mail."""
    (row,) = json.loads(good(config, "messages", "list", "--held", "--json"))
    return int(row["id"])


LISTS = [
    ("messages", "list"), ("messages", "list", "--held"), ("cases", "list"), ("contacts", "list"),
    ("accounts", "list"), ("outbox", "list"), ("form", "data restore"), ("outbox", "show", "1"),
    ("cases", "show", "case-1001"), ("messages", "show", "1"), ("contacts", "show", "p0"),
]  # fmt: skip


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_everything_fits_eighty_columns(config: Config, words: tuple[str, ...]) -> None:
    """No line is wider than the terminal."""
    lines = good(config, *words).splitlines()
    assert lines
    assert max(map(len, lines)) <= 80


def test_what_is_printed_for_programs_is_json(config: Config) -> None:
    """Each list and each single thing has a --json form."""
    for words in LISTS:
        if words[0] != "form":
            assert json.loads(good(config, *words, "--json"))
    status = run(config, "status", "--json")
    assert json.loads(status.output)["waiting"] == 1
    assert status.exit_code == 1
    assert run(config, "status").exit_code == 1
    report = json.loads(good(config, "once", "--json"))
    assert (report["collected"], report["failures"]) == (0, [])
    assert "mails: 0" in good(config, "once")
    doctor = run(config, "doctor", "--json")
    assert {one["verdict"] for one in json.loads(doctor.output)} <= {"ok", "warn"}


def test_a_held_mail_can_be_released(config: Config) -> None:
    """A person vouches: the case is opened, and history says who did it."""
    number = held_id(config)
    before = json.loads(good(config, "messages", "show", str(number), "--json"))
    assert (before["status"], before["rule"]) == ("held", "R5")
    replayed = json.loads(good(config, "messages", "replay", str(number), "--dry-run", "--json"))
    assert (replayed["before"], replayed["after"]) == ("hold R5", "hold R5")
    assert "hold R5 -> hold R5" in good(config, "messages", "replay", str(number))
    assert "create" in good(config, "messages", "release", str(number))
    after = json.loads(good(config, "messages", "show", str(number), "--json"))
    assert after["status"] == "handled"
    assert after["case_number"]
    released = [one for one in after["events"] if one["kind"] == "released"]
    assert released[0]["who"].startswith("operator:")
    assert "there is nothing to decide" in str(failed(config, "messages", "release", str(number)))
    assert "no message" in str(failed(config, "messages", "release", "999"))


def test_a_held_mail_can_be_rejected(config: Config) -> None:
    """Nothing is sent, the reason is kept, and a second no is refused."""
    number = str(held_id(config))
    assert "rejected" in good(config, "messages", "reject", number, "--why", "spam")
    assert "no mail waits" in good(config, "messages", "list", "--held")
    assert "is rejected" in str(failed(config, "messages", "reject", number))
    assert run(config, "status").exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("messages", "show", "999"), "no message 999"),
        (("messages", "reject", "999"), "no message 999"),
        (("cases", "show", "CASE-9"), "no case 'CASE-9'"),
        (("contacts", "show", "nobody"), "no contact 'nobody'"),
        (("contacts", "disable", "nobody"), "no contact 'nobody'"),
        (("outbox", "show", "999"), "no letter 999"),
        (("outbox", "retry", "999"), "no letter 999"),
        (("outbox", "retry", "1"), "letter 1 is sent"),
        (("form", "moon"), "no case type 'moon'"),
        (("explain", "/none.eml"), "cannot be read"),
        (("cases", "export", "--format", "xml"), "wanted ndjson, json or csv"),
        (("cases", "export", "--since", "soon"), "wanted a moment"),
        (("contacts", "import", "/none.csv"), "cannot be read"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(
    config: Config, words: tuple[str, ...], said: str
) -> None:
    """No traceback, a non-zero code."""
    error = failed(config, *words)
    assert said in str(error)
    assert error.code in (1, 2, 78)


def test_cases_are_exported_whole_and_safely(config: Config, tmp_path: Path) -> None:
    """One object a line, or CSV without formulas; files under our own numbers."""
    rows = [json.loads(line) for line in good(config, "cases", "export").splitlines()]
    assert len(rows) == 11
    assert {row["type"] for row in rows} >= {"data_restore", "report_outage"}
    table = list(csv.DictReader(io.StringIO(good(config, "cases", "export", "--format", "csv"))))
    assert len(table) == 11
    out = tmp_path / "cases.json"
    words = ("cases", "export", "--out", str(out), "--files", str(tmp_path / "f"))
    assert "11 cases" in good(config, *words)
    assert out.read_text().count("\n") == 11
    files = list((tmp_path / "f").rglob("*.bin"))
    assert len(files) == 4
    assert all(path.parent.name.startswith("CASE-10") for path in files)
    assert all(path.name.startswith("1-file-") for path in files)
    assert good(config, "cases", "export", "--since", "2999-01-01") == ""


CSV = """id,name,emails,accounts,contact_type,areas,schema_bootcamp
anna,Anna Example,anna@d0.example;a@d0.example,d0,technical,SIS;HR,yes
"""

BAD = """id,name,emails,accounts,contact_type
x1,,not-an-address,d0,Boss
x2,Two,two@d0.example,nowhere,Authorized
x3,Three,three@d0.example,d0,Authorized,surplus
"""


def test_contacts_come_from_a_spreadsheet(config: Config, tmp_path: Path) -> None:
    """Imported once, unchanged the second time; Excel's own shape as well."""
    file = tmp_path / "people.csv"
    file.write_text(CSV)
    assert "added 1" in good(config, "contacts", "import", str(file))
    assert "unchanged 1" in good(config, "contacts", "import", str(file))
    excel = CSV.replace(";", "|").replace(",", ";").replace("Anna Example", "Anna E.")
    file.write_bytes(b"\xef\xbb\xbf" + excel.encode())
    done = json.loads(good(config, "contacts", "import", str(file), "--json"))
    assert done["changed"] == ["anna"]
    lines = CSV.replace("Anna Example", '"Anna\u2028Example"')
    file.write_text(lines, encoding="utf-8", newline="")
    assert "changed 1" in good(config, "contacts", "import", str(file))
    shown = json.loads(good(config, "contacts", "show", "anna", "--json"))
    assert shown["emails"] == ["anna@d0.example", "a@d0.example"]
    assert (shown["areas"], shown["schema_bootcamp"]) == (["SIS", "Human Resources"], True)


def test_a_bad_contact_file_changes_nothing_and_names_every_bad_row(
    config: Config, tmp_path: Path
) -> None:
    """All mistakes at once, each with its line."""
    file = tmp_path / "bad.csv"
    file.write_text(BAD)
    error = str(failed(config, "contacts", "import", str(file)))
    for words in ("line 2", "name", "line 4", "more cells than columns"):
        assert words in error
    file.write_text(BAD.replace(",surplus", "").replace("x1,,not-an-address,d0,Boss\n", ""))
    assert "'nowhere'" in str(failed(config, "contacts", "import", str(file)))
    names = {one["id"] for one in json.loads(good(config, "contacts", "list", "--json"))}
    assert not names & {"x1", "x2", "x3"}
    toml = tmp_path / "bad.toml"
    toml.write_text(
        '[[accounts]]\nid = "a"\n[[contacts]]\nid = "b"\nname = 3\nboss = true\n'
        '[[contacts]]\nid = "c"\nname = "C"\nemails = ["a@d0.example", "x"]\naccounts = ["d0"]\n'
        'contact_type = "Boss"\nareas = ["Moon"]\n[people]\n'
    )
    error = str(failed(config, "contacts", "import", str(toml)))
    for words in (
        "account 1: name: found nothing", "contact 1 (b): name: found 3", "boss: found an unknown",
        "contact 2 (c): emails: found 'x'", "contact_type: found 'Boss'", "areas: found 'Moon'",
        "people: found an unknown table",
    ):  # fmt: skip
        assert words in error, error


def test_people_can_be_added_and_disabled_one_by_one(config: Config) -> None:
    """A new account, a new contact, off and on again; an address belongs to one person."""
    assert "d99: added" in good(config, "accounts", "add", "d99", "--name", "New", "--alias", "N")
    assert "d99: unchanged" in good(
        config, "accounts", "add", "d99", "--name", "New", "--alias", "N"
    )
    words = ("contacts", "add", "neo", "--name", "Neo", "--email", "neo@d99.example")
    assert "neo: added" in good(config, *words, "--account", "d99")
    assert "neo: changed" in good(config, *words, "--account", "d99", "--type", "Technical")
    assert "disabled" in good(config, "contacts", "disable", "neo")
    assert "enabled" in good(config, "contacts", "disable", "neo", "--enable")
    clash = (
        "contacts",
        "add",
        "z",
        "--name",
        "Z",
        "--email",
        "neo@d99.example",
        "--account",
        "d99",
    )
    assert "which is neo's" in str(failed(config, *clash))


def test_explain_tells_and_writes_nothing(config: Config, tmp_path: Path) -> None:
    """The contract's object; the database is as it was, to the byte."""
    mail = tmp_path / "one.eml"
    mail.write_bytes(bag(3)[2].raw)
    before = (tmp_path / "var/intake.db").read_bytes()
    one = json.loads(good(config, "explain", str(mail), "--json"))
    assert (one["decision"], one["rule"]) == ("ignore", "R0a")
    mail.write_bytes(bag(13)[12].raw.replace(b"Matter", b"Business"))
    one = json.loads(good(config, "explain", str(mail), "--json", "--at", "2026-03-01T10:00:00Z"))
    assert (one["decision"], one["level"], one["type"]) == ("create", "L3", "report_outage")
    assert set(one) >= {
        "file", "message_id", "decision", "rule", "reasons", "level", "contact", "account",
        "submitted_by", "type", "priority", "department", "fields", "fields_text", "missing",
        "problems", "warnings", "attachments", "letters",
    }  # fmt: skip
    assert one["contact"].endswith(".example")
    assert one["letters"][0]["kind"] == "ack"
    assert "letter (ack)" in good(config, "explain", str(mail), str(mail))
    lines = good(config, "explain", str(mail), str(mail), "--json").splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["report_outage"] * 2
    assert (tmp_path / "var/intake.db").read_bytes() == before
    assert "wanted a moment" in str(failed(config, "explain", str(mail), "--at", "noon"))


def test_explain_works_before_anything_was_set_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without configuration, secret and database: nobody is known, and nothing is made."""
    monkeypatch.setattr(settings, "file", None)
    monkeypatch.chdir(tmp_path)
    mail = tmp_path / "one.eml"
    mail.write_bytes(bag(1)[0].raw)
    done = invoke(["explain", str(mail), "--json"])
    assert done.exit_code == 0, done.output
    one = json.loads(done.output)
    assert (one["decision"], one["rule"], one["contact"]) == ("hold", "R8", "")
    assert [path.name for path in tmp_path.iterdir()] == ["one.eml"]


def test_a_colleagues_case_names_both(config: Config, tmp_path: Path) -> None:
    """The contact is the colleague, the writer is on record beside."""
    mail = tmp_path / "one.eml"
    raw = bag(13)[12].raw.replace(b"Case Type:", b"Contact: Person 15\r\nCase Type:")
    mail.write_bytes(raw.replace(b"Matter", b"Business"))
    one = json.loads(good(config, "explain", str(mail), "--json"))
    assert (one["contact"], one["submitted_by"]) == ("person15@d5.example", "person85@d5.example")
