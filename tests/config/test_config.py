"""The configuration: complete documentation, strict reading, secrets that are never shown."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from intake.config import loader as settings
from intake.config import validation
from intake.config.loader import Config
from intake.config.schema import Shape
from intake.config.toml_files import ConfigError

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = tomllib.loads((ROOT / "config.example.toml").read_text(encoding="utf-8"))
LONG = "a secret of thirty characters."


def load(tmp_path: Path, text: str, **environment: str) -> Config:
    """The configuration with that text."""
    file = tmp_path / "config.toml"
    file.write_text(text)
    return settings.load(str(file), environment)


def plain(value: Any) -> Any:
    """A default as TOML would give it."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    return [plain(one) for one in value] if isinstance(value, tuple) else value


def test_the_example_documents_every_key_with_its_default() -> None:
    """The file and the code name the same keys, and say the same defaults."""
    defaults = plain(Shape())
    defaults["catalogue"].pop("required")
    defaults.pop("departments")
    defaults.pop("department")  # shown as a comment, like webhook
    defaults.pop("webhook")  # shown as a comment: there is none by default
    assert defaults == EXAMPLE


def test_every_key_of_the_example_is_explained() -> None:
    """A comment stands above each key, or above the group of keys it begins."""
    lines = (ROOT / "config.example.toml").read_text(encoding="utf-8").splitlines()
    after_comment = False
    for line in lines:
        if line.startswith("#"):
            after_comment = True
        elif line.startswith("["):
            after_comment = line.startswith("[[") or after_comment
        elif not line.strip():
            after_comment = False
        else:
            assert after_comment, line


def test_the_example_loads(tmp_path: Path) -> None:
    """What we tell people to start from is valid."""
    text = (ROOT / "config.example.toml").read_text(encoding="utf-8")
    assert load(tmp_path, text).mailbox[0].name == "drop"


def test_without_a_file_the_defaults_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite, a Maildir in, a Maildir out, everything under var/."""
    monkeypatch.chdir(tmp_path)
    config = settings.load(None, {})
    assert config.database_url == f"sqlite:///{tmp_path}/var/intake.db"
    assert config.blob_folder == tmp_path / "var/blobs"
    assert config.mailbox[0].url == "maildir:var/mail"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[service]\nnmae = 'x'", ["service.nmae", "unknown key"]),
        ("[service]\naddress = 'nobody'", ["service.address", "'nobody'", "plain email address"]),
        ("[service]\ntimezone = 'Mars'", ["service.timezone", "'Mars'", "America/Chicago"]),
        ("[delivery]\nconnections = 0", ["delivery.connections", "found 0", "1 or more"]),
        ("[delivery]\npassword = 12345678", ["delivery.password", "(hidden)"]),
        ("[[mailbox]]\nname = 'a'", ["mailbox[0].url", "found nothing"]),
        ("mailbox = []", ["found none", "at least one"]),
        (
            "[[mailbox]]\nname='a'\nurl='maildir:x'\n[[mailbox]]\nname='a'\nurl='maildir:y'",
            ["'a' twice"],
        ),
        ("[[mailbox]]\nname='a'\nurl='maildir:x'\nbackfill='soon'", ["backfill", "'soon'"]),
        ("[service\n", ["is not TOML", "line 1"]),
        ("\xff", ["is not UTF-8"]),
    ],
)
def test_a_mistake_names_file_key_found_and_wanted(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    """Every mistake is one line an operator can act on."""
    file = tmp_path / "config.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError) as caught:
        settings.load(str(file), {})
    assert str(file) in str(caught.value)
    for word in words:
        assert word in str(caught.value)
    assert "12345678" not in str(caught.value)


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    """Nobody has to start the program once for every typing error."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "[service]\nnmae = 1\n[limits]\nmax_parts = -1\n[pages]\n")
    assert len(str(caught.value).splitlines()) == 3


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    """--config with a wrong path is an error, not the defaults."""
    with pytest.raises(ConfigError, match="no such file"):
        settings.load(str(tmp_path / "none.toml"), {})
    with pytest.raises(ConfigError, match="no such file"):
        settings.load(None, {"INTAKE_CONFIG": str(tmp_path / "none.toml")})


def test_a_misspelt_variable_is_refused() -> None:
    """INTAKE_SECRETE is a mistake, not nothing."""
    with pytest.raises(ConfigError, match="INTAKE_SECRETE"):
        settings.load(None, {"INTAKE_SECRETE": "x"})


BOX = "[[mailbox]]\nname = 'main'\nurl = 'imaps://u@h/INBOX'\n"


def test_a_password_comes_from_environment_file_or_command(tmp_path: Path) -> None:
    """In this order: environment, the key itself, a file, a command without a shell."""
    (tmp_path / "pw").write_text("from the file\n")
    for more, environment, wanted in (
        ("password = 'key'", {"INTAKE_MAILBOX_MAIN_PASSWORD": "env"}, "env"),
        ("password = 'key'", {}, "key"),
        ("password_file = 'pw'", {}, "from the file"),
        ("password_command = 'printf \"%s\\n\" from\\ command'", {}, "from command"),
        ("auth = 'xoauth2'\ntoken_file = 'pw'", {}, "from the file"),
    ):
        config = load(tmp_path, BOX + more, **environment)
        assert settings.mailbox_secret(config, config.mailbox[0]) == wanted


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("", "no secret"),
        ("password_file = 'absent'", "cannot be read"),
        ("password_file = 'empty'", "empty file"),
        ("password_command = 'false'", "command failed"),
        ("password_command = 'no-such-program-here'", "command failed"),
        ("password_command = 'true'", "printed nothing"),
    ],
)
def test_a_missing_password_is_a_clear_error(tmp_path: Path, more: str, words: str) -> None:
    """Each way to give none says so."""
    (tmp_path / "empty").write_text("\n")
    config = load(tmp_path, BOX + more)
    with pytest.raises(ConfigError, match=words):
        settings.mailbox_secret(config, config.mailbox[0])


