"""Packed layouts, and `webdataset`: which samples go into which file, its name, its columns.

A file is named by all that goes into its bytes, the pictures by their sha256. So a file that the
last release has is taken over without reading a picture, and only shards with a change are written.
Which files belong to a split stands in `<split>.txt`, in the release's own folder.

`webdataset` is tar files that are read from front to back, by WebDataset and others. Each sample is
three members in a row: `<key>.<format>` is the picture as it came, `<key>.cls` the number of its
class, `<key>.json` its record. Values that are not known are left out of the record, and what has
no fixed type is text in it: Hugging Face's `datasets` takes the types of all records from the first
ones.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from importers.record import SPLITS, Record, record_json
from importers.review import Box
from importers.training_storage.layouts import Contents, Output

WHOLE = "all"
"""The prefix of the shard that holds every key."""
MOST_BYTES = 256 * 2**20
"""The most that the pictures of one file add up to, in bytes: a file is made in memory."""

_WEBDATASET = "webdataset 1"
"""To be counted up with every change of the bytes that the same records give."""
_BITS = 128
Kind = Literal["text", "integer", "real", "truth", "texts", "json"]
_KINDS: dict[Any, Kind] = {str: "text", int: "integer", float: "real", bool: "truth"}


@dataclass(frozen=True)
class Packing:
    """How files of a packed layout are named and made.

    Attributes:
        folder: Folder of the files, below the storage's root.
        ending: Ending of their names, without the dot.
        written_with: Texts that decide on the bytes of a file beside its records; the version of
            `pack` is one.
        pack: Function that makes the bytes of a file with these records; equal for equal records.
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


def lay_out_webdataset(contents: Contents, out: Output) -> None:
    """Write `webdataset/<split>-<prefix>-<content>.tar`, and `<split>.txt` with their paths."""
    packing = Packing("webdataset", "tar", [_WEBDATASET], lambda records: _tar(records, out))
    lay_out_packed(contents, out, packing)


def shards(
    keys: Iterable[str],
    most: int,
    sizes: Mapping[str, int] | None = None,
    most_bytes: int = 0,
) -> dict[str, list[str]]:
    """Split keys into shards of at most `most`.

    Args:
        most: At least 1.
        sizes: Bytes of each key's content, where shards are to be limited by that too.
        most_bytes: The most that a shard's content may add up to, unless one key alone has more.

    Returns:
        Sorted keys by prefix, in the order of the prefixes: the leading bits of the keys' hashes
        as zeros and ones, `WHOLE` where there are none. No shard is empty, no prefix the beginning
        of another.
    """
    placed = sorted((_hash(key), key) for key in set(keys))
    before = list(accumulate((sizes[key] if sizes else 0 for _, key in placed), initial=0))

    def fits(start: int, end: int) -> bool:
        return end - start <= most and (
            end - start == 1 or before[end] - before[start] <= most_bytes
        )

    def split(prefix: str, start: int, end: int) -> Iterator[tuple[str, list[str]]]:
        if start == end:
            return
        if fits(start, end):
            yield prefix or WHOLE, sorted(key for _, key in placed[start:end])
            return
        half = int(f"{prefix}1", 2) << (_BITS - len(prefix) - 1)
        middle = bisect_left(placed, (half, ""), start, end)
        yield from split(f"{prefix}0", start, middle)
        yield from split(f"{prefix}1", middle, end)

    return dict(split("", 0, len(placed)))


def content_name(parts: Iterable[str]) -> str:
    """A name for what the parts say, in their order: 16 hexadecimal digits of a sha256."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(8, "big") + data)  # no two lists of parts run together
    return digest.hexdigest()[:16]


@cache
def columns() -> dict[str, Kind]:
    """The type of each of a record's values, by name, in the record's order."""
    return {name: _kind(hint) for name, hint in get_type_hints(Record).items()}


def flat(record: Record) -> dict[str, Any]:
    """The record's values by column; None where one is not known."""
    plain = json.loads(record_json(record))
    return {name: _value(kind, plain[name]) for name, kind in columns().items()}


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


def _hash(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[: _BITS // 8], "big")


def _kind(hint: Any) -> Kind:
    parts = get_args(hint)
    if NoneType in parts:
        [hint] = [part for part in parts if part is not NoneType]
    if hint in _KINDS:
        return _KINDS[hint]
    return "texts" if get_origin(hint) is tuple and Box not in get_args(hint) else "json"


def _value(kind: Kind, value: Any) -> Any:
    if value is None:
        return None
    if kind == "json":
        return json.dumps(value, ensure_ascii=False)
    if kind == "texts":
        return [str(item) for item in value]
    return float(value) if kind == "real" else value


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
