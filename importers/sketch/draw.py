"""The sketch world's image model: a prompt and a seed in, a PNG out.

Owns when a drawing fails, and the truth about it, which travels in the PNG's text chunk
"ls-clip-truth" for scripted reviewers and tests; scoring never reads it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from importers.sketch.failures import ALL, check_kinds, fail
from importers.sketch.grammar import parse
from importers.sketch.render import render
from importers.sketch.spec import Spec, rng_for
from ls_backend.errors import ImageError

TRUTH_CHUNK = "ls-clip-truth"


@dataclass(frozen=True)
class Truth:
    """What was asked of a drawing and what it really shows.

    Attributes:
        prompt: Prompt as given.
        seed: Seed as given.
        asked: Prompt as understood; what it left open was chosen by prompt and seed.
        drawn: Spec that was handed to the renderer; with "no_object" and "garbled" its object is
            not to be seen, `objects` says so.
        failure: Kind of failure, one of `failures.ALL`, or None.
        label_holds: Whether the label ``asked.object`` is right for the picture.
        objects: Objects that can be recognised in the picture.
    """

    prompt: str
    seed: int
    asked: Spec
    drawn: Spec
    failure: str | None
    label_holds: bool
    objects: tuple[str, ...]


@dataclass(frozen=True)
class Drawing:
    """A PNG of a drawing and the truth about it."""

    png: bytes
    truth: Truth


def draw(
    prompt: str,
    seed: int,
    pixels: int = 512,
    failure_rate: float = 0.0,
    kinds: Sequence[str] = ALL,
    *,
    asked: Spec | None = None,
    made_from: str = "",
) -> Drawing:
    """Draw ``prompt``: the same arguments give the same bytes, in any process.

    Args:
        prompt: Free text; unknown words are passed over, what is not said is chosen.
        seed: Another seed, another drawing of the same prompt.
        pixels: Width and height.
        failure_rate: Share of drawings that fail, 0..1. Which ones depends on prompt and seed
            alone, so a higher rate keeps all failures of a lower one.
        kinds: The kinds of failure to choose from.
        asked: What is understood from ``prompt``; None reads it.
        made_from: Names the images that it starts from: other ones, another drawing.

    Raises:
        ConfigError: A kind is unknown.
    """
    if asked is None:
        asked = parse(prompt).complete(rng_for("fill", prompt, seed))
    kind = _failure(prompt, seed, failure_rate, kinds)
    outcome = fail(kind, asked, rng_for("failure", kind, prompt, seed))
    drawn, objects = outcome.drawn, outcome.objects
    truth = Truth(prompt, seed, asked, drawn, kind, outcome.label_holds, objects)
    start = (prompt, seed, made_from) if made_from else (prompt, seed)
    picture_seed = rng_for("picture", *start).randrange(2**63)
    picture = render(drawn, picture_seed, pixels, outcome.mishap)
    return Drawing(with_truth(picture, truth), truth)


def read_truth(png: bytes) -> Truth:
    """The truth in a PNG made by `draw`.

    Raises:
        ImageError: The bytes are no PNG of the sketch world.
    """
    try:
        with Image.open(io.BytesIO(png)) as image:
            text = image.info.get(TRUTH_CHUNK)
    except OSError as error:
        raise _no_truth(f"The bytes are no image: {error}") from error
    if not isinstance(text, str):
        raise _no_truth(f"The image has no text chunk {TRUTH_CHUNK!r}")
    fields = json.loads(text)
    fields["asked"], fields["drawn"] = Spec(**fields["asked"]), Spec(**fields["drawn"])
    fields["objects"] = tuple(fields["objects"])
    return Truth(**fields)


def _failure(prompt: str, seed: int, rate: float, kinds: Sequence[str]) -> str | None:
    check_kinds(kinds)
    rng = rng_for("fails", prompt, seed)
    threshold = rng.random()
    return rng.choice(list(kinds)) if kinds and threshold < rate else None


def with_truth(picture: Image.Image, truth: Truth) -> bytes:
    """The picture as a PNG that carries the truth about it."""
    info = PngInfo()
    info.add_itxt(TRUTH_CHUNK, json.dumps(asdict(truth), sort_keys=True))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=info, compress_level=4)
    return buffer.getvalue()


def _no_truth(message: str) -> ImageError:
    return ImageError(
        message, hint="Only drawings of the sketch server carry their truth.", code="no_truth"
    )
