"""The drawings and captions that the tiny CLIP learns from, and what is kept from it.

Owns the held-out rule: some combinations of object and colour, and of object, setting and style,
never occur in training, so that evaluation can tell understanding from memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.sketch_training.texts import empty_caption, naming
from bench.sketch_training.vocabulary import CONTEXT_LENGTH, load_tokenizer
from importers.sketch.grammar import caption
from importers.sketch.render import Mishap, render
from importers.sketch.spec import Spec, random_spec, rng_for

IMAGE_SIZE = 64
CAPTIONS = 10
_DRAWN_AT = 160
_EMPTY_SHARE = 0.03


@dataclass(frozen=True)
class Dataset:
    """Training pairs.

    Attributes:
        images: Pixels of the drawings, uint8 of shape (n, 3, 64, 64).
        tokens: Captions true of the image, int16 of shape (n, `CAPTIONS`, `CONTEXT_LENGTH`).
        groups: Indices of the images that share a setting and a style.
    """

    images: NDArray[np.uint8]
    tokens: NDArray[np.int16]
    groups: list[NDArray[np.int64]]


def held_out(spec: Spec) -> bool:
    """Whether training may not see ``spec``: about a fifth of all combinations."""
    return (
        _hash(spec.object, spec.color) % 8 == 0
        or _hash("x", spec.object, spec.setting, spec.style) % 10 == 0
    )


def _hash(*words: str) -> int:
    return int(hashlib.md5("|".join(words).encode(), usedforsecurity=False).hexdigest(), 16)


def training_spec(index: int) -> Spec:
    """What training image number ``index`` shows; never a held-out combination."""
    return random_spec(rng_for("training", index), accept=lambda spec: not held_out(spec))


def is_empty(index: int) -> bool:
    """Whether training image number ``index`` shows its setting without the object."""
    return rng_for("training empty", index).random() < _EMPTY_SHARE


def captions(index: int) -> list[str]:
    """`CAPTIONS` texts that are true of training image number ``index``."""
    spec, rng = training_spec(index), rng_for("training captions", index)
    if is_empty(index):
        return [empty_caption(spec.setting, spec.style, rng) for _ in range(CAPTIONS)]
    texts = [caption(spec, rng, full=i < 3) for i in range(CAPTIONS - 2)]
    return [*texts, naming(spec.object, rng), naming(spec.object, rng, plural=True)]


def build(count: int, vocabulary: str, processes: int) -> Dataset:
    """Draw and caption ``count`` images; prints its progress."""
    images = np.empty((count, 3, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    tokens = np.empty((count, CAPTIONS, CONTEXT_LENGTH), np.int16)
    tokenizer = load_tokenizer(vocabulary)
    for index, image in enumerate(_images(count, processes)):
        images[index] = image
        tokens[index] = tokenizer(captions(index)).numpy()
        if (index + 1) % 4000 == 0:
            print(f"drawn {index + 1} of {count}", flush=True)
    return Dataset(images, tokens, _groups(count))


def _images(count: int, processes: int) -> Iterator[NDArray[np.uint8]]:
    with get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(_image, range(count), chunksize=64)


def _image(index: int) -> NDArray[np.uint8]:
    mishap = Mishap(missing=is_empty(index))
    picture = render(
        training_spec(index), rng_for("training seed", index).getrandbits(62), _DRAWN_AT, mishap
    )
    small = picture.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC)
    return np.asarray(small).transpose(2, 0, 1)


def _groups(count: int) -> list[NDArray[np.int64]]:
    members: dict[tuple[str, str], list[int]] = {}
    for index in range(count):
        spec = training_spec(index)
        members.setdefault((spec.setting, spec.style), []).append(index)
    return [np.array(indices) for indices in members.values()]
