"""Samples to lay out, with real pictures, and a folder that takes a release of packed files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from importers.config.storage_sections import StorageSettings
from importers.record import SPLITS, TRAIN, Record
from importers.review import Box
from importers.training_storage.classes import ClassList
from importers.training_storage.layouts import Contents, packed, parquet

CLASSES = ClassList(("cat", "dog", None, "test tube"))
LAYOUTS = {"webdataset": packed.lay_out_webdataset, "parquet": parquet.lay_out}

NOT_GENERATED: dict[str, Any] = dict.fromkeys(
    (
        *("prompt", "prompt_label", "technique", "factors", "generator", "size", "parameters"),
        *("seed", "request_id", "generated_at", "cost_usd", "terms", "synthetic"),
    )
)
"""What is not known of a picture that nobody asked a model for."""


def colour(number: int) -> tuple[int, int, int]:
    return number % 256, 255 - number % 256, 90


@cache
def picture(number: int, file_format: str = "png") -> bytes:
    file = BytesIO()
    Image.new("RGB", (16, 12), colour(number)).save(file, {"jpg": "jpeg"}.get(file_format, "png"))
    return file.getvalue()


def sample(number: int, label: str = "cat", split: str = TRAIN, file_format: str = "png") -> Record:
    """Number `number`; those with odd numbers came from elsewhere and have no prompt."""
    data = picture(number, file_format)
    made = Record(
        sample=hashlib.sha256(str(number).encode()).hexdigest()[:32],
        sha256=hashlib.sha256(data).hexdigest(),
        format=file_format,
        width=16,
        height=12,
        bytes=len(data),
        label=label,
        class_id=CLASSES.id_of(label),
        split=split,
        verdict="approved",
        reviewed="one by one",
        reviewers=(7,),
        annotation_id=100 + number,
        annotated_at="2026-05-04T12:00:00Z",
        decided_at="2026-05-04T12:30:00Z",
        annotators=1,
        agreement=1.0,
        shown_label="cat",
        shown_score=0.25,
        shown_model_version="clip:sketch@1",
        prompt=f"a photo of number {number}, für Änne",
        prompt_label="cat",
        technique="environment",
        factors={"place": "a table", f"of {number}": "only here"},
        generator="openai:gpt-image-2",
        size="1024x1024",
        parameters={"quality": "low" if number % 4 else 3},
        seed=number,
        request_id="req_1",
        generated_at="2026-05-03T08:00:00Z",
        cost_usd=0.011,
        parents=("ab" * 32,) if number % 4 else (),
        ancestors=(),
        synthetic=True,
        terms=None,
        label_probability=0.5,
        similarity=0.3,
        predicted_label="cat",
        model_version="clip:sketch@1",
        original_name=f"IMG {number}.png",
        family=f"family-{number}",
        boxes=(Box("cat", 10.0, 20.0, 30.0, 40.0),),
        task_id=number,
        project=1,
        campaign="pets",
        campaign_id="c" * 32,
    )
    return replace(made, **NOT_GENERATED) if number % 2 else made


def samples(count: int) -> list[Record]:
    """`count` samples, most of them for training."""
    return [
        sample(number, ("cat", "dog", "test tube")[number % 3], SPLITS[(0, 0, 0, 1, 2)[number % 5]])
        for number in range(count)
    ]


def contents(
    records: Iterable[Record], shard_samples: int = 8, classes: ClassList = CLASSES
) -> Contents:
    return Contents(
        sorted(records, key=lambda record: record.sample),
        classes,
        StorageSettings(shard_samples=shard_samples),
    )


@dataclass
class Folder:
    """The files of one release. Shared files lie in `root`; the lists of each split in `lists`.

    Attributes:
        last: Paths of the release before.
        kept, written: Paths of this release: taken over from that one, and new.
        opened: Keys of the samples whose pictures were read.
    """

    root: Path
    last: set[str] = field(default_factory=set)
    image_of: Callable[[Record], bytes] = lambda record: picture(record.task_id, record.format)
    kept: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    lists: dict[str, list[str]] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)

    def keep(self, path: str) -> bool:
        if path in self.last:
            self.kept.add(path)
        return path in self.last

    def share(self, path: str, data: bytes) -> None:
        self.written.add(path)
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def write(self, name: str, data: bytes) -> None:
        self.lists[name] = data.decode().splitlines()

    def image(self, record: Record) -> bytes:
        self.opened.append(record.sample)
        return self.image_of(record)

    @property
    def files(self) -> set[str]:
        """Paths of all files of this release."""
        return self.kept | self.written

    def of(self, split: str) -> list[str]:
        """Where the files of a split lie, as loaders take them."""
        return [str(self.root / path) for path in self.lists[f"{split}.txt"]]


def laid_out(layout: str, given: Contents, root: Path, last: Folder | None = None) -> Folder:
    """What the layout makes of the contents, after another release or as the first one."""
    folder = Folder(root, set() if last is None else last.files)
    LAYOUTS[layout](given, folder)  # type: ignore[arg-type]
    return folder
