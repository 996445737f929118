"""Charsets, encoded-words, names, parameters, flowed text and transfer encodings."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake.mail.mime import (
    charsets,
    encoded_words,
    filenames,
    format_flowed,
    headers,
    parameters,
    transfer_encodings,
)
from tests.support.rawmail import CAMPAIGN, mail, message, multipart


@pytest.mark.parametrize(
    ("data", "label", "text", "doubted"),
    [
        ("Grüße".encode(), "utf-8", "Grüße", False),
        ("Grüße".encode(), "UFT-8", "Grüße", False),
        ("Grüße".encode(), "1", "Grüße", True),
        ("Grüße".encode(), "unknown", "Grüße", True),
        ("Grüße".encode(), "", "Grüße", False),
        ("Grüße".encode(), "us-ascii", "Grüße", True),
        (b"Gr\xfc\xdfe", "", "Grüße", True),
        (b"Gr\xfc\xdfe", "utf-8", "Grüße", True),
        (b"Gr\xfc\xdfe", "iso-8859-1", "Grüße", False),
        (b"\x93hi\x94", "iso-8859-1", "“hi”", True),
        (b"\x93hi\x94", "us-ascii", "“hi”", True),
        (b"a\xfcb", "ascii", "aüb", True),
        ("שלום".encode("iso-8859-8"), "iso-8859-8-i", "שלום", False),
        (b"\x81", "cp-850", "ü", False),
        ("ไทย".encode("cp874"), "windows-874", "ไทย", False),
        ("日本".encode("iso-2022-jp"), "_iso-2022-jp$esc", "日本", False),
        ("镕".encode("gb18030"), "gb2312", "镕", False),
        ("①".encode("cp932"), "Shift_JIS", "①", False),
        (b"\x1b$B-!-j\x1b(B ok \x1b(I12\x1b(J", "iso-2022-jp", "①㈱ ok ｱｲ", False),
        ("日本語\nab".encode("iso-2022-jp"), "", "日本語\nab", False),
        (b"\x1b$B-!-j\nok\x1b(B", "iso-2022-jp", "①㈱\nok", False),
        ("한국".encode("cp949"), "ks_c_5601-1987", "한국", False),
        ("ü".encode() + b"\xff", "utf-8", "ü\ufffd", True),
        (b"abc", "rot13", "abc", True),
        (b"abc", "base64", "abc", True),
        (b"abc", "punycode", "abc", True),
        (b"abc", "utf-8\0x", "abc", True),
        (b"abc", "../../etc", "abc", True),
        (b"abc", "x" * 500, "abc", True),
        (b"abc", '"utf-8"', "abc", False),
        (b"\xff\xfeab", "utf-16", "\u6261", False),
        (b"a\0b\x1b[2J\r\nc\rd", "utf-8", "ab[2J\nc\nd", False),
        (b"\xef\xbb\xbfa", "utf-8", "a", False),
        (b"+2AA-", "utf-7", "\ufffd", False),
    ],
)
def test_bytes_become_text_whatever_the_label(
    data: bytes, label: str, text: str, doubted: bool
) -> None:
    """A valid charset wins, known misspellings are understood, repairs leave a doubt."""
    found = charsets.decode(data, label)
    assert found.text == text
    assert bool(found.doubt) == doubted


def test_a_wild_label_in_a_header_is_no_obstacle() -> None:
    """The same labels in an encoded-word give text, too."""
    for label in (
        "uft-8",
        "iso-8859-8-i",
        "1",
        "cp-850",
        "_iso-2022-jp$esc",
        "windows-874",
        "unknown",
    ):
        assert message(mail(f"Subject: =?{label}?q?plain?=")).subject == "plain"


def test_html_may_name_its_charset_itself() -> None:
    """A declared charset wins, then the meta element, then the guess."""
    page = '<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">я'
    assert charsets.decode_html(page.encode("koi8-r"), "").text.endswith("я")
    assert charsets.decode_html(page.encode("utf-8"), "utf-8").text.endswith("я")
    assert charsets.decode_html(b"\xef\xbb\xbf" + page.encode(), "").text.endswith("я")
    assert charsets.decode_html("<p>я".encode(), "").text.endswith("я")


@settings(max_examples=200 * CAMPAIGN, deadline=None)
@given(
    st.binary(max_size=60),
    st.one_of(
        st.text(max_size=20), st.sampled_from(["utf-7", "hz", "iso-2022-kr", "utf-16", "big5"])
    ),
)
def test_decoding_is_total(data: bytes, label: str) -> None:
    """Any bytes under any label give text that UTF-8 can hold, without NUL."""
    for text in (charsets.decode(data, label).text, charsets.decode_html(data, label).text):
        assert b"\0" not in text.encode("utf-8")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("=?utf-8?q?a_b?=", "a b"),
        ("=?UTF-8?B?w7w=?=", "ü"),
        ("=?UTF-8?B?w7w?=", "ü"),
        ("=?utf-8*en?q?a?=", "a"),
        ("x =?utf-8?q?a?= y", "x a y"),
        ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        ("=?utf-8?q?a?=\r\n =?iso-8859-1?q?=FC?=", "aü"),
        ("=?utf-8?q?=C3?= =?utf-8?q?=BC?=", "ü"),
        ("=?utf-8?q?hello world?=", "hello world"),
        ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
        ("=?utf-8?b?a?=", "a"),
        ("=?utf-8?q?a", "=?utf-8?q?a"),
        ("(=?utf-8?q?a?=)", "(a)"),
        ("a=?utf-8?q?b?=c", "abc"),
        ("", ""),
    ],
)
def test_encoded_words_are_decoded(value: str, text: str) -> None:
    """RFC 2047, with characters cut across words and missing padding forgiven."""
    assert encoded_words.decode(value) == text


@settings(max_examples=200 * CAMPAIGN, deadline=None)
@given(st.one_of(st.text(max_size=60), st.text("=?utf-8bqBQ_ \r\n*AC=", max_size=60)))
def test_a_line_is_one_line(value: str) -> None:
    """Any text gives a bounded line without control, format or surrogate characters; again."""
    line = encoded_words.one_line(encoded_words.decode(value))
    assert line == encoded_words.one_line(line)
    assert "\n" not in line
    line.encode("utf-8")


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\evil.exe", "evil.exe"),
        ("C:\\Users\\a\\b.txt", "b.txt"),
        ("/", ""),
        ("..", ""),
        (".htaccess", "htaccess"),
        ("-rf", "rf"),
        ("a\0b\r\n.txt", "ab.txt"),
        ("gpj.\u202eexe", "gpj.exe"),
        ("a\u200b.txt", "a.txt"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("COM1 .x", "_COM1 .x"),
        ("console.txt", "console.txt"),
        ("x...", "x"),
        ('a<b>:"|?*.txt', "a_b______.txt"),
        ("u\u0308.txt", "ü.txt"),
        ("a   b\t c.txt", "a b c.txt"),
        ("x" * 500 + ".pdf", "x" * 116 + ".pdf"),
        ("ü" * 500, "ü" * 60),
        ("a." + "x" * 200, "a." + "x" * 118),
        ("", ""),
    ],
)
def test_a_name_is_safe_to_show_and_to_save(given_name: str, shown: str) -> None:
    """No path, no hidden character, no reserved name, no more than 120 bytes; the ending stays."""
    assert filenames.clean(given_name) == shown


@settings(max_examples=500 * CAMPAIGN, deadline=None)
@given(
    st.one_of(
        st.text(max_size=160), st.text("con.aux/\\ -<\u0308\u0338\u202eü\u1100\u1161", max_size=80)
    )
)
def test_a_clean_name_stays_as_it_is(name: str) -> None:
    """clean is idempotent, bounded and never gives a path."""
    once = filenames.clean(name)
    assert filenames.clean(once) == once
    assert len(once.encode("utf-8")) <= filenames.MAX_NAME_BYTES
    assert "/" not in once
    assert "\\" not in once
    assert not once.startswith((".", "-", " "))


@pytest.mark.parametrize(
    ("text", "value", "found"),
    [
        ("", "", {}),
        ("text/plain", "text/plain", {}),
        ("Text/Plain; Charset=UTF-8", "text/plain", {"charset": "UTF-8"}),
        ('a/b; name="x; y"', "a/b", {"name": "x; y"}),
        ('a/b; name="x \\"y\\" \\z"', "a/b", {"name": 'x "y" \\z'}),
        ('a/b; name="open', "a/b", {"name": "open"}),
        ("a/b; name=two words.pdf", "a/b", {"name": "two words.pdf"}),
        ("a/b (c (d)); charset=us-ascii (plain)", "a/b", {"charset": "us-ascii"}),
        ("a/b; ; =x; y; name*=utf-8''%C3%BC", "a/b", {"name": "ü"}),
        ("a/b; name*0*=utf-8''%C3; name*1*=%BC; name*2=.x", "a/b", {"name": "ü.x"}),
        ("a/b; name*1=b; name*0=a", "a/b", {"name": "ab"}),
        ("a/b; name=x; name*=utf-8''y", "a/b", {"name": "y"}),
        ("a/b; name*=broken", "a/b", {"name": "broken"}),
        ("a/b; name*=nope'x'y", "a/b", {"name": "y"}),
    ],
)
def test_parameters_are_read(text: str, value: str, found: dict[str, str]) -> None:
    """RFC 2045 and RFC 2231, and what mailers write instead of them."""
    read = parameters.read(text)
    assert (read.value, read.parameters) == (value, found)


def test_a_repeated_parameter_is_told() -> None:
    """The first value wins, and the name is listed when the second one differs."""
    assert parameters.read("a/b; c=1; c=1; d=1; d=2").repeated == ("d",)


@pytest.mark.parametrize(
    ("text", "del_sp", "joined"),
    [
        ("a \nb\nc", False, "a b\nc"),
        ("a \nb\nc", True, "ab\nc"),
        ("> a \n> b\n>> c \nd", False, "> a b\n>> c\nd"),
        ("a \n-- \nname", False, "a\n-- \nname"),
        (" >not a quote", False, ">not a quote"),
        ("end ", False, "end"),
        ("", False, ""),
    ],
)
def test_flowed_lines_are_joined(text: str, del_sp: bool, joined: str) -> None:
    """RFC 3676: soft breaks vanish within a quote depth; the signature line stands alone."""
    assert format_flowed.unwrap(text, del_sp) == joined


def test_flowed_is_undone_only_where_declared() -> None:
    """The parameter decides; DelSp takes the space away."""
    body = "one \ntwo\n"
    assert message(mail("Content-Type: text/plain", body=body)).plain == "one \ntwo"
    assert message(mail("Content-Type: text/plain; format=Flowed", body=body)).plain == "one two"
    flowed_type = "Content-Type: text/plain; format=flowed; delsp=yes"
    assert message(mail(flowed_type, body=body)).plain == "onetwo"


@pytest.mark.parametrize(
    ("data", "encoding", "decoded", "doubted"),
    [
        (b"a\r\nb", "", b"a\r\nb", False),
        (b"a", "8bit", b"a", False),
        (b"YW\r\nJj", "base64", b"abc", False),
        (b"YWI", "base64", b"ab", True),
        (b"Y", "base64", b"Y", True),
        (b"!YW*I=", "base64", b"ab", True),
        (b"YQ==YmM=\r\nZGVm", "base64", b"abcdef", True),
        (b"YQ\r\n==\r\n", "base64", b"a", False),
        (b"YWJjZ", "base64", b"YWJjZ", True),
        (b"a=3Db=\r\nc=XX", "quoted-printable", b"a=bc=XX", False),
        (b"begin 644 a.txt\r\n#86)C\r\n`\r\nend\r\n", "x-uuencode", b"abc", False),
        (b"words\nbegin 644 a\n#86)Cxx\n#86)C\n", "uuencode", b"abcabc", False),
        (b"words", "uue", b"words", True),
        (b"begin 644 a\n\x80\x81\n", "uue", b"begin 644 a\n\x80\x81\n", True),
        (b"begin 999 a\n", "uue", b"begin 999 a\n", True),
        (b"a", "base65", b"a", True),
    ],
)
def test_transfer_encodings_are_undone(
    data: bytes, encoding: str, decoded: bytes, doubted: bool
) -> None:
    """Broken encodings give what there is, with a doubt; bytes are never lost."""
    found, doubt = transfer_encodings.decode(data, encoding)
    assert found == decoded
    assert bool(doubt) == doubted


@settings(max_examples=200 * CAMPAIGN, deadline=None)
@given(
    st.one_of(st.binary(max_size=80), st.binary(max_size=60).map(lambda b: b"begin 644 x\n" + b)),
    st.sampled_from(["base64", "quoted-printable", "uue", "7bit", "x"]),
)
def test_undoing_encodings_is_total(data: bytes, encoding: str) -> None:
    """Any bytes under any encoding give bytes."""
    assert isinstance(transfer_encodings.decode(data, encoding)[0], bytes)


def test_the_header_of_a_part_is_read_kindly() -> None:
    """The first of two names wins, a line that is no field begins the body, folding is undone."""
    raw = b"A: 1\nB: 2\n folded\nA: 3\nC: \xfc\n\nbody"
    assert headers.lenient(raw, 0, 1000) == (
        {"a": "1", "b": "2 folded", "c": "ü"},
        ("a",),
        raw.index(b"body"),
    )
    assert headers.lenient(b"A: 1\nwords", 0, 1000) == ({"a": "1"}, (), 5)
    assert headers.lenient(b" words", 0, 1000) == ({}, (), 0)
    assert headers.lenient(b"--b: x\n", 0, 1000) == ({}, (), 0)
    with pytest.raises(headers.HeaderError):
        headers.lenient(b"A: " + b"x" * 100, 0, 50)


def test_base64_padded_line_by_line_is_whole() -> None:
    """Every line ends with its own padding: nothing behind the first of them is lost."""
    data = bytes(range(256)) * 30
    lines = [b64encode(data[at : at + 19]) for at in range(0, len(data), 19)]
    raw = mail("Content-Type: application/octet-stream", "Content-Transfer-Encoding: base64",
               body=b"\r\n".join(lines))  # fmt: skip
    made = message(raw)
    assert made.attachments[0].content == data
    assert any("padded in pieces" in warning.detail for warning in made.warnings)


@settings(max_examples=200 * CAMPAIGN, deadline=None)
@given(st.binary(max_size=200), st.integers(1, 60), st.booleans())
def test_base64_comes_back_however_it_was_cut(data: bytes, size: int, padded: bool) -> None:
    """Encoded in pieces of any size, with the padding of each piece or, at one piece, without."""
    pieces = [b64encode(data[at : at + size]) for at in range(0, len(data), size)]
    if not padded:
        pieces = [b64encode(data).rstrip(b"=")]
    assert transfer_encodings.decode(b"\r\n".join(pieces), "base64")[0] == data


@pytest.mark.parametrize(
    ("value", "charset", "subject"),
    [
        ("Grüße".encode("latin-1"), "iso-8859-1", "Grüße"),
        ("Привет".encode("koi8-r"), "koi8-r", "Привет"),
        ("日本".encode("cp932"), "shift_jis", "日本"),
        ("Grüße".encode(), "koi8-r", "Grüße"),
        ("Grüße".encode("cp1252"), "utf-8", "Grüße"),
        (b"=?iso-8859-1?Q?caf\xe9?=", "us-ascii", "café"),
        (b"=?koi8-r?Q?\xf0=D2?=", "koi8-r", "Пр"),
    ],
)
def test_a_raw_subject_is_of_the_charset_of_the_text(
    value: bytes, charset: str, subject: str
) -> None:
    """Raw 8-bit bytes in a header, and inside an encoded word, where no charset is declared."""
    raw = mail(f"Content-Type: text/plain; charset={charset}", body="x")
    raw = raw.replace(b"\r\n\r\n", b"\r\nSubject: " + value + b"\r\n\r\n", 1)
    assert message(raw).subject == subject


PNG = b64encode(b"\x89PNG\r\n\x1a\n" + b"0" * 60).decode()


def test_pictures_inside_html_are_files() -> None:
    """A pasted picture is kept beside the words, and none of its letters stand among them."""
    body = f'<p>Look:</p><img src="data:image/png;base64,{PNG}"><p>Broken.</p>'
    made = message(mail("Content-Type: text/html", body=body))
    assert made.html.text.split() == ["Look:", "Broken."]
    (file,) = made.attachments
    assert (file.name, file.detected_type, file.size) == ("picture-1.png", "image/png", 68)


def test_a_big_picture_inside_html_costs_no_words() -> None:
    """Two megabytes of picture stand before the words."""
    big = b64encode(b"\x89PNG" + b"0" * 2_000_000).decode()
    body = f'<img src="data:image/png;base64,{big}"><p>The words.</p>'
    assert message(mail("Content-Type: text/html", body=body)).html.text == "The words."


def test_a_file_in_the_middle_of_a_text_is_a_file() -> None:
    """Uuencode between the words, as old programs write it; a mere "begin" is a word."""
    text = "Hello,\n\nbegin 644 a.txt\n#86)C\n`\nend\n\nbegin 644 of the end\nBye\n"
    made = message(mail(body=text))
    assert made.plain == "Hello,\n\n\nbegin 644 of the end\nBye"
    assert [(file.name, file.content) for file in made.attachments] == [("a.txt", b"abc")]


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("text/plain; name=note.txt", ""),
        ("text/plain", "Content-Disposition: inline; filename=note.txt"),
        ("text/plain", "Content-Disposition: attachment; filename=note.txt"),
        ("text/markdown", ""),
        ("text/x-unknown", ""),
        ("text/plain charset=utf-8", ""),
        ("text/html; name=note.html", ""),
    ],
)
def test_words_are_found_wherever_text_is(kind: str, more: str) -> None:
    """Named text, a text file alone, text of another type, a type without its semicolon."""
    part = f"Content-Type: {kind}\n" + (f"{more}\n" if more else "") + "\nThe gradebook is down.\n"
    picture = f"Content-Type: image/png\nContent-Transfer-Encoding: base64\n\n{PNG}"
    made = message(multipart("mixed", part, picture))
    assert (made.plain + made.html.text).strip() == "The gradebook is down."


@pytest.mark.parametrize("kind", ["text/calendar", "text/csv", "text/vcard", "application/json"])
def test_what_holds_no_words_is_no_text(kind: str) -> None:
    """Calendars and tables stay files."""
    made = message(multipart("mixed", f"Content-Type: {kind}\n\nBEGIN:X\n"))
    assert (made.plain, made.html.text, len(made.attachments)) == ("", "", 1)
