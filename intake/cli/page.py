"""``intake page``: the notifications page about incidents and maintenances, as files."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from intake.cli.layout import say
from intake.cli.screen import ConfigOption, JsonOption, load, plainly, show_json

if TYPE_CHECKING:
    from intake.config.loader import Config

app = typer.Typer(help="The notifications page.", no_args_is_help=True)


@app.command()
def build(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Write the page, its feeds and its calendar now.

    Files whose content has not changed are not written again.
    """
    from intake.store.engine import open_engine, reading
    from intake.store.migrate import check
    from intake.worker import page_publisher

    with plainly():
        given, now = load(config), datetime.now(UTC)
        folder = page_publisher.folder(given)
        engine = open_engine(given.database_url)
        try:
            check(engine)
            changed = page_publisher.publish(given, engine, now)
            with reading(engine) as session:
                notices = page_publisher.board(given, session, now).notices
        finally:
            engine.dispose()
    shown = sum(one.open for one, _ in notices)
    url = given.shape.page.url
    if as_json:
        found = {"changed": changed, "open": shown, "closed": len(notices) - shown}
        show_json({**found, "folder": str(folder), "url": url})
        return
    say(f"{'written' if changed else 'nothing has changed'}: {folder}/index.html")
    say(f"{shown} open, {len(notices) - shown} closed{f', seen at {url}' if url else ''}")


def refresh(given: Config) -> None:
    """Writes the page after a committed change; a failure is printed and undoes nothing."""
    from intake.incidents.page.files import PageError
    from intake.store.engine import StoreError, open_engine
    from intake.worker import page_publisher

    if not given.shape.page.folder:
        return
    engine = open_engine(given.database_url)
    try:
        page_publisher.publish(given, engine, datetime.now(UTC))
    except (PageError, StoreError) as error:
        print(f"intake: the notifications page was not written: {error}", file=sys.stderr)  # noqa: T201 - besides the output
    finally:
        engine.dispose()
