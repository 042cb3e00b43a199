"""What the packed layouts share: which samples go into which file, and what the file is called.

A file is named by all that goes into its bytes, the pictures by their sha256. So a file that the
last release has is taken over without reading a picture, and only shards with a change are written.
Which files belong to a split stands in `<split>.txt`, in the release's own folder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from importers.record import SPLITS, Record, record_json
from importers.training_storage.layouts.base import Contents, Output
from importers.training_storage.shards import content_name, shards

MOST_BYTES = 256 * 2**20
"""The most that the pictures of one file add up to, in bytes: a file is made in memory."""


@dataclass(frozen=True)
class Packing:
    """How files of a packed layout are named and made.

    Attributes:
        folder: Below the storage's root.
        ending: Of the files' names.
        written_with: What else goes into the bytes of a file; the version of `pack` is part of it.
        pack: The bytes of a file with these records; equal for equal records.
    """

    folder: str
    ending: str
    written_with: Sequence[str]
    pack: Callable[[Sequence[Record]], bytes]


def lay_out_packed(contents: Contents, out: Output, packing: Packing) -> None:
    """Pack the records of each split into files, and list these; a split may have none.

    A file has at most `shard_samples` pictures, of at most `MOST_BYTES` unless one alone has more.
    Its records are in the order of their keys.
    """
    for split in SPLITS:
        records = [record for record in contents.records if record.split == split]
        paths = [
            _file(split, prefix, shard, out, packing)
            for prefix, shard in _shards(records, contents.settings.shard_samples)
        ]
        out.write(f"{split}.txt", "".join(f"{path}\n" for path in paths).encode())


def _shards(records: Sequence[Record], most: int) -> list[tuple[str, list[Record]]]:
    by_key = {record.sample: record for record in records}
    sizes = {record.sample: record.bytes for record in records}
    split = shards(by_key, most, sizes, MOST_BYTES)
    return [(prefix, [by_key[key] for key in keys]) for prefix, keys in split.items()]


def _file(split: str, prefix: str, records: Sequence[Record], out: Output, packing: Packing) -> str:
    name = content_name([*packing.written_with, *map(record_json, records)])
    path = f"{packing.folder}/{split}-{prefix}-{name}.{packing.ending}"
    if not out.keep(path):
        out.share(path, packing.pack(records))
    return path
