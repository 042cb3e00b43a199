"""The pictures of a release: which the storage has not yet, and where their bytes are had from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from importers.record import Record
from importers.training_storage.releases.manifest import Shard
from importers.training_storage.releases.release import (
    MANIFEST,
    OBJECTS,
    Release,
    damaged,
    read_records,
)
from importers.training_storage.storages.parallel import bounded_map
from importers.training_storage.storages.storage import Storage

Image = Callable[[Record], "bytes | Path | None"]
"""The bytes of a record's picture, or the local file that has them; None where only the storage
has them. Called from several threads."""

_LOOK_FIRST = 100
_AT_ONCE = 8


def picture(storage: Storage, record: Record, image: Image) -> bytes:
    """The bytes of a record's picture, from wherever they are had.

    Raises:
        StorageError: nobody has them, or they are not those that people approved.
    """
    found = image(record)
    data = found.read_bytes() if isinstance(found, Path) else found
    if data is None:
        data = storage.read(record.object_path)
    if data is None:
        raise damaged(storage, f"{record.object_path}, sample {record.sample}, is missing")
    if sha256(data).hexdigest() != record.sha256:
        raise damaged(storage, f"the picture of sample {record.sample} is not what was approved")
    return data


def load(storage: Storage, records: Sequence[Record], image: Image) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of these records' pictures, some at a time."""
    return bounded_map(
        lambda record: (record.object_path, picture(storage, record, image)), records, _AT_ONCE
    )


def missing_pictures(
    storage: Storage,
    previous: Release | None,
    manifest: Sequence[Shard],
    present: Mapping[str, int] | None,
) -> list[Record]:
    """Records whose picture is not in the storage yet, one for each picture.

    Only the shards of the manifest that changed are looked into: what the others name is there.

    Args:
        present: Name and size of everything in the storage; None to rely on the previous release.
    """
    before = {file.path: file for file in previous.files[MANIFEST]} if previous else {}
    now = {shard.file.path for shard in manifest}
    changed = [s for s in manifest if present is not None or s.file.path not in before]
    wanted = {record.object_path: record for shard in changed for record in shard.records}
    if present is None:
        gone = [file for path, file in before.items() if path not in now]
        for record in read_records(storage, gone):
            wanted.pop(record.object_path, None)
        # A killed run may have stored most of many already.
        present = storage.sizes(OBJECTS) if len(wanted) > _LOOK_FIRST else {}
    return [record for path, record in wanted.items() if present.get(path) != record.bytes]
