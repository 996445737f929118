"""``intake catalogue``: words that people write and that the catalogue does not have yet."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intake.cli.layout import say
from intake.cli.screen import ConfigOption, JsonOption, database, load, plainly, show_json
from intake.config.toml_files import ConfigError

if TYPE_CHECKING:
    from intake.parsers.prose.learning import Example

app = typer.Typer(no_args_is_help=True, help="Words that people write and the catalogue lacks.")


@app.callback()
def group() -> None:
    """Words that people write and the catalogue lacks."""


@app.command()
def learn(
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="The file to write; words_file in your catalogue.")
    ],
    mails: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Files of JSON lines with type, subject and body, not cases."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(help="How many of the newest cases are read.")] = 20_000,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Learn from cases, or from mails with a known type, which words speak for which type.

    Words that stand in fewer than three mails are left out. The file is text: read it before you
    use it, because it has words of your mails. Name it as words_file in your catalogue.
    """
    from intake.catalogue.word_weights import written
    from intake.parsers.prose import learning

    with plainly():
        read = _examples_in(mails) if mails else _cases(limit, config)
        good = learning.usable(read)
        if len({one.type for one in good}) < 2:
            wanted = f"two types with {learning.LEAST_OF_A_TYPE} mails each"
            raise ConfigError(f"found {len(read)} mails, wanted at least {wanted}")
        weights = learning.learned(good)
        out.write_text(written(weights), encoding="utf-8")
    right = learning.tried(good)
    if as_json:
        words = len(weights.words)
        show_json({"file": out, "mails": len(good), "types": weights.types, "words": words,
                   "right": right})  # fmt: skip
        return
    say(f"{len(good)} mails of {len(weights.types)} types, {len(weights.words)} words: {out}")
    say(f"Kept aside part by part, {right * 100 // len(good)} of 100 mails get their type.")


def _cases(limit: int, config: str | None) -> list[Example]:
    """The first mails of cases whose type is known."""
    from intake.parsers.prose.learning import Example
    from intake.store.cases import manual

    with database(config) as session:
        rows = manual.told_cases(session, limit)
    return [Example(kind, subject, text) for kind, subject, text, _ in rows]


def _examples_in(files: Sequence[Path]) -> list[Example]:
    """The mails in files of JSON lines; those of more than one type are left out."""
    from intake.parsers.prose.learning import Example

    found = []
    for path in files:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            try:
                row = json.loads(line)
                kind, subject, body = row["type"], row["subject"], row["body"]
            except (ValueError, KeyError, TypeError) as error:
                wanted = "a JSON object with type, subject and body"
                raise ConfigError(f"{path}, line {number}: {error!r}, wanted {wanted}") from None
            if isinstance(kind, str):
                found.append(Example(kind, str(subject), str(body)))
    return found


@app.command()
def suggest(
    limit: Annotated[int, typer.Option(help="How many of the newest cases are read.")] = 2000,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Print phrases that would have told a type or a value, as lines for the catalogue.

    A phrase is one that at least two cases of that type or value have, and none of the others.
    Read the lines before you use them, and try the file with `messages replay --dry-run
    --catalogue FILE`.
    """
    from intake.config.loader import load_catalogue
    from intake.parsers.prose.suggestions import Told, suggestions
    from intake.store.cases import manual

    with plainly():
        catalogue = load_catalogue(load(config))
    with database(config) as session:
        rows = manual.told_cases(session, limit)
    cases = [
        Told(kind, f"{subject}\n{text}", {name: str(value) for name, value in values.items()})
        for kind, subject, text, values in rows
    ]
    found = suggestions(cases, catalogue)
    if as_json:
        show_json(found)
        return
    if not found:
        say(f"{len(cases)} cases read: no new phrases")
        return
    lines: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for one in found:
        lines[one.table][one.key].append(f'"{one.phrase}"')
    for table, keys in lines.items():
        say(f"[{table}]")
        for key, phrases in keys.items():
            name = key if key.isidentifier() else f'"{key}"'
            say(f"{name} = [")
            for phrase in phrases:
                say(f"  {phrase},")
            say("]")
