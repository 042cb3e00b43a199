"""Drawings that start from images: the same thing changed, two things together, a part anew.

What an image shows is read from its truth, where the sketch server drew it; of any other image only
the prompt is known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from importers.sketch.draw import Truth, draw_spec, read_truth, with_truth
from importers.sketch.grammar import parse
from importers.sketch.images_wire import EditedImage, EditRequest
from importers.sketch.render import Companion, Mishap, render
from importers.sketch.spec import PartialSpec, Spec, rng_for
from ls_backend.errors import ImageError

if TYPE_CHECKING:
    from PIL.Image import Image


def edit(request: EditRequest, seed: int, failure_rate: float, kinds: Sequence[str]) -> bytes:
    """Draw what a request asks for; the same request and seed give the same bytes.

    One image gives its object, changed as the prompt says. Several give the objects of the first
    two, side by side. A mask keeps every pixel that it does not clear, where the size stays; where
    it clears, the prompt's setting is seen, and its object if the middle of the image is clear.

    Args:
        failure_rate, kinds: As of `draw`; a fusion or an inpainting never fails.

    Returns:
        A PNG with the truth about it.
    """
    if request.mask is not None:
        return _inpainted(request, request.mask, seed)
    if len(request.images) > 1:
        return _fused(request, seed)
    asked = request.asked
    spec = _changed(request.images[0], asked.prompt, seed)
    return draw_spec(
        spec, asked.prompt, seed, asked.pixels, failure_rate, kinds, made_from=_name(request)
    ).png


def _fused(request: EditRequest, seed: int) -> bytes:
    asked = request.asked
    first, second = (_changed(image, asked.prompt, seed) for image in request.images[:2])
    if _truth(request.images[1]) is not None:
        second = replace(second, color=_shown(request.images[1], second).color)
    companion = Mishap(companion=Companion(second.object, second.color))
    picture = render(first, _picture_seed(request, seed), asked.pixels, companion)
    truth = _whole_truth(request, seed, first, (first.object, second.object))
    return with_truth(picture, truth)


def _inpainted(request: EditRequest, mask: Image, seed: int) -> bytes:
    from PIL import Image

    asked, image = request.asked, request.images[0]
    size = (asked.pixels, asked.pixels)
    anew = mask.getchannel("A").resize(size, Image.Resampling.NEAREST).point(_white_where_clear)
    middle_stays = anew.getpixel((asked.pixels // 2, asked.pixels // 2)) == 0
    spec = _changed(image, asked.prompt, seed)
    if not middle_stays:
        spec = replace(spec, object=parse(asked.prompt).object or spec.object)
    painted = render(spec, _picture_seed(request, seed), asked.pixels, Mishap(missing=middle_stays))
    kept = image.pixels if image.pixels.size == size else image.pixels.resize(size)
    objects: tuple[str, ...] = (spec.object,)
    known = _truth(image)
    if middle_stays and known is not None:
        objects = known.objects
    picture = Image.composite(painted, kept, anew)
    return with_truth(picture, _whole_truth(request, seed, spec, objects))


def _white_where_clear(alpha: float) -> float:
    return 255 if alpha == 0 else 0


def _whole_truth(request: EditRequest, seed: int, spec: Spec, objects: tuple[str, ...]) -> Truth:
    return Truth(
        prompt=request.asked.prompt,
        seed=seed,
        asked=spec,
        drawn=spec,
        failure=None,
        label_holds=spec.object in objects,
        objects=objects,
    )


def _changed(image: EditedImage, prompt: str, seed: int) -> Spec:
    """What an image shows, with all that the prompt says of it but another object."""
    said = parse(prompt)
    completed = said.complete(rng_for("fill", prompt, seed))
    if _truth(image) is None:
        return completed
    shown = _shown(image, completed)
    return Spec(
        object=shown.object,
        color=said.color or shown.color,
        setting=said.setting or shown.setting,
        style=_style(said, shown),
        action=said.action or shown.action,
        size=said.size or shown.size,
    )


def _style(said: PartialSpec, shown: Spec) -> str:
    """ "a photo of" opens prompts of every style: alone it changes nothing."""
    return said.style if said.style and said.style != "photo" else shown.style


def _shown(image: EditedImage, otherwise: Spec) -> Spec:
    truth = _truth(image)
    return truth.drawn if truth is not None else otherwise


def _truth(image: EditedImage) -> Truth | None:
    try:
        return read_truth(image.data)
    except ImageError:
        return None


def _picture_seed(request: EditRequest, seed: int) -> int:
    return rng_for("picture", request.asked.prompt, seed, _name(request)).randrange(2**63)


def _name(request: EditRequest) -> str:
    """Names the images that a request brings."""
    return "|".join(hashlib.sha256(image.data).hexdigest() for image in request.images)
