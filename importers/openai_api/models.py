"""What each image model can do and accepts: operations, sizes, parameters, a seed; and its end.

One table for OpenAI's models and the offline sketch model, each with where and when it was read. A
model that is not in it is taken to be a compatible server's: it gets the model, prompt, n and size,
and what the campaign adds. How many images a model draws at once plays no part: n is 1 in every
request, so that each image has a cost, a refusal and an answer of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importers.config.sections import GeneratorSettings

OPERATIONS = ("generate", "vary", "fuse", "inpaint")
"""From text alone; from one image; from two; from an image and a mask."""

_SizeCheck = Callable[[str], "str | None"]

RESERVED = frozenset({"model", "prompt", "n", "size", "seed", "stream", "partial_images"})
"""Parameters that the generator sets itself, or that do not fit one image per request."""

WARNING_DAYS = 60
"""How many days before its end a model is warned of."""


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
class Capability:
    """What a model accepts.

    Attributes:
        size_problem: Function from a size to the reason why it cannot be drawn, or None.
        values: Values that it knows of each parameter; any may be tried of one that is not here.
        seed: True if it takes a `seed`, False if it refuses one, None where that is not known.
        refused: Parameters that it is known to refuse.
        ends: First day on which OpenAI no longer answers for it; None where no end is known.
        source, read_on: Place and day of reading.
        operations: Operations that it has, of `OPERATIONS`; all where that is not known.
    """

    size_problem: _SizeCheck
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    seed: bool | None = None
    refused: frozenset[str] = frozenset()
    ends: date | None = None
    source: str = ""
    read_on: date | None = None
    operations: frozenset[str] = frozenset(OPERATIONS)

    def parameter_problem(self, parameters: Mapping[str, Any]) -> str | None:
        """Why the model would refuse these parameters of a request, as "it …"; None if it would
        not.
        """
        for name, value in parameters.items():
            if name in self.refused:
                return f"refuses the parameter {name!r}"
            known = self.values.get(name)
            if known is not None and value not in known:
                return f"has no {name} {value!r}; it has {', '.join(known)}"
        return _format_problem(parameters) if "output_format" in self.values else None


def _format_problem(parameters: Mapping[str, Any]) -> str | None:
    """Parameters that hold for some output formats only; PNG is OpenAI's default."""
    wanted = parameters.get("output_format", "png")
    if parameters.get("background") == "transparent" and wanted not in {"png", "webp"}:
        return f"cannot keep a transparent background as {wanted}: use png or webp"
    for name in ("frame_count", "frame_duration_ms"):
        if name in parameters and wanted != "gif":
            return f"takes {name} with gif only, not with {wanted}"
    compression = parameters.get("output_compression")
    if compression is None:
        return None
    if wanted not in {"jpeg", "webp"}:
        return f"takes output_compression with jpeg and webp only, not with {wanted}"
    if not isinstance(compression, int) or not 0 <= compression <= 100:
        return f"has no output_compression {compression!r}: it is 0 to 100"
    return None


_SDK = "the types of openai 3.54.0"
_DEPRECATIONS = "https://developers.openai.com/api/docs/deprecations"
_MODEL_PAGE = "https://developers.openai.com/api/docs/models/gpt-image-2.6-sunburst"
_READ_ON = date(2026, 11, 22)
_LEGACY = frozenset({"response_format", "style", "negative_prompt"})
_NEWER = frozenset({"complexity", "frame_count", "frame_duration_ms", "svg"})
_QUALITIES = ("low", "medium", "high", "auto")
_MORE_QUALITIES = ("low", "medium", "high", "xhigh", "max", "auto")
# The newest models also draw SVG, which is no image that CLIP could look at.
_FORMATS = ("png", "jpeg", "webp")
_SQUARE_OR_3_TO_2 = _one_of("1024x1024", "1536x1024", "1024x1536", "auto")


