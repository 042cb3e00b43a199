"""A release on disk, as layouts write it, and records of real pictures to lay out."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from importers.config.storage_sections import StorageSettings
from importers.record import Record
from importers.training_storage.classes import ClassList
from importers.training_storage.layouts import Contents, layout

RELEASE = "releases/000001-1a2b3c4d"

UNKNOWN: dict[str, Any] = {
    name: () if name in {"reviewers", "parents", "ancestors"} else None
    for name, kind in Record.__annotations__.items()
    if kind.endswith("| None") or name in {"reviewers", "parents", "ancestors"}
}
"""All that may be unknown of a sample, as it is where nothing of it is known."""


@dataclass(frozen=True)
class FileOutput:
    """Takes the files of one layout into a folder.

    Attributes:
        root: The storage's root, with the pictures below `objects/`.
        layout: Its name.
        before: Shared files of the last release.
        written_before: This layout's own files of the last release.
        shared: Those of this one, as they were kept or shared.
    """

    root: Path
    layout: str
    before: frozenset[str] = frozenset()
    written_before: Mapping[str, bytes] = field(default_factory=dict)
    shared: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.root / RELEASE / self.layout

    def keep(self, path: str) -> bool:
        if path not in self.before:
            return False
        self.shared.append(path)
        return True

    def share(self, path: str, data: bytes) -> None:
        self.shared.append(path)
        _write(self.root / path, data)

    def write(self, name: str, data: bytes) -> None:
        _write(self.folder / name, data)

    def place(self, name: str, record: Record) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.hardlink_to(self.root / record.object_path)

    def earlier(self, name: str) -> bytes | None:
        return self.written_before.get(name)

    def image(self, record: Record) -> bytes:
        return (self.root / record.object_path).read_bytes()

    def url(self, path: str) -> str:
        return (self.root / path).as_uri()

    def files(self) -> dict[str, bytes]:
        """Every file of the layout's folder."""
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in found}


def _write(path: Path, data: bytes) -> None:
    assert not path.exists(), f"{path} is written twice"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def lay_out(name: str, contents: Contents, root: Path) -> FileOutput:
    """Lay out a release below the folder that has the pictures."""
    out = FileOutput(root, name)
    layout(name)(contents, out)
    return out


def contents_of(records: Iterable[Record], names: Sequence[str | None]) -> Contents:
    """A release of these records; `names` are the labels of all classes, by number."""
    ordered = sorted(records, key=lambda record: record.sample)
    return Contents(ordered, ClassList(tuple(names)), StorageSettings())


def sample_records(
    root: Path, names: Sequence[str | None], shown: Iterable[tuple[str, str]], **changes: Any
) -> list[Record]:
    """A record with a picture of its own for each label and split, in this order."""
    return [
        sample_record(root, number, label, split, names.index(label), **changes)
        for number, (label, split) in enumerate(shown)
    ]


def sample_record(
    root: Path, number: int, label: str, split: str, class_id: int = 0, **changes: Any
) -> Record:
    """A record of which everything is known but for `changes`, and its picture below `root`."""
    buffer = io.BytesIO()
    Image.new("RGB", (40 + number, 30), (number, 80, 160)).save(buffer, "PNG")
    picture = buffer.getvalue()
    sha256 = hashlib.sha256(picture).hexdigest()
    record = Record(
        sample=hashlib.sha256(b"sample %d" % number).hexdigest()[:32],
        sha256=sha256,
        format="png",
        width=40 + number,
        height=30,
        bytes=len(picture),
        label=label,
        class_id=class_id,
        split=split,
        verdict="approved",
        reviewed="one by one",
        reviewers=(7, 12),
        annotation_id=100 + number,
        annotated_at="2026-05-04T12:00:00.250000+00:00",
        decided_at="2026-05-04T12:00:03+00:00",
        annotators=2,
        agreement=1.0,
        shown_label=label,
        shown_score=0.5,
        shown_model_version="clip:tiny@1",
        prompt=f"a photo of “{label}”,\nnumber {number}",
        prompt_label=label,
        technique="environment",
        factors={"place": "beach"} if number % 2 else {"light": "dusk", "lens": "50 mm"},
        generator="sketch-1",
        size="64x64",
        parameters={"quality": "low"} if number % 2 else {"steps": 4, "style": None},
        seed=2**62 + number,
        request_id=f"req_{number}",
        generated_at="2026-05-04T11:00:00+00:00",
        cost_usd=1,
        parents=("ab" * 32,),
        ancestors=("ab" * 32, "cd" * 32),
        synthetic=True,
        terms="no competing models",
        label_probability=0.25,
        similarity=0.5,
        predicted_label=label,
        model_version="clip:tiny@1",
        original_name="IMG 1.png",
        family=f"{number:032x}",
        boxes=(),
        task_id=number,
        project=1,
        campaign="pets",
        campaign_id="c1",
    )
    record = dataclasses.replace(record, **changes)
    path = root / record.object_path
    if not path.exists():
        _write(path, picture)
    return record
