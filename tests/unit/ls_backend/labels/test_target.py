"""The control that CLIP fills: which label a claim names, and how an answer is written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ls_backend.labels.target import LabelTarget, claims_of, count_claims
from ls_backend.metrics import REGISTRY

TARGET = LabelTarget(
    from_name="what",
    to_name="image",
    image_field="image",
    labels=("cat", "7"),
    texts=("cat", "seven"),
    none_label="none",
    claim_field="label",
    fit_field=None,
    background=("a wall",),
)
SEVERAL = replace(TARGET, thresholds=(0.5, 0.5))


def claimed(claim: Any, target: LabelTarget = TARGET) -> list[str]:
    return claims_of({"data": {"label": claim}}, target)


@pytest.mark.parametrize("claim", [7, 7.0, "7", ["7"], [7]])
def test_a_table_may_have_made_a_number_of_a_label(claim: object) -> None:
    assert claimed(claim) == ["7"]


@pytest.mark.parametrize(
    "claim",
    [
        None,
        "",
        True,
        False,
        7.5,
        {"a": 1},
        [],
        ["cat", "7"],
        "cow",
        "Cat",
        float("inf"),
        float("nan"),
    ],
)
def test_what_names_no_label_is_no_claim(claim: object) -> None:
    assert claimed(claim) == []


def test_numbers_are_labels_while_they_are_whole_in_json() -> None:
    largest = 10**15 - 1
    target = replace(TARGET, labels=(str(largest), str(largest + 1), str(-largest)))

    assert claimed(largest, target) == [str(largest)]
    assert claimed(-largest, target) == [str(-largest)]
    assert claimed(largest + 1, target) == []
    assert claimed(str(largest + 1), target) == [str(largest + 1)]


@pytest.mark.parametrize(
    "claim",
    [10**5000, 1e300, -(10**400), float("inf"), float("nan")],
    ids=["int", "float", "least", "inf", "nan"],
)
def test_a_number_without_end_is_no_claim(claim: float) -> None:
    assert claimed(claim) == []


def test_several_claims_stand_where_several_labels_may_hold() -> None:
    assert claimed(["cat", "cow", 7], SEVERAL) == ["cat", "7"]


def test_without_a_field_for_claims_nothing_is_claimed() -> None:
    assert claimed("cat", replace(TARGET, claim_field=None)) == []
    assert claims_of({"data": {}}, TARGET) == []


def test_none_of_these_can_be_claimed_where_something_stands_for_it() -> None:
    assert claimed("none") == ["none"]
    assert claimed("none", replace(TARGET, background=())) == []
    assert claimed("none", SEVERAL) == []


def test_a_claim_by_value_or_last_word_names_one_label_or_none() -> None:
    paths = (("a / red", ("a", "red")), ("b / red", ("b", "red")), ("b / sea", ("b", "sea")))
    tree = replace(
        TARGET,
        labels=("a / red", "b / red", "b / sea"),
        paths=(*paths, ("none", ("other", "none of it"))),
        values=("crimson", "blood", "blue"),
        none_label="none",
    )

    assert tree.label_of("sea") == "b / sea"
    assert tree.label_of("blue") == "b / sea"
    assert tree.label_of("red") is None
    assert tree.label_of("none of it") is None
    assert tree.label_of("b") is None
    assert replace(TARGET, labels=("b",), values=("blue",)).label_of("blue") == "b"


def test_answers_are_written_as_label_studio_writes_them() -> None:
    tree = replace(TARGET, control="taxonomy", paths=(("a / b", ("a", "b")), ("c", ("c",))))

    assert TARGET.value(["cat", "7"]) == {"choices": ["cat", "7"]}
    assert replace(TARGET, control="rectanglelabels").value(["cat"]) == {"rectanglelabels": ["cat"]}
    assert tree.value(["a / b", "c"]) == {"taxonomy": [["a", "b"], ["c"]]}


def test_a_label_with_words_of_its_own_is_not_opaque() -> None:
    coded = replace(TARGET, labels=("A1", "B2", "cat"), texts=("A1", "B2", "cat"))

    assert coded.opaque_labels == ["A1", "B2"]
    assert replace(coded, prompts=((), ("a bus",), ())).opaque_labels == ["A1"]


def test_claims_are_counted_by_what_becomes_of_them() -> None:
    def counted() -> list[float]:
        return [
            REGISTRY.get_sample_value("clip_claims_total", {"outcome": name}) or 0.0
            for name in ("verified", "no_claim", "unknown_label")
        ]

    claims = ("cat", ["7"], None, "", True, {"a": 1}, ["cat", "7"], [], "cow", 8, "Cat")
    tasks = [{"data": {"label": claim}} for claim in claims] + [{"data": {}}]
    before = counted()

    count_claims(tasks, TARGET)
    count_claims(tasks, replace(TARGET, claim_field=None))

    assert [now - then for now, then in zip(counted(), before, strict=True)] == [2, 7, 3]
