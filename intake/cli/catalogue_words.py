"""``intake catalogue``: words that people write and that the catalogue does not have yet."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated

import typer

from intake.cli.layout import say
from intake.cli.screen import ConfigOption, JsonOption, database, load, plainly, show_json

app = typer.Typer(no_args_is_help=True, help="Words that people write and the catalogue lacks.")


@app.callback()
def group() -> None:
    """Words that people write and the catalogue lacks."""


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
