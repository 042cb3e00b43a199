"""The generator kind "folder": pictures that exist already, as if they had just been drawn.

The samples come from the folder itself, see `folder_plan`. A picture that changed or went since it
was planned is refused, and the others go on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from importers.generators.answers import is_image
from importers.generators.base import (
    Answer,
    GeneratedImage,
    GenerationRequest,
    free_image,
    timestamp,
)
from ls_backend.errors import ConfigError, PromptRefused

if TYPE_CHECKING:
    from importers.config.sections import GeneratorSettings
    from importers.generators.base import Generator


class FolderKind:
    """See `GeneratorKind`."""

    def check_settings(
        self,
        settings: GeneratorSettings,  # noqa: ARG002
        operations: Collection[str],
    ) -> tuple[str, ...]:
        if set(operations) - {"generate"}:
            raise ConfigError(
                "The folder generator draws nothing: it has no variations, fusions or inpaintings.",
                hint="Take those [[technique]] entries out, or use another generator.kind.",
            )
        return ()

    check = check_settings

    def open(self, settings: GeneratorSettings) -> Generator:
        return FolderGenerator(Path(settings.path or ""))


class FolderGenerator:
    """Hands over the pictures of a folder; see `Generator`."""

    def __init__(self, folder: Path) -> None:
        self.name = f"folder {folder}"
        self._folder = folder

    def close(self) -> None:
        pass

    def send(self, request: GenerationRequest) -> Answer:
        """The bytes of the picture that was planned.

        Raises:
            PromptRefused: it is gone, has changed since, or is no image.
        """
        path = self._folder / str(request.parameters["file"])
        try:
            data = path.read_bytes()
        except OSError as error:
            raise _refused(path, f"cannot be read: {error.strerror or error}") from None
        if hashlib.sha256(data).hexdigest() != request.parameters["sha256"]:
            raise _refused(path, "has changed since it was planned")
        if not is_image(data):
            raise _refused(path, "is not an image that can be read")
        taken = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return Answer(data, received=timestamp(taken))

    def read(self, request: GenerationRequest, answer: Answer) -> GeneratedImage:  # noqa: ARG002
        return free_image(answer)


def _refused(path: Path, why: str) -> PromptRefused:
    return PromptRefused(
        f"{path} {why}: it is left out.",
        hint="Run it again: the folder is read anew, and changed pictures are new samples.",
        code="picture_changed",
    )


FOLDER = FolderKind()
