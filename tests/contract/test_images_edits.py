"""Images on the wire: what servers get from us."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pytest
from edit_requests import CAT, DOG, MASK, ask_fixture, encoded, generators_fixture, pixels  # noqa: F401
from flask import Flask, request
from images_server import image as an_image
from PIL import Image

from importers.config.sections import GeneratorSettings
from importers.generation.masks import background_area, mask_png
from importers.generators import GeneratedImage
from importers.generators.openai_kinds import check_settings
from ls_backend.errors import ConfigError, GeneratorError, PromptRefused

Serve = Callable[[Flask], str]
Draw = Callable[..., GeneratedImage]


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