def test_delivery_may_have_no_password(tmp_path: Path) -> None:
    """A local relay needs none; a file that is named must hold one."""
    assert settings.delivery_secret(load(tmp_path, "")) == ""
    config = load(tmp_path, "[delivery]\npassword = 'x'")
    assert settings.delivery_secret(config) == "x"
    config = load(tmp_path, "", INTAKE_DELIVERY_PASSWORD="env")
    assert settings.delivery_secret(config) == "env"


def test_secrets_sign_with_the_newest_and_read_the_older(tmp_path: Path) -> None:
    """Environment first, then the lines of the file; short ones are refused."""
    (tmp_path / "var").mkdir()
    (tmp_path / "var/secret").write_text(
        f"{LONG.replace(' ', '-')}new\n{LONG.replace(' ', '-')}old\n"
    )
    config = load(tmp_path, "")
    assert [one[-3:] for one in settings.load_secrets(config)] == [b"new", b"old"]
    config = load(tmp_path, "", INTAKE_SECRET="x" * 20, INTAKE_SECRET_OLD="y" * 20)
    assert settings.load_secrets(config) == (b"x" * 20, b"y" * 20)
    with pytest.raises(ConfigError, match="shorter than 16"):
        settings.load_secrets(load(tmp_path, "", INTAKE_SECRET="short"))
    with pytest.raises(ConfigError, match="intake init"):
        settings.load_secrets(load(tmp_path, "[service]\nsecret_file = 'none'"))


def test_no_secret_is_ever_shown(tmp_path: Path) -> None:
    """Neither repr nor str of a configuration holds a password."""
    text = "[delivery]\npassword = 'hush-hush'\n[service]\nsecret = 'hush-hush-hush-hush'"
    config = load(tmp_path, text, INTAKE_SECRET="hush-hush-hush-hush")
    assert "hush" not in repr(config) + str(config) + str(config.shape)


def test_the_catalogue_can_be_replaced_and_overridden(tmp_path: Path) -> None:
    """A broken file and an unknown override are named; a good override counts."""
    (tmp_path / "own.toml").write_text("name = 'x'\n")
    with pytest.raises(ConfigError, match=r"own\.toml"):
        settings.load_catalogue(load(tmp_path, "[catalogue]\npath = 'own.toml'"))
    text = "[catalogue.required.ask_question]\nnothing = true"
    with pytest.raises(ConfigError, match="nothing"):
        settings.load_catalogue(load(tmp_path, text))
    with pytest.raises(ConfigError, match="unknown type"):
        settings.load_catalogue(load(tmp_path, "[catalogue.required.none]\nmodule = true"))
    text = "[catalogue.required.ask_question]\nmodule = true"
    assert settings.load_catalogue(load(tmp_path, text)).types


def test_the_policy_hash_changes_with_the_policy(tmp_path: Path) -> None:
    """Whatever a judgement may depend on is in the hash."""
    hashes = set()
    texts = (
        "", "[replies]\nmax_rounds = 3", BOX + "received_above = 2",
        "[evidence]\ndkim = \"always\"",
        "[service]\ntimezone = \"Europe/Madrid\"", "[limits]\nmax_cases_per_contact_hour = 7",
    )  # fmt: skip
    for text in texts:
        config = load(tmp_path, text)
        catalogue = settings.load_catalogue(config)
        hashes.add(settings.policy_hash(config, catalogue))
        assert settings.policy(config, catalogue).may_not_submit == ("Read Only",)
        assert settings.limits(config).max_parts == 500
    assert len(hashes) == len(texts)


def test_backfill_is_none_all_or_a_date(tmp_path: Path) -> None:
    """Nothing older is taken unless it was asked for."""
    for text, everything, dated in (
        ("none", False, False),
        ("all", True, False),
        ("2026-01-31", False, True),
    ):
        config = load(tmp_path, BOX + f"backfill = '{text}'")
        found = validation.backfill(config.mailbox[0])
        assert (found[0], found[1] is not None) == (everything, dated)


def test_an_unchanged_catalogue_is_built_once_and_a_changed_one_anew(tmp_path: Path) -> None:
    """A long-running worker reads its settings again and again."""
    shipped = (ROOT / "intake/catalogue.toml").read_text("utf-8")
    mine = tmp_path / "mine.toml"
    mine.write_text(shipped, "utf-8")
    config = load(tmp_path, '[catalogue]\npath = "mine.toml"\n')
    first = settings.load_catalogue(config)
    assert settings.load_catalogue(config) is first
    mine.write_text(shipped.replace('name = "', 'name = "New ', 1), "utf-8")
    assert settings.load_catalogue(config).name == f"New {first.name}"
