"""The model on its way into memory: loaded once, in the background, from the process's start.

Label Studio asks /health and /setup long before a large model is there, and gives up in seconds.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Literal

from ls_backend.errors import LsClipError, ModelError
from ls_backend.metrics import MODEL_STATE
from ls_backend.model import ClipModel

State = Literal["loading", "ready", "failed"]

log = logging.getLogger(__name__)


class NotReady(LsClipError):
    """The model is still on its way; asked again in a few seconds, it may be there."""

    default_code = "loading"


class ModelLoader:
    """Loads a model in a thread of its own.

    Args:
        load: Returns the model; whatever it raises is the loader's `error`.
        done: Called in the loader's thread when the model is there, or has failed.
    """

    def __init__(
        self, load: Callable[[], ClipModel], done: Callable[[ModelLoader], None] | None = None
    ) -> None:
        self.error: ModelError | None = None
        self._load = load
        self._done = done
        self._model: ClipModel | None = None
        self._settled = threading.Event()
        self._say("loading")

    @classmethod
    def loaded(cls, model: ClipModel) -> ModelLoader:
        """A loader whose model is there already."""
        loader = cls(lambda: model)
        loader._run()
        return loader

    @property
    def state(self) -> State:
        if not self._settled.is_set():
            return "loading"
        return "ready" if self._model is not None else "failed"

    def start(self) -> None:
        """Begin to load."""
        threading.Thread(target=self._run, name="load", daemon=True).start()

    def wait(self, seconds: float = 0.0) -> ClipModel:
        """The model, as soon as it is there.

        Raises:
            NotReady: It is not there after so many seconds.
            ModelError: It cannot be loaded.
        """
        self._settled.wait(seconds)
        if self._model is not None:
            return self._model
        if self.error is not None:
            raise self.error
        raise NotReady(
            "The CLIP model is still loading.",
            hint="Try again in a few seconds; /ready tells when.",
        )

    def _run(self) -> None:
        try:
            self._model = self._load()
        except ModelError as error:
            self.error = error
        except Exception as error:
            log.error("the model cannot be loaded", exc_info=error)
            self.error = ModelError(
                f"The model cannot be loaded ({type(error).__name__}).",
                hint="The log above has the reason.",
            )
        self._settled.set()
        self._say(self.state)
        if self._done is not None:
            self._done(self)

    def _say(self, now: State) -> None:
        for state in ("loading", "ready", "failed"):
            MODEL_STATE.labels(state).set(state == now)
