"""Lets operators write a text in their own editor."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from intake.cli.screen import Abort

USUAL = "vi"  # where neither VISUAL nor EDITOR is set (POSIX)


def edited(before: str) -> str:
    """Returns the text after editing; empty if it was not changed. Raises Abort."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or USUAL
    with TemporaryDirectory(prefix="intake-") as folder:
        file = Path(folder) / "text.txt"
        file.write_text(before, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)  # noqa: S603 - their own editor
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise Abort(
                f"the editor {editor!r} failed: {error}; set EDITOR, or use --file or --text"
            ) from None
        try:
            after = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Abort(f"the edited text cannot be read: {error}") from None
    return "" if after.strip() == before.strip() else after


def written(text: str, file: Path | None, before: str = "") -> str:
    """The text from the option, from a file or standard input, or from the editor."""
    if text.strip():
        return text
    if file is not None:
        try:
            if str(file) == "-":
                return typer.get_text_stream("stdin").read()
            return file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Abort(f"{file}: cannot be read: {error}") from None
    return edited(before)
