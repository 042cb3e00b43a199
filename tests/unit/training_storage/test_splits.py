"""Families are never torn; who is new goes where its family is, else where the shares say."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from split_records import by_key, in_split, looks, moved, record, sha, split

from importers.config.storage_sections import SplitSettings
from importers.record import Record
from importers.training_storage import splits
from importers.training_storage.splits import alike


def families(*records: Record, **more: Any) -> list[set[str]]:
    """Families of more than one sample, told by their pictures."""
    found: dict[str, set[str]] = {}
    for put in split(*records, **more).values():
        found.setdefault(put.family, set()).add(put.sha256)
    return sorted((members for members in found.values() if len(members) > 1), key=sorted)


def test_shares_are_met_and_the_same_set_gives_the_same_splits() -> None:
    records = [record(n) for n in range(4000)]
    put = split(*records)
    shares = Counter(r.split for r in put.values())
    assert abs(shares["train"] / 4000 - 0.8) < 0.03
    assert abs(shares["validation"] / 4000 - 0.1) < 0.02
    assert abs(shares["test"] / 4000 - 0.1) < 0.02
    assert split(*records[::-1]) == put
    assert all(r.family for r in put.values())


def test_one_prompt_is_one_family() -> None:
    red = [record(n, prompt="a red cat", generator="sketch-1") for n in range(3)]
    assert families(*red, record(9, prompt="a blue cat")) == [{r.sha256 for r in red}]


def test_what_derived_pictures_are_asked_to_be_makes_no_kin_of_them() -> None:
    children = [record(n, prompt="the same in snow", parents=(sha(f"p{n}"),)) for n in range(3)]
    assert families(*children) == []


def test_pictures_of_a_folder_without_prompts_are_no_kin() -> None:
    photos = [record(n, prompt="cat", prompt_label="cat", generator="folder") for n in range(3)]
    assert families(*photos) == []
    drawn = [record(n, prompt="cat", prompt_label="cat", generator="sketch-1") for n in range(2)]
    assert families(*drawn) == [{sha(0), sha(1)}]


def test_the_same_picture_under_two_keys_is_one_family() -> None:
    put = split(record("a"), record("again", sha256=sha("a")))
    assert len({r.family for r in put.values()}) == 1


def test_kin_through_all_generations() -> None:
    photo = record("photo")
    child = record("child", parents=(sha("photo"),), ancestors=(sha("photo"),))
    grandchild = record("grandchild", parents=(sha("x"),), ancestors=(sha("x"), sha("photo")))
    sibling = record("sibling", parents=(sha("y"),), ancestors=(sha("y"),))
    other = record("other", parents=(sha("y"), sha("z")), ancestors=(sha("y"), sha("z")))
    assert families(photo, child, grandchild, sibling, other, record("alone")) == sorted(
        [{sha("photo"), sha("child"), sha("grandchild")}, {sha("sibling"), sha("other")}],
        key=sorted,
    )


def test_near_duplicates_are_one_family_and_others_are_not() -> None:
    close = SplitSettings(near_duplicates=float(np.cos(np.radians(10))))
    records = [record(name) for name in ("a", "b", "c", "d", "unseen")]
    vectors = looks(a=0, b=8, c=16, d=40)
    assert families(*records, vectors=vectors, settings=close) == [{sha("a"), sha("b"), sha("c")}]
    assert families(*records, vectors=vectors) == []


def test_the_split_stays_as_the_set_grows() -> None:
    first = split(*(record(n) for n in range(200)))
    later = split(*(record(n) for n in range(400)), before=first)
    assert moved(later, first) == []
    assert {key: later[key] for key in first} == first


def test_other_shares_move_nothing_that_is_there() -> None:
    first = split(*(record(n) for n in range(200)))
    shares = SplitSettings(train=0.2, validation=0.4, test=0.4)
    later = split(*first.values(), before=first, settings=shares)
    assert later == first


@pytest.mark.parametrize(
    ("lay", "then"),
    [
        (("test", "train"), "train"),
        (("validation", "train"), "train"),
        (("test", "validation"), "validation"),
    ],
)
def test_families_that_meet_go_where_nothing_trained_on_is_tested(
    lay: tuple[str, str], then: str
) -> None:
    apart = by_key(in_split(name) for name in lay)
    parents = tuple(r.sha256 for r in apart.values())
    bridge = record("bridge", parents=parents, ancestors=parents)
    put = split(*apart.values(), bridge, before=apart)
    assert {r.split for r in put.values()} == {then}
    assert len({r.family for r in put.values()}) == 1
    assert set(moved(put, apart)) == {k for k, r in apart.items() if r.split != then}


def test_generated_pictures_are_kept_out_of_test() -> None:
    drawn = [record(n, synthetic=True) for n in range(300)]
    shares = Counter(r.split for r in split(*drawn).values())
    assert set(shares) == {"train", "validation"}
    assert abs(shares["train"] / 300 - 8 / 9) < 0.06
    allowed = SplitSettings(synthetic_in_test=True)
    assert {r.split for r in split(*drawn, settings=allowed).values()} > {"test"}


def test_a_photo_and_what_nobody_knows_of_may_be_tested_on() -> None:
    for synthetic in (False, None):
        put = split(*(record(n, synthetic=synthetic) for n in range(100)))
        assert "test" in {r.split for r in put.values()}


def test_a_photo_leaves_test_with_its_generated_child() -> None:
    photo = in_split("test", synthetic=False)
    child = record("child", synthetic=True, parents=(photo.sha256,), ancestors=(photo.sha256,))
    put = split(photo, child, before=by_key([photo]))
    assert {r.split for r in put.values()} in ({"train"}, {"validation"})
    assert moved(put, by_key([photo])) == [photo.sample]


def test_generated_pictures_leave_test_when_that_is_switched_off() -> None:
    drawn = [record(n, synthetic=True) for n in range(100)]
    first = split(*drawn, settings=SplitSettings(synthetic_in_test=True))
    later = split(*first.values(), before=first)
    assert set(moved(later, first)) == {k for k, r in first.items() if r.split == "test"}
    assert "test" not in {r.split for r in later.values()}


def test_only_new_vectors_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[int, int]] = []

    def counted(vectors: Any, threshold: float, settled: int) -> Any:
        compared.append((settled, len(vectors)))
        return alike(vectors, threshold, settled)

    monkeypatch.setattr("importers.training_storage.splits.alike", counted)
    close = SplitSettings(near_duplicates=0.99)
    old = [record(name) for name in ("a", "b")]
    vectors = looks(a=0, b=60, c=1)
    first = split(*old, vectors=vectors, settings=close)
    seen = {sha("a"), sha("b")}
    more: dict[str, Any] = {"before": first, "vectors": vectors, "settings": close}
    assert split(*old, compared=seen, **more) == first
    assert compared == [(0, 2)], "nothing is new"
    put = split(*old, record("c"), compared=seen, **more)
    assert compared[1:] == [(2, 3)]
    assert put[record("c").sample].family == put[record("a").sample].family


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(2, 40), block=st.integers(1, 9))
def test_rows_that_look_the_same_through_others(seed: int, count: int, block: int) -> None:
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, 3)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    settled = int(random.integers(0, count))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splits, "AT_ONCE", block)
        found = alike(rows, 0.95, settled)
    near = rows @ rows.T >= 0.95
    near[:settled, :settled] = np.eye(settled, dtype=bool)
    for _ in range(count):
        near = near @ near
    assert ((found[:, None] == found) == near).all()


@pytest.mark.parametrize(("below", "alike_too"), [(0.0, True), (5e-7, True), (1e-5, False)])
def test_a_cosine_that_rounding_took_below_the_threshold_reaches_it(
    below: float, alike_too: bool
) -> None:
    cosine = 0.95 - below
    rows = np.array([[1, 0], [cosine, math.sqrt(1 - cosine**2)]], dtype=np.float32)
    assert (len(set(alike(rows, 0.95, 0))) == 1) is alike_too
