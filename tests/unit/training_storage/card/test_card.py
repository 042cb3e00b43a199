"""The dataset card says what is in a release, in numbers that are counted from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from card_release import LABELS, contents, facts, readme, record, rows
from huggingface_hub import DatasetCard

from importers.config.storage_sections import ApprovalSettings, SplitSettings
from importers.ledger import Ledger
from importers.record import Record
from importers.review import (
    APPROVED,
    CONTACT_SHEET,
    ONE_BY_ONE,
    REJECTED,
    RELABELLED,
    SKIPPED,
    UNDECIDED,
    WAITING,
    Box,
    Review,
    ReviewedTask,
)
from importers.training_storage.card.facts import ReviewFacts, review_facts
from importers.training_storage.card.files import card_files


def varied() -> list[Record]:
    """Ten pictures: nine drawn in two ways, of which one is relabelled, and a photo."""
    drawn = [
        record(n, LABELS[n % 2], n % 2, technique=("style", "vanilla")[n % 3 > 0]) for n in range(9)
    ]
    photo = record(9, split="test", synthetic=False, generator=None, technique=None, prompt=None)
    return [*drawn, photo]


def test_tables_count_labels_splits_and_techniques() -> None:
    found = rows(readme(contents(varied()), facts()))
    assert ["0", "cat", "6", "5", "0", "1"] in found
    assert ["1", "dog", "4", "4", "0", "0"] in found
    assert ["2", "test tube", "0", "0", "0", "0"] in found
    assert ["train", "9", "90.0 %", "9"] in found
    assert ["test", "1", "10.0 %", "0"] in found
    assert ["vanilla", "6", "60.0 %"] in found
    assert ["style", "3", "30.0 %"] in found
    assert ["not known", "1", "10.0 %"] in found


def test_a_class_that_was_dropped_is_not_listed() -> None:
    found = rows(readme(contents([record(1, "dog", 2)], ("cat", None, "dog")), facts()))
    assert [row[:2] for row in found if row[0] in "012"] == [["0", "cat"], ["2", "dog"]]


def test_reviews_are_summed_up(tmp_path: Path) -> None:
    def review(outcome: str, person: int, way: str | None, agreement: float | None) -> Review:
        return Review(outcome, reviewers=(person,), reviewed=way, agreement=agreement)

    reviews = [
        review(APPROVED, 1, ONE_BY_ONE, None),
        review(APPROVED, 1, ONE_BY_ONE, None),
        review(APPROVED, 2, CONTACT_SHEET, 1.0),
        review(APPROVED, 2, CONTACT_SHEET, 1.0),
        review(RELABELLED, 1, ONE_BY_ONE, 0.5),
        review(RELABELLED, 1, ONE_BY_ONE, 0.5),
        review(REJECTED, 3, ONE_BY_ONE, None),
        review(UNDECIDED, 4, ONE_BY_ONE, 0.5),
        Review(WAITING),
    ]
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        tasks = [ReviewedTask(n, f"{n:032x}", "t", "s", r) for n, r in enumerate(reviews)]
        ledger.reviews.record(tasks, {})
        found = review_facts(ledger.reviews.kinds())
    outcomes = {APPROVED: 4, RELABELLED: 2, REJECTED: 1, UNDECIDED: 1, WAITING: 1}
    assert found == ReviewFacts(outcomes, 3, 5, 2, 4, 0.75)


def test_the_review_is_told_in_numbers() -> None:
    outcomes = {APPROVED: 70, RELABELLED: 10, REJECTED: 15, SKIPPED: 5, WAITING: 1234}
    review = ReviewFacts(outcomes, 3, 60, 40, 20, 0.875)
    text = readme(contents([record(n) for n in range(78)]), facts(review=review))
    found = rows(text)
    assert ["approved as is", "70", "70.0 %"] in found
    assert ["approved with another label", "10", "10.0 %"] in found
    assert ["rejected", "15", "15.0 %"] in found
    assert ["unusable", "0", "0.0 %"] in found
    assert ["skipped", "5", "5.0 %"] in found
    assert ["waiting for an answer", "1,234", ""] in found
    assert "came from 3 people: 60 one by one and 40 on contact sheets" in text
    assert "answered for 20 pictures; on average 87.5 % of them gave the label" in text
    assert "2 approved tasks without a picture" in text


def test_agreement_of_single_answers_is_not_known() -> None:
    review = ReviewFacts({APPROVED: 1}, 1, 1, 0, 0, None)
    text = readme(contents([record(1)]), facts(review=review))
    assert "Agreement is not known: one person looked at each picture." in text
    assert "came from 1 person: 1 one by one." in text


@pytest.mark.parametrize(
    ("approval", "told"),
    [
        (ApprovalSettings(), "once it is submitted, unless it was skipped"),
        (
            ApprovalSettings(policy="verdict", verdict_control="a|b", approve=["yes", "ok"]),
            "where the control a\\|b says yes and ok.",
        ),
        (ApprovalSettings(policy="ground_truth"), "marked as ground truth"),
        (
            ApprovalSettings(policy="agreement", annotators=3, share=0.75),
            "at least 3 people answered and 75 % of them or more gave it",
        ),
    ],
)
def test_the_policy_is_told(approval: ApprovalSettings, told: str) -> None:
    assert told in readme(contents([record(1)]), facts(approval=approval))


def test_how_many_saw_a_chosen_label_is_told() -> None:
    seen_first = [record(1), record(2), record(3, shown_label=None)]
    assert "people saw 2 of these 3 pictures" in readme(contents(seen_first), facts())
    blind = readme(contents([record(1, shown_label=None)]), facts())
    assert "No label was chosen before people saw these pictures." in blind


def test_generators_have_days_counts_and_what_they_cost() -> None:
    records = [
        record(1, generated_at="2026-05-03T23:59:00Z"),
        record(2, generated_at="2026-04-30T00:00:00Z", cost_usd=None),
        record(3, generator="gpt-image-2", cost_usd=1.25, size=None, terms="No *rivals*."),
        record(4, synthetic=False, generator=None, parents=("a" * 64,)),
        record(5, synthetic=None, generator=None),
    ]
    text = readme(contents(records), facts())
    found = rows(text)
    assert ["sketch-1", "64x64", "2026-04-30", "2026-05-03", "2"] in found
    assert ["gpt-image-2", "not known", "2026-05-01", "2026-05-01", "1"] in found
    assert "They cost $1.26 in all (known for 2 of 3)" in text
    assert "3 drawn by a model, 1 that no model drew and 1 of which that is not known" in text
    assert "1 of them is made from other pictures" in text
    assert "1 picture came under terms" in text
    assert "No \\*rivals\\*." in text


def test_clip_is_told_as_what_ordered_the_review() -> None:
    records = [record(1), record(2), record(3, model_version="clip:test@2")]
    told = facts(order="label_probability", held_back={"near duplicates": 2, "dark": 0})
    text = readme(contents(records), told)
    assert "clip:test\\@1 (2 pictures) and clip:test\\@2 (1 picture)" in text
    assert "least likely to show its label came first" in text
    assert "2 pictures were held back: 2 near duplicates." in text
    unscored = readme(contents([record(1, model_version=None)]), facts())
    assert "No picture has a score of CLIP." in unscored


def test_families_are_counted_and_torn_ones_are_named() -> None:
    whole = [record(1, family="a"), record(2, family="a"), record(3, family="b", split="test")]
    splits = SplitSettings(train=0.7, validation=0.1, test=0.2, synthetic_in_test=True)
    text = readme(contents(whole, splits=splits), facts())
    assert "70 % train, 10 % validation and 20 % test" in text
    assert "2 families, each in one split." in text
    assert "may be tested on" in text
    torn = readme(contents([*whole, record(4, family="b")]), facts())
    assert "1 of 2 families lies in more than one split; `ls-clip verify`" in torn
    assert "are kept out of test" in torn


def test_nothing_approved_yet() -> None:
    files = card_files(contents([], ()), facts(removed=3), lambda _: b"")
    assert sorted(files) == ["README.md", "campaign.toml"]
    card = DatasetCard(files["README.md"].decode())
    assert card.data.size_categories == ["n<1K"]
    assert card.data.tags == ["label-studio"]
    assert "No picture is approved yet in project 12" in card.text
    assert "3 pictures of earlier releases left it." in card.text
    assert "Nobody has decided anything yet. Agreement is not known." in card.text
    assert "None" not in card.text


def test_metadata_is_that_of_a_dataset_card() -> None:
    box = Box("cat", 0, 0, 10, 10)
    records = [record(n, boxes=(box,) if n == 5 else ()) for n in range(1000)]
    told = facts(name="no", license="CC-BY-4.0")
    data = DatasetCard(
        card_files(contents(records), told, lambda _: b"")["README.md"].decode()
    ).data
    assert data.pretty_name == "no"
    assert data.license == "cc-by-4.0"
    assert data.task_categories == ["image-classification", "object-detection"]
    assert data.size_categories == ["1K<n<10K"]
    assert data.tags == ["synthetic", "label-studio", "clip"]


def test_a_photo_without_a_score_is_neither_synthetic_nor_of_clip() -> None:
    of = contents([record(1, synthetic=False, model_version=None)])
    data = DatasetCard(card_files(of, facts(), lambda _: b"")["README.md"].decode()).data
    assert data.tags == ["label-studio"]
    assert "license" not in data.to_dict()


@pytest.mark.parametrize(
    ("license", "metadata", "told"),
    [
        (None, {}, "No licence is stated: nothing here says"),
        ("other", {"license": "other"}, "The licence is `other`"),
        ("ODbL-1.0", {"license": "odbl"}, "[ODbL-1.0](https://spdx.org/licenses/ODbL-1.0.html)"),
        (
            "GPL-3.0-only",  # the hub would refuse the card
            {
                "license": "other",
                "license_name": "gpl-3.0-only",
                "license_link": "https://spdx.org/licenses/GPL-3.0-only.html",
            },
            "[GPL-3.0-only](https://spdx.org/licenses/GPL-3.0-only.html)",
        ),
    ],
)
@pytest.mark.parametrize("records", [[], [record(1)], [record(1, terms="No rivals.")]])
def test_the_licence_is_told(
    records: list[Record], license: str | None, metadata: dict[str, str], told: str
) -> None:
    card = card_files(contents(records), facts(license=license), lambda _: b"")["README.md"]
    data = DatasetCard(card.decode()).data.to_dict()
    assert {key: data[key] for key in data if key.startswith("license")} == metadata
    _, _, section = card.decode().partition("## Licence\n\n")
    assert section.startswith(told)
    has_terms = any(record.terms for record in records)
    assert ("terms under which pictures came" in section) == has_terms


def test_the_same_release_gives_the_same_card() -> None:
    one = card_files(contents(varied()), facts(), lambda _: b"")
    assert card_files(contents(varied()), facts(), lambda _: b"") == one