def _gpt_image(
    source: str,
    size_problem: _SizeCheck = _flexible_size,
    qualities: tuple[str, ...] = _QUALITIES,
    formats: tuple[str, ...] = _FORMATS,
    refused: frozenset[str] = _NEWER,
    ends: date | None = None,
) -> Capability:
    return Capability(
        size_problem,
        {
            "quality": qualities,
            "output_format": formats,
            "background": ("transparent", "opaque", "auto"),
            "moderation": ("low", "auto"),
            "complexity": ("low", "medium", "high"),
        },
        seed=False,
        refused=_LEGACY | refused,
        ends=ends,
        source=source,
        read_on=_READ_ON,
    )


def _newest() -> Capability:
    return _gpt_image(
        _MODEL_PAGE,
        qualities=_MORE_QUALITIES,
        formats=(*_FORMATS, "gif"),
        refused=frozenset({"svg"}),
    )


def _ended(ends: date, *operations: str) -> Capability:
    """Gone from OpenAI; Azure and gateways may have it still."""
    return Capability(
        _any_size,
        ends=ends,
        source=_DEPRECATIONS,
        read_on=_READ_ON,
        operations=frozenset(operations),
    )


def _ending(ends: date) -> Capability:
    return _gpt_image(_DEPRECATIONS, _SQUARE_OR_3_TO_2, ends=ends)


_COMPATIBLE = Capability(_any_size)
_KNOWN: Mapping[str, Capability] = {
    "dall-e-2": _ended(date(2026, 5, 12), "generate", "vary", "inpaint"),
    "dall-e-3": _ended(date(2026, 5, 12), "generate"),
    "gpt-image-1": _ended(date(2026, 10, 23)),
    "gpt-image-1-mini": _ending(date(2026, 12, 1)),
    "gpt-image-1.5": _ending(date(2026, 12, 1)),
    "chatgpt-image-latest": _ending(date(2026, 12, 1)),
    "gpt-image-2": _gpt_image(_SDK),
    "gpt-image-2.5-sunburst": _gpt_image(_SDK, qualities=_MORE_QUALITIES),
    "gpt-image-2.5-flare": _gpt_image(_SDK, qualities=_MORE_QUALITIES),
    "gpt-image-2.6-sunburst": _newest(),
    "gpt-image-2.6-flare": _newest(),
    "sketch-1": Capability(
        _one_of("256x256", "512x512", "1024x1024", "auto"),
        {
            "quality": _QUALITIES,
            "output_format": ("png",),
            "background": ("opaque", "auto"),
            "moderation": ("low", "auto"),
        },
        seed=True,
        refused=_LEGACY,
        source="importers/sketch/images_wire.py",
        read_on=_READ_ON,
    ),
}
LIVING = tuple(
    model for model, known in _KNOWN.items() if model.startswith("gpt-image-") and not known.ends
)
"""OpenAI's image models without an announced end."""

# https://github.com/MicrosoftDocs/azure-ai-docs, concepts-model-retirement-schedule-content.md of
# 2026-07-07, and concepts-retired-models-content.md; read on 2026-11-22.
_AZURE_ENDS = {
    "dall-e-2": date(2025, 1, 27),
    "gpt-image-1": date(2026, 10, 23),
    "gpt-image-1.5": date(2026, 12, 16),
    "gpt-image-1-mini": date(2027, 4, 7),
    "gpt-image-2": date(2027, 4, 21),
}


def capability_of(model: str) -> Capability:
    return _KNOWN.get(model, _COMPATIBLE)


def capability_for(settings: GeneratorSettings) -> Capability:
    """What a campaign's model accepts; of a compatible server nothing is taken for known."""
    return _COMPATIBLE if settings.kind == "compatible" else capability_of(settings.model)


def azure_retirement_of(model: str) -> date | None:
    """The day on which Azure retires a model; None where none is known."""
    return _AZURE_ENDS.get(model)


def is_near(end: date, today: date) -> bool:
    """Whether people should know of an end now: within `WARNING_DAYS`, or past."""
    return (end - today).days <= WARNING_DAYS


def operation(images: int, *, masked: bool) -> str:
    """Which of `OPERATIONS` a request with so many images is."""
    return "inpaint" if masked else OPERATIONS[min(images, 2)]
