"""Text vectors of label sets, each encoded once and remembered; and what is odd about the labels.

A large model needs a minute for hundreds of labels. Whoever asks meanwhile waits for the same
encoding, and it goes in portions, so that images have their turn in between.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as OutOfTime
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ls_backend.labels.target import LabelTarget
from ls_backend.zero_shot import Vectors, text_vectors

SETS_KEPT = 64
TEXTS_IN_A_PORTION = 8
NEARLY_THE_SAME = 0.95
"""Cosine of two labels' text vectors, above which they are told apart by chance."""
MOST_PAIRS = 100
MOST_LINES = 5
"""Sentences of each kind, so that five hundred labels named by codes fill no log."""

_Key = tuple[object, ...]


class LabelVectors:
    """Encodes the texts of label sets. Safe to share between threads.

    Args:
        encode: Texts → unit vectors, shape (n, d).
    """

    def __init__(self, encode: Callable[[Sequence[str]], Vectors]) -> None:
        self._encode = encode
        self._sets: OrderedDict[_Key, Future[Vectors]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, target: LabelTarget, deadline: float = float("inf")) -> Vectors:
        """Unit vectors of the labels, in their order, then of the background texts.

        Args:
            deadline: `time.monotonic()` until which to wait; the encoding goes on after it.

        Raises:
            TimeoutError: They are not there by then.
            ModelError: The model fails.
        """
        key = (target.texts, target.background, target.prompts, target.templates)
        left = None if deadline == float("inf") else max(0.0, deadline - time.monotonic())
        try:
            return self._coming(key, target).result(left)
        except OutOfTime:
            raise TimeoutError from None

    def _coming(self, key: _Key, target: LabelTarget) -> Future[Vectors]:
        with self._lock:
            future = self._sets.pop(key, None)
            if future is None or (future.done() and future.exception()):
                future = Future()
                threading.Thread(target=self._run, args=(future, target), daemon=True).start()
            self._sets[key] = future
            if len(self._sets) > SETS_KEPT:
                self._sets.popitem(last=False)
            return future

    def _run(self, future: Future[Vectors], target: LabelTarget) -> None:
        try:
            future.set_result(np.concatenate(list(self._portions(target))))
        except Exception as error:
            future.set_exception(error)

    def _portions(self, target: LabelTarget) -> Iterator[Vectors]:
        texts = target.texts + target.background
        prompts = target.prompts + ((),) * (len(texts) - len(target.prompts))
        for start in range(0, len(texts), TEXTS_IN_A_PORTION):
            portion = slice(start, start + TEXTS_IN_A_PORTION)
            vectors = text_vectors(texts[portion], self._encode, target.templates)
            for row, own in enumerate(prompts[portion]):
                if own:
                    mean = text_vectors(own, self._encode, target.templates).mean(axis=0)
                    vectors[row] = mean / np.linalg.norm(mean)
            yield vectors


@dataclass(frozen=True)
class LabelStudy:
    """What is odd about a target's labels.

    Attributes:
        opaque: Labels with words that no text model can know.
        alike: Pairs of labels with nearly the same text vectors, most alike first, 100 at most.
    """

    opaque: tuple[str, ...]
    alike: tuple[tuple[str, str], ...]

    def lines(self) -> list[str]:
        """A sentence for each; of many, one for the rest."""
        unknown = [
            f'CLIP cannot know what {label!r} means: give it clip_prompt="…".'
            for label in self.opaque
        ]
        twins = [
            f"{one!r} and {other!r} read almost the same to CLIP: give each a clip_prompt."
            for one, other in self.alike
        ]
        return [
            *_shortened(unknown, "labels that CLIP cannot know"),
            *_shortened(twins, "pairs that read almost the same"),
        ]


def study_labels(target: LabelTarget, texts: NDArray[np.float32]) -> LabelStudy:
    """Look at a target's labels.

    Args:
        texts: Unit vectors of the labels, in their order, shape (labels or more, d).
    """
    vectors = texts[: len(target.labels)]
    cosines = np.triu(vectors @ vectors.T, k=1)
    pairs = np.argwhere(cosines > NEARLY_THE_SAME)
    likest = sorted(pairs.tolist(), key=lambda pair: -cosines[pair[0], pair[1]])[:MOST_PAIRS]
    return LabelStudy(
        opaque=tuple(target.opaque_labels),
        alike=tuple((target.labels[one], target.labels[other]) for one, other in likest),
    )


def _shortened(lines: list[str], what: str) -> list[str]:
    more = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], f"And {more} more {what}: see /versions."] if more > 0 else lines
