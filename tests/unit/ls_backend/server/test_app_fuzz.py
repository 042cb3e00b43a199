"""Two thousand requests that nobody should send: none of them meets a bug of ours."""

from __future__ import annotations

import copy
import json
from typing import Any

from backend_client import CONFIG, PLAIN, loaded
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ls_backend.clip.clip import Clip
from ls_backend.model import ClipModel
from ls_backend.server.app import create_app

ROUTES = (
    "/",
    "/health",
    "/setup",
    "/predict",
    "/webhook",
    "/events",
    "/versions",
    "/ready",
    "/metrics",
)
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS")
ONE_PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8Dw"
    "HwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
)
REGION = {
    "from_name": "box", "to_name": "image", "type": "rectanglelabels", "id": "r1",
    "original_width": 1, "original_height": 1,
    "value": {"x": 0, "y": 0, "width": 100, "height": 100, "rectanglelabels": ["cat"]},
}  # fmt: skip
PREDICT: dict[str, Any] = {
    "tasks": [
        {
            "id": 1,
            "data": {"image": ONE_PIXEL, "label": "cat", "prompt": "a cat"},
            "annotations": [{"id": 3, "result": [REGION], "was_cancelled": False}],
            "predictions": [{"id": 4, "result": [REGION], "score": 0.5}],
        },
        {"id": 2, "data": {"image": "/data/upload/1/a.png"}},
    ],
    "project": "3.1795336526",
    "label_config": CONFIG,
    "params": {"login": None, "password": None, "context": {"result": [REGION]}},
}
SETUP: dict[str, Any] = {
    "project": "3.1795336526", "schema": CONFIG, "hostname": "http://127.0.0.1:8181",
    "access_token": "f" * 40, "extra_params": None,
}  # fmt: skip
CONTROLS = ("Choices", "Choice", "Taxonomy", "RectangleLabels", "Label", "Image", "View", "Text")
ATTRIBUTES = (
    "name", "toName", "value", "alias", "choice", "perRegion", "clip_target", "clip_claim",
    "clip_fit", "clip_background", "clip_prefill", "clip_templates", "clip_prompt", "clip_none",
    "clip_ignore",
)  # fmt: skip
VALUES = (
    "image", "$image", "label", "$label", "true", "multiple", "cat", "a|b", "{a}", "", "none",
    "clip", "$", "0.5",
)  # fmt: skip

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
elements = st.recursive(
    st.builds(
        lambda tag, attributes: f"<{tag} {attributes}/>",
        st.sampled_from(CONTROLS),
        st.dictionaries(st.sampled_from(ATTRIBUTES), st.sampled_from(VALUES)).map(
            lambda given: " ".join(f'{name}="{value}"' for name, value in given.items())
        ),
    ),
    lambda inner: st.builds(
        lambda opening, children: opening.replace("/>", ">") + "".join(children)
        + f"</{opening.split()[0][1:]}>",
        inner.filter(lambda text: text.endswith("/>") and text.count("<") == 1),
        st.lists(inner, max_size=4),
    ),
    max_leaves=8,
)  # fmt: skip
configs = st.builds(
    lambda inner: f'<View><Image name="image" value="$image"/>{"".join(inner)}</View>',
    st.lists(elements, max_size=3),
)
CASES = settings(
    max_examples=500,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place within a JSON value."""
    children: Any = []
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    return [path, *(place for key, child in children for place in places(child, (*path, key)))]


@st.composite
def spoilt(draw: st.DrawFn, body: dict[str, Any]) -> Any:
    """A request as Label Studio sends it, with some of its places replaced by anything."""
    body = copy.deepcopy(body)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(body)))
        replacement = draw(anything | configs)
        if not path:
            return replacement
        parent: Any = body
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = replacement
    return body


def fuzzed(clip: Clip) -> FlaskClient:
    return create_app(loaded(ClipModel(clip)), PLAIN).test_client()


def check(client: FlaskClient, method: str, route: str, data: bytes) -> None:
    answer = client.open(route, method=method, data=data)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and method != "HEAD":
        assert answer.get_json()["hint"]


def test_any_bytes_on_any_route(clip: Clip) -> None:
    client = fuzzed(clip)

    @CASES
    @given(st.sampled_from(METHODS), st.sampled_from(ROUTES), st.binary(max_size=200))
    def cases(method: str, route: str, data: bytes) -> None:
        check(client, method, route, data)

    cases()


def test_any_json_on_any_route(clip: Clip) -> None:
    client = fuzzed(clip)

    @CASES
    @given(st.sampled_from(ROUTES), anything)
    def cases(route: str, body: Any) -> None:
        check(client, "POST", route, json.dumps(body).encode())

    cases()


def test_spoilt_requests(clip: Clip) -> None:
    client = fuzzed(clip)

    @CASES
    @given(spoilt(PREDICT))
    def predictions(body: Any) -> None:
        check(client, "POST", "/predict", json.dumps(body).encode())

    predictions()


def test_any_labeling_config(clip: Clip) -> None:
    client = fuzzed(clip)

    @CASES
    @given(configs, spoilt(SETUP))
    def setups(config: str, setup: Any) -> None:
        check(client, "POST", "/setup", json.dumps(setup).encode())
        check(client, "POST", "/predict", json.dumps({**PREDICT, "label_config": config}).encode())

    setups()


def test_json_too_deep_to_be_read_is_refused(client: FlaskClient) -> None:
    deep = b'{"tasks": ' + b"[" * 200_000 + b"]" * 200_000 + b', "label_config": ""}'

    assert client.post("/predict", data=deep).status_code == 400
