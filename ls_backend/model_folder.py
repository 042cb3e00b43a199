"""A model folder's config, and whether it fits the files beside it.

open_clip takes its own defaults for what a config leaves out and says nothing of what contradicts
the weights: the vectors are then quietly wrong. What can be seen without running the model is
refused here, with the fix; `golden.json` (golden.py) catches the rest.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from ls_backend.clip.weights import TOKENIZERS
from ls_backend.errors import ModelError

CONFIG_FILE = "open_clip_config.json"
WEIGHTS_FILE = "open_clip_model.safetensors"
LAYOUT = (
    f"A model folder holds {CONFIG_FILE} with model_cfg and preprocess_cfg, "
    f"{WEIGHTS_FILE}, and the tokenizer files that the config names."
)
_CHOICES = {
    "interpolation": ("bicubic", "bilinear"),
    "resize_mode": ("shortest", "longest", "squash"),
}


def read_config(folder: Path) -> dict[str, Any]:
    """The folder's {"model_cfg", "preprocess_cfg"}, checked.

    Raises:
        ModelError: It is missing or incomplete, or contradicts itself or the files beside it.
    """
    path = folder / CONFIG_FILE
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        model, text = config["model_cfg"], config["model_cfg"]["text_cfg"]
        text.get("tokenizer_kwargs", {}).items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"it has no {CONFIG_FILE}" if isinstance(error, FileNotFoundError) else repr(error)
        raise ModelError(f"{folder} cannot be read as a CLIP model: {why}.", hint=LAYOUT) from error
    _check_preprocessing(path, config.get("preprocess_cfg"))
    _check_size(path, config)
    _check_activation(path, model.get("quick_gelu", False))
    _check_head(path, "init_logit_bias" in model)
    _check_tokenizer(path, text.get("hf_tokenizer_name"))
    return config


def _check_preprocessing(path: Path, preprocess: Any) -> None:
    given = preprocess if isinstance(preprocess, dict) else {}
    for name in ("mean", "std"):
        if not _is_colour(given.get(name)) or (name == "std" and min(given[name]) <= 0):
            raise _misfit(
                path,
                f"preprocess_cfg has no {name} of three numbers",
                "Give the mean and std that the weights were trained with. OpenAI's and LAION's "
                "CLIP: mean [0.48145466, 0.4578275, 0.40821073], std [0.26862954, 0.26130258, "
                "0.27577711]; SigLIP: [0.5, 0.5, 0.5] for both.",
            )
    for name, choices in _CHOICES.items():
        if given.get(name, choices[0]) not in choices:
            raise _misfit(
                path,
                f"preprocess_cfg has {name} {given[name]!r}",
                f"Use one of {', '.join(choices)}: the one the weights were trained with.",
            )


def _is_colour(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 3
        and all(isinstance(x, (int, float)) and math.isfinite(x) for x in value)
    )


def _check_size(path: Path, config: dict[str, Any]) -> None:
    prepared = config["preprocess_cfg"].get("size")
    expected = config["model_cfg"].get("vision_cfg", {}).get("image_size")
    if prepared is not None and expected is not None and _pair(prepared) != _pair(expected):
        raise _misfit(
            path,
            f"preprocess_cfg makes images of size {prepared}, and vision_cfg wants {expected}",
            "Set preprocess_cfg.size to vision_cfg.image_size, or put back the config that came "
            "with the weights.",
        )


def _pair(size: Any) -> list[Any]:
    return size if isinstance(size, list) and len(size) == 2 else [size, size]


def _check_activation(path: Path, quick_gelu: Any) -> None:
    if not isinstance(quick_gelu, bool):
        raise _misfit(
            path, f"quick_gelu in model_cfg is {quick_gelu!r}", "Set it to true or to false."
        )
    said = _activation_beside(path.parent)
    if said is not None and (said == "quick_gelu") != quick_gelu:
        raise _misfit(
            path,
            f"quick_gelu in model_cfg is {json.dumps(quick_gelu)}, and config.json, beside it, "
            f"says that the weights were trained with {said}",
            f"Set quick_gelu in model_cfg to {json.dumps(not quick_gelu)}; if config.json belongs "
            "to other weights, remove it.",
        )


def _activation_beside(folder: Path) -> str | None:
    """What a CLIP config of transformers says, as published folders often hold one too."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if config["model_type"] != "clip":
            return None
        said = {config[tower]["hidden_act"] for tower in ("vision_config", "text_config")}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return said.pop() if len(said) == 1 and said <= {"gelu", "quick_gelu"} else None


def _check_head(path: Path, expects_bias: bool) -> None:
    has_bias = _has_logit_bias(path.parent / WEIGHTS_FILE)
    if has_bias is None or has_bias == expects_bias:
        return
    if has_bias:
        raise _misfit(
            path,
            "the weights have a logit_bias (SigLIP), and model_cfg has no init_logit_bias",
            "Add init_logit_bias to model_cfg (SigLIP: -10); the weights replace its value.",
        )
    raise _misfit(
        path,
        "model_cfg has init_logit_bias (SigLIP), and the weights have no logit_bias",
        "Remove init_logit_bias from model_cfg, or bring the weights that it belongs to.",
    )


def _has_logit_bias(weights: Path) -> bool | None:
    """None where that cannot be seen without loading them; damaged ones are refused then."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, framework="pt") as file:
            return "logit_bias" in set(file.keys())
    except (OSError, SafetensorError):
        return None


def _check_tokenizer(path: Path, repository: Any) -> None:
    if repository and not any((path.parent / name).is_file() for name in TOKENIZERS):
        raise _misfit(
            path,
            f"the model uses the tokenizer of {repository}, whose files are not beside it",
            f"Copy {TOKENIZERS[0]} (or {TOKENIZERS[1]}) and the tokenizer's other files from "
            f"https://huggingface.co/{repository} into {path.parent}.",
        )


def _misfit(path: Path, what: str, fix: str) -> ModelError:
    return ModelError(
        f"{path} does not describe a model that can be used: {what}.", hint=fix, code="model_config"
    )
