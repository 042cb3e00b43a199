"""The manifest of a release: record_json lines in shards; a change rewrites only its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from importers.record import Record, record_json
from importers.training_storage.layouts.base import Output
from importers.training_storage.releases.release import MANIFEST, File
from importers.training_storage.shards import shards

_SHARD_RECORDS = 256


@dataclass(frozen=True)
class Shard:
    """A file of the manifest, and the records that are its lines."""

    file: File
    records: Sequence[Record]


def shards_of(records: Sequence[Record]) -> Iterator[Shard]:
    """The shards of a manifest; the same records always make the same."""
    by_key = {record.sample: record for record in records}
    for prefix, keys in shards(by_key, _SHARD_RECORDS).items():
        lines = [record_json(by_key[key]) for key in keys]
        data = _data(lines)
        digest = sha256(data).hexdigest()
        file = File(f"{MANIFEST}/{prefix}-{digest[:16]}.jsonl", digest, len(data))
        yield Shard(file, [by_key[key] for key in keys])


def write_shards(part: Output, manifest: Iterable[Shard]) -> None:
    """Hand out those that the last release has not."""
    for shard in manifest:
        if not part.keep(shard.file.path):
            part.share(shard.file.path, _data(map(record_json, shard.records)))


def _data(lines: Iterable[str]) -> bytes:
    return "\n".join((*lines, "")).encode()
