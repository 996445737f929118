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

SHIPPED_WORDS = "shipped"  # the value of words_file for the words that intake ships with


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
    """The text of a catalogue file with its learned words; without a path, of the shipped one.

    ``words_file`` names a file beside the catalogue, or the words that intake ships with. Raises
    ConfigError.
    """
    if path is None:
        return _with_words(_shipped("catalogue.toml"), _shipped("catalogue_words.txt"))
    text = _text(path)
    try:
        name = parsed(text).get("words_file")
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from None
    if not name or not isinstance(name, str):
        return text
    if name == SHIPPED_WORDS:
        return _with_words(text, _shipped("catalogue_words.txt"))
    beside = path.parent / name
    words = _text(beside)
    if "'''" in words:
        raise ConfigError(f"{beside}: found ''', wanted lines that `intake catalogue learn` writes")
    return _with_words(text, words)


def _with_words(text: str, words: str) -> str:
    """The text of a catalogue with learned words in it, so that both are one content."""
    return f"{text}\n[learned]\nwords = '''\n{words}'''\n"


def _shipped(name: str) -> str:
    return resources.files("intake").joinpath(name).read_text("utf-8")


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
