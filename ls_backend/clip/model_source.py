"""Which model a name means, how open_clip is asked for it, and whether a folder's config is sound.

A model is named "ARCH/PRETRAINED" as open_clip lists them, "sketch", or by a folder in open_clip's
`local-dir:` layout: `open_clip_config.json` ({"model_cfg", "preprocess_cfg"}), a weights file, and
the tokenizer files: those that `text_cfg.tokenizer_kwargs` names relative to the folder, or, with
`text_cfg.hf_tokenizer_name`, those of that repository.
"""

from __future__ import annotations

import difflib
import json
import math
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ls_backend.clip.weights import TOKENIZER_FILES, TOKENIZERS, tokenizer_files, weights_file
from ls_backend.errors import ModelError

PREFIX = "local-dir:"
SKETCH = "sketch"
"""The tiny CLIP that knows drawings; it comes with this package."""
SKETCH_FOLDER = Path(__file__).parents[2] / "importers" / "sketch" / "sketch-clip"
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


@dataclass(frozen=True)
class ModelSource:
    """How open_clip is asked for one model.

    Attributes:
        name: Name in messages and model versions.
        folder: Model folder; None for a published model.
        model_name: open_clip's name of the architecture, or of the folder.
        pretrained: Path of the weights; None where open_clip finds them in the folder.
        config: Model config: architecture, activation, text tower.
        tokenizer_files: Files of a tokenizer that does not come with open_clip.
        tokenizer_folder: Folder from which transformers reads the tokenizer, or None.
        tokenizer_options: Options of open_clip's tokenizer.
        model_options: Options of open_clip's model and preprocessing.
        hint: Next step where the model cannot be loaded.
    """

    name: str
    folder: Path | None
    model_name: str
    pretrained: str | None
    config: dict[str, Any]
    tokenizer_files: list[Path]
    tokenizer_folder: Path | None
    tokenizer_options: dict[str, Any]
    model_options: dict[str, Any]
    hint: str


def source_of(model: str) -> ModelSource:
    """How to ask open_clip for a model folder, "sketch", or "ARCH/PRETRAINED".

    Raises:
        ModelError: No such model, or its weights are not on this machine and cannot be brought.
    """
    folder = folder_of(model)
    return _local_folder(folder) if folder else _published(model)


def folder_of(model: str) -> Path | None:
    """The folder that "local-dir:PATH", a path or "sketch" names; None for a published model."""
    if model == SKETCH:
        return SKETCH_FOLDER
    folder = Path(model.removeprefix(PREFIX)).expanduser()
    named = model.startswith(PREFIX) or (model and folder.is_dir())
    return folder.resolve() if named else None


def registration(model: str) -> tuple[str, dict[str, Any]]:
    """Architecture of a published model, and what open_clip has on record of its weights.

    Raises:
        ModelError: open_clip knows no such model.
    """
    import open_clip

    known = [f"{arch}/{tag}" for arch, tag in open_clip.list_pretrained()]
    if model not in known:
        raise _unknown(model, known)
    arch, _, tag = model.partition("/")
    return arch, dict(open_clip.get_pretrained_cfg(arch, tag))


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


def _local_folder(folder: Path) -> ModelSource:
    config = read_config(folder)
    options = config["model_cfg"]["text_cfg"].get("tokenizer_kwargs", {})
    named = {
        option: folder / value
        for option, value in sorted(options.items())
        if isinstance(value, str) and (folder / value).is_file()
    }
    beside: list[Path] = []
    if config["model_cfg"]["text_cfg"].get("hf_tokenizer_name"):
        _check_transformers(folder.name)
        beside = [folder / name for name in TOKENIZER_FILES if (folder / name).is_file()]
    return ModelSource(
        name=folder.name,
        folder=folder,
        model_name=f"{PREFIX}{folder}",
        pretrained=None,
        config=config["model_cfg"],
        tokenizer_files=[*named.values(), *beside],
        tokenizer_folder=folder if beside else None,
        tokenizer_options={option: str(path) for option, path in named.items()},
        model_options={},
        hint=LAYOUT,
    )


def _published(model: str) -> ModelSource:
    import open_clip

    arch, registered = registration(model)
    # The tag knows which activation the weights were trained with; the architecture may not.
    quick_gelu = bool(registered.get("quick_gelu", False))
    config = {**open_clip.get_model_config(arch), "quick_gelu": quick_gelu}
    repository = config["text_cfg"].get("hf_tokenizer_name")
    files = tokenizer_files(model, repository) if repository else []
    if repository:
        _check_transformers(model)
    return ModelSource(
        name=model,
        folder=None,
        model_name=arch,
        pretrained=weights_file(model, registered),
        config=config,
        tokenizer_files=files,
        tokenizer_folder=files[0].parent if files else None,
        tokenizer_options={},
        model_options={
            "force_quick_gelu": quick_gelu,
            "image_mean": registered.get("mean"),
            "image_std": registered.get("std"),
            "image_interpolation": registered.get("interpolation"),
            "image_resize_mode": registered.get("resize_mode"),
        },
        hint=f"See which file is damaged with: ls-clip weights verify {model}; mend it with: "
        f"ls-clip weights fetch {model}.",
    )


def _check_transformers(name: str) -> None:
    if find_spec("transformers") is None:
        raise ModelError(
            f"{name} has a tokenizer that needs the package transformers, which is not installed.",
            hint="pip install transformers",
            code="tokenizer",
        )


def _unknown(model: str, known: list[str]) -> ModelError:
    arch = model.partition("/")[0]
    same_arch = [name for name in known if name.partition("/")[0] == arch]
    spelled = {name.replace("/", "-").lower(): name for name in same_arch or known}
    asked, cutoff = model.replace("/", "-").lower(), 0.3 if same_arch else 0.6
    near = difflib.get_close_matches(asked, spelled, n=5, cutoff=cutoff)
    names = [spelled[key] for key in near] or ["ViT-B-32/laion2b_s34b_b79k"]
    return ModelError(
        f"There is no CLIP model {model!r}: it is neither a folder nor an ARCH/PRETRAINED "
        "that open_clip knows.",
        hint=f"Nearest known: {', '.join(names)}. Or give the path of a model folder.",
        code="unknown_model",
    )


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
