"""The backend as a model of label-studio-ml 2.x, for people who run that server.

Import this module only where that package is present (it installs from its git repository); the
backend itself does not need it:

    from label_studio_ml.api import init_app
    from ls_backend.label_studio_ml import ClipBackend
    app = init_app(model_class=ClipBackend)

The server makes a new object for every request. The model is loaded once per process, with the
first of them, from the environment as `settings` lists it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from label_studio_ml.model import (  # type: ignore[import-not-found,unused-ignore]
    LabelStudioMLBase,
)

from ls_backend.errors import LabelConfigError
from ls_backend.labels.config import read_label_config

if TYPE_CHECKING:
    from ls_backend.images.image_vectors import ImageVectors
    from ls_backend.label_studio_types import NewPrediction
    from ls_backend.model import ClipModel


@dataclass(frozen=True)
class _Loaded:
    model: ClipModel
    vectors: ImageVectors
    predict_seconds: float


_loading = threading.Lock()
_loaded: list[_Loaded] = []


class ClipBackend(LabelStudioMLBase):  # type: ignore[misc,unused-ignore]
    """CLIP behind label-studio-ml's interface."""

    def setup(self) -> None:
        """Set the model version; without a labeling config there is none yet.

        Raises:
            ModelError: The model cannot be loaded.
            LabelConfigError: The labeling config has no control that CLIP can fill.
        """
        if self.label_config:
            target = read_label_config(self.label_config)
            self.set("model_version", _shared().model.version(target))

    def predict(
        self,
        tasks: Sequence[Mapping[str, Any]],
        context: Mapping[str, Any] | None = None,
        **_params: Any,
    ) -> list[NewPrediction | list[Any]]:
        """One prediction per task, in order; [] where an image failed, or the time was up.

        Args:
            context: In interactive mode, what a person has just drawn.
            _params: What else the server passes; not used.

        Raises:
            LabelConfigError: There is no labeling config, or no control in it for CLIP.
        """
        began = time.monotonic()
        if not self.label_config:
            raise LabelConfigError(
                "Label Studio sent no labeling config.",
                hint="Save the labeling config in the project's settings again.",
            )
        shared = _shared()
        target = read_label_config(self.label_config)
        encode = partial(shared.vectors.encode, deadline=began + shared.predict_seconds)
        return shared.model.predict(tasks, target, encode, context)


def _shared() -> _Loaded:
    with _loading:
        if not _loaded:
            _loaded.append(_load())
        return _loaded[0]


def _load() -> _Loaded:
    from ls_backend.clip.clip import Clip
    from ls_backend.images.image_vectors import ImageVectors
    from ls_backend.images.task_images import TaskImages
    from ls_backend.model import ClipModel
    from ls_backend.settings import settings_from_env

    settings = settings_from_env()
    clip = Clip.load(settings.model, device=settings.device, precision=settings.precision)
    vectors = ImageVectors(clip, TaskImages(settings), settings)
    return _Loaded(ClipModel(clip), vectors, settings.predict_seconds)
