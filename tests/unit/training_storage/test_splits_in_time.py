"""Release after release: whoever comes, goes or comes back, nothing trained on is tested on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from split_records import PLAIN, by_key, in_split, looks, moved, record, sha

from importers.config.storage_sections import SplitSettings
from importers.ledger import Ledger
from importers.ledger.notes import Note
from importers.ledger.reviews import Placement
from importers.record import Record
from importers.scoring.looks import packed
from importers.training_storage.releases.split_check import torn
from importers.training_storage.splits import note_compared, pictures, split_samples


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.set_note(Note.MODEL_VERSION, "clip:test@1")
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
    placed = ledger.reviews.placements([leaves.sha256, stays.sha256, sha("never")])
    assert placed == dict.fromkeys((leaves.sha256, stays.sha256), Placement(family, "train"))
    assert release(ledger, apart, leaves)[leaves.sample].split == "train"


def test_new_vectors_and_a_lower_threshold_are_compared_again(ledger: Ledger) -> None:
    ledger.vectors.record({}, looks(a=0, b=20), "clip:test@1")
    records = [record("a"), record("b")]
    assert len({r.family for r in release(ledger, *records).values()}) == 2
    assert ledger.vectors.compared([sha("a"), sha("b")], 0.995) == {sha("a"), sha("b")}
    assert ledger.vectors.compared([sha("a")], 0.99) == set()
    close = SplitSettings(near_duplicates=0.9)
    assert len({r.family for r in release(ledger, *records, settings=close).values()}) == 1
    ledger.vectors.record({}, looks(a=0), "clip:test@2")
    assert ledger.vectors.compared([sha("a"), sha("b")], 0.995) == {sha("b")}
    assert ledger.vectors.of_model("clip:test@2").keys() == {sha("a")}


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
        ledger.set_note(Note.MODEL_VERSION, "clip:test@1")
        ledger.vectors.record({}, VECTORS, "clip:test@1")
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
