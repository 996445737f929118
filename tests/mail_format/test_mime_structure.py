"""The MIME tree: which parts there are, what is text, what is a file."""

from __future__ import annotations

import hashlib

import pytest

from intake.mail.mime import structure
from intake.mail.mime.structure import StructureError
from tests.support.rawmail import mail, message, multipart, refusal

PNG = b"\x89PNG\r\n\x1a\n"


def files(raw: bytes) -> list[tuple[str, str, bytes]]:
    """Name, type and bytes of every attachment."""
    return [(file.name, file.declared_type, file.content) for file in message(raw).attachments]


def codes(raw: bytes) -> set[str]:
    """The codes of the warnings."""
    return {warning.code for warning in message(raw).warnings} - {"date"}


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ("Content-Type: application/pdf", "part-2.pdf"),
        ("Content-Type: image/png\nContent-Disposition: inline", "part-2.png"),
        ("Content-Type: image/png\nContent-ID: <x@y>", "part-2.png"),
        ("Content-Type: text/calendar; method=REQUEST", "part-2.ics"),
        ("Content-Type: text/csv", "part-2.csv"),
        ("Content-Type: text/plain\nContent-Disposition: attachment", "part-2.txt"),
        ("Content-Type: text/plain; name=log.txt", "log.txt"),
        ("Content-Disposition: inline; filename=log.txt", "log.txt"),
        ('Content-Disposition: attachment; filename="../../x.exe"', "x.exe"),
        ("Content-Disposition: attachment; filename*=utf-8''%C3%BC.txt", "ü.txt"),
        ('Content-Disposition: attachment; filename="=?utf-8?q?=C3=BC.txt?="', "ü.txt"),
        ('Content-Disposition: attachment; filename="ü.txt"', "ü.txt"),
        ("Content-Type: x/y; name=b.x\nContent-Disposition: attachment; filename=a.x", "a.x"),
        ("Content-Type: application/x-nonsense", "part-2.bin"),
        ("Content-Type: =?utf-8?q?x?=", "part-2.bin"),
        ("Content-Type: a/b/c", "part-2.bin"),
        ("Content-Type: message/delivery-status", "part-2.txt"),
        ("Content-Type: message/partial", "part-2.bin"),
    ],
)
def test_every_leaf_that_is_not_the_body_is_a_file(head: str, name: str) -> None:
    """Whatever its type, name, disposition or Content-ID, its bytes are kept as they are."""
    raw = multipart(
        "mixed", "\nwords", head.encode().replace(b"\n", b"\r\n") + b"\r\n\r\n\x00\xff\r\n"
    )
    ((found, _, content),) = files(raw)
    assert (found, content) == (name, b"\x00\xff\r\n")
    assert message(raw).plain == "words"


@pytest.mark.parametrize(
    ("encoding", "encoded"),
    [
        ("base64", b"iVBORw0K\r\nGgo="),
        ("quoted-printable", b"=89PNG=0D=0A=1A=0A"),
        ("8bit", PNG),
        ("binary", PNG),
        ("x-uuencode", b"begin 644 a.png\r\n(B5!.1PT*&@H \r\nend"),
        ("BASE64 (really)", b"iVBORw0KGgo="),
    ],
)
def test_files_are_byte_identical_in_every_encoding(encoding: str, encoded: bytes) -> None:
    """The decoded bytes have the digest of the file that was attached."""
    head = f"Content-Type: image/png\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
    (file,) = message(multipart("mixed", head + encoded)).attachments
    assert file.content == PNG
    assert (file.sha256, file.size) == (hashlib.sha256(PNG).hexdigest(), len(PNG))
    assert file.detected_type == "image/png"


def test_an_attached_mail_is_one_file_of_its_own_bytes() -> None:
    """message/rfc822 is never looked into: its words, files and boundaries stay its own."""
    inner = (
        b"From: x@y.example\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n"
        b"--in\r\n\r\nPriority: Critical\r\n--in\r\nContent-Type: application/pdf\r\n\r\n%PDF\r\n"
        b"--in--\r\n"
    )
    raw = multipart("mixed", "\nwords", b"Content-Type: message/rfc822\r\n\r\n" + inner)
    assert files(raw) == [("part-2.eml", "message/rfc822", inner)]
    assert message(raw).plain == "words"
    assert message(raw).html.text == ""


