"""The house: which rooms there are, and that imports run one way through them.

Computed from the imports of every source file, those inside functions too: a room imports its own
files and rooms further down in `FLOORS`, and no file imports itself by way of others.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

FLOORS = (
    "importers.cli",
    "importers.commands",
    "importers.demo",
    "importers.status",
    "importers.pipeline",
    "importers.training_storage",
    "importers.label_studio",
    "importers.scoring",
    "importers.generation",
    "importers.prompts",
    "importers.generators",
    "importers.ledger",
    "importers.openai_api",
    "importers.sample",
    "importers.record",
    "importers.review",
    "importers.image_store",
    "importers.sketch",
    "importers.config",
    "importers.progress",
    "ls_backend",
)
"""Rooms and loose modules from the top of the house to its bottom; arrows run down."""

MOST_LOOSE = 8


def test_every_file_stands_in_a_room() -> None:
    strays = sorted(module for module in arrows() if room(module) is None)
    assert not strays, f"{strays} stand in no room: move them, or name the room in FLOORS"
    empty = set(FLOORS) - {room(module) for module in arrows()}
    assert not empty, f"{sorted(empty)} are named in FLOORS and are not there"


def test_the_page_of_the_architecture_names_what_is_there() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    folders = ("importers", "ls_backend", "tests", "docs")
    there = ["/pyproject.toml"]
    there += [f"/{file}" for folder in folders for file in (ROOT / folder).rglob("*.*")]
    named = re.findall(r"`([\w/]+\.(?:py|toml|md))`", page)
    gone = [name for name in named if not any(path.endswith(f"/{name}") for path in there)]
    assert len(named) > 30
    assert not gone, f"docs/architecture.md names {gone}, which are not there"


def test_few_modules_lie_loose() -> None:
    loose = sorted(file.stem for file in (ROOT / "importers").glob("[!_]*.py"))
    assert len(loose) <= MOST_LOOSE, f"{loose} lie loose: a module belongs into a room"


def test_arrows_run_down() -> None:
    floor = {name: number for number, name in enumerate(FLOORS)}
    up = [
        f"{module} ({room(module)}) imports {imported} ({room(imported)})"
        for module, targets in arrows().items()
        for imported in sorted(targets)
        if floor[room(imported) or ""] < floor[room(module) or ""]
    ]
    assert not up, "imports that run up the house:\n" + "\n".join(up)


def test_no_imports_run_in_a_circle() -> None:
    circles = [" → ".join(circle) for circle in circles_of(arrows())]
    assert not circles, "files that import themselves by way of others:\n" + "\n".join(circles)


def test_no_rooms_import_each_other_in_a_circle() -> None:
    between: dict[str, set[str]] = {}
    for module, targets in arrows().items():
        between.setdefault(folder(module), set()).update(map(folder, targets))
    apart = {room: targets - {room} for room, targets in between.items()}
    circles = [" → ".join(circle) for circle in circles_of(apart)]
    assert not circles, "rooms that import themselves by way of others:\n" + "\n".join(circles)


def test_a_circle_is_found_and_named() -> None:
    tangled = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}
    assert circles_of(tangled) == [["b", "c", "b"]]
    assert circles_of({"a": {"b"}, "b": set()}) == []


def room(module: str) -> str | None:
    """The room, or the loose module, that a module stands in; None for one in none."""
    return next((name for name in FLOORS if f"{module}.".startswith(f"{name}.")), None)


def folder(module: str) -> str:
    """The folder that a module lies in; itself where rooms lie in that folder, too."""
    parent, _, _ = module.rpartition(".")
    package = ROOT.joinpath(*module.split("."))
    if package.is_dir():
        return module
    has_rooms = any(ROOT.joinpath(*parent.split(".")).glob("*/__init__.py"))
    return module if has_rooms else parent


@cache
def arrows() -> dict[str, set[str]]:
    """Each module of ours and the modules of ours that it imports anywhere."""
    files = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
        for package in ("importers", "ls_backend")
        for file in (ROOT / package).rglob("*.py")
    }
    del files["importers"]  # the package's face: it holds nothing but a docstring
    return {module: set(_imported(file, files)) - {module} for module, file in files.items()}


def _imported(file: Path, files: dict[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in files)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield from [name for name in (inner, node.module) if name in files][:1]


def circles_of(graph: dict[str, set[str]]) -> list[list[str]]:
    """One circle for each arrow that closes one, from its first module back to it."""
    circles: list[list[str]] = []
    done: set[str] = set()

    def walk(module: str, path: list[str]) -> None:
        if module in path:
            circles.append([*path[path.index(module) :], module])
        elif module not in done:
            for imported in sorted(graph[module]):
                walk(imported, [*path, module])
            done.add(module)

    for module in sorted(graph):
        walk(module, [])
    return circles
