"""Imports that may still be under way when the process that asked for them is gone.

Label Studio stores twice what it is sent twice, and goes on importing after a kill or a proxy's
504. So a note is left before each import (of tasks, of predictions, or of a project's settings),
and whoever comes next waits until that import has come to light, or cannot any more.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from importers.ledger import Ledger
from importers.ledger.notes import Note
from ls_backend.errors import LabelStudioError

IMPORT_TIMEOUT_S = 600.0
IMPORT_MAY_TAKE_S = 30.0
PREDICTIONS_LOST = "label_studio_predictions_lost"
_POLL_S = 0.5
_NOTHING_COMES = {"label_studio_rejected", PREDICTIONS_LOST}

Sign = TypeVar("Sign", bound="str | int")
"""What an import is known by: a sample's key, a task's number, or the campaign's id."""


class ImportNote(Protocol):
    """Where one text outlives the process."""

    def read(self) -> str | None:
        """The text; None where there is none."""

    def write(self, text: str | None) -> None:
        """Keep a text, or none any more."""


@dataclass(frozen=True)
class LedgerNote:
    """A note of the ledger."""

    ledger: Ledger
    note: Note

    def read(self) -> str | None:
        text = self.ledger.note(self.note)
        return None if text == "null" else text

    def write(self, text: str | None) -> None:
        self.ledger.set_note(self.note, text or "null")


@dataclass(frozen=True)
class FileNote:
    """A file that is there as long as the note holds."""

    path: Path

    def read(self) -> str | None:
        return self.path.read_text() if self.path.exists() else None

    def write(self, text: str | None) -> None:
        if text is None:
            self.path.unlink(missing_ok=True)
        else:
            self.path.write_text(text)


@dataclass(frozen=True)
class NotedImports(Generic[Sign]):
    """Imports of one kind, one after the other.

    Attributes:
        note: Place of the note of the one under way.
        arrived: Function that says whether the sample or task is there as imported; a batch becomes
            visible as a whole, so one stands for all.
    """

    note: ImportNote
    arrived: Callable[[Sign], bool]

    def wait(self) -> None:
        """Wait until an import that a killed process had begun is there, or is lost."""
        text = self.note.read()
        if text is None:
            return
        try:
            started, sign = json.loads(text)
        except ValueError:  # killed while it was written, so before its import
            started, sign = 0.0, None
        while abs(time.time() - started) < IMPORT_MAY_TAKE_S and not self.arrived(sign):
            time.sleep(_POLL_S)
        self.note.write(None)

    @contextmanager
    def noted(self, sign: Sign) -> Iterator[None]:
        """Around an import and all that must be known of it before there can be another one."""
        self.note.write(json.dumps([time.time(), sign]))
        try:
            yield
        except LabelStudioError as error:
            if error.code in _NOTHING_COMES:
                self.note.write(None)
            raise
        self.note.write(None)