def test_an_attached_mail_may_be_encoded() -> None:
    """A base64 message/rfc822 is decoded; a digest's parts are mails without saying so."""
    head = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    assert files(multipart("mixed", head + b"QTogYg=="))[0][2] == b"A: b"
    assert files(multipart("digest", b"\r\nA: b\r\n\r\nc")) == [
        ("part-1.eml", "message/rfc822", b"A: b\r\n\r\nc")
    ]


def test_alternatives_give_one_plain_and_one_html_body() -> None:
    """Of two versions of the same kind the first is read, and the other is told of."""
    raw = multipart(
        "alternative",
        "\none",
        "\ntwo",
        "Content-Type: text/html\n\n<p>one",
        "Content-Type: a/b\n\nx",
    )
    read = message(raw)
    assert (read.plain, read.html.text) == ("one", "one")
    assert codes(raw) == {"text-left-out"}
    assert len(read.attachments) == 1


def test_plain_leaves_of_a_mixed_body_stand_one_after_the_other() -> None:
    """An empty line lies between them; HTML without a twin stands in its place in the HTML text."""
    raw = multipart("mixed", "\none\n", "Content-Type: text/html\n\n<p>two", "\nthree", "\n \n")
    read = message(raw)
    assert read.plain == "one\n\nthree"
    assert read.html.text == "one\n\ntwo\n\nthree"


def test_html_twins_do_not_repeat_the_plain_text() -> None:
    """Apple's mails: alternative(plain, mixed(html, file, html)) give each text once."""
    raw = mail(
        "Content-Type: multipart/alternative; boundary=o",
        body="--o\n\nboth\n--o\nContent-Type: multipart/mixed; boundary=i\n\n"
        "--i\nContent-Type: text/html\n\n<p>a\n--i\nContent-Type: a/b\n\nx\n"
        "--i\nContent-Type: text/html\n\n<p>b\n--i--\n--o--\n",
    )
    read = message(raw)
    assert (read.plain, read.html.text) == ("both", "a\n\nb")
    assert [file.part for file in read.attachments] == ["2.2"]


def test_images_in_the_text_are_inline() -> None:
    """Referred to by Content-ID, or inline in a multipart/related; others are files."""
    raw = multipart(
        "related",
        'Content-Type: text/html\n\n<img src="cid:logo@x">',
        "Content-Type: image/png\nContent-ID: <logo@x>\n\nx",
        "Content-Type: image/gif\nContent-Disposition: inline; filename=a.gif\n\nx",
        "Content-Type: image/gif\nContent-Disposition: attachment; filename=b.gif\n\nx",
        "Content-Type: application/pdf\nContent-ID: <other@x>\n\nx",
    )
    assert [file.inline for file in message(raw).attachments] == [True, True, False, False]
    mixed = multipart("mixed", "Content-Type: image/gif\nContent-Disposition: inline\n\nx")
    assert [file.inline for file in message(mixed).attachments] == [False]


def test_a_mail_that_is_one_file() -> None:
    """A single part of any type is a file; a single named text is body and file."""
    assert files(mail("Content-Type: application/pdf; name=a.pdf", body=b"%PDF")) == [
        ("a.pdf", "application/pdf", b"%PDF")
    ]
    raw = mail("Content-Type: text/plain; name=a.txt", body=b"words")
    assert message(raw).plain == "words"
    assert files(raw) == [("a.txt", "text/plain", b"words")]
    attached = mail("Content-Disposition: attachment", body=b"words")
    assert message(attached).plain == "words", "there are no others"
    assert files(attached)[0][2] == b"words"


@pytest.mark.parametrize(
    ("content_type", "words"),
    [
        ("Content-Type: multipart/mixed", "--b\n\nwords"),
        ("Content-Type: multipart/mixed; boundary=", "words"),
        ("Content-Type: multipart/mixed; boundary=never", "words"),
        ("Content-Type: text", "words"),
        ("Content-Type: ", "words"),
        ("X: y", "words"),
    ],
)
def test_what_cannot_be_a_multipart_is_read_as_text(content_type: str, words: str) -> None:
    """A multipart without a boundary or without a part loses no words."""
    assert message(mail(content_type, body=words)).plain == words


