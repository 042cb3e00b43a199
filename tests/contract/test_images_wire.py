"""What we send to OpenAI, checked by a server that is as strict as OpenAI."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx2
import pytest
from openai_wire import WireServer, openai_fixture  # noqa: F401

from importers.config.sections import GeneratorSettings
from importers.generation.masks import background_area, mask_png
from importers.generators import GenerationRequest, check, open_generator, request_parameters
from importers.generators.base import generate_image
from importers.openai_api.models import LIVING, operation
from importers.sketch.draw import draw as sketch

CAT, DOG = sketch("a red cat", 1, 256).png, sketch("a blue dog", 2, 256).png
MASK = mask_png(background_area([], (256, 256)))


def draw(url: str, *images: bytes, mask: bytes | None = None, **values: Any) -> Any:
    settings = GeneratorSettings.model_validate({"model": "gpt-image-2", **values, "base_url": url})
    check(settings, [operation(len(images), masked=mask is not None)])
    generator = open_generator(settings)
    request = GenerationRequest(
        prompt="a red cat",
        model=settings.model,
        size=settings.size,
        parameters=request_parameters(settings),
        seed=3,
        images=images,
        mask=mask,
    )
    try:
        return generate_image(generator, request)
    finally:
        generator.close()


@pytest.mark.parametrize("model", LIVING)
def test_every_living_model_is_asked_in_its_own_words(openai: WireServer, model: str) -> None:
    image = draw(openai.url, model=model, quality="low")
    assert openai.refused == []
    assert openai.received == [
        {"prompt": "a red cat", "model": model, "n": 1, "size": "1024x1024", "quality": "low"}
    ]
    assert image.cost_usd == (12 * Decimal(5) + 196 * Decimal(30)) / 1_000_000


@pytest.mark.parametrize(
    "values",
    [
        {"size": "816x816"},
        {"size": "auto"},
        {"size": "3840x1280"},
        {"parameters": {"background": "transparent", "output_format": "webp"}},
        {"parameters": {"output_format": "jpeg", "output_compression": 80}},
        {"parameters": {"moderation": "low", "safety_identifier": "team-7"}},
        {"model": "gpt-image-2.6-flare", "parameters": {"complexity": "low"}},
        {"model": "gpt-image-2.5-flare", "quality": "max"},
    ],
)
def test_what_a_campaign_may_say_is_accepted(openai: WireServer, values: dict[str, Any]) -> None:
    draw(openai.url, **values)
    assert openai.refused == []
    assert len(openai.received) == 1


@pytest.mark.parametrize("model", LIVING)
@pytest.mark.parametrize(
    ("images", "mask"),
    [((CAT,), None), ((CAT, DOG), None), ((CAT,), MASK)],
    ids=["variation", "fusion", "inpainting"],
)
def test_every_living_model_edits(
    openai: WireServer, model: str, images: tuple[bytes, ...], mask: bytes | None
) -> None:
    draw(openai.url, *images, mask=mask, model=model, quality="low")
    assert openai.refused == []
    assert openai.images == [list(images)]
    assert openai.masks == [mask]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ([], "0 images"),
        ([("image", ("upload", CAT, "application/octet-stream"))], "mimetype"),
        ([("image", ("a.png", CAT, "image/jpeg"))], "holds PNG"),
        ([("image", ("a.png", CAT, "image/png"))] * 2, "image[]"),
        ([("picture", ("a.png", CAT, "image/png"))], "unknown files"),
        (
            [("image", ("a.png", CAT, "image/png")), ("mask", ("m.png", DOG, "image/png"))],
            "no transparent part",
        ),
    ],
)
def test_the_server_refuses_the_files_that_openai_refuses(
    openai: WireServer, files: Any, why: str
) -> None:
    fields = {"prompt": "x", "model": "gpt-image-2"}
    answer = httpx2.post(f"{openai.url}/images/edits", data=fields, files=files)
    assert answer.status_code == 400
    assert why in openai.refused[0]


@pytest.mark.parametrize(
    "body",
    [
        {"model": "gpt-image-2"},
        {"prompt": "", "model": "gpt-image-2"},
        {"prompt": "x", "model": "dall-e-3"},
        {"prompt": "x", "model": "gpt-image-2", "n": 11},
        {"prompt": "x", "model": "gpt-image-2", "n": "1"},
        {"prompt": "x", "model": "gpt-image-2", "size": "512x512"},
        {"prompt": "x", "model": "gpt-image-2", "quality": "hd"},
        {"prompt": "x", "model": "gpt-image-2", "seed": 1},
        {"prompt": "x", "model": "gpt-image-2", "response_format": "b64_json"},
        {"prompt": "x", "model": "gpt-image-2", "complexity": "low"},
    ],
)
def test_the_server_refuses_what_openai_refuses(openai: WireServer, body: dict[str, Any]) -> None:
    answer = httpx2.post(f"{openai.url}/images/generations", json=body)
    assert answer.status_code == 400
    assert len(openai.refused) == 1
