"""TOML files as data; one that did not change is parsed, and built into a catalogue, only once."""

from __future__ import annotations

import json
import tomllib
from functools import lru_cache
from importlib import resources
from pathlib import Path

from intake.catalogue.catalogue import Catalogue
from intake.catalogue.loader import build

Data = dict[str, object]


class ConfigError(Exception):
    """The configuration cannot be used; the text has one mistake per line."""


def read_toml(path: Path) -> Data:
    """A TOML file as data; ConfigError with the line when it is none."""
    text = _text(path)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from None


def catalogue_text(path: Path | None) -> str:
    """The text of a catalogue file, without a path of the shipped one. Raises ConfigError."""
    if path is None:
        return resources.files("intake").joinpath("catalogue.toml").read_text("utf-8")
    text = _text(path)
    try:
        parsed(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from None
    return text


@lru_cache(maxsize=4)
def parsed(text: str) -> Data:
    """The data of a TOML text, which nobody may change. Raises tomllib.TOMLDecodeError."""
    return tomllib.loads(text)


@lru_cache(maxsize=4)
def built(text: str) -> Catalogue:
    """The catalogue in a TOML text. Raises CatalogueError with every mistake in it."""
    return build(parsed(text))


@lru_cache(maxsize=4)
def canonical(text: str) -> str:
    """The data of a TOML text as JSON with sorted keys: comments and layout do not count."""
    return json.dumps(parsed(text), sort_keys=True, default=str)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 at byte {error.start}") from None
