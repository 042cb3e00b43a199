"""Pictures that show none of the labels on purpose: scored, queued, and served live alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from importers.config.campaign import NONE_OF_THESE, Campaign
from importers.config.review_config import review_config
from importers.image_store import ImageStore
from importers.label_studio.tasks import TaskBuilder, why
from importers.ledger import Ledger
from importers.pipeline import score
from importers.sample import PlannedSample, Prompt
from importers.sketch import open_model
from importers.sketch.draw import draw
from ls_backend.images.image_vectors import ImageParts
from ls_backend.images.pixels import decode_image
from ls_backend.labels.config import read_label_config
from ls_backend.labels.texts import DEFAULT_BACKGROUND
from ls_backend.model import ClipModel
from ls_backend.zero_shot import Score, Vectors, score_shares

LABELS = ["cat", "dog", "fish"]
ADVERSARIAL = {"name": "adversarial", "truth": "none", "templates": ["a {label}-like {other}"]}


@pytest.fixture(scope="module")
def model() -> ClipModel:
    campaign = Campaign.model_validate(
        {
            "name": "pets",
            "labels": LABELS,
            "samples": 1,
            "prompts": {"templates": ["a {label}"]},
            "generator": {"model": "sketch-1"},
            "score": {"model": "sketch"},
        }
    )
    return open_model(campaign.score.model)


def plan_and_draw(campaign: Campaign, ledger: Ledger, shown: str, seed: int) -> None:
    prompt = Prompt(
        f"a cat-like {shown} in a park",
        NONE_OF_THESE,
        "adversarial",
        {"looks_like": "cat", "other": shown},
    )
    key = f"{shown}{seed}"
    ledger.plan([PlannedSample(key, prompt, "sketch-1", "256x256", {}, seed)])
    request = ledger.requests.begin(key)
    data = draw(f"a red {shown} in a park", seed, 256).png
    digest = ImageStore(campaign.images_path).put(data)
    ledger.requests.stored(request, digest, request_id=None, cost_usd=None, usage=None)


def test_the_score_is_the_share_of_what_is_no_label_and_the_backend_agrees(
    make_campaign: Any, ledger: Ledger, model: ClipModel
) -> None:
    campaign = make_campaign(ADVERSARIAL, labels=LABELS)
    shown = ["tree", "kite", "tree", "cat"]
    for seed, name in enumerate(shown):
        plan_and_draw(campaign, ledger, name, seed)
    report = score(campaign, ledger, model=model)
    assert report.scored == len(shown)

    samples = ledger.samples()
    probabilities = [s.score.label_probability for s in samples if s.score]
    assert all(probability > 0.5 for probability in probabilities[:3])
    assert probabilities[3] < 0.1  # a cat is one of them

    config = review_config(campaign)
    target = read_label_config(config)
    builder = TaskBuilder(campaign, config)
    store = ImageStore(campaign.images_path)
    tasks = [{"id": n, **builder.task(sample)} for n, sample in enumerate(samples)]
    images = [decode_image(store.get(sample.sha256 or "")) for sample in samples]

    def encode(images_of_tasks: Sequence[ImageParts]) -> list[Vectors]:
        return [model.clip.encode_images([images[parts.task["id"]]]) for parts in images_of_tasks]

    live = model.predict(tasks, target, encode)
    for task, served, probability in zip(tasks, live, probabilities, strict=True):
        assert isinstance(served, dict)
        (pushed,) = task["predictions"]
        assert served["result"][0]["value"] == {"choices": [NONE_OF_THESE]}
        assert pushed["result"][0]["value"] == {"choices": [NONE_OF_THESE]}
        assert served["score"] == pytest.approx(probability, abs=1e-5)
        assert pushed["score"] == probability
        assert served["model_version"] == pushed["model_version"] == report.model_version


def test_something_stands_for_none_of_these_only_where_pictures_are_to_show_it(
    make_campaign: Any,
) -> None:
    def background(*techniques: dict[str, Any], **values: Any) -> tuple[str, ...]:
        campaign = make_campaign(*techniques, labels=LABELS, **values)
        return read_label_config(review_config(campaign)).background

    assert background() == ()
    assert background({**ADVERSARIAL, "truth": "other"}) == ()
    assert background(ADVERSARIAL) == DEFAULT_BACKGROUND
    assert background(ADVERSARIAL, score={"background": ["a tree"]}) == ("a tree",)


def test_without_background_a_claim_of_none_is_no_claim(model: ClipModel) -> None:
    config = """<View><Image name="image" value="$image"/>
      <Choices name="label" toName="image" clip_claim="$label" {}><Choice value="cat"/>
      <Choice value="dog"/><Choice value="fish"/><Choice value="none" clip_none="true"/>
      </Choices></View>"""
    without = read_label_config(config.format(""))
    assert without.label_of("none") is None
    target = read_label_config(config.format('clip_background="a house"'))
    assert target.label_of("none") == "none"
    renamed = dataclasses.replace(target, none_label="nothing")
    assert model.version(renamed) != model.version(target)


@pytest.mark.parametrize(
    ("shares", "probability", "margin"),
    [([0.1, 0.2, 0.7], 0.7, 0.5), ([0.6, 0.1, 0.1], 0.3, -0.3), ([0.5, 0.5], 0.0, -0.5)],
)
def test_none_is_as_likely_as_the_labels_are_not(
    shares: list[float], probability: float, margin: float
) -> None:
    # The second row is a model's that gives "none of them" a share of its own.
    found = score_shares(np.array(shares), ["a", "b"], "none", None, "none")
    assert found.label == "none"
    assert found.label_probability == pytest.approx(probability)
    assert found.margin == pytest.approx(margin)


@pytest.mark.parametrize(
    ("probability", "predicted", "said"),
    [
        (0.9, 0.06, f"CLIP agrees: {NONE_OF_THESE} 90 %"),
        (0.1, 0.8, f"CLIP gives {NONE_OF_THESE} 10 % and would say dog"),
        (0.4, 0.3, f"CLIP is not sure: {NONE_OF_THESE} 40 %"),
    ],
)
def test_reviewers_are_told_why(probability: float, predicted: float, said: str) -> None:
    seen = Score(NONE_OF_THESE, probability, 0.0, "dog", predicted, 0.2)
    assert why(NONE_OF_THESE, seen) == said
