"""The house rules that no linter knows: doors, purity, sizes, and reasons beside exceptions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import mutants

ROOT = Path(__file__).resolve().parents[2]
HOUSE = ROOT / "intake"
FILES = sorted(HOUSE.rglob("*.py"))
SUITE = ROOT / "tests"
TESTS = sorted(SUITE.rglob("*.py"))
NOT_PACKAGES = ("support", "mail", "mail_format", "end_to_end", "architecture")  # of tests/

DOORS = {
    "imapclient": ("adapters/mailbox/imap", "cli/demo/"),  # the demo plays the outside world
    "smtplib": ("adapters/smtp",),
    "sqlalchemy": ("store/",),
    "sqlmodel": ("store/",),
    "alembic": ("store/",),
    "apscheduler": ("worker/scheduler",),
    "signal": ("worker/",),
    "typer": ("cli/",),
    "mailparser": ("mail/",),
    "tomllib": ("config/",),
    "pydantic_settings": ("config/",),
    "jinja2": ("letters/", "incidents/page/"),
    "css_inline": ("incidents/notice",),
    "icalendar": ("incidents/calendar_entry", "incidents/page/calendar"),
    "selectolax": ("mail/mime/",),
    "dkim": ("adapters/dkim_verifier",),
    "dns": ("adapters/dkim_verifier",),
    "publicsuffixlist": ("adapters/dkim_verifier",),
    "oauthlib": ("adapters/oauth",),
    "urllib.request": ("adapters/oauth",),
    "http": ("adapters/webhook", "adapters/metrics", "adapters/oauth"),
    "tnefparse": ("mail/mime/",),
    "pymap": ("cli/demo/servers",),
    "aiosmtpd": ("cli/demo/servers",),
}
PURE = (
    "model/", "mail/", "catalogue/", "authentication/", "parsers/", "notifier", "triage/",
    "letters/", "incidents/",
)  # fmt: skip
NOT_PURE = ("incidents/page/files",)  # writes the page's files
WORLD = frozenset(
    (
        *("os", "io", "socket", "time", "random", "uuid", "logging", "pathlib", "subprocess"),
        *("threading", "shutil", "tempfile", "secrets", "multiprocessing", "asyncio", "sqlalchemy"),
    )
)
BANNED = (
    (r"\beval\(", "eval"),
    (r"\bexec\(", "exec"),
    (r"\bpickle\b", "pickle"),
    (r"yaml\.load", "yaml.load"),
    (r"shell=True", "shell=True"),
    (r"os\.system", "os.system"),
    (r"from_string\(", "a template made of data"),
    (r"text\(f[\"']", "SQL made of data"),
    (r"policy\.default|default_policy", "email.policy.default"),
    (r"write_attachments|write_sample", "mail-parser's writers"),
)
RULES = ("triage/rules", "cli/messages")  # the table, and what operators are advised by rule
NAMELESS = ("utils", "common", "helpers", "base", "models")


def place(path: Path) -> str:
    """The path inside the house without its suffix: "store/look_up"."""
    return path.relative_to(HOUSE).with_suffix("").as_posix()


def imports(tree: ast.AST) -> Iterator[str]:
    """The full names of every module imported anywhere in the tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def foreign_doors(name: str, source: str) -> list[str]:
    """Libraries that the module imports although another module keeps them."""
    found = []
    for module in imports(ast.parse(source)):
        for door in {module, module.partition(".")[0]} & set(DOORS):
            if not name.startswith(DOORS[door]):
                found.append(module)
    return found


def worldly(source: str) -> list[str]:
    """What a pure room may not touch: world modules, clocks, open()."""
    source = source.replace("from io import BytesIO\n", "")  # bytes in memory are no world
    tree = ast.parse(source)
    found = [module for module in imports(tree) if module.partition(".")[0] in WORLD]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id in ("open", "input", "print"):
                found.append(f"{called.id}()")
            if isinstance(called, ast.Attribute) and called.attr in ("now", "utcnow", "today"):
                found.append(f".{called.attr}()")
    return found


def bare_excuses(source: str) -> list[str]:
    """Lint and type exceptions without a reason behind them."""
    lines = source.splitlines()
    pattern = re.compile(
        r"#\s*(type:\s*ignore|noqa|pragma: no cover)(\[[^\]]*\]|:[\sA-Z0-9,]*)?(.*)$"
    )
    found = []
    for number, line in enumerate(lines, 1):
        match = pattern.search(line)
        if match and not re.search(r"[a-z]{3}", match[3]):
            found.append(f"line {number}: {line.strip()}")
    return found


def long_functions(source: str) -> list[str]:
    """Functions of over 60 lines."""
    return [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > 60
    ]


