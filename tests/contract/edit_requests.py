"""Requests that bring images, for tests of what goes over the wire and of what comes back."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from flask import Flask
from PIL import Image

from importers.config.sections import GeneratorSettings
from importers.generation.masks import background_area, mask_png
from importers.generators import GeneratedImage, GenerationRequest
from importers.generators.base import generate_image
from importers.generators.openai_images import OpenAIImages
from importers.sketch.draw import draw

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


@pytest.fixture(name="generators")
def generators_fixture() -> Iterator[list[OpenAIImages]]:
    opened: list[OpenAIImages] = []
    yield opened
    for generator in opened:
        generator.close()


@pytest.fixture(name="ask")
def ask_fixture(generators: list[OpenAIImages]) -> Draw:
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
