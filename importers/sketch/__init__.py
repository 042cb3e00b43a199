"""The offline world: drawings of prompts, and the tiny CLIP that understands them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ls_backend.clip.model_source import SKETCH_FOLDER

if TYPE_CHECKING:
    from ls_backend.model import ClipModel

MODEL_FOLDER = SKETCH_FOLDER


def open_model(name: str) -> ClipModel:
    """Load a CLIP model by the name that a campaign or a command gives it.

    Raises:
        ModelError: it cannot be found or loaded.
    """
    from ls_backend.clip.clip import Clip
    from ls_backend.model import ClipModel

    return ClipModel(Clip.load(name))
