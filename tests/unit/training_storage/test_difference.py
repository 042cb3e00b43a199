"""What a sync changes, told from the records before and after."""

from __future__ import annotations

import dataclasses

from split_records import by_key, record

from importers.training_storage.report import Change, difference

CAT = record("cat", label="cat", split="train", task_id=11)


def test_a_sample_is_moved_by_its_label_first_and_else_by_its_split() -> None:
    relabelled = record("cat", label="dog", split="test", task_id=11)
    elsewhere = record("cat", label="cat", split="test", task_id=11)
    assert difference(by_key([CAT]), by_key([relabelled]), {}) == [
        Change("moved", CAT.sample, "dog", 11, "cat", "dog")
    ]
    assert difference(by_key([CAT]), by_key([elsewhere]), {}) == [
        Change("moved", CAT.sample, "cat", 11, "train", "test")
    ]


def test_anything_else_that_differs_is_a_change_and_what_is_equal_is_none() -> None:
    looked_at_again = dataclasses.replace(CAT, reviewers=(8,), agreement=0.5)
    assert difference(by_key([CAT]), by_key([looked_at_again]), {}) == [
        Change("changed", CAT.sample, "cat", 11, fields=("reviewers", "agreement"))
    ]
    assert difference(by_key([CAT]), by_key([CAT]), {CAT.sample: "rejected"}) == []


def test_who_comes_and_who_leaves_in_the_order_of_keys_and_why() -> None:
    known, unknown = (record(name, label="dog", task_id=n) for n, name in enumerate("ab"))
    found = difference(by_key([known, unknown]), by_key([CAT]), {known.sample: "rejected"})
    assert [change.sample for change in found] == sorted(change.sample for change in found)
    assert set(found) == {
        Change("added", CAT.sample, "cat", 11),
        Change("removed", known.sample, "dog", 0, reason="rejected"),
        Change("removed", unknown.sample, "dog", 1, reason="it is not approved any more"),
    }
