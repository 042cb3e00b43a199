"""The backend behind the routes: the model, and its loading; who may predict at a time; the stop.

Owns why there is no prediction now: the model is still loading, or too much is under way.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextvars import copy_context
from functools import partial
from typing import Any, Literal

from ls_backend.errors import LsClipError, ModelError
from ls_backend.images.image_vectors import ImageVectors
from ls_backend.images.task_images import TaskImages
from ls_backend.label_studio_access import REFUSED_CODES, LabelStudioAccess
from ls_backend.label_studio_types import NewPrediction
from ls_backend.labels.target import LabelTarget
from ls_backend.labels.vectors import LabelStudy
from ls_backend.metrics import MODEL_STATE
from ls_backend.model import ClipModel
from ls_backend.projects import Projects
from ls_backend.settings import Settings
from ls_backend.unanswered import last_reason

PREDICTIONS_AT_ONCE = 16
"""Further requests are refused at once, so that threads stay free for /health and /setup."""
STOP_SECONDS = 15.0
"""What predictions under way still get when the backend is to stop."""
VERSIONS_KEPT = 100

State = Literal["loading", "ready", "failed"]

log = logging.getLogger(__name__)


class BusyError(LsClipError):
    """As many predictions are under way as are allowed at once, or the backend is stopping."""

    default_code = "busy"


class NotReady(LsClipError):
    """The model is still on its way; asked again in a few seconds, it may be there."""

    default_code = "loading"


class Backend:
    """Answers setups and predictions. Safe to share between threads."""

    def __init__(self, loader: ModelLoader, settings: Settings) -> None:
        self.loader = loader
        self.settings = settings
        self.since = time.time()
        self.events = Events()
        self.projects = Projects()
        self.access = LabelStudioAccess(settings.label_studio) if settings.label_studio else None
        """Whether Label Studio accepts our token; None where none is configured."""
        self.versions: dict[str, LabelStudy | None] = {}
        """The model versions given out last, each with what is odd about its labels, once known."""
        self._images = TaskImages(settings)
        self._slots = threading.BoundedSemaphore(PREDICTIONS_AT_ONCE)
        self._lock = threading.Lock()
        self._studying = threading.Lock()
        self._vectors: ImageVectors | None = None
        self._stopping = False
        self._under_way = 0

    at_once = PREDICTIONS_AT_ONCE
    """Predictions that are made at a time, at most."""

    @property
    def under_way(self) -> int:
        """Predictions that are being made."""
        return self._under_way

    def setup(
        self,
        target: LabelTarget,
        hostname: str | None,
        token: str | None,
        project: str | None = None,
    ) -> str:
        """The model version for a labeling config; its texts are encoded in the background.

        Args:
            hostname: What Label Studio calls itself.
            token: A token that it offers.
            project: Number of the project that asks.

        Raises:
            NotReady: The model is still loading.
            ModelError: It could not be loaded.
        """
        model = self.loader.wait()
        if hostname:
            self._images.learn(hostname, token or "")
        version = self._given(model, target, project)
        if self.versions.get(version) is None and self._studying.acquire(blocking=False):
            # What it logs still belongs to this request.
            study = partial(copy_context().run, self._study_apart, model, target, version)
            threading.Thread(target=study, daemon=True).start()
        return version

    def answers(
        self,
        tasks: Sequence[Mapping[str, Any]],
        target: LabelTarget,
        deadline: float,
        context: Mapping[str, Any] | None = None,
        project: str | None = None,
    ) -> list[NewPrediction | LsClipError]:
        """One item per task, in order: its prediction, or why there is none.

        Args:
            deadline: `time.monotonic()` at which to answer with what is there.
            context: In interactive mode, what a person has just drawn.
            project: Number of the project that asks.

        Raises:
            BusyError: Enough predictions are under way, or the backend is stopping.
            NotReady: The model is still loading at the deadline, or still reads the labels.
            ModelError: It could not be loaded, or fails.
        """
        began = time.monotonic()
        self._begin()
        try:
            model = self.loader.wait(deadline - began)
            version = self._given(model, target, project)
            self._study(model, target, version, deadline)
            encode = partial(self._vectors_of(model).encode, deadline=deadline)
            answers = model.answers(tasks, target, encode, context)
        finally:
            self._end()
        self._note(tasks, answers, project, time.monotonic() - began)
        return answers

    def stop(self) -> None:
        """Take no more predictions; those under way answer soon, with what they have by then."""
        self._stopping = True
        if self._vectors is not None:
            self._vectors.answer_by(time.monotonic() + STOP_SECONDS)

    def check_room(self) -> None:
        """Do nothing where a prediction could begin now.

        Raises:
            BusyError: Enough of them are under way, or the backend is stopping.
        """
        if self._stopping:
            raise BusyError("The CLIP backend is stopping.", hint="Try again when it is back.")
        if self._under_way >= PREDICTIONS_AT_ONCE:
            raise _busy()

    def _begin(self) -> None:
        self.check_room()
        if not self._slots.acquire(blocking=False):
            raise _busy()
        with self._lock:
            self._under_way += 1

    def _end(self) -> None:
        with self._lock:
            self._under_way -= 1
        self._slots.release()

    def _note(
        self,
        tasks: Sequence[Mapping[str, Any]],
        answers: Sequence[NewPrediction | LsClipError],
        project: str | None,
        seconds: float,
    ) -> None:
        """Log and count what came of a request; where a token was refused, ask about ours."""
        errors = [answer if isinstance(answer, LsClipError) else None for answer in answers]
        failed = Counter(error.code for error in errors if error is not None)
        predicted = len(tasks) - failed.total()
        log.info(
            "predicted %d of %d tasks", predicted, len(tasks),
            extra={"predicted": predicted, "tasks": len(tasks), "seconds": round(seconds, 3)},
        )  # fmt: skip
        if project is not None:
            last = last_reason(list(zip(tasks, errors, strict=True)))
            self.projects.answered(project, predicted, failed, last)
        if self.access is not None and REFUSED_CODES & failed.keys():
            self.access.ask()

    def _given(self, model: ClipModel, target: LabelTarget, project: str | None) -> str:
        """The version of a labeling config, which is remembered, as is the project that asks."""
        version = model.version(target)
        if project is not None and self.projects.asked(project, version):
            log.info("model version %s for %r", version, target.from_name)
        with self._lock:
            self.versions.setdefault(version, None)
            if len(self.versions) > VERSIONS_KEPT:
                del self.versions[next(iter(self.versions))]
        return version

    def _study_apart(self, model: ClipModel, target: LabelTarget, version: str) -> None:
        try:
            self._study(model, target, version)
        except ModelError as error:
            log.warning("[%s] %s %s", error.code, error.message, error.hint)
        finally:
            self._studying.release()

    def _study(
        self,
        model: ClipModel,
        target: LabelTarget,
        version: str,
        deadline: float = float("inf"),
    ) -> None:
        """Encode a version's texts when it first comes, and say what is odd about its labels."""
        if self.versions.get(version) is not None:
            return
        try:
            study = model.study(target, deadline)
        except TimeoutError:
            raise NotReady(
                f"CLIP still reads the {len(target.labels)} labels of {target.from_name!r}.",
                hint="Try again in a minute; the labels are read once.",
            ) from None
        with self._lock:
            if self.versions.get(version) is not None:
                return
            self.versions[version] = study
        for warning in study.lines():
            log.warning("%s: %s", target.from_name, warning)

    def _vectors_of(self, model: ClipModel) -> ImageVectors:
        with self._lock:
            if self._vectors is None:
                self._vectors = ImageVectors(model.clip, self._images, self.settings)
            return self._vectors


def _busy() -> BusyError:
    return BusyError(
        f"{PREDICTIONS_AT_ONCE} requests for predictions are under way already.",
        hint="Try again soon. For many tasks at once: ls-clip prelabel --project N",
    )


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


class Events:
    """Counts the events that Label Studio sends; nobody reads what is in them."""

    def __init__(self) -> None:
        self.number = 0
        self._lock = threading.Lock()

    def count(self) -> None:
        with self._lock:
            self.number += 1
