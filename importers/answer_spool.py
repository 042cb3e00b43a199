"""Paid answers between their arrival and the storing of their image: raw, on disk, synced.

A process killed while it parses an answer finds it again here, and pays nothing twice. An answer
that no image can be had from is set aside for people to look at, and so is one that was torn by a
kill while it was written.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from importers.generators.base import Answer

_UNFINISHED, _WAITING, _SET_ASIDE, _TORN = ".part", ".answer", ".no-image", ".torn"

log = logging.getLogger(__name__)


class AnswerSpool:
    """A folder with one file for each answer: a line of JSON about it, then its bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, request: int, answer: Answer) -> None:
        """Keep an answer, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        about: dict[str, Any] = {"request_id": answer.request_id, "received": answer.received}
        about["bytes"] = len(answer.body)
        unfinished = self._path(request).with_suffix(_UNFINISHED)
        with unfinished.open("wb") as file:
            file.write(json.dumps(about).encode() + b"\n" + answer.body)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._path(request))

    def waiting(self) -> Iterator[tuple[int, Answer]]:
        """The answers whose image is not known to be stored, with the number of their request."""
        for unfinished in list(self.folder.glob(f"*{_UNFINISHED}")):
            unfinished.replace(unfinished.with_suffix(_WAITING))  # it may be whole all the same
        for path in sorted(self.folder.glob(f"*{_WAITING}")):
            answer = _read(path)
            if answer is None:
                path.replace(path.with_suffix(_TORN))
                log.warning("The answer %s was torn by a kill: its image is asked for anew.", path)
            else:
                yield int(path.stem), answer

    def drop(self, request: int) -> None:
        """Forget an answer: its image is stored."""
        self._path(request).unlink(missing_ok=True)

    def set_aside(self, request: int) -> None:
        """Keep the request's answer, if one came, out of the way: it has no image."""
        path = self._path(request)
        if path.exists():
            path.replace(path.with_suffix(_SET_ASIDE))

    def _path(self, request: int) -> Path:
        return self.folder / f"{request}{_WAITING}"


def _read(path: Path) -> Answer | None:
    """The answer in a file; None where it is not whole."""
    line, _, body = path.read_bytes().partition(b"\n")
    try:
        about = json.loads(line)
    except ValueError:
        return None
    if about.pop("bytes") != len(body):
        return None
    return Answer(body=body, **about)
