"""Which model a name means, and how open_clip is asked for it.

A model is named "ARCH/PRETRAINED" as open_clip lists them, or by a folder in open_clip's
`local-dir:` layout: `open_clip_config.json` ({"model_cfg", "preprocess_cfg"}), a weights file, and
the tokenizer files: those that `text_cfg.tokenizer_kwargs` names relative to the folder, or, with
`text_cfg.hf_tokenizer_name`, those of that repository.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ls_backend.clip.weights import TOKENIZER_FILES, tokenizer_files, weights_file
from ls_backend.errors import ModelError
from ls_backend.model_folder import LAYOUT, read_config

PREFIX = "local-dir:"


@dataclass(frozen=True)
class ModelSource:
    """How open_clip is asked for one model; `folder` is None for a published one.

    `tokenizer_files` are those that do not come with open_clip; `tokenizer_folder` is where
    transformers finds a tokenizer that is read by it.
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
    """How to ask open_clip for a model folder, or for "ARCH/PRETRAINED".

    Raises:
        ModelError: No such model, or its weights are not on this machine and cannot be brought.
    """
    folder = folder_of(model)
    return _local_folder(folder) if folder else _published(model)


def folder_of(model: str) -> Path | None:
    """The folder that "local-dir:PATH" or a path names; None for a published model."""
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
