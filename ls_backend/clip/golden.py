"""golden.json: what a model answers for a built-in picture and text, kept beside its weights.

A wrong activation, preprocessing or tokenizer raises nothing: vectors are only a little off, and so
is every score. Owns the picture, the text, the file and the comparison.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ls_backend.clip.model_source import CONFIG_FILE
from ls_backend.errors import ModelError

if TYPE_CHECKING:
    from PIL.Image import Image

GOLDEN_FILE = "golden.json"
PROBE = 1
"""Number of the built-in picture and text; another picture or text needs another number."""
TEXT = "A photo of 2 Red cats, asleep in the park!"
ALIKE = 0.999998
"""Least cosine, in float32 on a CPU: there the same model agrees with itself to 1e-7. The two kinds
of GELU, never further apart than 0.02, move a small network of random weights by only 1e-5."""

Vector = NDArray[np.float64]
Tower = Literal["image", "text"]


class Encoder(Protocol):
    """What turns images and texts into unit vectors, shape (n, d)."""

    def encode_images(self, images: Sequence[Image]) -> NDArray[np.float32]: ...

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Golden:
    """What a model answers for the built-in picture and text.

    Attributes:
        image: Unit vector of the picture, shape (d,).
        text: Unit vector of the text, shape (d,).
    """

    image: Vector
    text: Vector

    def differing(self, other: Golden) -> list[Tower]:
        """Which of the two vectors are not the same in `other`."""
        towers: list[Tower] = []
        if not _alike(self.image, other.image):
            towers.append("image")
        if not _alike(self.text, other.text):
            towers.append("text")
        return towers


def picture() -> Image:
    """The built-in picture, 360 x 240 RGB: gradients, fine patterns and a shape off the centre.

    Not square, and nowhere symmetric, so that each way to resize and to crop shows.
    """
    import PIL.Image

    y, x = np.mgrid[0:240, 0:360]
    pixels = np.stack([x * 255 // 359, y * 255 // 239, (x // 12 + y // 8) % 2 * 255], axis=-1)
    pixels[(x > 240) & ((x + 2 * y) // 3 % 2 == 0)] = (20, 60, 200)
    pixels[(x - 120) ** 2 + (y - 100) ** 2 < 60**2] = (230, 40, 30)
    return PIL.Image.fromarray(pixels.astype(np.uint8))


def measure(model: Encoder) -> Golden:
    """What `model` answers now."""
    [image], [text] = model.encode_images([picture()]), model.encode_texts([TEXT])
    return Golden(image.astype(np.float64), text.astype(np.float64))


def read_golden(folder: Path) -> Golden | None:
    """The values beside the weights in `folder`, or None where there are none.

    Raises:
        ModelError: The file is there and cannot be used.
    """
    path = folder / GOLDEN_FILE
    if not path.exists():
        return None
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["probe"] != PROBE:
            raise ValueError(f"it is of probe {stored['probe']}, and this program has {PROBE}")
        return Golden(_vector(stored["image"]), _vector(stored["text"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path} cannot be used: {error!r}.", hint=_write_again(folder), code="golden"
        ) from error


def write_golden(folder: Path, golden: Golden) -> Path:
    """Keep `golden` beside the weights in `folder`; returns the file.

    Raises:
        OSError: The folder cannot be written.
    """
    path = folder / GOLDEN_FILE
    vectors = {"image": golden.image, "text": golden.text}
    rounded = {name: [round(float(x), 6) for x in vector] for name, vector in vectors.items()}
    path.write_text(json.dumps({"probe": PROBE, **rounded}) + "\n", encoding="utf-8")
    return path


def misfit(folder: Path, differing: Sequence[Tower], quick_gelu: bool | None) -> ModelError:
    """The refusal of a model whose vectors are not those of its golden.json.

    Args:
        differing: Which vectors.
        quick_gelu: With which activation both are the same again, if that is known.
    """
    config = folder / CONFIG_FILE
    if quick_gelu is not None:
        reason = "its activation does not fit its weights"
        hint = f"In {config} set quick_gelu in model_cfg to {json.dumps(quick_gelu)}."
    else:
        reason, hint = _REASONS[tuple(differing)]
        hint = f"{hint.format(config=config)} If the change is meant: {_write_again(folder)}"
    towers = " and ".join(differing)
    return ModelError(
        f"{folder.name} does not answer as its {GOLDEN_FILE} says for {towers}: {reason}.",
        hint=hint,
        code="golden",
    )


_REASONS = {
    ("image",): (
        "its preprocessing, or the weights or activation of its image tower, changed",
        "Put back preprocess_cfg (mean, std, interpolation, resize_mode) and vision_cfg in "
        "{config}.",
    ),
    ("text",): (
        "its tokenizer, or the weights or activation of its text tower, changed",
        "Put back the tokenizer's files, and text_cfg in {config}.",
    ),
    ("image", "text"): (
        "its weights or its config are others than those that were measured",
        "Put back the weights, the tokenizer's files and {config} as they were together.",
    ),
}


def _write_again(folder: Path) -> str:
    return f"ls-clip weights golden {folder}"


def _vector(numbers: object) -> Vector:
    vector = np.asarray(numbers, dtype=np.float64)
    if vector.ndim != 1 or not np.isfinite(vector).all() or not vector.any():
        raise ValueError("a vector in it is none")
    return vector


def _alike(one: Vector, other: Vector) -> bool:
    if one.shape != other.shape:
        return False
    return float(one @ other) >= ALIKE * float(np.linalg.norm(one) * np.linalg.norm(other))
