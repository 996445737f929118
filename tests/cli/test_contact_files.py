"""Contacts from files as offices save them, and what a person may ask for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from intake.worker import service
from tests.support import installation
from tests.support.service import AMY, BEN, Door

HEAD = "id,name,emails,accounts,contact_type\n"


@pytest.fixture
def door(tmp_path: Path) -> Door:
    """A service without mails."""
    return Door(tmp_path)


def test_a_dry_run_says_every_change_and_makes_none(door: Door, tmp_path: Path) -> None:
    """Line by line; then the same file for real, and what it does not name is disabled."""
    file = tmp_path / "new.csv"
    file.write_text(
        HEAD + "amy,Amy Elm,amy@alder.example;amy@elm.example,alder,Technical\n"
        "new,New Person,new@birch.example,birch,Authorized\n"
    )
    said = door.cli("contacts", "import", str(file), "--dry-run", "--disable-missing")
    flat = " ".join(said.split())
    assert "name: Amy Alder -> Amy Elm" in flat
    assert "emails: amy@alder.example -> amy@alder.example, amy@elm.example" in flat
    assert "added new (New Person) of birch" in flat
    assert "disabled ben: not in the file" in flat
    assert "added 1, changed 1, unchanged 0, disabled 3" in flat
    people = json.loads(door.cli("contacts", "list", "--json"))
    assert {one["id"]: one["active"] for one in people} == dict.fromkeys(
        ("abe", "amy", "ben", "mona"), True
    )
    done = json.loads(door.cli("contacts", "import", str(file), "--disable-missing", "--json"))
    assert (done["added"], done["disabled"]) == (["new"], ["abe", "ben", "mona"])
    people = json.loads(door.cli("contacts", "list", "--json"))
    assert [one["id"] for one in people if one["active"]] == ["amy", "new"]


COLUMNS = ("id", "name", "emails", "accounts", "contact_type")
ZOE = ("z", "Zoë", "z@alder.example", "alder", "Authorized")


def saved(cell: str, coding: str, names: tuple[str, ...] = COLUMNS, end: str = "\r\n") -> bytes:
    """One contact in a file as a spreadsheet program saves it."""
    return "".join(cell.join(row) + end for row in (names, ZOE)).encode(coding)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("comma", saved(",", "utf-8", end="\n")),
        ("semicolon", saved(";", "utf-8")),
        ("tabs", saved("\t", "utf-8")),
        ("mark", saved(",", "utf-8-sig")),
        ("windows", saved(";", "cp1252")),
        ("utf-16", saved("\t", "utf-16")),
        ("words", saved(";", "utf-8", ("ID", "Name", "E-Mail", "Account", "Contact type"))),
    ],
)
def test_a_file_as_an_office_saves_it_is_read(
    door: Door, tmp_path: Path, name: str, raw: bytes
) -> None:
    """Excel's separators, marks and encodings; a guess of the encoding is said."""
    file = tmp_path / f"{name}.csv"
    file.write_bytes(raw)
    said = door.cli("contacts", "import", str(file))
    assert ("read as Windows-1252, because line 2 is not UTF-8" in said) == (name == "windows")
    shown = json.loads(door.cli("contacts", "show", "z", "--json"))
    assert (shown["name"], shown["emails"]) == ("Zoë", ["z@alder.example"])


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"PK\x03\x04\x14\0\x06\0\xff\xfe a workbook", "line 1: found a byte of a binary file"),
        (b"id,name\nx,\x81\x8d\xff\n", "line 2: is neither UTF-8 nor Windows-1252"),
        (b"id,naem,emails,accounts,contact_type\n", "found the columns id, naem"),
        (b"", "line 1: found the columns"),
        (HEAD.encode() + b"z,Zo,not an address,alder,Authorized\n", "line 2 (z): emails: found"),
        (HEAD.encode() + b"z,Zo,z@x.example,moon,Authorized\n", "accounts: found 'moon'"),
        (HEAD.encode() + b"z,Zo,z@x.example,alder,Boss\n", "contact_type: found 'Boss', wanted"),
        (HEAD.encode() + b"z,Zo,z@x.example,alder,Authorized,more\n", "more cells than columns"),
        (HEAD.encode() + b"z,Zo,amy@alder.example,alder,Authorized\n", "which is amy's"),
    ],
)
def test_a_bad_file_is_refused_by_line_and_column(
    door: Door, tmp_path: Path, raw: bytes, words: str
) -> None:
    """Nothing is imported, and there is no traceback."""
    file = tmp_path / "bad.csv"
    file.write_bytes(raw)
    said = door.cli("contacts", "import", str(file), code=1)
    assert words in said
    assert len(json.loads(door.cli("contacts", "list", "--json"))) == 4


