"""Sources of images, behind one Protocol: `open_generator(settings)` gives the right one.

Each kind is an entry point of the group "label_studio_clip.generators"; ours are registered in the
same way as those of other packages.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from importers.generators.base import (
    Answer,
    GeneratedImage,
    GenerationRequest,
    Generator,
    GeneratorKind,
    request_parameters,
)
from ls_backend.errors import ConfigError

if TYPE_CHECKING:
    from importers.config.sections import GeneratorSettings

__all__ = [
    "Answer",
    "GeneratedImage",
    "GenerationRequest",
    "Generator",
    "check",
    "kind_of",
    "open_generator",
    "request_parameters",
]

GROUP = "label_studio_clip.generators"


def kind_of(settings: GeneratorSettings) -> GeneratorKind:
    """The generator kind that a campaign names.

    Raises:
        ConfigError: none of that name is installed.
    """
    installed = {entry.name: entry for entry in entry_points(group=GROUP)}
    if settings.kind not in installed:
        known = ", ".join(sorted(installed)) or "none: install label-studio-clip again"
        raise ConfigError(
            f"There is no generator {settings.kind!r}.",
            hint=f"Set generator.kind to one that is installed: {known}.",
        )
    kind: GeneratorKind = installed[settings.kind].load()
    return kind


def check(
    settings: GeneratorSettings, operations: Collection[str] = ("generate",)
) -> tuple[str, ...]:
    """Ask the generator whether it would draw, before anything is paid for; see `GeneratorKind`."""
    return kind_of(settings).check(settings, operations)


def open_generator(settings: GeneratorSettings) -> Generator:
    """The generator that a campaign asks for; one for all threads. Sends nothing yet.

    Raises:
        ConfigError: the settings ask for what cannot be.
    """
    kind = kind_of(settings)
    kind.check_settings(settings, ())
    return kind.open(settings)
