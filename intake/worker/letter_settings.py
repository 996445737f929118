"""The templates of letters and everything else that all letters of the service share."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable

from intake.catalogue.catalogue import Catalogue
from intake.config import loader as settings
from intake.config.loader import Config
from intake.config.toml_files import ConfigError
from intake.letters.letter import LetterContext, Templates


def letter_context(
    config: Config, secrets: tuple[bytes, ...], catalogue: Catalogue | None = None
) -> LetterContext:
    """The data that all letters share. Raises ConfigError."""
    return LetterContext(
        service=config.service.name,
        address=config.service.address,
        secrets=secrets,
        catalogue=catalogue or settings.load_catalogue(config),
        templates=load_templates(config),
        departments=config.shape.departments,
        handed_over=frozenset(
            one.key
            for one in config.shape.department
            if one.address or one.members or one.desk or one.folder
        ),
        timezone=config.service.timezone,
        language=config.service.language,
        languages=config.service.languages,
        reopen_days=config.shape.replies.reopen_days,
        reply_to_case=config.shape.replies.reply_to_case,
        repeat=config.shape.replies.repeat,
        page_url=config.shape.page.url,
        max_mail_bytes=config.shape.limits.max_mail_bytes,
    )


def load_templates(config: Config) -> Templates:
    """The shipped letter templates, overridden by the operator's own. Raises ConfigError."""
    sources: dict[str, str] = {}
    for name, file in _files(resources.files("intake").joinpath("templates")):
        text = file.read_text("utf-8")
        sources[name] = text
        sources[f"builtin/{name}"] = text
    if config.replies.templates:
        own = config.path(config.replies.templates)
        if not own.is_dir():
            raise ConfigError(f"{config.file}: replies.templates: found no folder {own}")
        for path in sorted((*own.glob("**/*.txt"), *own.glob("**/*.html"))):
            sources[path.relative_to(own).as_posix()] = path.read_text("utf-8")
    return Templates(sources)


def _files(folder: Traversable, before: str = "") -> Iterator[tuple[str, Traversable]]:
    for one in folder.iterdir():
        name = f"{before}{one.name}"
        if one.is_dir():
            yield from _files(one, f"{name}/")
        else:
            yield name, one
