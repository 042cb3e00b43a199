"""What each image model can do and accepts: operations, sizes, qualities, a seed; which are gone.

One table for OpenAI's models and the offline sketch model. A model that is not in it is taken to
be a compatible server's: it gets the model, prompt, n and size, and what the campaign adds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from importers.generators.base import OPERATIONS

_SizeCheck = Callable[[str], "str | None"]

RESERVED = frozenset({"model", "prompt", "n", "size", "seed", "stream", "partial_images"})
"""Parameters that the generator sets itself, or that do not fit one image per request."""


def _any_size(size: str) -> str | None:
    if size == "auto" or re.fullmatch(r"[1-9]\d*x[1-9]\d*", size):
        return None
    return "a size is written as WIDTHxHEIGHT, for example 1024x1024"


def _one_of(*sizes: str) -> _SizeCheck:
    def check(size: str) -> str | None:
        return None if size in sizes else f"it draws {', '.join(sizes)}"

    return check


def _flexible_size(size: str) -> str | None:
    problem = _any_size(size)
    if problem or size == "auto":
        return problem
    width, height = (int(edge) for edge in size.split("x"))
    if width % 16 or height % 16:
        return "width and height must be multiples of 16"
    if max(width, height) > 3840:
        return "no edge may be longer than 3840"
    if max(width, height) > 3 * min(width, height):
        return "no edge may be longer than three times the other"
    if not 655_360 <= width * height <= 8_294_400:
        return "width times height must be 655,360 to 8,294,400; the smallest square is 816x816"
    return None


@dataclass(frozen=True)
class Operations:
    """What a model does, of `OPERATIONS`, and where and when that was read."""

    names: frozenset[str]
    source: str
    read_on: date


@dataclass(frozen=True)
class Capability:
    """What a model accepts.

    Attributes:
        operations: What it does.
        size_problem: Says why a size cannot be drawn; None where it can.
        qualities: The qualities it knows; None where any may be tried.
        seed: True if it takes a `seed`, False if it refuses one, None where that is not known.
        refused: Parameters that it is known to refuse.
    """

    operations: Operations
    size_problem: _SizeCheck
    qualities: tuple[str, ...] | None = None
    seed: bool | None = None
    refused: frozenset[str] = frozenset()


_LEGACY = frozenset({"response_format", "style", "negative_prompt"})
_QUALITIES = ("low", "medium", "high", "auto")
_MORE_QUALITIES = ("low", "medium", "high", "xhigh", "max", "auto")


_READ_ON = date(2026, 11, 22)
_GPT_IMAGE_DOES = Operations(  # all but generations through edits
    frozenset(OPERATIONS), "Images.edit and Images.generate of openai 3", _READ_ON
)
_DALL_E_3_DOES = Operations(frozenset({"generate"}), "Images.edit of openai 3", _READ_ON)
_SKETCH_DOES = Operations(frozenset(OPERATIONS), "importers.sketch of this package", _READ_ON)
_COMPATIBLE_DOES = Operations(frozenset(OPERATIONS), "not known: the server will say", _READ_ON)


def _gpt_image(qualities: tuple[str, ...], *refused: str) -> Capability:
    return Capability(
        _GPT_IMAGE_DOES, _flexible_size, qualities, seed=False, refused=_LEGACY | set(refused)
    )


_COMPATIBLE = Capability(_COMPATIBLE_DOES, _any_size)
_KNOWN: Mapping[str, Capability] = {
    "gpt-image-2": _gpt_image(_QUALITIES, "complexity"),
    "gpt-image-2.5-sunburst": _gpt_image(_MORE_QUALITIES, "complexity"),
    "gpt-image-2.5-flare": _gpt_image(_MORE_QUALITIES, "complexity"),
    "gpt-image-2.6-sunburst": _gpt_image(_MORE_QUALITIES),
    "gpt-image-2.6-flare": _gpt_image(_MORE_QUALITIES),
    "dall-e-3": Capability(  # gone from OpenAI; Azure and gateways may have it still
        _DALL_E_3_DOES,
        _one_of("1024x1024", "1792x1024", "1024x1792"),
        ("standard", "hd"),
        seed=False,
    ),
    "sketch-1": Capability(
        _SKETCH_DOES,
        _one_of("256x256", "512x512", "1024x1024", "auto"),
        _QUALITIES,
        seed=True,
        refused=_LEGACY,
    ),
}
_SHUTDOWNS = {
    "dall-e-2": date(2026, 5, 12),
    "dall-e-3": date(2026, 5, 12),
    "gpt-image-1": date(2026, 10, 23),
    "gpt-image-1-mini": date(2026, 12, 1),
    "gpt-image-1.5": date(2026, 12, 1),
    "chatgpt-image-latest": date(2026, 12, 1),
}
LIVING = tuple(model for model in _KNOWN if model.startswith("gpt-image-"))
"""OpenAI's image models without an announced end."""


def capability_of(model: str) -> Capability:
    return _KNOWN.get(model, _COMPATIBLE)


def shutdown_of(model: str) -> date | None:
    """The first day on which OpenAI no longer answers for a model; None where no end is known."""
    return _SHUTDOWNS.get(model)
