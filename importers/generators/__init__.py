"""Sources of images, behind one Protocol: `open_generator(settings)` gives the right one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importers.generators.base import (
    GeneratedImage,
    GenerationRequest,
    Generator,
    request_parameters,
)
from importers.generators.preflight import check, check_settings

if TYPE_CHECKING:
    from importers.campaign import GeneratorSettings

__all__ = [
    "GeneratedImage",
    "GenerationRequest",
    "Generator",
    "check",
    "open_generator",
    "request_parameters",
]


def open_generator(settings: GeneratorSettings) -> Generator:
    """The generator that a campaign asks for; one for all threads. Sends nothing yet.

    Raises:
        ConfigError: the settings ask for what cannot be, see `preflight.check_settings`.
    """
    from importers.generators.openai_images import OpenAIImages

    check_settings(settings)
    return OpenAIImages(settings)
