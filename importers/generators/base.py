"""What every source of images has in common: the request, the image, the Protocol."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from PIL.Image import Image

    from importers.config.sections import GeneratorSettings
    from importers.openai_api.prices import Tier


@dataclass(frozen=True)
class GenerationRequest:
    """One image to draw.

    Attributes:
        prompt: Text.
        model: Name under which the images API knows the model.
        size: "1024x1024", or "auto".
        parameters: Further parameters of the request, as they are.
        seed: Seed; sent only where the model is known to take one, or the campaign says so.
        images: Bytes of the images that it starts from, in order; none for text alone.
        mask: PNG with the size of the first image: what has alpha 0 is painted anew.
    """

    prompt: str
    model: str
    size: str
    parameters: Mapping[str, Any]
    seed: int | None
    images: tuple[bytes, ...] = ()
    mask: bytes | None = None


@dataclass(frozen=True)
class Answer:
    """What a generator answered, before anything of it is parsed: this is what was paid for.

    Attributes:
        body: Bytes as they came.
        request_id: The API's name of the request, for its support.
        received: Time at which it came, ISO 8601 in UTC.
        tier: Way in which it was asked for, which decides its price.
    """

    body: bytes
    request_id: str | None = None
    received: str = field(default_factory=lambda: timestamp(datetime.now(UTC)))
    tier: Tier = "standard"


@dataclass(frozen=True)
class GeneratedImage:
    """One image as it came, and what is known of it.

    Attributes:
        data: Original bytes, provenance marks and all; known to be an image.
        request_id: The API's name of the request, for its support.
        usage: The API's own account of it, as it came.
        cost_usd: Price in US dollars; None where it is not known, never 0 for that.
        created: Time at which it was drawn, ISO 8601 in UTC.
    """

    data: bytes
    request_id: str | None
    usage: dict[str, Any] | None
    cost_usd: Decimal | None
    created: str

    @property
    def size(self) -> str:
        """Its pixels as "512x512": some models draw another size than they were asked for."""
        from PIL import Image

        with Image.open(io.BytesIO(self.data)) as image:
            return f"{image.width}x{image.height}"


class Generator(Protocol):
    """A source of images; may be used from several threads at once."""

    name: str

    def send(self, request: GenerationRequest) -> Answer:
        """Ask for one image, and pay for it.

        Raises:
            PromptRefused: this prompt is refused, others may pass.
            OutcomeUnknown: no answer came; the image may have been drawn, and paid for.
            GeneratorUnauthorized, GeneratorUnreachable, GeneratorError: nothing was drawn, and
                further requests would meet the same.
        """
        ...

    def read(self, request: GenerationRequest, answer: Answer) -> GeneratedImage:
        """The image in an answer to the request; may be called again, after a crash too.

        Raises:
            OutcomeUnknown: there is no image in it that can be read.
        """
        ...

    def close(self) -> None:
        """Let go of its connections."""
        ...


class GeneratorKind(Protocol):
    """What an entry point of the group "label_studio_clip.generators" names."""

    def check_settings(
        self, settings: GeneratorSettings, operations: Collection[str]
    ) -> tuple[str, ...]:
        """Check what can be checked without asking anybody.

        Args:
            operations: Those of `OPERATIONS` that the campaign needs.

        Returns:
            What people should know: an unknown price, an announced shutdown.

        Raises:
            ConfigError: the settings ask for what cannot be.
        """
        ...

    def check(self, settings: GeneratorSettings, operations: Collection[str]) -> tuple[str, ...]:
        """Like `check_settings`, and asks what can be asked without paying.

        Raises:
            GeneratorUnauthorized, GeneratorUnreachable, GeneratorError: it would not draw.
        """
        ...

    def open(self, settings: GeneratorSettings) -> Generator:
        """The generator; one for all threads. Sends nothing yet."""
        ...


def timestamp(time: datetime) -> str:
    """A time in the form of the requests: ISO 8601 to the second."""
    return time.replace(microsecond=0).isoformat()


def request_parameters(settings: GeneratorSettings) -> dict[str, Any]:
    """What a campaign puts into every request beside model, prompt, size and seed."""
    quality = {} if settings.quality is None else {"quality": settings.quality}
    return {**settings.parameters, **quality}


def generate_image(generator: Generator, request: GenerationRequest) -> GeneratedImage:
    """Ask for one image and read it: for those who keep no ledger."""
    return generator.read(request, generator.send(request))


def free_image(answer: Answer) -> GeneratedImage:
    """The image of a generator that runs here: its answer is the image, and nobody is paid."""
    return GeneratedImage(answer.body, None, None, Decimal(0), answer.received)


def white_is_painted(mask: bytes) -> Image:
    """A mask whose alpha 0 is painted anew → a grey image of its size, 255 there and 0 elsewhere.

    That is what diffusers' inpainting pipelines take, and vLLM-Omni as `mask_image`.
    """
    from PIL import Image

    with Image.open(io.BytesIO(mask)) as image:
        alpha = image.convert("RGBA").getchannel("A")
    return alpha.point(lambda value: 255 if value == 0 else 0)


def as_png(image: Image, *, optimize: bool = False) -> bytes:
    """The bytes of a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=optimize)
    return buffer.getvalue()
