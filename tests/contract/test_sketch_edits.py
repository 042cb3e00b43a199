"""What the sketch server makes of images that it is sent, and what it refuses."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
import requests
from edit_requests import CAT, DOG, MASK, ask_fixture, encoded, generators_fixture, pixels  # noqa: F401
from flask import Flask
from images_server import picture
from PIL import Image

from importers.generation.masks import background_area, mask_png
from importers.generators import GeneratedImage
from importers.sketch.draw import read_truth
from importers.sketch.server import create_app

Serve = Callable[[Flask], str]
Draw = Callable[..., GeneratedImage]


@pytest.fixture
def sketch(serve_app: Serve, tmp_path: Path) -> str:
    return f"{serve_app(create_app(request_log=tmp_path / 'log.jsonl'))}/v1"


def test_an_edit_draws_the_same_object_with_what_the_prompt_changes(
    sketch: str, ask: Draw, tmp_path: Path
) -> None:
    edited = ask(sketch, CAT, prompt="the same animal, now green and in the snow")
    truth = read_truth(edited.data)
    assert (truth.drawn.object, truth.drawn.color, truth.drawn.setting) == ("cat", "green", "snow")
    assert truth.objects == ("cat",)
    assert edited.cost_usd == 0
    assert edited.usage is not None
    assert edited.usage["input_tokens_details"]["image_tokens"] == 256
    again = ask(sketch, CAT, prompt="the same animal, now green and in the snow")
    assert again.data == edited.data
    other = ask(sketch, DOG, prompt="the same animal, now green and in the snow")
    assert read_truth(other.data).drawn.object == "dog"
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["seed"] for line in log] == [7, 7, 7]


def test_an_image_of_others_is_drawn_from_the_prompt(sketch: str, ask: Draw) -> None:
    edited = ask(sketch, encoded("JPEG", (300, 200)), prompt="a boat in the park")
    assert read_truth(edited.data).objects == ("boat",)


def test_a_fusion_shows_both(sketch: str, ask: Draw) -> None:
    truth = read_truth(ask(sketch, CAT, DOG, prompt="both of them in the desert").data)
    assert truth.objects == ("cat", "dog")
    assert truth.drawn.setting == "desert"


def test_an_inpainting_keeps_every_pixel_that_is_not_clear(sketch: str, ask: Draw) -> None:
    painted = ask(sketch, CAT, mask=MASK, prompt="a cat in the snow").data
    clear = np.asarray(Image.open(io.BytesIO(MASK)))[:, :, 3] == 0
    before, after = pixels(CAT), pixels(painted)
    assert (before[~clear] == after[~clear]).all()
    assert (before[clear] != after[clear]).any(axis=1).mean() > 0.5
    assert read_truth(painted).objects == ("cat",)


def test_variations_are_drawn_with_or_without_a_prompt(sketch: str, ask: Draw) -> None:
    varied = ask(sketch, CAT, variations="variations")
    assert read_truth(varied.data).drawn.object == "cat"
    with (
        openai.OpenAI(base_url=sketch, api_key="k", max_retries=0) as client,
        pytest.warns(DeprecationWarning, match="deprecated"),
    ):
        answer = client.images.create_variation(
            image=("a.png", CAT, "image/png"), model="sketch-1", size="256x256"
        )
    assert answer.data
    assert read_truth(base64.b64decode(answer.data[0].b64_json or "")).drawn.object == "cat"


def data_uri(data: bytes, kind: str = "image/png") -> dict[str, str]:
    return {"image_url": f"data:{kind};base64,{base64.b64encode(data).decode()}"}


@pytest.fixture
def post(serve_app: Serve) -> Callable[..., requests.Response]:
    """Posts to a sketch server: a form, or JSON."""
    root = f"{serve_app(create_app())}/v1/images"

    def send(path: str = "edits", body: Any = None, **form: Any) -> requests.Response:
        if body is not None:
            return requests.post(f"{root}/{path}", json=body, timeout=30)
        given = {"model": "sketch-1", "prompt": "in the snow", "size": "256x256", **form}
        files = [
            (name, ("a", data, kind))
            for name, value in given.items()
            if isinstance(value, list)
            for data, kind in value
        ]
        fields = {name: value for name, value in given.items() if isinstance(value, str)}
        return requests.post(f"{root}/{path}", data=fields, files=files, timeout=30)

    return send


def test_edits_take_json_as_the_batch_api_sends_it(post: Callable[..., Any]) -> None:
    body = {"model": "sketch-1", "prompt": "a cat in the snow", "size": "256x256", "seed": 7}
    answer = post(body={**body, "images": [data_uri(CAT)], "mask": data_uri(MASK)})
    assert answer.status_code == 200
    drawn = base64.b64decode(answer.json()["data"][0]["b64_json"])
    assert read_truth(drawn).objects == ("cat",)
    both = post(body={**body, "images": [data_uri(CAT), data_uri(picture("WEBP"), "image/webp")]})
    assert both.status_code == 200


PNG_CAT = (CAT, "image/png")
OPAQUE = encoded("PNG", (256, 256))


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ({}, "missing_required_parameter", "image"),
        ({"image": [PNG_CAT], "prompt": None}, "missing_required_parameter", "prompt"),
        ({"image": [PNG_CAT], "model": None}, "missing_required_parameter", "model"),
        ({"image": [PNG_CAT, PNG_CAT]}, "duplicate_parameter", "image"),
        ({"image[]": [PNG_CAT] * 17}, "array_above_max_length", "image"),
        ({"image": [(CAT, "application/octet-stream")]}, "unsupported_file_mimetype", "image"),
        ({"image": [(b"GIF8", "image/gif")]}, "unsupported_file_mimetype", "image"),
        ({"image": [(CAT, "image/jpeg")]}, "invalid_image_file", "image"),
        ({"image": [(CAT[:999], "image/png")]}, "invalid_image_file", "image"),
        ({"image": [PNG_CAT], "size": "300x300"}, "invalid_value", "size"),
        ({"image": [PNG_CAT], "n": "11"}, "integer_above_max_value", "n"),
        ({"image": [PNG_CAT], "n": "two"}, "invalid_type", "n"),
        ({"image": [PNG_CAT], "quality": "hd"}, "invalid_value", "quality"),
        ({"image": [PNG_CAT], "response_format": "url"}, "unknown_parameter", "response_format"),
        ({"image": [PNG_CAT], "picture": [PNG_CAT]}, "unknown_parameter", "picture"),
        ({"image": "not a file"}, "invalid_type", "image"),
        ({"image": [PNG_CAT], "mask": [(OPAQUE, "image/png")]}, "invalid_image_file", "mask"),
        (
            {"image": [PNG_CAT], "mask": [(mask_png(background_area([], (8, 8))), "image/png")]},
            "invalid_image_file",
            "mask",
        ),
        ({"image": [PNG_CAT], "mask": [(CAT, "image/webp")]}, "unsupported_file_mimetype", "mask"),
        (
            {"image": [PNG_CAT], "mask": [(MASK + bytes(4 * 2**20), "image/png")]},
            "image_too_large",
            "mask",
        ),
        ({"image": [PNG_CAT], "prompt": "gore"}, "moderation_blocked", None),
    ],
)
def test_the_sketch_server_refuses_what_openai_refuses(
    post: Callable[..., Any], form: dict[str, Any], code: str, param: str | None
) -> None:
    answer = post(**form)
    assert answer.status_code == 400
    assert (answer.json()["error"]["code"], answer.json()["error"]["param"]) == (code, param)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"images": None}, "missing_required_parameter"),
        ({"images": "a.png"}, "invalid_type"),
        ({"images": [{"file_id": "file-1"}]}, "invalid_value"),
        ({"images": [{"image_url": "https://example.org/a.png"}]}, "invalid_value"),
        ({"images": [{"image_url": "data:image/png;base64,%%%%"}]}, "invalid_base64"),
        ({"image": "a"}, "unknown_parameter"),
    ],
)
def test_the_json_form_is_checked_too(
    post: Callable[..., Any], changes: dict[str, Any], code: str
) -> None:
    body = {"model": "sketch-1", "prompt": "in the snow", "images": [data_uri(CAT)], **changes}
    answer = post(body=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == code


def test_a_variation_is_of_one_image(post: Callable[..., Any]) -> None:
    assert post("variations", image=[PNG_CAT], prompt=None).status_code == 200
    assert post("variations", **{"image[]": [PNG_CAT]}).status_code == 400
    assert post("variations", image=[PNG_CAT], mask=[(MASK, "image/png")]).status_code == 400