def test_what_is_exported_can_be_imported_again(door: Door, tmp_path: Path) -> None:
    """All contacts and accounts, and the example is a valid file."""
    out = tmp_path / "people.csv"
    door.cli("contacts", "export", "--out", str(out))
    assert "unchanged 6" in door.cli("contacts", "import", str(out))
    assert door.cli("contacts", "export") == out.read_text()
    example = tmp_path / "example.csv"
    example.write_text(door.cli("contacts", "example"))
    assert "added 3" in door.cli("contacts", "import", str(example))


# ---------------------------------------------------------------- a person's rights


@pytest.mark.takes_blobs
def test_a_person_gets_everything_and_can_be_erased(door: Door, tmp_path: Path) -> None:
    """Before: all of it in one folder. After: no byte of name, address or words is kept."""
    head = ["MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=cut"]
    text = (
        "--cut\nContent-Type: text/plain\n\nCase Type: Ask a Question\n"
        "Description: Wherefore the xylophone?\n--cut\nContent-Type: text/plain\n"
        "Content-Disposition: attachment; filename=pupils.txt\n\nnames of pupils zebra\n--cut--\n"
    )
    door.say(f"Amy Alder <{AMY}>", text, fields=head, subject="Quixotic matter")
    (letter,) = door.posted(AMY)
    door.say(AMY, "Further xylophones.", to=str(letter["Message-ID"]))
    door.say(BEN, "Ben keeps his harmonica.")
    door.cli("cases", "search", "xylophone")
    door.cli("cases", "note", "CASE-1001", "amy@alder.example called about the xylophone")
    out = tmp_path / "given"
    said = door.cli("contacts", "export", "amy", "--out", str(out))
    assert "rows and 3 mails and files" in said
    data = json.loads((out / "data.json").read_text())
    assert [one["address"] for one in data["contact_emails"]] == [AMY]
    assert len(data["messages"]) == 2
    assert "Wherefore the xylophone?" in json.dumps(data["cases"])
    held = installation.everything_on_disk(door.folder)
    planted = (AMY.encode(), b"Amy Alder", b"ylophone", b"Quixotic", b"zebra", b"pupils.txt")
    assert all(one in held for one in planted)

    assert "no terminal" in door.cli("contacts", "erase", "amy", code=2)
    done = json.loads(door.cli("contacts", "erase", "amy", "--yes", "--json"))
    assert (done["as"], done["files"]) == ("erased-1", 3)
    held = installation.everything_on_disk(door.folder)
    assert [one for one in planted if one in held] == []
    assert b"harmonica" in held, "another person's words stay"
    case = door.case("CASE-1001")
    assert (case["subject"], case["contact_id"], case["account_id"]) == (
        "(erased)", "erased-1", "alder",
    )  # fmt: skip
    assert [one["status"] for one in door.messages()] == ["handled"] * 3, "nothing comes back"
    assert "no contact 'amy'" in door.cli("contacts", "show", "amy", code=1)
    assert "no contact 'amy'" in door.cli("contacts", "erase", "amy", "--yes", code=1)
    report = json.loads(installation.command(door.config, "reconcile", "--json").stdout)
    assert report["missing"] == []
    assert service.once(door.config).failures == []


@pytest.mark.takes_blobs
def test_what_waits_for_an_erased_person_is_not_sent(door: Door) -> None:
    """A letter that is due is cancelled; mail from the address is a stranger's."""
    door.put(AMY)
    config = Path(door.config.file)
    before = config.read_text()
    config.write_text(before.replace(f"maildir:{door.folder}/out", "smtp://127.0.0.1:1"))
    service.once(installation.settings.load(str(config), {}))
    config.write_text(before)
    door.cli("contacts", "erase", "amy", "--yes")
    door.work()
    assert door.posted() == []
    assert door.say(AMY)["status"] == "held"
