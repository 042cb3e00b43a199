"""What the tiny CLIP can do, measured on fresh drawings through the backend's own scoring.

``python -m bench.sketch_training.evaluate [--json]``. All prompts ask for combinations that
training never saw unless a line says otherwise, and no seed of training is used again.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from multiprocessing import get_context
from typing import TYPE_CHECKING

from PIL import Image

from bench.sketch_training.dataset import held_out
from bench.sketch_training.measures import Measure, separation, share, table
from bench.sketch_training.texts import plural
from importers.sketch.draw import Truth, draw
from importers.sketch.failures import ALL, BLATANT
from importers.sketch.grammar import caption
from importers.sketch.spec import OBJECTS, OUTSIDE_OBJECTS, Spec, random_spec, rng_for
from ls_backend.labels.target import LabelTarget

if TYPE_CHECKING:
    from multiprocessing.pool import Pool

    from ls_backend.model import ClipModel
    from ls_backend.zero_shot import Score

FAILURE_RATE = 0.15
_PIXELS = 256
_AT_ONCE = 64


@dataclass(frozen=True)
class Request:
    """One drawing to ask for."""

    prompt: str
    seed: int
    failure_rate: float = 0.0
    kinds: tuple[str, ...] = ALL


@dataclass(frozen=True)
class Judged:
    """A drawing's truth and what the model says of it."""

    truth: Truth
    score: Score


def requests(
    name: str,
    count: int,
    accept: Callable[[Spec], bool] = held_out,
    objects: Sequence[str] = OBJECTS,
    failure_rate: float = 0.0,
    kinds: tuple[str, ...] = ALL,
) -> list[Request]:
    """``count`` prompts that name every attribute, each with a seed; the same for a ``name``."""
    rng = rng_for("evaluation", name)
    specs = (random_spec(rng, objects, accept) for _ in range(count))
    return [
        Request(caption(spec, rng, full=True), rng.getrandbits(62), failure_rate, kinds)
        for spec in specs
    ]


def target(texts: Sequence[str]) -> LabelTarget:
    """The 20 objects as labels, each in the words of ``texts``."""
    return LabelTarget(
        from_name="label",
        to_name="image",
        image_field="image",
        labels=OBJECTS,
        texts=tuple(texts),
        none_label=None,
        claim_field="label",
        fit_field=None,
        background=(),
    )


Drawn = tuple[bytes, Truth]


def judge(model: ClipModel, drawn: Iterable[Drawn], labels: LabelTarget) -> list[Judged]:
    """Score drawings; the claim is the label that was asked for."""
    judged: list[Judged] = []
    stream = iter(drawn)
    while some := list(islice(stream, _AT_ONCE)):
        images = [Image.open(io.BytesIO(png)).convert("RGB") for png, _ in some]
        truths = [truth for _, truth in some]
        claims = [truth.asked.object for truth in truths]
        scores = model.score(images, labels, claims, [truth.prompt for truth in truths])
        judged += map(Judged, truths, scores)
    return judged


def draw_request(request: Request) -> Drawn:
    """The PNG of one drawing, and its truth."""
    drawing = draw(request.prompt, request.seed, _PIXELS, request.failure_rate, request.kinds)
    return drawing.png, drawing.truth


