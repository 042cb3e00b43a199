"""Images on the wire: what servers get from us, and what the sketch server makes of it."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
import requests
from flask import Flask, request
from images_server import image as an_image
from images_server import picture
from PIL import Image

from importers.campaign_sections import GeneratorSettings
from importers.generators import GeneratedImage, GenerationRequest
from importers.generators.base import generate_image
from importers.generators.openai_images import OpenAIImages
from importers.generators.preflight import check_settings
from importers.sketch.draw import draw, read_truth
from importers.sketch.server import create_app
from importers.techniques.masks import background_area, mask_png
from ls_backend.errors import ConfigError, GeneratorError, PromptRefused

Serve = Callable[[Flask], str]
Draw = Callable[..., GeneratedImage]

CAT = draw("a photo of a red cat on the beach", 1, 256).png
DOG = draw("a cartoon of a blue dog in the park", 2, 256).png
MASK = mask_png(background_area([], (256, 256)))


def pixels(data: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def encoded(kind: str, size: tuple[int, int] = (16, 16), **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def generators() -> Iterator[list[OpenAIImages]]:
    opened: list[OpenAIImages] = []
    yield opened
    for generator in opened:
        generator.close()


@pytest.fixture
def ask(generators: list[OpenAIImages]) -> Draw:
    """Sends one request that brings images to a base URL."""

    def send(url: str, *images: bytes, mask: bytes | None = None, **more: Any) -> GeneratedImage:
        prompt, seed = more.pop("prompt", "the same in the snow"), more.pop("seed", 7)
        parameters = more.pop("parameters", {})
        field = "mask_image" if more.pop("white_mask", False) else "mask"
        values = {"model": "sketch-1", "base_url": url, "size": "256x256", "mask": field, **more}
        settings = GeneratorSettings.model_validate(values)
        generators.append(OpenAIImages(settings, sleep=lambda _: None))
        asked = GenerationRequest(
            prompt, settings.model, settings.size, parameters, seed, images, mask
        )
        return generate_image(generators[-1], asked)

    return send


# -- what goes over the wire -------------------------------------------------------------------


@pytest.fixture
def recorder(serve_app: Serve) -> tuple[str, list[dict[str, Any]]]:
    """A server that takes every form, and what it was sent."""
    forms: list[dict[str, Any]] = []
    app = Flask("recorder")

    @app.post("/v1/images/<path:path>")
    def take(path: str) -> Any:
        files = [(n, f.filename, f.mimetype, f.read()) for n, f in request.files.items(multi=True)]
        headers = dict(request.headers)
        forms.append({"path": path, "form": dict(request.form), "files": files, "headers": headers})
        return an_image()

    return f"{serve_app(app)}/v1", forms


def test_one_image_goes_into_image(
    recorder: tuple[str, list[dict[str, Any]]], ask: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, forms = recorder
    monkeypatch.setenv("IMAGES_KEY", "sk-mine")
    ask(url, CAT, model="gpt-image-2", api_key_env="IMAGES_KEY", parameters={"quality": "low"})
    (sent,) = forms
    assert sent["path"] == "edits"
    assert sent["form"] == {
        "model": "gpt-image-2",
        "prompt": "the same in the snow",
        "size": "256x256",
        "n": "1",
        "quality": "low",
    }
    assert sent["files"] == [("image", "image.png", "image/png", CAT)]
    assert sent["headers"]["Authorization"] == "Bearer sk-mine"


def test_several_images_go_into_an_array_with_their_types(
    recorder: tuple[str, list[dict[str, Any]]], ask: Draw
) -> None:
    url, forms = recorder
    jpeg, webp = encoded("JPEG"), encoded("WEBP")
    ask(url, jpeg, webp, seed=3, send_seed=True)
    assert forms[0]["form"]["seed"] == "3"
    assert forms[0]["files"] == [
        ("image[]", "image-1.jpg", "image/jpeg", jpeg),
        ("image[]", "image-2.webp", "image/webp", webp),
    ]


def test_the_mask_goes_along(recorder: tuple[str, list[dict[str, Any]]], ask: Draw) -> None:
    url, forms = recorder
    ask(url, CAT, mask=MASK)
    assert forms[0]["files"][1] == ("mask", "mask.png", "image/png", MASK)


def test_where_it_is_set_the_mask_is_white_and_in_another_field(
    recorder: tuple[str, list[dict[str, Any]]], ask: Draw
) -> None:
    url, forms = recorder
    ask(url, CAT, mask=MASK, model="qwen-image-edit", white_mask=True)
    field, name, mime, data = forms[0]["files"][1]
    assert (field, name, mime) == ("mask_image", "mask.png", "image/png")
    white = np.asarray(Image.open(io.BytesIO(data)))
    assert ((white == 255) == (np.asarray(Image.open(io.BytesIO(MASK)))[:, :, 3] == 0)).all()


def test_variations_have_a_path_of_their_own_where_it_is_set(
    recorder: tuple[str, list[dict[str, Any]]], ask: Draw
) -> None:
    url, forms = recorder
    ask(url, CAT, variations="variations")
    ask(url, CAT, DOG, variations="variations")
    ask(url, CAT, mask=MASK, variations="variations")
    assert [sent["path"] for sent in forms] == ["variations", "edits", "edits"]
    assert forms[0]["files"] == [("image", "image.png", "image/png", CAT)]
    assert forms[0]["form"]["prompt"] == "the same in the snow"


@pytest.mark.parametrize("kind", ["BMP", "GIF", "TIFF"])
def test_formats_that_the_api_does_not_take_become_png(
    recorder: tuple[str, list[dict[str, Any]]], ask: Draw, kind: str
) -> None:
    url, forms = recorder
    ask(url, encoded(kind))
    ((name, file, mime, data),) = forms[0]["files"]
    assert (name, file, mime) == ("image", "image.png", "image/png")
    assert (pixels(data) == pixels(encoded("PNG"))).all()


def test_an_image_that_viewers_turn_is_sent_upright(
    recorder: tuple[str, list[dict[str, Any]]], ask: Draw
) -> None:
    url, forms = recorder
    exif = Image.Exif()
    exif[0x0112] = 6
    ask(url, encoded("JPEG", (24, 16), exif=exif), mask=mask_png(background_area([], (16, 24))))
    (_, file, _, data), _ = forms[0]["files"]
    assert file == "image.png"
    assert Image.open(io.BytesIO(data)).size == (16, 24)


@pytest.mark.parametrize(
    ("images", "mask", "why"),
    [
        ([CAT], mask_png(background_area([], (64, 64))), "64x64 pixels and the image 256x256"),
        ([b"no image"], None, "cannot be edited|cannot be read|no image"),
        ([CAT[:3000]], MASK, "truncated"),
        ([encoded("PNG") + bytes(50 * 2**20)], None, "too many"),
        ([CAT] * 17, None, "17 images"),
    ],
)
def test_what_cannot_be_sent_concerns_one_prompt_and_is_not_paid_for(
    recorder: tuple[str, list[dict[str, Any]]],
    ask: Draw,
    images: list[bytes],
    mask: bytes | None,
    why: str,
) -> None:
    url, forms = recorder
    with pytest.raises(PromptRefused, match=why):
        ask(url, *images, mask=mask)
    assert forms == []


def test_a_server_without_edits_is_named(serve_app: Serve, ask: Draw) -> None:
    app = Flask("bare")
    with pytest.raises(GeneratorError, match="has no /images/edits") as caught:
        ask(f"{serve_app(app)}/v1", CAT)
    assert caught.value.code == "no_image_edits"


# -- before anything is paid -------------------------------------------------------------------


def test_a_model_without_edits_is_refused_before_anything_is_paid() -> None:
    settings = GeneratorSettings(model="dall-e-3", base_url="http://127.0.0.1:9/v1")
    today = date(2026, 11, 24)
    check_settings(settings, today, ("generate",))
    with pytest.raises(ConfigError, match="fusion, inpainting"):
        check_settings(settings, today, ("generate", "inpaint", "fuse"))


@pytest.mark.parametrize("model", ["gpt-image-2", "gpt-image-2.5-flare", "gpt-image-2.6-sunburst"])
def test_gpt_image_models_do_all_of_it(model: str) -> None:
    settings = GeneratorSettings(model=model, base_url="http://127.0.0.1:9/v1")
    check_settings(settings, date(2026, 11, 24), ("generate", "vary", "fuse", "inpaint"))


def test_openai_has_no_variations_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    settings = GeneratorSettings(model="gpt-image-2", variations="variations")
    with pytest.raises(ConfigError, match="/images/variations"):
        check_settings(settings, date(2026, 11, 24), ("vary",))


# -- the sketch server -------------------------------------------------------------------------


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
