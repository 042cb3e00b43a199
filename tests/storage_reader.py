"""Training storage as a stranger reads it: LATEST, then the files of that release, by hand."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def release_name(storage: str | Path) -> str | None:
    """The name of the release that readers go by; None before the first."""
    pointer = Path(storage) / "LATEST"
    return pointer.read_text().strip() if pointer.exists() else None


def read_records(storage: str | Path, release: str | None = None) -> list[dict[str, Any]]:
    """The lines of imagefolder's metadata.jsonl, after checking each picture that they name."""
    folder = Path(storage) / "releases" / (release or release_name(storage) or "none")
    records = []
    for metadata in sorted(folder.glob("imagefolder/*/metadata.jsonl")):
        for line in metadata.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            data = (metadata.parent / record["file_name"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == record["sha256"]
            assert metadata.parent.name == record["split"]
            records.append(record)
    pictures = [p for p in folder.glob("imagefolder/*/*/*") if p.is_file()]
    assert len(pictures) == len(records), "no picture lies there that no line names"
    return sorted(records, key=lambda record: str(record["sample"]))


def labels(storage: str | Path) -> dict[str, str]:
    """Sample key → label of what stands there."""
    if release_name(storage) is None:
        return {}
    return {record["sample"]: record["label"] for record in read_records(storage)}


def every_byte(storage: str | Path) -> dict[str, tuple[str, int]]:
    """Each file below the storage: sha256 of its bytes, and when it was written."""
    return {
        str(path.relative_to(storage)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in sorted(Path(storage).rglob("*"))
        if path.is_file()
    }
