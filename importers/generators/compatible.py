"""The generator kind "compatible": other people's servers that speak OpenAI's Images API.

Unlike "openai" it takes nothing for known, whatever a model is called: each request has the model,
the prompt, n = 1 and the size, and of everything else only what the campaign says. What the server
does not tell of its models is a notice, not an error; the first image will show it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from importers.generators import preflight
from ls_backend.errors import ConfigError

if TYPE_CHECKING:
    from importers.config.sections import GeneratorSettings
    from importers.generators.base import Generator


class CompatibleKind:
    """See `GeneratorKind`."""

    def check_settings(
        self, settings: GeneratorSettings, operations: Collection[str]
    ) -> tuple[str, ...]:
        _check(settings)
        return preflight.check_settings(settings, operations=operations)

    def check(self, settings: GeneratorSettings, operations: Collection[str]) -> tuple[str, ...]:
        _check(settings)
        return preflight.check(settings, operations)

    def open(self, settings: GeneratorSettings) -> Generator:
        from importers.generators.openai_images import OpenAIImages

        unsaid = settings.send_seed is None
        return OpenAIImages(
            settings.model_copy(update={"send_seed": False}) if unsaid else settings
        )


def _check(settings: GeneratorSettings) -> None:
    if settings.base_url is None:
        raise ConfigError(
            "generator.base_url is missing: where is the compatible server?",
            hint='Add it, for example: base_url = "http://127.0.0.1:8080/v1".',
        )
    if settings.size == "auto":
        raise ConfigError(
            "Compatible servers do not know the size 'auto'.",
            hint='Set generator.size to one that the model draws, for example "512x512".',
        )


COMPATIBLE = CompatibleKind()
