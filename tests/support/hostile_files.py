"""Small documents, archives and winmail.dat files that are built to be slow, and what they cost.

``python -m tests.support.hostile_files`` reads each as the file of a mail, in a process of its own
with limits, and writes a line of JSON for each: seconds of CPU, bytes of memory, how it ended.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import resource
import struct
import sys
from base64 import encodebytes
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from intake.mail.message import Arrival
from intake.worker.parser_pool import Settings, read_here
from tests.support.forms import CATALOGUE
from tests.support.rawmail import NOON

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
TNEF = "application/ms-tnef"
CPU_SECONDS = 1  # after which a reading is ended
MEMORY_BYTES = 2**30  # address space beyond what the process has when it begins
Built = tuple[str, str, bytes]  # name, declared type, content


@dataclass(frozen=True, slots=True)
class Cost:
    """What reading one file took."""

    cpu: float  # seconds
    memory: int  # bytes beyond what a harmless mail needs
    end: str  # "read", or how the process ended


# ---------------------------------------------------------------- Word


def docx(body: str, more: Iterable[tuple[str, bytes]] = (), head: str = "") -> Built:
    """A Word document with that body."""
    xml = f'{head}<w:document xmlns:w="{W}"><w:body>{body}</w:body></w:document>'
    return zipped((("word/document.xml", xml.encode()), *more), "form.docx", WORD)


def zipped(
    entries: Iterable[tuple[str, bytes]], name: str = "a.zip", kind: str = "application/zip",
    method: int = ZIP_DEFLATED,
) -> Built:  # fmt: skip
    """An archive of those entries."""
    out = BytesIO()
    with ZipFile(out, "w", method) as archive:
        for entry, content in entries:
            archive.writestr(ZipInfo(entry), content, method)
    return name, kind, out.getvalue()


def nested(tag: str, depth: int, core: str = "", words: str = "") -> str:
    """That element in itself, so deep, each with the words."""
    return f"<w:{tag}>{words}" * depth + core + f"</w:{tag}>" * depth


RUN = "<w:r><w:t>a</w:t></w:r>"


def in_cell(core: str) -> str:
    """A table of one row with one cell."""
    return f"<w:tbl><w:tr><w:tc>{core}</w:tc></w:tr></w:tbl>"


def paragraphs(depth: int) -> Built:
    """A cell whose paragraphs stand in each other."""
    return docx(in_cell(nested("p", depth, words=RUN)))


def cells(depth: int) -> Built:
    """Cells in each other, with paragraphs in the innermost."""
    return docx(f"<w:tbl><w:tr>{nested('tc', depth, '<w:p>a</w:p>' * depth, RUN)}</w:tr></w:tbl>")


def rows(depth: int) -> Built:
    """Rows in each other, with cells in the innermost."""
    core = f"<w:tc><w:p>{RUN * depth}</w:p></w:tc>"
    return docx(f"<w:tbl>{nested('tr', min(depth, 490), core)}</w:tbl>")


def tables(depth: int) -> Built:
    """Tables in cells in tables."""
    open_, close = "<w:tbl><w:tr><w:tc><w:p>", "</w:p></w:tc></w:tr></w:tbl>"
    return docx(open_ * min(depth, 490) + RUN * depth + close * min(depth, 490))


def flat_words(count: int) -> Built:
    """One paragraph of so many words, as a document should be."""
    return docx(in_cell(f"<w:p>{RUN * count}</w:p>"))


def long_namespace() -> Built:
    """A namespace of half a megabyte that every one of many elements bears."""
    space = "u" * 500_000
    return docx(f'<x xmlns="{space}">{"<a/>" * 100_000}</x>')


def many_namespaces() -> Built:
    """Every element declares its own."""
    return docx("".join(f'<a xmlns:p{n}="u{n}"><p{n}:b/></a>' for n in range(30_000)))


def attributes() -> Built:
    """One element with a hundred thousand attributes."""
    return docx(f"<a {' '.join(f'a{n}=' + chr(34) * 2 for n in range(100_000))}/>")


DECLARED = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'

NO_EXTRA = bytes.fromhex("99990000")  # an extra field of no length


def central(
    names: Iterable[bytes], extra: bytes = b"", comment: bytes = b"", says: int = -1
) -> bytes:
    """A zip that is nothing but a directory; every entry points to the same place."""
    local = b"PK\x03\x04" + struct.pack("<5H3L2H", 20, 0, 0, 0, 0, 0, 0, 0, 1, 0) + b"a"
    made, count = [], 0
    for name in names:
        head = struct.pack(
            "<6H3L5H2L",
            20,
            20,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            len(name),
            len(extra),
            len(comment),
            0,
            0,
            0,
            0,
        )
        made.append(b"PK\x01\x02" + head + name + extra)
        count += 1
    directory = b"".join(made)
    said = min(count if says < 0 else says, 65_535)
    end = struct.pack("<4H2LH", 0, 0, said, said, len(directory), len(local), 0)
    return local + directory + b"PK\x05\x06" + end


def zip_of(content: bytes) -> Built:
    """An archive of those bytes."""
    return "a.zip", "application/zip", content


def bomb() -> Built:
    """A hundred megabytes of nothing in a hundred kilobytes."""
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as archive, archive.open("zeros.bin", "w") as file:
        for _ in range(100):
            file.write(bytes(2**20))
    return "bomb.zip", "application/zip", out.getvalue()


def in_each_other(depth: int) -> Built:
    """Zips in zips."""
    content = b"word"
    for _ in range(depth):
        content = zipped((("inner.zip", content),))[2]
    return "nested.zip", "application/zip", content


# ---------------------------------------------------------------- winmail.dat


def tnef(*objects: bytes) -> Built:
    """A winmail.dat of those objects."""
    return "winmail.dat", TNEF, b"\x78\x9f\x3e\x22\x01\x00" + b"".join(objects) + bytes(16)


def attribute(name: int, data: bytes, level: int = 1, kind: int = 6, length: int = -1) -> bytes:
    """One object of the file, with the length it has or claims."""
    claimed = len(data) if length < 0 else length
    return struct.pack("<BHHI", level, name, kind, claimed) + data + bytes(2)


def mapi(count: int, data: bytes = b"") -> bytes:
    """A list of so many properties, as it says."""
    return struct.pack("<I", count) + data


def binary(name: int, data: bytes) -> bytes:
    """One property that holds bytes."""
    padded = data + bytes(-len(data) % 4)
    return struct.pack("<HHII", 0x0102, name, 1, len(data)) + padded


SIGN = bytes.fromhex("0703020000000000c000000000000046")  # IID_IMessage in front of a message
RENDER, ATTACHED, PROPERTIES, PEOPLE = 0x9002, 0x9005, 0x9003, 0x9004
BILLIONS = 0xFFFFFFFF


def messages(depth: int, filling: int) -> Built:
    """A message in a message, so deep, round a file of that size."""
    data = tnef(attribute(0x800C, b"x" * filling))[2]
    for _ in range(depth):
        inner = mapi(1, binary(0x3701, SIGN + data))
        data = tnef(
            attribute(RENDER, bytes(14), 2), attribute(ATTACHED, inner, 2)
        )[2]  # fmt: skip
    return "winmail.dat", TNEF, data


def many_objects(count: int) -> Built:
    """So many objects of the smallest size."""
    return tnef(attribute(0x8005, b"\0", kind=6) * count)


# ---------------------------------------------------------------- forms as text


def json_of(text: str) -> Built:
    """A form in JSON."""
    return "form.json", "application/json", text.encode()


def deep_json(depth: int) -> Built:
    """Lists in lists."""
    return json_of("[" * depth + "]" * depth)


def json_members(count: int, depth: int) -> Built:
    """Many answers at the end of a chain of fields in fields."""
    one = json.dumps({f"k{n}": "x" for n in range(500)}, separators=(",", ":"))
    core = ",".join([one] * (count // 500))
    text = '{"fields":[' * depth + core + "]}" * depth
    return json_of(text)


def json_words(depth: int, size: int) -> Built:
    """A list in a list beside a word, round a long one."""
    text = '["x",' * depth + json.dumps("y" * size) + "]" * depth
    return json_of(f'{{"module":{text}}}')


CASES: dict[str, Callable[[], Built]] = {
    "paragraphs in paragraphs": lambda: paragraphs(6_000),
    "paragraphs in paragraphs, without words": lambda: docx(in_cell(nested("p", 20_000))),
    "cells in cells": lambda: cells(3_000),
    "rows in rows": lambda: rows(20_000),
    "rows in rows without cells": lambda: docx(
        f"<w:tbl>{nested('tr', 490, '<a/>' * 300_000)}</w:tbl>"
    ),
    "tables in cells": lambda: tables(5_000),
    "twenty cells of nested paragraphs": lambda: docx(
        f"<w:tbl><w:tr>{('<w:tc>' + nested('p', 900, words=RUN) + '</w:tc>') * 20}</w:tr></w:tbl>"
    ),
    "a huge paragraph": lambda: flat_words(60_000),
    "five hundred rows of twenty cells": lambda: docx(
        f"<w:tbl>{('<w:tr>' + f'<w:tc><w:p>{RUN}</w:p></w:tc>' * 20 + '</w:tr>') * 500}</w:tbl>"
    ),
    "a hundred thousand attributes": attributes,
    "a very long namespace": long_namespace,
    "many namespaces": many_namespaces,
    "a very long tag": lambda: docx(f"<{'t' * 900_000}/>"),
    "a very long value": lambda: docx(in_cell(f"<w:p><w:t>{'v' * 1_900_000}</w:t></w:p>")),
    "entities in the text": lambda: docx(in_cell(f"<w:p><w:t>{'&amp;' * 300_000}</w:t></w:p>")),
    "entities that are declared": lambda: docx("&b;" * 1000, head=DECLARED),
    "comments without end": lambda: docx("<!--" * 200_000),
    "instructions": lambda: docx("<?a b?>" * 200_000),
    "elements that nobody closes": lambda: docx("<a>" * 600_000),
    "more text than a document may have": lambda: docx("x" * 50_000_000),
    "a Word document with huge other parts": lambda: docx(
        RUN, (("word/media/a.png", bytes(20_000_000)), ("word/x.xml", b"<a/>" * 10**6))
    ),
    "a Word document of many parts": lambda: docx(
        "", ((f"word/{n}.xml", b"") for n in range(20_000))
    ),
    "twenty thousand entries": lambda: zip_of(central(b"%d" % n for n in range(20_000))),
    "entries that overlap": lambda: zip_of(central([b"a"] * 9_000)),
    "very long names of entries": lambda: zip_of(central([b"n" * 65_000] * 60)),
    "entries with endless extras": lambda: zip_of(central([b"a"] * 100, NO_EXTRA * 10_000)),
    "names that climb": lambda: zip_of(central([b"../" * 20_000] * 100)),
    "a directory that says less than it has": lambda: zip_of(central([b"a"] * 9_000, says=1)),
    "a directory cut off": lambda: zip_of(central([b"a"] * 9_000)[:-9_000]),
    "endings of directories": lambda: zip_of(b"PK\x03\x04" + b"PK\x05\x06" * 150_000),
    "a hundred megabytes packed": bomb,
    "zips in zips": lambda: in_each_other(300),
    "a zip as a Word document": lambda: ("form.docx", WORD, central([b"a"] * 20_000)),
    "many smallest objects": lambda: many_objects(60_000),
    "four billion properties": lambda: tnef(attribute(PROPERTIES, mapi(BILLIONS))),
    "four billion things about a person": lambda: tnef(
        attribute(PEOPLE, mapi(1, mapi(BILLIONS)))
    ),
    "four billion values": lambda: tnef(
        attribute(PROPERTIES, mapi(1, struct.pack("<HHI", 0x1002, 0x3001, BILLIONS)))
    ),
    "four billion properties of a file": lambda: tnef(
        attribute(RENDER, bytes(14), 2), attribute(ATTACHED, mapi(BILLIONS), 2)
    ),
    "a length beyond the end": lambda: tnef(attribute(0x800C, b"x", length=BILLIONS)),
    "messages in messages": lambda: messages(60, 2_000),
    "messages in messages round a file": lambda: messages(150, 400_000),
    "ten thousand files in one": lambda: tnef(attribute(RENDER, bytes(14), 2) * 10_000),
    "a file with a very long name": lambda: tnef(
        attribute(RENDER, bytes(14), 2), attribute(0x8010, b"n" * 900_000, 2)
    ),
    "lists in lists": lambda: deep_json(200_000),
    "answers in fields in fields": lambda: json_members(170_000, 300),
    "words in lists in lists": lambda: json_words(400, 900_000),
    "a very long number": lambda: json_of(f'{{"a":{"9" * 900_000}}}'),
    "a line of commas": lambda: ("form.csv", "text/csv", b"Module," + b"," * 900_000),
    "quotes in a table": lambda: ("form.csv", "text/csv", b'Module,"' + b'""' * 450_000),
    "lines of a table": lambda: ("form.csv", "text/csv", b"Module,x\n" * 100_000),
}  # fmt: skip


# ---------------------------------------------------------------- what they cost


def mail(built: Built) -> Arrival:
    """A mail that brings the file."""
    name, kind, content = built
    head = (
        "From: Zack Morris <zack.morris@bayside.example>\r\nTo: support@desk.example\r\n"
        "Subject: A form\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=cut\r\n\r\n--cut\r\n"
        "Content-Type: text/plain\r\n\r\nPlease see the file.\r\n--cut\r\n"
        f"Content-Type: {kind}\r\nContent-Disposition: attachment; filename={name}\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    raw = head.encode() + encodebytes(content).replace(b"\n", b"\r\n") + b"--cut--\r\n"
    return Arrival("box", 7, 1, NOON, hashlib.sha256(raw).hexdigest(), len(raw), raw)


def catalogue(_: object) -> object:
    """The shipped catalogue, built once: what it takes to build is not the file's."""
    return CATALOGUE


SETTINGS = Settings(blob_root="/nowhere", builder="tests.support.hostile_files:catalogue")


def cost(arrival: Arrival) -> Cost:
    """One reading in a child that ends at the limits."""
    gc.collect()
    before = _pages(1)
    child = os.fork()
    if child == 0:
        _limit()
        try:
            read_here(arrival, SETTINGS)
        finally:
            os._exit(0)
    _, status, used = os.wait4(child, 0)
    end = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "read"
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 - before, end)


def _pages(which: int) -> int:
    """Bytes of this process: 0 is its address space, 1 what is resident."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[which]) * resource.getpagesize()


def _limit() -> None:
    """CPU, memory, and silence about what libraries log."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    most = _pages(0) + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)


def main(names: list[str]) -> None:
    """Every case, or those named, a line each."""
    harmless = flat_words(10)
    read_here(mail(harmless), SETTINGS)  # everything is imported before the first fork
    least = cost(mail(harmless)).memory
    for name in names or list(CASES):
        one = cost(mail(CASES[name]()))
        shown = {"name": name, **asdict(replace(one, memory=one.memory - least))}
        sys.stdout.write(f"{json.dumps(shown)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
