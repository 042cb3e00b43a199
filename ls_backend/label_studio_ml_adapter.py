"""The backend as a model of label-studio-ml 2.x, for people who run that server.

Import this module only where that package is present (it installs from its git repository); the
backend itself does not need it:

    from label_studio_ml.api import init_app
    from ls_backend.label_studio_ml_adapter import ClipBackend
    app = init_app(model_class=ClipBackend)

The model is loaded when this module is imported, from the environment as `settings` lists it: Label
Studio waits three seconds for the first /setup. That server makes a new object for every request;
all of them ask the one `backend`. It answers any exception with a traceback: what is refused is
put in place of its answer. /ready, /versions and /events are added to its routes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import after_this_request, has_request_context, request
from label_studio_ml import api  # type: ignore[import-not-found,unused-ignore]
from label_studio_ml.model import (  # type: ignore[import-not-found,unused-ignore]
    LabelStudioMLBase,
)

from ls_backend.backend import Backend, ModelLoader
from ls_backend.errors import LabelConfigError, LsClipError
from ls_backend.labels.config import read_label_config
from ls_backend.server.access import refused_webhook
from ls_backend.server.app import add_state_routes
from ls_backend.server.protocol import logged_refusal, results_of
from ls_backend.server.serve import load_model
from ls_backend.settings import Settings, settings_from_env

if TYPE_CHECKING:
    from flask import Response


class ClipBackend(LabelStudioMLBase):  # type: ignore[misc,unused-ignore]
    """CLIP behind label-studio-ml's interface."""

    _refused = False

    def use_label_config(self, label_config: str) -> None:
        """Keep a labeling config that CLIP can answer; another is refused, and never kept."""
        try:
            read_label_config(label_config)
        except LabelConfigError as error:
            self._refused = True
            _refuse(error)
        else:
            super().use_label_config(label_config)

    def setup(self) -> None:
        """Set the model version; without a labeling config there is none yet."""
        if self._refused or not self.label_config:
            return
        try:
            target = read_label_config(self.label_config)
            version = backend.setup(target, None, None, self.project_id or None)
        except LsClipError as error:
            self._refused = True
            _refuse(error)
        else:
            self.set("model_version", version)

    def predict(
        self,
        tasks: Sequence[Mapping[str, Any]],
        context: Mapping[str, Any] | None = None,
        **_params: Any,
    ) -> list[Any]:
        """One prediction per task, in order; [] where an image failed, or the time was up.

        Args:
            context: In interactive mode, what a person has just drawn.
            _params: What else the server passes; not used.

        Raises:
            LsClipError: Outside a request; within one it becomes the answer.
        """
        deadline = time.monotonic() + backend.settings.predict_seconds
        if self._refused:
            return []
        try:
            target = read_label_config(self.label_config or "")
            project = self.project_id or None
            answers = backend.answers(tasks, target, deadline, context, project)
            return results_of(answers, with_reasons=False)["results"]
        except LsClipError as error:
            return _refuse(error)


def _refuse(error: LsClipError) -> list[Any]:
    """Have the request answered as the backend itself would."""
    if not has_request_context():
        raise error
    answer = logged_refusal(error)

    @after_this_request
    def instead(_answer: Response) -> Response:
        return answer

    return []


def _started(settings: Settings) -> Backend:
    """The backend, its model loaded.

    Raises:
        ModelError: It cannot be loaded.
    """
    loader = ModelLoader(partial(load_model, settings.model, settings))
    # In a thread of its own: a server that forks after the import keeps a model that can be used.
    loader.start()
    loader.wait(threading.TIMEOUT_MAX)
    backend = Backend(loader, settings)
    if backend.access is not None:
        backend.access.ask()
    return backend


def _webhook() -> Response | None:
    if request.path != "/webhook":
        return None
    refusal = refused_webhook(backend.settings)
    if refusal is None:
        backend.events.count()
    return refusal


backend = _started(settings_from_env())
add_state_routes(api._server, backend)
api._server.before_request(_webhook)