def test_html_may_be_declared_in_short() -> None:
    """``Content-Type: html`` is what some programs write."""
    assert message(mail("Content-Type: html", body="<p>words")).html.text == "words"


def test_missing_ends_are_told_and_nothing_is_lost() -> None:
    """An outer boundary ends every inner part; the end of the mail ends all of them."""
    raw = mail(
        "Content-Type: multipart/mixed; boundary=o",
        body="--o\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\none\n--o\n\ntwo",
    )
    assert message(raw).plain == "one\n\ntwo"
    details = " ".join(warning.detail for warning in message(raw).warnings)
    assert "inner closing boundary" in details
    assert "the closing boundary is missing" in details


def test_inner_multiparts_may_reuse_the_outer_boundary() -> None:
    """Seen in real bounces: the innermost level takes the line."""
    raw = mail(
        "Content-Type: multipart/mixed; boundary=b",
        body="--b\nContent-Type: multipart/alternative; boundary=b\n\n"
        "--b\n\none\n--b--\n--b\n\ntwo\n--b--\n",
    )
    assert message(raw).plain == "one\n\ntwo"


def test_boundary_lines_are_whole_lines() -> None:
    """White space may follow a boundary, text may not, and a longer boundary is another one."""
    raw = mail(
        "Content-Type: multipart/mixed; boundary=b",
        body="--b \t\n\none\n--bx\n--b--x\n--b\n--b\nContent-Type: a/b\n--b--",
    )
    read = message(raw)
    assert read.plain == "one\n--bx\n--b--x"
    assert [file.content for file in read.attachments] == [b""]


def test_a_boundary_that_ends_like_a_closing_one() -> None:
    """Of ``b`` and ``b--`` the inner level counts."""
    raw = mail(
        "Content-Type: multipart/mixed; boundary=b",
        body='--b\nContent-Type: multipart/mixed; boundary="b--"\n\n--b--\n\none\n--b----\n--b--\n',
    )
    assert message(raw).plain == "one"


@pytest.mark.parametrize(
    "part",
    [
        "Content-Type: text/plain\nContent-Type: text/html\n\nx",
        "Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit\n\nx",
        "Content-Type: multipart/mixed; boundary=a; boundary=b\n\nx",
    ],
)
def test_a_part_that_contradicts_itself_is_held(part: str) -> None:
    """Two readers would see two mails."""
    assert refusal(multipart("mixed", part)).code == "structure"


def test_odd_encodings_of_multiparts_are_told() -> None:
    """base64 on a multipart is a defect, but the mail is read."""
    raw = multipart("mixed", "\nwords").replace(
        b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n", 1
    )
    assert message(raw).plain == "words"
    assert codes(raw) == {"structure"}


def test_depth_is_bounded() -> None:
    """One level beyond the limit is refused, the limit itself is read."""
    caps = structure.Caps(max_depth=2, max_parts=10, max_boundary_bytes=70)

    def nested(depth: int) -> bytes:
        return b"".join(
            b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n - 1, n)
            for n in range(1, depth)
        )

    top = {"content-type": "multipart/mixed; boundary=b0"}
    assert len(structure.walk(nested(2), 0, top, caps).parts) == 2
    with pytest.raises(StructureError):
        structure.walk(nested(3), 0, top, caps)


def test_words_that_are_sealed_are_told_of() -> None:
    """An opaque S/MIME mail has no readable body, and a warning says why."""
    assert "sealed" in codes(
        mail("Content-Type: application/pkcs7-mime; name=smime.p7m", body=b"x")
    )
    assert "sealed" not in codes(
        multipart("mixed", "\nx", "Content-Type: application/pkcs7-mime\n\ny")
    )


def test_a_body_beyond_the_limit_is_cut_and_told() -> None:
    """A million characters are read, the rest stays in the raw mail."""
    raw = mail(body="x" * (2**20 + 5))
    assert len(message(raw).plain) == 2**20
    assert codes(raw) == {"text-cut"}
