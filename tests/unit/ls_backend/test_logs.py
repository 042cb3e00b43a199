"""The log: whose warnings are kept, and under which project."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

import pytest
from structlog.contextvars import clear_contextvars

from ls_backend.logs import WARNINGS_KEPT, LastWarnings, name_project

Kept = tuple[logging.Logger, LastWarnings]


@pytest.fixture
def kept() -> Iterator[Kept]:
    """A logger, and the warnings that are kept of it."""
    log, handler = logging.getLogger("test.warnings"), LastWarnings()
    log.addHandler(handler)
    yield log, handler
    log.removeHandler(handler)
    clear_contextvars()


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ("3.1795336526", "3"),
        ("3", "3"),
        ("", None),
        (None, None),
        (3, None),
        ("3.1795336526\n", None),
        ("x3", None),
        ("9" * 13, None),
        (["3"], None),
    ],
)
def test_a_project_is_named_by_its_number(given: object, number: str | None) -> None:
    assert name_project(given) == number
    clear_contextvars()


def test_a_flood_of_one_project_pushes_out_nobody_elses(kept: Kept) -> None:
    log, last = kept
    log.warning("of nobody")
    name_project("4.1795336526")
    log.warning("of project 4")
    name_project("3.1795336526")
    for number in range(10 * WARNINGS_KEPT):
        log.warning("trouble %d", number)

    warnings = last.newest_first()

    counts = Counter(warned.project for warned in warnings)
    assert counts == {"3": WARNINGS_KEPT - 2, "4": 1, "": 1}
    assert warnings[0].text == f"trouble {10 * WARNINGS_KEPT - 1}"
    assert warnings[-1].text == "of nobody"


def test_the_same_words_of_two_projects_are_two_warnings(kept: Kept) -> None:
    log, last = kept
    for project in ("3", "4", "3"):
        name_project(project)
        log.warning("trouble")

    assert [(warned.project, warned.times) for warned in last.newest_first()] == [
        ("3", 2),
        ("4", 1),
    ]


def test_among_many_projects_the_oldest_warnings_go(kept: Kept) -> None:
    log, last = kept
    for number in range(WARNINGS_KEPT + 5):
        name_project(str(number))
        log.warning("trouble")

    assert [warned.project for warned in last.newest_first()] == [
        str(number) for number in range(WARNINGS_KEPT + 4, 4, -1)
    ]
