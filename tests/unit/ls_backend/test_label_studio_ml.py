"""Our class under label-studio-ml's interface: the package itself where installed, else a stand-in.

The stand-in does what label-studio-ml 2.x does with a model: values per project that outlive the
object, a labeling config that is remembered, and `setup()` at the end of construction.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from importers.sketch import MODEL_FOLDER
from ls_backend.clip import Clip
from ls_backend.errors import LabelConfigError

CONFIG = """<View><Image name="image" value="$image"/>
<Choices name="label" toName="image"><Choice value="cat"/><Choice value="bus"/></Choices></View>"""


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


class NoImages:
    """Vectors that are the same for every task, without reading an image."""

    def __init__(self, size: int) -> None:
        self.size = size

    def look(self, looks: Sequence[Any], _deadline: float | None = None) -> list[Any]:
        vector = np.full(self.size, self.size**-0.5, dtype=np.float32)
        return [vector[None] for _ in looks]


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    if importlib.util.find_spec("label_studio_ml") is None:
        package, module = types.ModuleType("label_studio_ml"), types.ModuleType("model")
        module.LabelStudioMLBase = StandIn  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "label_studio_ml", package)
        monkeypatch.setitem(sys.modules, "label_studio_ml.model", module)
        monkeypatch.setattr(StandIn, "shelf", {})
    ours = importlib.import_module("ls_backend.label_studio_ml")
    from ls_backend.model import ClipModel

    clip = Clip.load(str(MODEL_FOLDER))
    size = clip.encode_texts(["a cat"]).shape[1]
    monkeypatch.setattr(ours, "_loaded", [ours._Loaded(ClipModel(clip), NoImages(size))])
    yield ours.ClipBackend
    sys.modules.pop("ls_backend.label_studio_ml", None)


def test_setup_gives_the_version_of_the_labeling_config(backend: Callable[..., Any]) -> None:
    model = backend(project_id="1", label_config=CONFIG)
    other = backend(project_id="2", label_config=CONFIG.replace("bus", "tree"))

    assert str(model.model_version).startswith("clip:")
    assert model.model_version != other.model_version


def test_predict_answers_every_task_in_order(backend: Callable[..., Any]) -> None:
    model = backend(project_id="1", label_config=CONFIG)
    tasks = [{"id": n, "data": {"image": f"https://images.example.org/{n}.png"}} for n in (1, 2)]

    answers = model.predict(tasks, context=None, login="someone")

    assert len(answers) == 2
    assert {answer["model_version"] for answer in answers} == {str(model.model_version)}
    assert all(0 <= answer["score"] <= 1 for answer in answers)


def test_without_a_labeling_config_predict_is_refused(backend: Callable[..., Any]) -> None:
    model = backend(project_id="none yet")

    assert model.model_version == "0.0.1"
    with pytest.raises(LabelConfigError):
        model.predict([], context={})
