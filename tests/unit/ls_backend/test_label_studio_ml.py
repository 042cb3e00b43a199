"""Our class behind label-studio-ml's server, asked as Label Studio asks it."""

from __future__ import annotations

import dataclasses
import importlib.util
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_server
import pytest
from backend_client import inline
from drawings import Draw
from flask.testing import FlaskClient
from served import serving

from importers.label_studio.doctor import examine
from importers.sketch import MODEL_FOLDER
from ls_backend.clip.clip import Clip
from ls_backend.errors import LabelConfigError, ModelError
from ls_backend.labels.config import read_label_config
from ls_backend.model import ClipModel

CONFIG = """<View><Image name="image" value="$image"/>
<Choices name="label" toName="image"><Choice value="cat"/><Choice value="bus"/></Choices></View>"""
REGIONS = """<View><Image name="image" value="$image"/><RectangleLabels name="box" toName="image">
<Label value="cat"/><Label value="bus"/></RectangleLabels></View>"""


SECRET = "gehört"


class Adapter:
    """Imports our module as that server does: each time in a server of its own."""

    def __init__(self) -> None:
        self.imported: list[Any] = []

    def __call__(self, name: str = "ls_backend.label_studio_ml_adapter") -> FlaskClient:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the package's own
            api = importlib.import_module("label_studio_ml.api")
            ours = importlib.import_module(name)
        self.imported.append(ours)
        client: FlaskClient = api.init_app(ours.ClipBackend).test_client()
        return client

    def forget(self) -> None:
        for ours in self.imported:
            if ours.backend._vectors is not None:
                ours.backend._vectors.close()
            sys.modules.pop(ours.__name__)
        for name in [name for name in sys.modules if name.startswith("label_studio_ml")]:
            del sys.modules[name]


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Adapter]:
    monkeypatch.setenv("CLIP_MODEL", "sketch")
    monkeypatch.setenv("CLIP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CLIP_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("MODEL_DIR", str(tmp_path))
    if not ml_server.IS_INSTALLED:
        ml_server.stand_in(monkeypatch)
    adapter = Adapter()
    yield adapter
    adapter.forget()


@pytest.fixture
def client(adapter: Adapter) -> FlaskClient:
    return adapter()


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
    client: FlaskClient, adapter: Adapter, drawing: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert predict(client, inline(drawing, "cat")) != [[]]
    [ours] = adapter.imported
    assert ours.backend.settings.predict_seconds == 80
    in_no_time = dataclasses.replace(ours.backend.settings, predict_seconds=0.0)
    monkeypatch.setattr(ours.backend, "settings", in_no_time)

    assert predict(client, inline(drawing, "tree"), inline(drawing, "bus")) == [[], []]


def test_without_a_labeling_config_predict_is_refused(adapter: Adapter) -> None:
    adapter()
    model = adapter.imported[0].ClipBackend(project_id="none yet")

    assert str(model.model_version) == "0.0.1"
    with pytest.raises(LabelConfigError):
        model.predict([], context={})


def test_the_model_is_there_before_the_first_request(client: FlaskClient) -> None:
    ready = client.get("/ready").get_json()

    assert (ready["state"], ready["model"]) == ("ready", "sketch-clip")
    version = setup(client, "1", CONFIG)
    assert client.get("/versions").get_json()["versions"] == [version]


def test_the_doctor_knows_it(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "f" * 40)
    with serving(client.application) as url:
        report = examine(url=url, label_studio_url="http://127.0.0.1:9")

    [backend] = [finding for finding in report.findings if finding.name == "backend"]
    assert backend.state == "ok"
    assert backend.message == f"{url} is ready: sketch-clip on cpu float32"


def test_a_model_that_cannot_be_loaded_stops_the_server_at_its_start(
    adapter: Adapter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CLIP_MODEL", str(tmp_path))

    with pytest.raises(ModelError, match=r"it has no open_clip_config\.json"):
        adapter()


@pytest.mark.parametrize("config", ["<View/>", "<View>", "", CONFIG.replace("Choices", "Rating")])
def test_a_labeling_config_that_clip_cannot_answer_is_refused_in_plain_words(
    client: FlaskClient, config: str
) -> None:
    body = {"project": "1.1795336526", "schema": config, "label_config": config, "tasks": []}
    before = setup(client, "1", CONFIG)

    for route in ("/setup", "/predict"):
        answer = client.post(route, json=body)

        assert answer.status_code == 400
        assert answer.get_json()["error"] == "label_config"
        assert answer.get_json()["hint"]
        assert "Traceback" not in answer.text
    assert setup(client, "1", CONFIG) == before


@pytest.mark.parametrize("event", ["ANNOTATION_CREATED", "TASKS_CREATED"])
@pytest.mark.parametrize(
    ("given", "is_taken"),
    [(SECRET, True), ("geh\xc3\xb6rt", True), ("other", False), (None, False)],
)
def test_the_webhook_asks_for_its_secret(
    client: FlaskClient, event: str, given: str | None, is_taken: bool
) -> None:
    body = {"action": event, "project": {"id": 1, "label_config": CONFIG}}
    headers = {"X-Clip-Secret": given} if given else {}

    answer = client.post("/webhook", json=body, headers=headers)

    assert answer.status_code in ({200, 201} if is_taken else {401})
    assert client.get("/events").get_json()["events"] == (1 if is_taken else 0)


def test_a_copy_of_the_module_in_a_folder_of_its_own_starts(
    adapter: Adapter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As `label-studio-ml create --script` makes it."""
    module = Path(importlib.util.find_spec("ls_backend.label_studio_ml_adapter").origin)
    shutil.copy(module, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    client = adapter(module.stem)

    assert setup(client, "1", CONFIG).startswith("clip:sketch-clip@")
