"""The pictures of a release: which the storage has not yet, and where their bytes are had from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from importers.record import Record
from importers.training_storage.releases.release import OBJECTS, damaged
from importers.training_storage.storages.fsspec_storage import Storage
from importers.training_storage.storages.parallel import bounded_map

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
    records: Sequence[Record],
    before: Mapping[str, Record],
    present: Mapping[str, int] | None,
) -> list[Record]:
    """Records whose picture is not in the storage yet, one for each picture.

    Args:
        before: Records of the last release, by key.
        present: Name and size of everything in the storage; None to rely on the last release.
    """
    if present is None:
        records = [r for r in records if not _is_stored(r, before.get(r.sample))]
    wanted = {record.object_path: record for record in records}
    if present is None:
        # A killed run may have stored most of many already.
        present = storage.sizes(OBJECTS) if len(wanted) > _LOOK_FIRST else {}
    return [record for path, record in wanted.items() if present.get(path) != record.bytes]


def _is_stored(record: Record, before: Record | None) -> bool:
    return before is not None and (before is record or before.object_path == record.object_path)
