"""Model folders to be changed, and how they are refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from importers.sketch import MODEL_FOLDER
from ls_backend.clip.clip import Clip
from ls_backend.clip.model_source import CONFIG_FILE, WEIGHTS_FILE
from ls_backend.errors import ModelError

OPENAI = {
    "mean": [0.48145466, 0.4578275, 0.40821073],
    "std": [0.26862954, 0.26130258, 0.27577711],
}
SMALL_VIT: dict[str, Any] = {
    "embed_dim": 32,
    "vision_cfg": {
        "image_size": 32, "layers": 6, "width": 64, "patch_size": 8, "head_width": 32,
    },
    "text_cfg": {
        "context_length": 32, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 6,
    },
}  # fmt: skip


def edit_config(folder: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    config = json.loads((folder / CONFIG_FILE).read_text())
    edit(config)
    (folder / CONFIG_FILE).write_text(json.dumps(config))


def refusal_of(model: str) -> ModelError:
    with pytest.raises(ModelError) as refusal:
        Clip.load(model)
    assert refusal.value.hint
    return refusal.value


def random_model(folder: Path, config: Mapping[str, Any]) -> Path:
    """A model of open_clip's `model_cfg` with random weights, the same at each call."""
    from open_clip.model import CLIP
    from safetensors.torch import save_file

    folder.mkdir()
    torch.manual_seed(0)
    network = CLIP(**json.loads(json.dumps(config)))
    weights = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(weights, folder / WEIGHTS_FILE)
    preprocess = {**OPENAI, "size": config["vision_cfg"]["image_size"]}
    described = {"model_cfg": config, "preprocess_cfg": preprocess}
    (folder / CONFIG_FILE).write_text(json.dumps(described))
    return folder


def siglip_of_sketch_clip(folder: Path) -> Path:
    """The tiny CLIP with a logit bias halfway between pictures that fit and such that do not."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(MODEL_FOLDER, folder)
    weights = load_file(folder / WEIGHTS_FILE)
    scale = float(weights["logit_scale"].exp())
    weights["logit_bias"] = torch.tensor(-0.5 * scale)
    save_file(weights, folder / WEIGHTS_FILE)
    edit_config(folder, lambda config: config["model_cfg"].update(init_logit_bias=-10))
    return folder
