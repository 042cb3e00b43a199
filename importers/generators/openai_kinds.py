"""The generator kind "openai": OpenAI itself, the sketch server, and whoever speaks its API."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from importers.generators import preflight

if TYPE_CHECKING:
    from importers.config.sections import GeneratorSettings
    from importers.generators.base import Generator


class OpenAIKind:
    """See `GeneratorKind`."""

    def check_settings(
        self, settings: GeneratorSettings, operations: Collection[str]
    ) -> tuple[str, ...]:
        return preflight.check_settings(settings, operations=operations)

    def check(self, settings: GeneratorSettings, operations: Collection[str]) -> tuple[str, ...]:
        return preflight.check(settings, operations)

    def open(self, settings: GeneratorSettings) -> Generator:
        from importers.generators.openai_images import OpenAIImages

        return OpenAIImages(settings)


OPENAI = OpenAIKind()
