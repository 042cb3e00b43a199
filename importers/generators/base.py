"""What every source of images has in common: the request, the image, the Protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from importers.campaign import GeneratorSettings


@dataclass(frozen=True)
class GenerationRequest:
    """One image to draw.

    Attributes:
        prompt: The text.
        model: The name under which the images API knows the model.
        size: "1024x1024", or "auto".
        parameters: What goes into the request beside these, as it is.
        seed: Sent only where the model is known to take one, or the campaign says so.
    """

    prompt: str
    model: str
    size: str
    parameters: Mapping[str, Any]
    seed: int | None


@dataclass(frozen=True)
class GeneratedImage:
    """One image as it came, and what is known of it.

    Attributes:
        data: The original bytes, provenance marks and all; known to be an image.
        request_id: The API's name of the request, for its support.
        usage: The API's own account of it, as it came.
        cost_usd: US dollars; None where it is not known, never 0 for that.
        created: When it was drawn, ISO 8601 in UTC.
    """

    data: bytes
    request_id: str | None
    usage: dict[str, Any] | None
    cost_usd: Decimal | None
    created: str


class Generator(Protocol):
    """A source of images; may be used from several threads at once."""

    name: str

    def generate(self, request: GenerationRequest) -> GeneratedImage:
        """Draw one image.

        Raises:
            PromptRefused: this prompt is refused, others may pass.
            OutcomeUnknown: no answer came; the image may have been drawn, and paid for.
            GeneratorUnauthorized, GeneratorUnreachable, GeneratorError: nothing was drawn, and
                further requests would meet the same.
        """
        ...

    def close(self) -> None:
        """Let go of its connections."""
        ...


def request_parameters(settings: GeneratorSettings) -> dict[str, Any]:
    """What a campaign puts into every request beside model, prompt, size and seed."""
    quality = {} if settings.quality is None else {"quality": settings.quality}
    return {**settings.parameters, **quality}
