"""Which samples share a file: a split of a set of keys that stays as it is where the set does.

Keys are spread evenly by their hash, and a shard that is too full is split in two by the next bit
of it (a binary trie). So the shards are a function of the set alone, however it came about, and a
key that comes or goes changes the one shard that it is in: nothing else gets new bytes or a new
name. Shards of a large set are at least about half full.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

WHOLE = "all"
"""The prefix of the shard that holds every key."""

_BITS = 128


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


def _hash(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[: _BITS // 8], "big")
