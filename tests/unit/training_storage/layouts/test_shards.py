"""Shards depend on the set of keys alone, and a key that comes or goes touches its own shard."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importers.training_storage.layouts.packed import WHOLE, content_name, shards

KEYS = st.sets(st.text("0123456789abcdef", min_size=32, max_size=32), max_size=60)
MOST = st.integers(1, 9)


def many(count: int, seed: int = 0) -> list[str]:
    """Different keys."""
    draw = random.Random(seed)
    return [f"{draw.getrandbits(128):032x}" for _ in range(count)]


@given(keys=KEYS, most=MOST, mix=st.randoms())
def test_every_key_is_in_one_shard_whatever_the_order(
    keys: set[str], most: int, mix: random.Random
) -> None:
    mixed = list(keys)
    mix.shuffle(mixed)
    split = shards(mixed, most)
    assert split == shards(sorted(keys) * 2, most)
    assert sorted(key for shard in split.values() for key in shard) == sorted(keys)
    assert all(0 < len(shard) <= most and shard == sorted(shard) for shard in split.values())


@given(keys=KEYS, most=MOST)
def test_no_prefix_begins_another_and_they_are_in_order(keys: set[str], most: int) -> None:
    prefixes = list(shards(keys, most))
    assert prefixes == sorted(prefixes)
    assert not any(longer.startswith(shorter) for shorter, longer in pairwise(prefixes))


@given(keys=KEYS.filter(bool), most=MOST, data=st.data())
def test_a_key_that_goes_touches_its_own_shard(
    keys: set[str], most: int, data: st.DataObject
) -> None:
    gone = data.draw(st.sampled_from(sorted(keys)))
    with_it, without = shards(keys, most), shards(keys - {gone}, most)
    old = {prefix for prefix in with_it if with_it[prefix] != without.get(prefix)}
    new = {prefix for prefix in without if without[prefix] != with_it.get(prefix)}
    touched = [key for prefix in old for key in with_it[prefix]]
    assert sorted(touched) == sorted([gone, *(key for prefix in new for key in without[prefix])])
    # Its shard lost it, or was merged with its neighbours into one.
    assert gone in touched
    assert len(new) <= 1
    assert len(touched) <= most + 1


@given(
    sizes=st.dictionaries(st.text("abc", min_size=1), st.integers(0, 100), max_size=40),
    most=MOST,
    most_bytes=st.integers(0, 200),
)
def test_a_shard_is_limited_in_bytes_unless_one_key_has_more(
    sizes: dict[str, int], most: int, most_bytes: int
) -> None:
    split = shards(sizes, most, sizes, most_bytes)
    assert sorted(key for shard in split.values() for key in shard) == sorted(sizes)
    for shard in split.values():
        assert len(shard) <= most
        assert len(shard) == 1 or sum(sizes[key] for key in shard) <= most_bytes


def test_few_keys_are_one_shard_and_no_keys_none() -> None:
    keys = many(5)
    assert shards(keys, 5) == {WHOLE: sorted(keys)}
    assert shards([], 5) == {}


@pytest.mark.parametrize("alike", ["00000000000000000000{:012x}", "{:012x}00000000000000000000"])
def test_keys_that_look_alike_are_spread_evenly(alike: str) -> None:
    split = shards([alike.format(number) for number in range(10_000)], 1000)
    assert len(split) == 16
    assert all(500 < len(shard) < 750 for shard in split.values())


@settings(max_examples=30)
@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_a_content_name_tells_lists_apart(one: list[str], other: list[str]) -> None:
    assert (content_name(one) == content_name(other)) == (one == other)
    assert len(content_name(one)) == 16
    assert set(content_name(one)) <= set("0123456789abcdef")
    assert content_name(["ab", "c"]) != content_name(["a", "bc"])
