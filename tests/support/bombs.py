"""Mails made to cost: structures, headers and texts that a careless reader spends minutes on."""

from __future__ import annotations

from tests.support.rawmail import mail, multipart

BOMBS = {
    "From of 20,000 quotes": mail(sender="From: " + '"' * 4000),
    "20,000 parts": multipart("mixed", *["\nx"] * 20_000),
    "50,000 empty parts": mail("Content-Type: multipart/mixed; boundary=b", body="--b\n" * 50_000),
    "depth 5,000": b"From: a@b.example\r\n"
    + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (depth, depth)
        for depth in range(5000)
    ),
    "nested comments in From": mail(sender="From: " + "(" * 2000 + "a@b.example"),
    "nested groups in From": mail(sender="From: " + "g:" * 1000 + "a@b.example"),
    "4,000 RFC 2231 parameters": mail(
        "Content-Type: text/plain" + "".join(f"; name*{n}*=x" for n in range(4000))
    ),
    "4,000 addresses": mail("To: " + ", ".join(["a@b.example"] * 4000)),
    "20,000 Received": mail(*["Received: from x by y; date"] * 7000),
    "a million lines like boundaries": mail(
        "Content-Type: multipart/mixed; boundary=b", body=b"--b\r\n\r\n" + b"--\n" * 1_100_000
    ),
    "60,000 folded lines in a part": multipart("mixed", b"X: y\r\n" + b" \r\n" * 20_000 + b"\r\nx"),
    "a field of blanks": mail("Subject: " + " " * 60_000 + "x"),
    "300 KiB without a line end": b"From: a@b.example" + b"x" * 300_000,
}

_DAYS = ("Monday", "yesterday", "01/02/2026", "2 März", "le 3 avril", "2026-02-30")
PROSE = {
    "1 MiB of prose": mail(body="Since this morning nobody can open the grade book. " * 20_600),
    "1 MiB in one line": mail(body="a" * 2**20),
    "10,000 quoted strings": mail(body='It says "Error 500 token expired". ' * 10_000),
    "5,000 dates": mail(body=" ".join(_DAYS[number % 6] for number in range(5000))),
    "5,000 labels": mail(body="Issue Began: yesterday\r\n" * 5000),
    "5,000 steps": mail(body="".join(f"{number}. Open it\r\n" for number in range(5000))),
    "20,000 levels of quotes": mail(body=">" * 20_000 + " words\r\n" + "> " * 10_000),
    "mixed scripts": mail(
        "Content-Type: text/plain; charset=utf-8",
        body=("Grаdе Bооk 成績簿 دفتر \u202e\u200bGrade " * 8000).encode(),
    ),
    "200,000 empty lines": mail(body="\r\n" * 200_000),
    "30,000 attributions": mail(body="On Mon, Mar 2, 2026 at 9:00 AM X wrote:\r\n> y\r\n" * 15_000),
    "HTML of 50,000 cells": mail(
        "Content-Type: text/html", body="<table>" + "<tr><td>Module:<td>x" * 25_000
    ),
    "HTML 20,000 deep": mail("Content-Type: text/html", body="<div>" * 20_000 + "words"),
}
