"""label-studio-ml's server: the package itself where it is installed, else a stand-in.

The stand-in does what version 2 does with a model (`model.py` and `api.py` of its repository, read
in 2026): a new object for each request, values per project that outlive it, `setup()` at the end of
construction, and tasks, context and all other parameters handed to `predict()`. Any exception
becomes a 500 with a traceback; `api._server` is its one app.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
import types
from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
from flask import Flask, jsonify, request

IS_INSTALLED = importlib.util.find_spec("label_studio_ml") is not None


class StandIn:
    """LabelStudioMLBase as its public interface describes it."""

    INITIAL_MODEL_VERSION = "0.0.1"
    shelf: dict[tuple[str, str], Any] = {}  # noqa: RUF012

    def __init__(self, project_id: str | None = None, label_config: str | None = None) -> None:
        self.project_id = project_id or ""
        if label_config is not None:
            self.use_label_config(label_config)
        if not self.model_version:
            self.set("model_version", self.INITIAL_MODEL_VERSION)
        self.setup()

    def use_label_config(self, label_config: str) -> None:
        self.set("label_config", label_config)

    def setup(self) -> None:
        raise NotImplementedError

    def fit(self, event: str, data: Any) -> None:
        """Nothing is learnt."""

    def get(self, key: str) -> Any:
        return self.shelf.get((self.project_id, key))

    def set(self, key: str, value: str) -> None:
        self.shelf[self.project_id, key] = value

    @property
    def label_config(self) -> Any:
        return self.get("label_config")

    @property
    def model_version(self) -> Any:
        return self.get("model_version")


def with_traceback(view: Callable[[], Any]) -> Callable[[], Any]:
    @wraps(view)
    def guarded() -> Any:
        try:
            return view()
        except Exception as error:
            said = {"detail": f"{type(error).__name__}: {error}"}
            return jsonify(said, {"traceback": traceback.format_exc()}), 500

    return guarded


class Api(types.ModuleType):
    """Its /setup, /predict and /webhook, as `label_studio_ml.api` has them."""

    def __init__(self) -> None:
        super().__init__("label_studio_ml.api")
        self._server = Flask("stand-in")
        self._model_class: Any = None
        for view in (self.setup, self.predict):
            self._server.post(f"/{view.__name__}")(with_traceback(view))
        self._server.post("/webhook")(self.webhook)

    def init_app(self, model_class: Any) -> Flask:
        self._model_class = model_class
        return self._server

    def setup(self) -> Any:
        data = request.get_json()
        project = data["project"].split(".", 1)[0]
        model = self._model_class(project_id=project, label_config=data["schema"])
        return jsonify({"model_version": model.get("model_version")})

    def predict(self) -> Any:
        data = request.get_json()
        project = str(data["project"]).split(".", 1)[0]
        params = data.get("params", {})
        context = params.pop("context", {})
        model = self._model_class(project_id=project, label_config=data["label_config"])
        return jsonify({"results": model.predict(data["tasks"], context=context, **params)})

    def webhook(self) -> Any:
        data = request.get_json()
        event = data.pop("action")
        if not event.startswith("ANNOTATION_"):
            return jsonify({"status": "Unknown event"})
        project = data["project"]
        model = self._model_class(str(project["id"]), label_config=project["label_config"])
        return jsonify({"result": model.fit(event, data), "status": "ok"}), 201


def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put it where the package would be."""
    package, model, api = types.ModuleType("label_studio_ml"), types.ModuleType("model"), Api()
    model.LabelStudioMLBase = StandIn  # type: ignore[attr-defined]
    package.api, package.model = api, model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "label_studio_ml", package)
    monkeypatch.setitem(sys.modules, "label_studio_ml.model", model)
    monkeypatch.setitem(sys.modules, "label_studio_ml.api", api)
    monkeypatch.setattr(StandIn, "shelf", {})