def banned(source: str) -> list[str]:
    """Constructs that have hurt others."""
    return [why for pattern, why in BANNED if re.search(pattern, source)]


@pytest.mark.parametrize("path", FILES, ids=place)
def test_every_room_keeps_the_house_rules(path: Path) -> None:
    """Doors, purity, sizes, excuses and bans hold in this file."""
    source = path.read_text(encoding="utf-8")
    name = place(path)
    assert foreign_doors(name, source) == []
    if name.startswith(PURE) and not name.startswith(NOT_PURE):
        assert worldly(source) == []
    assert bare_excuses(source) == []
    if not name.startswith("store/migrations/versions/"):  # a table is as long as it is
        assert long_functions(source) == []
    assert banned(source) == []
    assert len(source.splitlines()) <= 400
    assert path.stem not in NAMELESS


@pytest.mark.parametrize("path", FILES, ids=place)
def test_package_fronts_hold_no_logic(path: Path) -> None:
    """An __init__ has a docstring, imports and names, nothing else."""
    if path.name == "__init__.py":
        body = ast.parse(path.read_text(encoding="utf-8")).body
        allowed = (ast.Expr, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
        assert all(isinstance(node, allowed) for node in body)
        assert len(body) <= 20


def test_the_tests_lie_in_the_same_packages_as_the_code() -> None:
    """A folder of tests is named after a package of intake, or is one of the few others."""
    folders = {path.name for path in SUITE.iterdir() if path.is_dir() and path.name[:1] not in "._"}
    packages = {path.parent.name for path in HOUSE.glob("*/__init__.py")}
    assert folders - set(NOT_PACKAGES) <= packages
    assert [path for path in SUITE.glob("*.py") if path.name != "conftest.py"] == []
    for path in TESTS:
        inside = path.relative_to(SUITE).parts
        assert len(inside) <= 2, path
        assert (inside[0] == "support") != path.name.startswith(("test_", "conftest")), path


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_no_test_module_borrows_from_another(path: Path) -> None:
    """What several of them need lies in tests/support."""
    names = imports(ast.parse(path.read_text(encoding="utf-8")))
    assert [one for one in names if re.match(r"tests\.(?!support\b)", one)] == []


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_every_test_says_what_is_true(path: Path) -> None:
    """Each test function has a sentence of its own, and no module is longer than the code's."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    silent = [
        node.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_the_rules_can_fail() -> None:
    """Each rule finds its own breach in a sample."""
    assert foreign_doors("store/x", "import imapclient") == ["imapclient"]
    assert foreign_doors("adapters/mailbox/imap", "import imapclient") == []
    assert foreign_doors("store/x", "import urllib.request") == ["urllib.request"]
    assert foreign_doors("store/x", "from urllib.parse import quote") == []
    assert worldly("import os\nfrom time import sleep") == ["os", "time"]
    assert worldly("open('x')\ndatetime.now()") == ["open()", ".now()"]
    assert bare_excuses("x = 1  # noqa") == ["line 1: x = 1  # noqa"]
    assert bare_excuses("x = 1  # noqa: E501") != []
    assert bare_excuses("x = 1  # type: ignore[assignment]") != []
    assert bare_excuses("x = 1  # noqa: E501 - the URL is one word") == []
    assert long_functions("def f():\n" + "    x = 1\n" * 61) == ["f: 62 lines"]
    assert [banned(text) for text in ("eval(x)", 'text(f"")', "a.from_string(b)")] == [
        ["eval"], ["SQL made of data"], ["a template made of data"],
    ]  # fmt: skip


def test_no_committed_file_names_a_registry() -> None:
    """Requirements and settings name packages, never where they come from."""
    for name in ("pyproject.toml", "requirements.txt", "requirements-dev.txt", "Makefile"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.search(r"https?://|index-url =|--extra-index", text), name


def test_every_mutant_can_still_be_made() -> None:
    """The text that each one removes stands in its file exactly once, and its tests are there."""
    assert [one.what for one in mutants.mutants() if one.trouble()] == []


@pytest.mark.parametrize("path", FILES, ids=place)
def test_no_behaviour_hangs_on_words_or_on_a_rules_number(path: Path) -> None:
    """Reasons are for people, and rules have attributes: what follows from both is a value."""
    source = path.read_text(encoding="utf-8")
    assert not re.search(r"(silence|reason|why)\.(startswith|find|partition)\(", source)
    assert not re.search(r"reason\)\.(like|contains|startswith)\(", source)
    if place(path) not in RULES:
        ids = [
            node.value
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        assert [one for one in ids if re.fullmatch(r"R\d+[a-z]?", one)] == []
