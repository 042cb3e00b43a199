"""Weights and tokenizer of a published model: in the Hugging Face cache, or downloaded into it.

What is in the cache is used without asking the network, so a machine starts the same with or
without it. Missing files without network are an error at once, not after a minute of retries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ls_backend.errors import ModelError

REACHABLE_WITHIN_S = 5.0

TOKENIZERS = (
    "tokenizer.json",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
    "vocab.txt",
    "vocab.json",
)
"""One of these at least makes a tokenizer."""

TOKENIZER_FILES = (
    *TOKENIZERS,
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "config.json",
)


def weights_file(model: str, registered: Mapping[str, Any]) -> str:
    """Path of the weights of `model`, whose open_clip registration names a repository on the hub.

    Raises:
        ModelError: They are not in the cache and cannot be downloaded.
    """
    repository, _, filename = registered["hf_hub"].rpartition("/")
    cached = cached_files(repository, weights_names(filename))
    return str(cached[0]) if cached else _downloaded(model, repository, filename)


def tokenizer_files(model: str, repository: str) -> list[Path]:
    """Paths of the files of the tokenizer that `model` takes from `repository` on the hub.

    Raises:
        ModelError: They are not in the cache and cannot be downloaded.
    """
    from huggingface_hub import snapshot_download

    if found := _cached_tokenizer(repository):
        return found
    obstacle = hub_obstacle()
    if obstacle:
        raise _missing(model, obstacle, "tokenizer's files")
    try:
        snapshot_download(repository, allow_patterns=list(TOKENIZER_FILES))
    except Exception as error:  # the hub client and its transports each raise their own
        why = str(error).partition("\n")[0][:300]
        raise _missing(model, why, "tokenizer's files") from error
    if found := _cached_tokenizer(repository):
        return found
    raise _missing(model, f"{repository} has no tokenizer", "tokenizer's files")


def cached_files(repository: str, names: Sequence[str]) -> list[Path]:
    """Those of `names` that are in the cache; asks nobody."""
    from huggingface_hub import try_to_load_from_cache

    found = [try_to_load_from_cache(repository, name) for name in names]
    return [Path(path) for path in found if isinstance(path, str)]


def _cached_tokenizer(repository: str) -> list[Path]:
    found = cached_files(repository, TOKENIZER_FILES)
    return found if any(path.name in TOKENIZERS for path in found) else []


def weights_names(filename: str) -> list[str]:
    """The names that the weights may have in their repository, best first."""
    if not filename:
        return ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]
    stem, _, _ = filename.rpartition(".")
    return [f"{stem}.safetensors", filename]


def _downloaded(model: str, repository: str, filename: str) -> str:
    from open_clip.pretrained import download_pretrained_from_hf

    obstacle = hub_obstacle()
    if obstacle:
        raise _missing(model, obstacle)
    try:
        return str(download_pretrained_from_hf(repository, filename=filename or None))
    except Exception as error:  # the hub client and its transports each raise their own
        raise _missing(model, str(error).partition("\n")[0][:300]) from error


def hub_obstacle() -> str | None:
    """Why the hub cannot be asked, or None."""
    import requests
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE forbids to download them"
    try:
        requests.head(constants.ENDPOINT, timeout=REACHABLE_WITHIN_S)
    except requests.RequestException:
        return f"{constants.ENDPOINT} does not answer"
    return None


def _missing(model: str, why: str, what: str = "weights") -> ModelError:
    from huggingface_hub import constants

    return ModelError(
        f"The {what} of {model} are not on this machine, and {why}.",
        hint=f"Run this once with network: ls-clip weights fetch {model} (they then stay in "
        f"{constants.HF_HUB_CACHE}). For a machine without network, make a folder on one that has "
        "it, with --to FOLDER, copy that, and name it as the model: local-dir:FOLDER.",
        code="weights_missing",
    )
