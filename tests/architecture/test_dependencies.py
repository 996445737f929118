"""Whatever the package imports is declared in pyproject.toml, so that an installation starts."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
OPTIONAL = {  # what may be missing, and in which extra it is
    "cli/demo": "demo",
    "parsers/values": "phone",  # asks whether it is there
}


def named(lines: list[str]) -> set[str]:
    """The distributions that requirements name, in small letters."""
    return {re.split(r"[\[<>=!~; ]", one)[0].lower() for one in lines}


def imported(path: Path) -> set[str]:
    """The top packages that a module imports, of whatever is not the standard library's or ours."""
    found = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):  # what only a type checker sees needs no installation
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"intake"}


def test_every_import_is_declared() -> None:
    """By the distribution that brings it, in the dependencies or in the extra of that folder."""
    always = named(PROJECT["dependencies"])
    brings = packages_distributions()
    missing = []
    for path in sorted((ROOT / "intake").rglob("*.py")):
        place = path.relative_to(ROOT / "intake").as_posix()
        extras = [name for folder, name in OPTIONAL.items() if place.startswith(folder)]
        allowed = always.union(*(named(PROJECT["optional-dependencies"][one]) for one in extras))
        for package in imported(path):
            names = {one.lower().replace("_", "-") for one in brings.get(package, [package])}
            if not names & allowed:
                missing.append(f"{place}: {package}")
    assert missing == []
