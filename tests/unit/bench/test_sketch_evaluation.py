"""The evaluation of the tiny CLIP asks for what it never saw, and measures what is promised."""

from __future__ import annotations

from multiprocessing.pool import ThreadPool

from bench.sketch_training.dataset import held_out
from bench.sketch_training.evaluate import Evaluation, requests
from importers.sketch import open_model
from importers.sketch.grammar import parse
from importers.sketch.spec import random_spec, rng_for


def test_evaluation_prompts_are_held_out() -> None:
    rng = rng_for("check")
    assert not held_out(random_spec(rng, accept=lambda spec: not held_out(spec)))
    for request in requests("test", 50):
        read = parse(request.prompt)
        assert held_out(read.complete(rng))


def test_the_evaluation_measures_all_promises() -> None:
    with ThreadPool(1) as pool:
        measures = Evaluation(open_model("sketch"), pool, 20).measures()
    assert sum(measure.target is not None for measure in measures) == 5
    rounding = 1e-9
    for measure in measures:
        assert -rounding <= measure.low <= measure.value + rounding, measure
        assert measure.value - rounding <= measure.high <= 1 + rounding, measure
