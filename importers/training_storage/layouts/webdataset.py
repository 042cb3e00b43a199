"""Layout `webdataset`: tar files that are read from front to back, by WebDataset and others.

Each sample is three members in a row: `<key>.<format>` is the picture as it came, `<key>.cls` the
number of its class, `<key>.json` its record. Values that are not known are left out of the record,
and what has no fixed type is text in it: Hugging Face's `datasets` takes the types of all records
from the first ones.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Sequence

from importers.record import Record
from importers.training_storage.layouts.base import Contents, Output
from importers.training_storage.layouts.packed import Packing, flat, lay_out_packed

_VERSION = "webdataset 1"
"""To be counted up with every change of the bytes that the same records give."""


def lay_out(contents: Contents, out: Output) -> None:
    """Write `webdataset/<split>-<prefix>-<content>.tar`, and `<split>.txt` with their paths."""

    def tar(records: Sequence[Record]) -> bytes:
        return _tar(records, out)

    lay_out_packed(contents, out, Packing("webdataset", "tar", [_VERSION], tar))


def _tar(records: Sequence[Record], out: Output) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for record in records:
            for ending, data in _members(record, out):
                member = tarfile.TarInfo(f"{record.sample}.{ending}")  # no times, no owner
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return file.getvalue()


def _members(record: Record, out: Output) -> Iterator[tuple[str, bytes]]:
    yield record.format, out.image(record)
    yield "cls", str(record.class_id).encode()
    known = {name: value for name, value in flat(record).items() if value not in (None, [])}
    yield "json", json.dumps(known, ensure_ascii=False).encode()
