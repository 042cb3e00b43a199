"""The weights file of a published CLIP model: in the Hugging Face cache, or downloaded into it.

What is in the cache is used without asking the network, so a machine starts the same with or
without it. Missing weights without network are an error at once, not after a minute of retries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ls_backend.errors import ModelError

REACHABLE_WITHIN_S = 5.0


def weights_file(model: str, registered: Mapping[str, Any]) -> str:
    """Path of the weights of `model`, whose open_clip registration names a repository on the hub.

    Raises:
        ModelError: They are not in the cache and cannot be downloaded.
    """
    from huggingface_hub import try_to_load_from_cache

    repository, _, filename = registered["hf_hub"].rpartition("/")
    for name in weights_names(filename):
        cached = try_to_load_from_cache(repository, name)
        if isinstance(cached, str):
            return cached
    return _downloaded(model, repository, filename)


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


def _missing(model: str, why: str) -> ModelError:
    from huggingface_hub import constants

    return ModelError(
        f"The weights of {model} are not on this machine, and {why}.",
        hint=f"Run this once with network: ls-clip weights fetch {model} (they then stay in "
        f"{constants.HF_HUB_CACHE}). For a machine without network, make a folder on one that has "
        "it, with --to FOLDER, copy that, and name it as the model: local-dir:FOLDER.",
        code="weights_missing",
    )
