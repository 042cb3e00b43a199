"""A model folder in open_clip's `local-dir:` layout: its files, and the SHA256SUMS beside them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ls_backend.model_source import CONFIG_FILE

SUMS_FILE = "SHA256SUMS"

_READ_AT_ONCE = 1024 * 1024


def write_folder(folder: Path, config: Mapping[str, Any], files: Sequence[Path]) -> None:
    """Make the model folder of `config`: weights first in `files`, then the tokenizer's files.

    A file appears under its name only when it is whole. SHA256SUMS comes last.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = [_weights_name(files[0]), *(path.name for path in files[1:])]
    for path, name in zip(files, names, strict=True):
        part = folder / f"{name}.part"
        shutil.copyfile(path, part)
        part.replace(folder / name)
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    lines = [f"{sha256_of(folder / name)}  {name}\n" for name in [CONFIG_FILE, *names]]
    (folder / SUMS_FILE).write_text("".join(lines), encoding="utf-8")


def read_sums(folder: Path) -> dict[str, str]:
    """File name → SHA-256 as SHA256SUMS has it; empty where there is none."""
    try:
        lines = (folder / SUMS_FILE).read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.split(maxsplit=1) for line in lines if line.strip())
    return {pair[1].lstrip("*"): pair[0] for pair in pairs if len(pair) == 2}


def sha256_of(path: Path) -> str:
    """SHA-256 of a file in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()


def _weights_name(path: Path) -> str:
    safe = path.suffix == ".safetensors"
    return "open_clip_model.safetensors" if safe else "open_clip_pytorch_model.bin"