class Evaluation:
    """Draws in processes of its own and scores here."""

    def __init__(self, model: ClipModel, pool: Pool, count: int) -> None:
        self._model, self._pool, self._count = model, pool, count
        self._names = target(OBJECTS)

    def measures(self) -> list[Measure]:
        """All measures: the zero-shot lines, the review queue, each kind of failure."""
        mix = self._judged(
            requests("mix", 2 * self._count, failure_rate=FAILURE_RATE, kinds=BLATANT)
        )
        return [*self._zero_shot(), *_review(mix), *self._kinds(mix), self._outside(mix)]

    def _drawn(self, asked: Sequence[Request]) -> Iterator[Drawn]:
        print(f"drawing and scoring {len(asked)} pictures", file=sys.stderr, flush=True)
        return self._pool.imap(draw_request, asked, chunksize=16)

    def _judged(self, asked: Sequence[Request]) -> list[Judged]:
        return judge(self._model, self._drawn(asked), self._names)

    def _zero_shot(self) -> list[Measure]:
        new = list(self._drawn(requests("held out", self._count)))
        known = requests("known", self._count, accept=lambda spec: not held_out(spec))
        many = judge(self._model, new, target([plural(name) for name in OBJECTS]))
        return [
            _top_one("top-1 of 20 objects", judge(self._model, new, self._names), 0.98),
            _top_one("top-1, labels in the plural", many, 0.95),
            _top_one("top-1, combinations seen in training", self._judged(known)),
        ]

    def _kinds(self, mix: Sequence[Judged]) -> list[Measure]:
        """How well both scores tell each kind of failure from drawings without failure."""
        good = [one for one in mix if one.truth.failure is None]
        count = max(self._count // 5, 20)
        measures = []
        for kind in ALL:
            bad = self._judged(requests(kind, count, failure_rate=1.0, kinds=(kind,)))
            measures += [
                separation(f"AUC of label_probability: {kind}", _sure(good), _sure(bad)),
                separation(f"AUC of similarity: {kind}", _fit(good), _fit(bad)),
            ]
        return measures

    def _outside(self, mix: Sequence[Judged]) -> Measure:
        count = max(self._count // 3, 30)
        asked = requests("outside", count, lambda _: True, OUTSIDE_OBJECTS)
        return separation(
            "AUC of predicted_probability: object outside the labels",
            [one.score.predicted_probability for one in mix if one.truth.failure is None],
            [one.score.predicted_probability for one in self._judged(asked)],
        )


def _top_one(name: str, judged: Sequence[Judged], least: float | None = None) -> Measure:
    hits = [one.score.predicted_label == one.truth.asked.object for one in judged]
    return share(name, hits, least)


def _review(mix: Sequence[Judged]) -> list[Measure]:
    """What the review queue is worth on a mix with blatant failures."""
    right = [one for one in mix if one.truth.label_holds]
    wrong = [one for one in mix if not one.truth.label_holds]
    fits = [one for one in mix if one.truth.failure is None]
    misses = [one for one in mix if one.truth.failure is not None]
    queue = sorted(mix, key=lambda one: one.score.label_probability)
    shuffled = rng_for("evaluation", "random order").sample(mix, len(mix))
    return [
        separation("AUC of label_probability: wrong label", _sure(right), _sure(wrong), 0.98),
        separation("AUC of similarity: misses its prompt", _fit(fits), _fit(misses), 0.98),
        share("wrong labels in the first quarter of the queue", _found_early(queue), 0.9),
        share("… and of a random order", _found_early(shuffled)),
    ]


def _found_early(order: Sequence[Judged]) -> list[bool]:
    """For each wrong label, if it comes in the first quarter of an order."""
    quarter = len(order) // 4
    return [i < quarter for i, one in enumerate(order) if not one.truth.label_holds]


def _sure(judged: Sequence[Judged]) -> list[float]:
    return [one.score.label_probability for one in judged]


def _fit(judged: Sequence[Judged]) -> list[float]:
    return [one.score.similarity for one in judged if one.score.similarity is not None]


def main() -> None:
    """Print all measures; the exit status is 1 where a target was missed."""
    from ls_backend.clip.clip import Clip
    from ls_backend.model import ClipModel

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="sketch", help='"sketch" or a model folder')
    parser.add_argument("--count", type=int, default=1000, help="drawings for each zero-shot line")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    clip = Clip.load(arguments.model)
    with get_context("spawn").Pool(2) as pool:
        measures = Evaluation(ClipModel(clip), pool, arguments.count).measures()
    if arguments.json:
        report = {"model": clip.name, "fingerprint": clip.fingerprint}
        print(json.dumps({**report, "measures": [asdict(measure) for measure in measures]}))
    else:
        print(table(measures))
    sys.exit(any(measure.missed for measure in measures))


if __name__ == "__main__":
    main()
