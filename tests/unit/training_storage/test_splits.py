"""Families are never torn, whoever comes, goes or comes back; nothing trained on is tested on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from split_records import by_key, looks, record, sha

from importers.ledger import Ledger
from importers.ledger.reviews import Placed
from importers.near_duplicates import packed
from importers.record import Record
from importers.storage_sections import SplitSettings
from importers.training_storage import kinship
from importers.training_storage.kinship import alike, pictures
from importers.training_storage.split_check import torn
from importers.training_storage.splits import assign, moved, note_compared, split_samples
from importers.up_to_date import MODEL_VERSION_NOTE

ALL_TEST = SplitSettings(train=0, validation=0.5, test=0.5)
PLAIN = SplitSettings()


def split(*records: Record, before: Mapping[str, Record] | None = None, **more: Any) -> Any:
    settings = more.pop("settings", PLAIN)
    return assign(by_key(records), before or {}, more.pop("vectors", {}), settings, **more)


def families(*records: Record, **more: Any) -> list[set[str]]:
    """Families of more than one sample, told by their pictures."""
    found: dict[str, set[str]] = {}
    for put in split(*records, **more).values():
        found.setdefault(put.family, set()).add(put.sha256)
    return sorted((members for members in found.values() if len(members) > 1), key=sorted)


def in_split(wanted: str, settings: SplitSettings = PLAIN, **values: Any) -> Record:
    """A sample that falls into that split by itself."""
    names = (record(f"{wanted} {n}", **values) for n in range(1000))
    return next(
        put for r in names for put in split(r, settings=settings).values() if put.split == wanted
    )


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
        patch.setattr(kinship, "AT_ONCE", block)
        found = alike(rows, 0.95, settled)
    near = rows @ rows.T >= 0.95
    near[:settled, :settled] = np.eye(settled, dtype=bool)
    for _ in range(count):
        near = near @ near
    assert ((found[:, None] == found) == near).all()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.set_note(MODEL_VERSION_NOTE, "clip:test@1")
        yield ledger


def release(ledger: Ledger, *records: Record, settings: SplitSettings = PLAIN) -> dict[str, Record]:
    """What a sync does of it; returns the records as the ledger has them."""
    before = ledger.reviews.records()
    wanted = by_key(before.get(r.sample, r) for r in records)
    put = split_samples(ledger, wanted, before, settings)
    changed = [r for key, r in put.items() if before.get(key) != r]
    ledger.reviews.released("000001-00000000", changed, before.keys() - put.keys(), [], {})
    note_compared(ledger, put, settings)
    return ledger.reviews.records()


def test_who_leaves_and_comes_back_is_where_it_was(ledger: Ledger) -> None:
    trained = in_split("train")
    release(ledger, trained)
    release(ledger)
    tests_only = SplitSettings(train=0, validation=0.01, test=0.99)
    assert release(ledger, trained, settings=tests_only)[trained.sample].split == "train"


def test_a_child_of_what_left_is_not_tested_on(ledger: Ledger) -> None:
    trained = in_split("train")
    release(ledger, trained)
    release(ledger)
    child = record("child", parents=(trained.sha256,), ancestors=(trained.sha256,))
    tests_only = SplitSettings(train=0, validation=0.01, test=0.99)
    assert release(ledger, child, settings=tests_only)[child.sample].split == "train"


def test_who_left_goes_with_its_family(ledger: Ledger) -> None:
    leaves = in_split("test", prompt="a cat")
    stays = record("stays", prompt="a cat")
    apart = in_split("train")
    assert release(ledger, leaves)[leaves.sample].split == "test"
    assert release(ledger, leaves, stays, apart)[stays.sample].split == "test"
    release(ledger, stays, apart)
    both = (stays.sha256, apart.sha256)
    release(ledger, stays, apart, record("bridge", parents=both, ancestors=both))
    family = release(ledger, apart)[apart.sample].family
    placed = ledger.reviews.placed([leaves.sha256, stays.sha256, sha("never")])
    assert placed == dict.fromkeys((leaves.sha256, stays.sha256), Placed(family, "train"))
    assert release(ledger, apart, leaves)[leaves.sample].split == "train"


def test_new_vectors_and_a_lower_threshold_are_compared_again(ledger: Ledger) -> None:
    ledger.selection.record_seen({}, looks(a=0, b=20), "clip:test@1")
    records = [record("a"), record("b")]
    assert len({r.family for r in release(ledger, *records).values()}) == 2
    assert ledger.selection.compared([sha("a"), sha("b")], 0.995) == {sha("a"), sha("b")}
    assert ledger.selection.compared([sha("a")], 0.99) == set()
    close = SplitSettings(near_duplicates=0.9)
    assert len({r.family for r in release(ledger, *records, settings=close).values()}) == 1
    ledger.selection.record_seen({}, looks(a=0), "clip:test@2")
    assert ledger.selection.compared([sha("a"), sha("b")], 0.995) == {sha("b")}
    assert ledger.selection.vectors_of("clip:test@2").keys() == {sha("a")}


PICTURES = [f"p{n}" for n in range(14)]
VECTORS = dict(
    zip(
        map(sha, PICTURES),
        packed(np.random.default_rng(1).normal(size=(14, 2)).astype(np.float32)),
        strict=True,
    )
)


@st.composite
def kin(draw: st.DrawFn, name: str) -> Record:
    parents = draw(st.lists(st.sampled_from(PICTURES), max_size=2, unique=True))
    ancestors = {*parents, *draw(st.lists(st.sampled_from(PICTURES), max_size=1))} - {name}
    return record(
        name,
        prompt=draw(st.sampled_from([None, None, *(f"prompt {n}" for n in range(5))])),
        generator="sketch-1",
        parents=tuple(sha(p) for p in parents if p != name),
        ancestors=tuple(map(sha, sorted(ancestors))),
        synthetic=draw(st.sampled_from([None, False, False, True])),
    )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_step_by_step_nothing_is_torn_and_nothing_trained_on_is_tested_on(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    everyone = {name: data.draw(kin(name)) for name in PICTURES}
    shares = SplitSettings(train=0.3, validation=0.3, test=0.4, near_duplicates=0.9995)
    used: set[str] = set()
    ever: set[str] = set()
    with Ledger(tmp_path_factory.getbasetemp() / "none.sqlite", copy=True) as ledger:
        ledger.set_note(MODEL_VERSION_NOTE, "clip:test@1")
        ledger.selection.record_seen({}, VECTORS, "clip:test@1")
        for _ in range(data.draw(st.integers(2, 5))):
            there = data.draw(st.lists(st.sampled_from(PICTURES), unique=True))
            before = ledger.reviews.records()
            after = release(ledger, *(everyone[name] for name in there), settings=shares)
            assert torn(after.values(), VECTORS, shares.near_duplicates) == []
            tested = {r.sha256 for r in after.values() if r.split == "test"}
            assert not tested & used
            assert not any(r.synthetic for r in after.values() if r.split == "test")
            used |= {r.sha256 for r in after.values()} - tested
            for key in moved(after, before):
                family = [r for r in after.values() if r.family == after[key].family]
                met = {before[r.sample].family for r in family if r.sample in before}
                new = [r for r in family if r.sample not in before]
                back = any(pictures(r) & ever for r in new)
                drawn = before[key].split == "test" and any(r.synthetic for r in new)
                assert len(met) > 1 or back or drawn
            ever |= {r.sha256 for r in after.values()}
