"""A model folder in open_clip's `local-dir:` layout: its files, and the SHA256SUMS beside them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ls_backend.clip.golden import measure, write_golden
from ls_backend.clip.model_source import PREFIX
from ls_backend.model_folder import CONFIG_FILE, WEIGHTS_FILE

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
    _write_sums(folder, {name: sha256_of(folder / name) for name in [CONFIG_FILE, *names]})


def keep_golden(folder: Path) -> Path:
    """Write golden.json: what the model in `folder` answers now. Returns the file.

    Where there is a SHA256SUMS, the file gets its line in it.

    Raises:
        ModelError: The folder is no model that can be loaded.
        OSError: The folder cannot be written.
    """
    from ls_backend.clip.clip import Clip

    clip = Clip.load(f"{PREFIX}{folder}", device="cpu", precision="float32", check_golden=False)
    path = write_golden(folder, measure(clip))
    if sums := read_sums(folder):
        _write_sums(folder, {**sums, path.name: sha256_of(path)})
    return path


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


def _write_sums(folder: Path, sums: Mapping[str, str]) -> None:
    lines = [f"{promised}  {name}\n" for name, promised in sums.items()]
    (folder / SUMS_FILE).write_text("".join(lines), encoding="utf-8")


def _weights_name(path: Path) -> str:
    safe = path.suffix == ".safetensors"
    return WEIGHTS_FILE if safe else "open_clip_pytorch_model.bin"
