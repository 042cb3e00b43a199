"""Numbers from vectors: shares, margins, claims."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ls_backend.zero_shot import (
    TEMPLATES,
    Score,
    Vectors,
    independent_probabilities,
    probabilities,
    score_shares,
    text_vectors,
)


def unit(*rows: list[float]) -> Vectors:
    vectors = np.array(rows, dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


TEXTS = unit([1, 0, 0], [0, 1, 0], [0, 0, 1])


def test_a_text_is_the_mean_over_its_templates() -> None:
    asked: list[str] = []

    def encode(texts: list[str]) -> Vectors:
        asked.extend(texts)
        return unit(*([float(len(text)), 1.0] for text in texts))

    vectors = text_vectors(["owl", "dog"], encode)

    assert asked == [t.format(a=a) for a in ("an owl", "a dog") for t in TEMPLATES]
    assert vectors.shape == (2, 2)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1])


def test_shares_sum_to_one_and_the_nearest_text_leads() -> None:
    shares = probabilities(unit([3, 1, 0], [0, 0, 1]), TEXTS, 30.0)

    assert shares.sum(axis=1) == pytest.approx([1, 1])
    assert shares.argmax(axis=1).tolist() == [0, 2]


def test_large_scales_stay_finite() -> None:
    shares = probabilities(TEXTS, TEXTS, 10_000.0)

    assert np.isfinite(shares).all()
    assert shares.diagonal() == pytest.approx([1, 1, 1])


def test_with_a_bias_a_single_text_gets_its_sigmoid() -> None:
    image, scale, bias = unit([0.2, 1, 0]), 100.0, -12.0
    for text in (0, 1, 2):
        cosine = float((image @ TEXTS[[text]].T).item())

        [[share]] = probabilities(image, TEXTS[[text]], scale, bias)

        assert share == pytest.approx(1 / (1 + np.exp(-(scale * cosine + bias))), rel=1e-6)


def test_with_a_bias_an_image_that_fits_nothing_scores_low() -> None:
    fits, fits_nothing = unit([0.12, 0, 1]), unit([0.12, 0.1, -1])

    known = probabilities(fits, TEXTS, 100.0, -15.0)[0]
    stranger = probabilities(fits_nothing, TEXTS, 100.0, -15.0)[0]
    softmax = probabilities(fits_nothing, TEXTS, 100.0)[0]

    assert known[2] > 0.99
    assert stranger.sum() < 0.1 < 0.8 < softmax[0]
    assert (stranger / stranger.sum()) == pytest.approx(softmax)


def test_with_a_bias_background_and_margin_keep_their_meaning() -> None:
    texts, labels = TEXTS, ["a", "b"]

    def scored(*image: float) -> Score:
        row = probabilities(unit(list(image)), texts, 100.0, -20.0)[0]
        return score_shares(row, labels, "a", None)

    right, wrong, background, nothing = (
        scored(1, 0, 0), scored(0, 1, 0), scored(0, 0, 1), scored(-1, -1, -1),
    )  # fmt: skip

    assert wrong.margin < -0.99 < 0.99 < right.margin
    assert background.background_wins
    assert background.background_probability > 0.99
    assert not right.background_wins
    assert abs(nothing.margin) < 1e-6
    assert nothing.label_probability < 1e-6


def test_each_of_several_labels_stands_against_the_background_alone() -> None:
    image, scale = unit([0.9, 0.3, 0.4]), 5.0

    held = independent_probabilities(image, TEXTS, 2, scale)

    for label in (0, 1):
        against = probabilities(image, TEXTS[[label, 2]], scale)
        assert held[0, label] == pytest.approx(against[0, 0])


def test_with_a_bias_each_of_several_labels_has_its_sigmoid() -> None:
    image, scale, bias = unit([0.9, 0.3, 0.4]), 20.0, -8.0

    held = independent_probabilities(image, TEXTS, 2, scale, bias)

    for label in (0, 1):
        assert held[0, label] == pytest.approx(
            probabilities(image, TEXTS[[label]], scale, bias)[0, 0], rel=1e-6
        )


def score(shares: list[float], claim: str | None, labels: str = "ab") -> Score:
    return score_shares(np.array(shares), list(labels), claim, None)


def test_a_claim_is_verified() -> None:
    claimed = score([0.2, 0.7, 0.1], "a")

    assert (claimed.label, claimed.predicted_label) == ("a", "b")
    assert claimed.label_probability == pytest.approx(0.2)
    assert claimed.predicted_probability == pytest.approx(0.7)
    assert claimed.margin == pytest.approx(-0.5)


@pytest.mark.parametrize("claim", [None, "", "zebra", "A"])
def test_without_a_valid_claim_the_best_label_is_the_answer(claim: str | None) -> None:
    classified = score([0.2, 0.7, 0.1], claim)

    assert classified.label == classified.predicted_label == "b"
    assert classified.margin == pytest.approx(0.5)


def test_background_takes_its_share_and_is_never_predicted() -> None:
    drowned = score([0.1, 0.2, 0.7], None)

    assert drowned.predicted_label == "b"
    assert drowned.predicted_probability == pytest.approx(0.2)
    assert drowned.margin == pytest.approx(-0.5)


def test_similarity_is_kept_within_a_cosine() -> None:
    row = np.array([1.0])

    assert score_shares(row, ["a"], None, 1.0000001).similarity == 1.0
    assert score_shares(row, ["a"], None, -1.0000001).similarity == -1.0
    assert score_shares(row, ["a"], None, None).similarity is None


@given(
    logits=st.lists(st.floats(-1, 1), min_size=2, max_size=8),
    scale=st.floats(0.01, 200),
    bias=st.none() | st.floats(-500, 500),
    claim=st.integers(0, 7),
)
def test_a_score_is_a_probability_whatever_comes(
    logits: list[float], scale: float, bias: float | None, claim: int
) -> None:
    cosines = np.array([logits], dtype=np.float32)
    labels = [str(number) for number in range(len(logits))]
    row = probabilities(np.ones((1, 1), dtype=np.float32), cosines.T, scale, bias)[0]

    assert np.isfinite(row).all()
    assert 0 <= row.min() <= row.sum() <= 1 + 1e-9
    result = score_shares(row, labels, str(claim), None)

    assert 0 <= result.label_probability <= result.predicted_probability <= 1
    assert -1 <= result.margin <= 1
