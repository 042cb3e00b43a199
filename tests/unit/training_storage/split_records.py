"""Records of which a test says only what matters to classes and splits."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from importers.config.storage_sections import SplitSettings
from importers.record import Record
from importers.scoring.looks import packed
from importers.training_storage.splits import assign

PLAIN = SplitSettings()
_NOTHING = dict.fromkeys(Record.__dataclass_fields__)
_DEFAULTS: dict[str, Any] = {
    "format": "png",
    "width": 64,
    "height": 48,
    "bytes": 1000,
    "label": "cat",
    "class_id": -1,
    "split": "",
    "family": "",
    "verdict": "approved",
    "reviewed": "one by one",
    "reviewers": (7,),
    "annotation_id": 1,
    "annotated_at": "2026-05-04T12:00:00Z",
    "decided_at": "2026-05-04T12:00:00Z",
    "annotators": 1,
    "parents": (),
    "ancestors": (),
    "boxes": (),
    "task_id": 1,
    "project": 1,
    "campaign": "pets",
    "campaign_id": "0" * 32,
}


def sha(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()


def record(name: object, **values: Any) -> Record:
    """A photo of its own, unless said otherwise; its picture is `sha(name)`, its key part of it."""
    known = {"sample": sha(f"key of {name}")[:32], "sha256": sha(name)}
    return Record(**_NOTHING | _DEFAULTS | known | values)


def by_key(records: Iterable[Record]) -> dict[str, Record]:
    return {record.sample: record for record in records}


def looks(**degrees: float) -> dict[str, bytes]:
    """Vectors of pictures by `sha(name)`, as alike as directions in a plane are."""
    angles = [math.radians(degree) for degree in degrees.values()]
    rows = np.array([[math.cos(a), math.sin(a)] for a in angles], dtype=np.float32)
    return dict(zip(map(sha, degrees), packed(rows), strict=True))


def split(*records: Record, before: Mapping[str, Record] | None = None, **more: Any) -> Any:
    settings = more.pop("settings", PLAIN)
    return assign(by_key(records), before or {}, more.pop("vectors", {}), settings, **more)


def in_split(wanted: str, settings: SplitSettings = PLAIN, **values: Any) -> Record:
    """A sample that falls into that split by itself."""
    names = (record(f"{wanted} {n}", **values) for n in range(1000))
    return next(
        put for r in names for put in split(r, settings=settings).values() if put.split == wanted
    )


def moved(records: Mapping[str, Record], before: Mapping[str, Record]) -> list[str]:
    """Keys of samples that are in another split than in the last release."""
    return [
        key
        for key, record in records.items()
        if key in before and before[key].split != record.split
    ]
