"""What a request asks for, drawn: anew, or a thing changed, two put together, a part painted anew.

What an image shows is read from its truth, where the sketch server drew it; of any other image only
the prompt is known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from importers.sketch.draw import Truth, draw, read_truth, with_truth
from importers.sketch.grammar import parse
from importers.sketch.images_wire import EditedImage, EditRequest
from importers.sketch.render import Companion, Mishap, render
from importers.sketch.spec import Spec, rng_for
from ls_backend.errors import ImageError

if TYPE_CHECKING:
    from PIL.Image import Image


def edit(request: EditRequest, seed: int, failure_rate: float, kinds: Sequence[str]) -> bytes:
    """Draw what a request asks for; the same request and seed give the same bytes.

    No image gives what the prompt says, one gives its object, changed as the prompt says, several
    give the objects of the first two, side by side. A mask keeps every pixel that it does not
    clear, where the size stays; where it clears, the prompt's setting is seen, and its object if
    the middle of the image is clear.

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
    spec = _changed(request.images[0], asked.prompt, seed) if request.images else None
    how = (asked.pixels, failure_rate, kinds)
    return draw(asked.prompt, seed, *how, asked=spec, made_from=_name(request)).png


def _fused(request: EditRequest, seed: int) -> bytes:
    prompt, (left, right) = request.asked.prompt, request.images[:2]
    first, second = _changed(left, prompt, seed), _changed(right, prompt, seed)
    truth = _truth(right)
    color = second.color if truth is None else truth.drawn.color
    picture = _rendered(request, first, seed, Mishap(companion=Companion(second.object, color)))
    return _with_truth(picture, request, first, seed, (first.object, second.object))


def _inpainted(request: EditRequest, mask: Image, seed: int) -> bytes:
    from PIL import Image

    asked, image = request.asked, request.images[0]
    size = (asked.pixels, asked.pixels)
    alpha = mask.getchannel("A").resize(size, Image.Resampling.NEAREST)
    anew = alpha.point([255, *[0] * 255])
    spec, known = _changed(image, asked.prompt, seed), _truth(image)
    middle_stays = anew.getpixel((asked.pixels // 2, asked.pixels // 2)) == 0
    if not middle_stays:
        spec = replace(spec, object=parse(asked.prompt).object or spec.object)
    painted = _rendered(request, spec, seed, Mishap(missing=middle_stays))
    kept = image.pixels if image.pixels.size == size else image.pixels.resize(size)
    objects = known.objects if known is not None and middle_stays else (spec.object,)
    return _with_truth(Image.composite(painted, kept, anew), request, spec, seed, objects)


def _rendered(request: EditRequest, spec: Spec, seed: int, mishap: Mishap) -> Image:
    asked = request.asked
    chance = rng_for("picture", asked.prompt, seed, _name(request))
    return render(spec, chance.randrange(2**63), asked.pixels, mishap)


def _with_truth(
    picture: Image, request: EditRequest, spec: Spec, seed: int, objects: tuple[str, ...]
) -> bytes:
    """The PNG of a drawing that did not fail."""
    prompt, label_holds = request.asked.prompt, spec.object in objects
    return with_truth(picture, Truth(prompt, seed, spec, spec, None, label_holds, objects))


def _changed(image: EditedImage, prompt: str, seed: int) -> Spec:
    """What an image shows, with all that the prompt says of it but another object."""
    said, truth = parse(prompt), _truth(image)
    if truth is None:
        return said.complete(rng_for("fill", prompt, seed))
    # "a photo of" opens prompts of every style: alone it changes nothing.
    style = None if said.style == "photo" else said.style
    return replace(said, object=None, style=style).over(truth.drawn)


def _truth(image: EditedImage) -> Truth | None:
    try:
        return read_truth(image.data)
    except ImageError:
        return None


def _name(request: EditRequest) -> str:
    """Names the images that a request brings."""
    return "|".join(hashlib.sha256(image.data).hexdigest() for image in request.images)
