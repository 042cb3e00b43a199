"""Our class behind label-studio-ml's server, asked as Label Studio asks it."""

from __future__ import annotations

import dataclasses
import importlib
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ml_server
import pytest
from backend_client import inline
from drawings import Draw
from flask.testing import FlaskClient

from importers.sketch import MODEL_FOLDER
from ls_backend.clip.clip import Clip
from ls_backend.errors import LabelConfigError
from ls_backend.labels.config import read_label_config
from ls_backend.model import ClipModel

CONFIG = """<View><Image name="image" value="$image"/>
<Choices name="label" toName="image"><Choice value="cat"/><Choice value="bus"/></Choices></View>"""
REGIONS = """<View><Image name="image" value="$image"/><RectangleLabels name="box" toName="image">
<Label value="cat"/><Label value="bus"/></RectangleLabels></View>"""


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    monkeypatch.setenv("CLIP_MODEL", str(MODEL_FOLDER))
    monkeypatch.setenv("CLIP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MODEL_DIR", str(tmp_path))
    if not ml_server.IS_INSTALLED:
        ml_server.stand_in(monkeypatch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package's own
        importlib.import_module("label_studio_ml.api")
        ours = importlib.import_module("ls_backend.label_studio_ml")
    yield ours.ClipBackend
    for loaded in ours._loaded:
        loaded.vectors.close()
    sys.modules.pop("ls_backend.label_studio_ml", None)


@pytest.fixture
def client(backend: Callable[..., Any]) -> FlaskClient:
    client: FlaskClient = sys.modules["label_studio_ml.api"].init_app(backend).test_client()
    return client


def setup(client: FlaskClient, project: str, config: str) -> str:
    body = {"project": f"{project}.1795336526", "schema": config, "extra_params": None}
    return str(client.post("/setup", json=body).get_json()["model_version"])


def predict(client: FlaskClient, *images: str, config: str = CONFIG, context: Any = None) -> Any:
    body = {
        "tasks": [{"id": n, "data": {"image": image}} for n, image in enumerate(images, 1)],
        "project": "1.1795336526",
        "label_config": config,
        "params": {"login": None, "password": None, "context": context},
    }
    return client.post("/predict", json=body).get_json()["results"]


def test_setup_gives_the_version_that_the_backend_itself_would(client: FlaskClient) -> None:
    other = CONFIG.replace("bus", "tree")
    model = ClipModel(Clip.load(str(MODEL_FOLDER)))

    assert setup(client, "1", CONFIG) == model.version(read_label_config(CONFIG))
    assert setup(client, "2", other) == model.version(read_label_config(other))
    assert setup(client, "1", other) == setup(client, "2", other)


def test_predict_answers_every_task_in_order(client: FlaskClient, drawing: Draw) -> None:
    cat, bus = inline(drawing, "cat"), inline(drawing, "bus")

    first, broken, last = predict(client, cat, "data:image/png;base64,AAAA", bus)

    assert broken == []
    assert first["result"][0]["value"] == {"choices": ["cat"]}
    assert last["result"][0]["value"] == {"choices": ["bus"]}
    assert first["model_version"] == setup(client, "1", CONFIG)
    assert 0.5 < first["score"] <= 1


def test_a_region_that_is_being_drawn_is_labelled(client: FlaskClient, drawing: Draw) -> None:
    drawn = {
        "id": "r", "from_name": "box", "to_name": "image", "type": "rectanglelabels",
        "original_width": 128, "original_height": 128, "image_rotation": 0,
        "value": {"x": 0, "y": 0, "width": 100, "height": 100, "rectanglelabels": ["bus"]},
    }  # fmt: skip

    (said,) = predict(client, inline(drawing, "cat"), config=REGIONS, context={"result": [drawn]})

    assert said["result"][0]["value"]["rectanglelabels"] == ["cat"]


def test_what_does_not_fit_into_the_time_is_left_over(
    client: FlaskClient, drawing: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup(client, "1", CONFIG)
    ours = sys.modules["ls_backend.label_studio_ml"]
    assert ours._loaded[0].predict_seconds == 80
    in_no_time = [dataclasses.replace(loaded, predict_seconds=0.0) for loaded in ours._loaded]
    monkeypatch.setattr(ours, "_loaded", in_no_time)

    assert predict(client, inline(drawing, "cat"), inline(drawing, "bus")) == [[], []]


def test_without_a_labeling_config_predict_is_refused(backend: Callable[..., Any]) -> None:
    model = backend(project_id="none yet")

    assert str(model.model_version) == "0.0.1"
    with pytest.raises(LabelConfigError):
        model.predict([], context={})
