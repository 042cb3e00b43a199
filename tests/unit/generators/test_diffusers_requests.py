"""What a pipeline of diffusers is called with, and what is refused before one is loaded."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from importers.config.sections import GeneratorSettings
from importers.generators import GenerationRequest, diffusers_local
from importers.generators.base import generate_image
from importers.generators.diffusers_local import DIFFUSERS, DiffusersGenerator
from ls_backend.errors import ConfigError, GeneratorError, PromptRefused


@dataclass
class Recorder:
    """Stands in for the pipelines of a model: notes its calls and gives back what it is told to."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    loaded: int = 0
    at_once: int = 0
    blanked: bool = False
    fails: Exception | None = None

    def load(self, _: GeneratorSettings) -> Recorder:
        self.loaded += 1
        return self

    def of(self, operation: str) -> Any:
        pipeline = {"generate": FromText, "vary": FromPicture, "inpaint": AroundPicture}
        return pipeline[operation](self)

    def drawn(self, call: dict[str, Any]) -> Any:
        self.at_once += 1
        assert self.at_once == 1, "one image at a time"
        if self.fails is not None:
            raise self.fails
        self.calls.append(call)
        self.at_once -= 1
        size = (call.get("width") or 64, call.get("height") or 64)
        return SimpleNamespace(
            images=[Image.new("RGB", size)], nsfw_content_detected=[self.blanked]
        )


@dataclass
class FromText:
    told: Recorder

    def __call__(
        self,
        prompt: str,
        height: int | None = None,
        width: int | None = None,
        num_inference_steps: int = 50,
        guidance_scale: float = 7.5,
        generator: Any = None,
    ) -> Any:
        return self.told.drawn(dict(locals()))


@dataclass
class FromPicture:
    told: Recorder

    def __call__(
        self,
        prompt: str,
        image: Any,
        strength: float = 0.8,
        num_inference_steps: int = 50,
        generator: Any = None,
    ) -> Any:
        return self.told.drawn(dict(locals()))


@dataclass
class AroundPicture:
    told: Recorder

    def __call__(
        self,
        prompt: str,
        image: Any,
        mask_image: Any,
        height: int | None = None,
        width: int | None = None,
        strength: float = 0.8,
        num_inference_steps: int = 50,
        generator: Any = None,
    ) -> Any:
        return self.told.drawn(dict(locals()))


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffusers_local, "find_spec", lambda name: name)


def settings(**values: Any) -> GeneratorSettings:
    return GeneratorSettings.model_validate(
        {"kind": "diffusers", "model": "tiny", "size": "64x64", **values}
    )


def opened(recorder: Recorder) -> DiffusersGenerator:
    return DiffusersGenerator(settings(), recorder.load)


def request(size: str = "64x64", **values: Any) -> GenerationRequest:
    return GenerationRequest(
        **{"prompt": "a dog", "model": "tiny", "size": size, "parameters": {}, "seed": 7, **values}
    )


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


PARENT = png(Image.new("RGB", (101, 63), "teal"))


def test_text_becomes_a_picture_of_that_seed_and_size_for_nothing() -> None:
    recorder = Recorder()
    parameters = {"num_inference_steps": 4, "strength": 0.5, "dtype": "float16"}
    image = generate_image(opened(recorder), request("64x32", parameters=parameters))
    assert (image.size, image.cost_usd, image.data[:4]) == ("64x32", 0, b"\x89PNG")
    (call,) = recorder.calls
    assert (call["prompt"], call["num_inference_steps"]) == ("a dog", 4)
    seeded = torch.Generator("cpu").manual_seed(7)
    assert torch.rand(3, generator=call["generator"]).equal(torch.rand(3, generator=seeded))


@pytest.mark.parametrize(("size", "drawn"), [("64x32", (64, 32)), ("auto", (96, 56))])
def test_a_picture_is_brought_to_the_size_that_is_drawn(size: str, drawn: tuple[int, int]) -> None:
    recorder = Recorder()
    generate_image(opened(recorder), request(size, images=(PARENT,), parameters={"strength": 0.5}))
    assert recorder.calls[0]["image"].size == drawn
    assert recorder.calls[0]["strength"] == 0.5


def test_what_is_clear_in_the_mask_is_white_for_diffusers() -> None:
    recorder = Recorder()
    mask = Image.new("RGBA", (101, 63), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 50, 63))
    generate_image(opened(recorder), request("auto", images=(PARENT,), mask=png(mask)))
    (call,) = recorder.calls
    assert call["mask_image"].size == call["image"].size == (call["width"], call["height"])
    assert [call["mask_image"].getpixel(place) for place in ((9, 9), (90, 9))] == [255, 0]


def test_all_threads_share_one_model_and_take_turns() -> None:
    recorder = Recorder()
    generator, together = opened(recorder), threading.Barrier(4)

    def draw(seed: int) -> bytes:
        together.wait(10)
        return generate_image(generator, request(seed=seed)).data

    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(draw, range(4)))) == 4
    assert (recorder.loaded, len(recorder.calls)) == (1, 4)


def test_a_picture_that_the_safety_checker_blanked_is_a_refusal() -> None:
    with pytest.raises(PromptRefused, match="safety checker"):
        opened(Recorder(blanked=True)).send(request())


@pytest.mark.parametrize(
    ("failure", "code", "hint"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "out_of_memory", "size"),
        (ValueError("`height` has to be divisible by 16"), "not_drawn", "model's card"),
    ],
)
def test_what_a_pipeline_fails_with_ends_the_run(failure: Exception, code: str, hint: str) -> None:
    with pytest.raises(GeneratorError, match=str(failure)) as caught:
        opened(Recorder(fails=failure)).send(request())
    assert (caught.value.code, hint in caught.value.hint) == (code, True)


@pytest.mark.parametrize(
    ("values", "code", "named"),
    [
        ({"parameters": {"steps": 4}}, "unknown_parameter", "num_inference_steps"),
        ({"parameters": {"num_inference_steps": 1}, "images": (PARENT,)}, "no_step_left", "Raise"),
    ],
)
def test_what_a_pipeline_cannot_take_is_named(
    values: dict[str, Any], code: str, named: str
) -> None:
    with pytest.raises(GeneratorError) as caught:
        opened(Recorder()).send(request(**values))
    assert (caught.value.code, named in caught.value.hint) == (code, True)


@pytest.mark.parametrize(
    ("values", "operation", "named"),
    [
        ({"size": "500x500"}, "generate", "multiples of 8"),
        ({"size": "large"}, "generate", "multiples of 8"),
        ({"quality": "low"}, "generate", "'quality'"),
        ({"parameters": {"width": 4}}, "generate", "'width'"),
        ({"parameters": {"dtype": "int8"}}, "generate", "int8"),
        ({"parameters": {"num_inference_steps": 1, "strength": 0.5}}, "vary", "less than one"),
        ({}, "fuse", "cannot fuse"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_a_model_is_loaded(
    values: dict[str, Any], operation: str, named: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        DIFFUSERS.check_settings(settings(**values), (operation,))
    assert named in caught.value.message


def test_turbo_settings_pass() -> None:
    turbo = settings(parameters={"num_inference_steps": 2, "strength": 0.5, "guidance_scale": 0.0})
    assert DIFFUSERS.check_settings(turbo, ("generate", "vary", "inpaint")) == ()
