"""A class keeps its number for ever, whatever is renamed, merged, dropped or put back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from split_records import by_key, record

from importers.config.campaign import NONE_OF_THESE
from importers.ledger import Ledger
from importers.ledger.notes import Note
from importers.training_storage.classes import (
    CLASS_GONE,
    ClassList,
    classes_json,
    classified,
    counts_as,
    current_label,
    decided,
    follow,
    note_decision,
    read_classes,
    read_map,
)
from ls_backend.errors import StorageError

PETS = ClassList(("cat", "dog", "fish"))


def decisions(*pairs: tuple[str, str | None]) -> dict[str, str | None]:
    made: dict[str, str | None] = {}
    for old, new in pairs:
        made = decided(made, old, new)
    return made


def names(
    before: ClassList,
    configured: list[str],
    *pairs: tuple[str, str | None],
    used: Mapping[str, int] | None = None,
) -> tuple[str | None, ...]:
    made = {old: new for old, new in decisions(*pairs).items() if old not in configured}
    return follow(before, configured, used or {}, made).names


def test_the_first_list_has_the_order_of_the_config() -> None:
    assert names(ClassList(), ["dog", "cat"]) == ("dog", "cat")


def test_another_order_changes_nothing_and_what_is_new_comes_last() -> None:
    assert names(PETS, ["fish", "dog", "cat"]) == ("cat", "dog", "fish")
    assert names(PETS, ["bird", "fish", "ant", "dog", "cat"]) == (
        "cat",
        "dog",
        "fish",
        "bird",
        "ant",
    )


def test_none_of_these_is_a_class_once_a_sample_has_it_and_for_ever() -> None:
    labels = ["cat", "dog", "fish"]
    assert names(PETS, labels, used={"cat": 3, NONE_OF_THESE: 0}) == PETS.names
    after = names(PETS, labels, used={NONE_OF_THESE: 1})
    assert after == ("cat", "dog", "fish", NONE_OF_THESE)
    assert names(ClassList(after), [*labels, "ant"]) == (*after, "ant")


def test_a_rename_takes_the_number() -> None:
    assert names(PETS, ["kitten", "dog", "fish"], ("cat", "kitten")) == ("kitten", "dog", "fish")


def test_a_merge_retires_the_number_for_ever() -> None:
    after = names(PETS, ["dog", "fish"], ("cat", "dog"))
    assert after == (None, "dog", "fish")
    assert names(ClassList(after), ["cat", "dog", "fish"], ("cat", "dog")) == (*after, "cat")


def test_a_drop_retires_the_number_for_ever() -> None:
    after = names(PETS, ["cat", "fish"], ("dog", None))
    assert after == ("cat", None, "fish")
    assert names(ClassList(after), ["cat", "dog", "fish"], ("dog", None)) == (*after, "dog")


def test_two_renames_at_once() -> None:
    after = names(PETS, ["puppy", "kitten", "fish"], ("cat", "kitten"), ("dog", "puppy"))
    assert after == ("kitten", "puppy", "fish")


def test_two_old_labels_become_one_new_label() -> None:
    assert names(PETS, ["pet", "fish"], ("dog", "pet"), ("cat", "pet")) == ("pet", None, "fish")


def test_a_chain_of_renames_with_and_without_a_release_between() -> None:
    first = names(PETS, ["kitten", "dog", "fish"], ("cat", "kitten"))
    chain = (("cat", "kitten"), ("kitten", "kitty"))
    later = names(ClassList(first), ["kitty", "dog", "fish"], *chain)
    assert later == names(PETS, ["kitty", "dog", "fish"], *chain) == ("kitty", "dog", "fish")
    assert current_label("cat", decisions(*chain)) == "kitty"
    assert current_label("cat", decisions(*chain, ("kitty", None))) is None


def test_a_rename_and_back_again() -> None:
    there = names(PETS, ["kitten", "dog", "fish"], ("cat", "kitten"))
    pairs = (("cat", "kitten"), ("kitten", "cat"))
    assert names(ClassList(there), ["cat", "dog", "fish"], *pairs) == PETS.names
    assert decisions(*pairs) == {"kitten": "cat"}


def test_labels_that_swap_their_meaning_go_through_a_third_name() -> None:
    """A swap of two labels that both stay cannot be told from another order: nothing changes."""
    assert names(PETS, ["dog", "cat", "fish"]) == PETS.names
    one = names(PETS, ["x", "dog", "fish"], ("cat", "x"))
    two = names(ClassList(one), ["x", "cat", "fish"], ("cat", "x"), ("dog", "cat"))
    three = names(
        ClassList(two), ["dog", "cat", "fish"], ("cat", "x"), ("dog", "cat"), ("x", "dog")
    )
    assert three == ("dog", "cat", "fish")


def test_a_label_that_went_and_one_that_is_called_like_it() -> None:
    with pytest.raises(StorageError) as stop:
        follow(PETS, ["cats", "dog", "fish"], {"cat": 12}, {}, campaign="my pets")
    assert stop.value.code == CLASS_GONE
    assert "'cat' (12 samples)" in stop.value.message
    assert "renamed to 'cats'" in stop.value.hint
    assert "ls-clip classes map 'my pets' cat cats" in stop.value.hint
    assert "ls-clip classes drop 'my pets' cat" in stop.value.hint


def test_the_one_that_went_for_the_one_that_came() -> None:
    with pytest.raises(StorageError) as stop:
        follow(PETS, ["tabby", "dog", "fish"], {"cat": 12}, {})
    assert "ls-clip classes map CAMPAIGN cat tabby" in stop.value.hint


def test_all_that_went_are_named() -> None:
    with pytest.raises(StorageError) as stop:
        follow(PETS, ["dog", "heron"], {"cat": 1}, {"fish": "gone too"})
    assert "'cat' (1 sample); 'fish' (0 samples)" in stop.value.message
    assert "ls-clip classes map CAMPAIGN cat NEW" in stop.value.hint
    assert "ls-clip classes drop CAMPAIGN fish" in stop.value.hint


def test_old_annotations_go_on_counting() -> None:
    mapped = decisions(("cat", "kitten"), ("kitten", "kitty"), ("eel", "fish"), ("fish", None))
    assert counts_as(["kitty", "dog"], mapped) == {"cat": "kitty", "kitten": "kitty"}
    records = by_key(record(label, label=label) for label in ("cat", "kitty", "dog", "fish", "eel"))
    classes = ClassList(("kitty", "dog", None))
    found = classified(records, classes, mapped)
    assert sorted((r.label, r.class_id) for r in found.values()) == [
        ("dog", 1),
        ("kitty", 0),
        ("kitty", 0),
    ]
    assert all(found[key].sha256 == records[key].sha256 for key in found)


def test_the_ledger_keeps_decisions_and_the_list(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert read_classes(ledger) == ClassList()
        assert read_map(ledger, ["cat"]) == {}
        note_decision(ledger, "cat", "Kätzchen")
        note_decision(ledger, "fish", None)
        ledger.set_note(Note.CLASSES, classes_json(ClassList(("cat", None, "dog"))))
    with Ledger(tmp_path / "ledger.sqlite", writing=False) as ledger:
        assert read_map(ledger, ["Kätzchen", "dog"]) == {"cat": "Kätzchen", "fish": None}
        assert read_map(ledger, ["fish", "dog"]) == {"cat": "Kätzchen"}, "fish is a label again"
        assert read_classes(ledger) == ClassList(("cat", None, "dog"))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_happens_a_number_is_that_of_one_class(data: st.DataObject) -> None:
    """Labels come, go, are mapped or dropped in any order; a training run knows classes by number.

    A number passes from label to label only as someone said, and is never given out again.
    """
    labels = st.lists(st.sampled_from("abcdef"), min_size=1, unique=True)
    made: dict[str, str | None] = {}
    before = ClassList()
    retired: set[int] = set()
    for _ in range(data.draw(st.integers(1, 6))):
        configured = data.draw(labels)
        for old in before.labels:
            if old not in configured:
                made = decided(made, old, data.draw(st.sampled_from([*configured, None])))
        held = {old: new for old, new in made.items() if old not in configured}
        assert all(current_label(old, held) in {*configured, None} for old in before.labels)
        after = follow(before, configured, {}, held)
        assert set(after.labels) == set(configured)
        assert len(after.labels) == len(set(after.labels))
        for number, was in enumerate(before.names):
            now = after.names[number]
            if was is not None and now is not None:
                assert now == current_label(was, held)
            retired |= {number} if now is None else set()
            assert (now is None) == (number in retired)
        assert follow(after, configured[::-1], {}, held) == after
        before = after
