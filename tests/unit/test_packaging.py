"""What pyproject.toml says of the package, held against what is in it."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PACKAGES = ("importers", "ls_backend")
NOT_ON_PYPI = {"label_studio_ml"}
"""Imported only where somebody has installed it: the version on PyPI does not work."""


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def project(pyproject: dict[str, Any]) -> dict[str, Any]:
    project: dict[str, Any] = pyproject["project"]
    return project


def imported() -> set[str]:
    """Packages of others that ours import anywhere, inside functions too."""
    found = set()
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - set(PACKAGES) - NOT_ON_PYPI


def test_every_package_that_is_imported_is_declared(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    groups = [project["dependencies"], *(extras[name] for name in extras if name != "dev")]
    declared = {canonicalize_name(Requirement(line).name) for group in groups for line in group}
    distributions = packages_distributions()
    undeclared = {
        name
        for name in imported()
        if not declared & {canonicalize_name(d) for d in distributions.get(name, [name])}
    }
    assert undeclared == set()


def test_types_of_both_packages_are_for_others_too() -> None:
    assert all((ROOT / package / "py.typed").is_file() for package in PACKAGES)


def test_the_lowest_python_is_the_same_everywhere(project: dict[str, Any]) -> None:
    least = project["requires-python"].removeprefix(">=")
    said = {
        "README.md": rf"Python {least} or newer",
        "CONTRIBUTING.md": rf"Python {least} or newer",
        "Makefile": rf"Python {least} or newer is needed",
        "pyproject.toml": rf'target-version = "py{least.replace(".", "")}"',
        ".github/workflows/ci.yml": rf'python: \["{least}"',
    }
    for file, words in said.items():
        assert re.search(words, (ROOT / file).read_text(encoding="utf-8")), file
    promised = [c.rpartition(" ")[2] for c in project["classifiers"] if re.search(r"3\.\d", c)]
    assert promised[0] == least
    ci = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    assert re.findall(r'"(3\.\d+)"', re.search(r"python: \[.*\]", ci)[0]) == promised  # type: ignore[index]


def test_links_of_the_readme_lead_somewhere_where_only_it_is(pyproject: dict[str, Any]) -> None:
    """As PyPI shows it: relative links would lead nowhere there."""
    hook = pyproject["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    relative = re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", text)
    assert len(relative) > 10
    assert all((ROOT / link).exists() for link in relative)
    for change in hook["substitutions"]:
        text = re.sub(change["pattern"], change["replacement"], text)
    home = pyproject["project"]["urls"]["Homepage"]
    raw = home.replace("github.com", "raw.githubusercontent.com")
    assert f"({raw}/main/docs/queue.png)" in text
    assert f"({home}/blob/main/docs/campaign.md#budget)" in text
    assert re.findall(r"\]\((?!https?:|#)", text) == []
    assert all(url.startswith(home) for url in pyproject["project"]["urls"].values())
