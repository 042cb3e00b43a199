"""What the next process does about an import that a killed one had noted."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from importers.label_studio import imports
from importers.label_studio.imports import FileNote, ImportNote, LedgerNote, NotedImports
from importers.ledger import Ledger
from importers.ledger.notes import Note
from ls_backend.errors import LabelStudioError


@pytest.fixture(params=["file", "ledger"])
def note(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ImportNote]:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        kinds = {
            "file": FileNote(tmp_path / "note.json"),
            "ledger": LedgerNote(ledger, Note.TASKS_IMPORT),
        }
        yield kinds[request.param]


class Arrivals:
    """Asked whether an import is there: not yet so often, then it is."""

    def __init__(self, not_yet: int) -> None:
        self.not_yet = not_yet
        self.asked: list[str] = []

    def __call__(self, sign: str) -> bool:
        self.asked.append(sign)
        return len(self.asked) > self.not_yet


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "_POLL_S", 0.001)


def test_nothing_noted_nothing_asked(note: ImportNote) -> None:
    arrivals = Arrivals(0)
    NotedImports(note, arrivals).wait()
    assert arrivals.asked == []


def test_an_import_that_is_done_leaves_no_note(note: ImportNote) -> None:
    with NotedImports(note, Arrivals(0)).noted("a"):
        assert note.read() is not None
    assert note.read() is None


def test_one_that_was_cut_off_is_waited_for_by_the_next(note: ImportNote) -> None:
    with pytest.raises(KeyboardInterrupt), NotedImports(note, Arrivals(0)).noted("a"):
        raise KeyboardInterrupt
    arrivals = Arrivals(3)
    NotedImports(note, arrivals).wait()
    assert arrivals.asked == ["a"] * 4
    assert note.read() is None


def test_one_that_never_comes_is_given_up(note: ImportNote) -> None:
    for begun in (time.time() - imports.IMPORT_MAY_TAKE_S, time.time() + 3600):
        note.write(json.dumps([begun, "a"]))
        arrivals = Arrivals(9)
        NotedImports(note, arrivals).wait()
        assert arrivals.asked == []
        assert note.read() is None


def test_a_note_that_was_cut_short_holds_nobody_up(note: ImportNote) -> None:
    note.write("[17")
    arrivals = Arrivals(9)
    NotedImports(note, arrivals).wait()
    assert arrivals.asked == []
    assert note.read() is None


@pytest.mark.parametrize(
    ("code", "may_come"),
    [("label_studio_rejected", False), ("label_studio_unreachable", True)],
)
def test_only_what_was_refused_for_certain_is_not_waited_for(
    note: ImportNote, code: str, may_come: bool
) -> None:
    with pytest.raises(LabelStudioError), NotedImports(note, Arrivals(0)).noted("a"):
        raise LabelStudioError("no", hint="", code=code)
    assert (note.read() is not None) == may_come
