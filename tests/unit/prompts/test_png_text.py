"""The prompt that AUTOMATIC1111 and ComfyUI leave in a PNG."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from importers.prompts.png_text import automatic1111_prompt, comfyui_prompt, prompt_in_png

SETTINGS = "Steps: 20, Sampler: DPM++ 2M, CFG scale: 7, Seed: 42, Size: 512x512"


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


GRAPH = {
    "3": node("KSampler", seed=5, positive=["6", 0], negative=["7", 0], model=["4", 0]),
    "4": node("CheckpointLoaderSimple", ckpt_name="model.safetensors"),
    "6": node("CLIPTextEncode", text="a red dog\non a sofa", clip=["4", 1]),
    "7": node("CLIPTextEncode", text="blurry", clip=["4", 1]),
}


@pytest.mark.parametrize(
    ("parameters", "prompt"),
    [
        (f"a red dog\nNegative prompt: blurry\n{SETTINGS}", "a red dog"),
        (f"a red dog,\nphoto: (soft:1.2)\n{SETTINGS}", "a red dog, photo: (soft:1.2)"),
        (f"a man who says Steps: 1\n{SETTINGS}", "a man who says Steps: 1"),
        ("a red dog", "a red dog"),
        (f"\nNegative prompt: blurry\n{SETTINGS}", None),
        (SETTINGS, None),
    ],
)
def test_automatic1111_writes_the_prompt_first(parameters: str, prompt: str | None) -> None:
    assert automatic1111_prompt(parameters) == prompt


@pytest.mark.parametrize(
    ("changes", "prompt"),
    [
        ({}, "a red dog on a sofa"),
        ({"6": node("CLIPTextEncode", text=["8", 0]), "8": node("Text", string="a cat")}, "a cat"),
        ({"6": node("CLIPTextEncodeSDXL", text_g="a cat", text_l="a dog")}, "a cat"),
        (
            {"6": node("FluxGuidance", guidance=3.5, conditioning=["9", 0])}
            | {"9": node("CLIPTextEncodeFlux", clip_l="a cat", t5xxl="a cat in the sun")},
            "a cat in the sun",
        ),
        (
            {"3": node("SamplerCustomAdvanced", guider=["10", 0], noise=["11", 0])}
            | {"10": node("BasicGuider", conditioning=["6", 0])},
            "a red dog on a sofa",
        ),
        ({"3": node("KSamplerAdvanced", positive=["12", 0])}, None),
        ({"6": node("Reroute", conditioning=["6", 0])}, None),
        ({"3": node("SaveImage", images=["6", 0])}, None),
        ({"3": {"class_type": "KSampler", "inputs": None}}, None),
    ],
)
def test_comfyui_is_followed_from_the_sampler_to_the_text(
    changes: dict[str, Any], prompt: str | None
) -> None:
    assert comfyui_prompt(GRAPH | changes) == prompt


def test_the_chunks_of_a_png_are_read(tmp_path: Path) -> None:
    workflow = {
        "nodes": [
            {"id": 3, "type": "KSampler", "inputs": [{"name": "positive", "link": 1}]},
            {"id": 6, "type": "CLIPTextEncode", "widgets_values": ["a fish"], "inputs": []},
            {"id": 7, "type": "Note", "widgets_values": ["not this"]},
        ],
        "links": [[1, 6, 0, 3, 1, "CONDITIONING"]],
    }
    assert prompt_in_png(picture(tmp_path, parameters=f"a dog\n{SETTINGS}")) == "a dog"
    ran = json.dumps(GRAPH | {"20": node("Any", value=float("nan"))})
    assert prompt_in_png(picture(tmp_path, prompt=ran)) == "a red dog on a sofa"
    on_screen = json.dumps(workflow)
    assert prompt_in_png(picture(tmp_path, workflow=on_screen)) == "a fish"
    assert prompt_in_png(picture(tmp_path, prompt="{}", workflow=on_screen)) == "a fish"


@pytest.mark.parametrize("text", ["a plain text", "[]", "{}", '{"nodes": 3, "links": {}}', "null"])
def test_chunks_of_other_programs_hold_no_prompt(tmp_path: Path, text: str) -> None:
    assert prompt_in_png(picture(tmp_path, prompt=text, workflow=text, Software="x")) is None


def picture(folder: Path, **chunks: str) -> Path:
    info = PngInfo()
    for name, text in chunks.items():
        info.add_text(name, text)
    Image.new("RGB", (8, 8)).save(folder / "picture.png", pnginfo=info)
    return folder / "picture.png"
