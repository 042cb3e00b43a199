"""What is wrong with a prediction, said before Label Studio stores or drops it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from importers.label_studio.predictions import PredictionChecker

CONFIG = """
<View>
  <Image name="image" value="$image"/>
  <Choices name="label" toName="image"><Choice value="cat"/><Choice value="dog"/></Choices>
</View>
"""


def good() -> dict[str, Any]:
    region = {
        "from_name": "label",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": ["cat"]},
    }
    return {"model_version": "v", "score": 0.5, "result": [region]}


BAD: list[Callable[[dict[str, Any]], object]] = [
    lambda p: p.update(score=None),
    lambda p: p.update(score=17.5),
    lambda p: p.update(score=-0.1),
    lambda p: p.update(score=math.nan),
    lambda p: p.update(score="high"),
    lambda p: p.pop("score"),
    lambda p: p.update(model_version=""),
    lambda p: p.pop("model_version"),
    lambda p: p["result"][0].update(value={"choices": ["owl"]}),
    lambda p: p["result"][0].update(from_name="other"),
    lambda p: p["result"][0].update(to_name="other"),
    lambda p: p["result"][0].update(type="labels"),
]


@pytest.mark.parametrize("spoil", BAD)
def test_a_fault_is_found(spoil: Callable[[dict[str, Any]], object]) -> None:
    checker = PredictionChecker(CONFIG)
    prediction = good()
    assert checker.faults(prediction) == []
    spoil(prediction)
    assert checker.faults(prediction)


def test_an_empty_result_is_one() -> None:
    assert PredictionChecker(CONFIG).faults({**good(), "result": []}) == []


def test_what_does_not_fit_is_told_apart_from_a_score_that_is_missing() -> None:
    checker = PredictionChecker(CONFIG)
    assert checker.misfits(good()["result"]) == []
    renamed = PredictionChecker(CONFIG.replace("cat", "kitten"))
    assert "cat" in "".join(renamed.misfits(good()["result"]))
