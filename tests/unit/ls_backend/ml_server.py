"""label-studio-ml's server: the package itself where it is installed, else a stand-in.

The stand-in does what version 2 does with a model (`model.py` and `api.py` of its repository, read
in 2026): a new object for each request, values per project that outlive it, `setup()` at the end of
construction, and tasks, context and all other parameters handed to `predict()`.
"""

from __future__ import annotations

import importlib.util
import sys
import types
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
            self.set("label_config", label_config)
        if not self.model_version:
            self.set("model_version", self.INITIAL_MODEL_VERSION)
        self.setup()

    def setup(self) -> None:
        raise NotImplementedError

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


def init_app(model_class: Any) -> Flask:
    """Its /setup and /predict."""
    app = Flask("stand-in")

    @app.post("/setup")
    def setup() -> Any:
        data = request.get_json()
        project = data["project"].split(".", 1)[0]
        model = model_class(project_id=project, label_config=data["schema"])
        return jsonify({"model_version": model.get("model_version")})

    @app.post("/predict")
    def predict() -> Any:
        data = request.get_json()
        project = str(data["project"]).split(".", 1)[0]
        params = data.get("params", {})
        context = params.pop("context", {})
        model = model_class(project_id=project, label_config=data["label_config"])
        return jsonify({"results": model.predict(data["tasks"], context=context, **params)})

    return app


def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put it where the package would be."""
    modules = {name: types.ModuleType(name) for name in ("label_studio_ml", "model", "api")}
    modules["model"].LabelStudioMLBase = StandIn  # type: ignore[attr-defined]
    modules["api"].init_app = init_app  # type: ignore[attr-defined]
    for name, module in modules.items():
        path = name if name == "label_studio_ml" else f"label_studio_ml.{name}"
        monkeypatch.setitem(sys.modules, path, module)
    monkeypatch.setattr(StandIn, "shelf", {})
