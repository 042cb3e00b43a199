"""A text's vector is the same without its padding; where it might not be, the padding stays."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from model_folders import SMALL_VIT
from open_clip import CLIP, CustomTextCLIP

from ls_backend.clip.clip import Clip, can_be_cut

TEXTS = ["", "a cat", "a photo of a very small cat on a red sofa", "a long caption " * 50]


def small(kind: type = CLIP, **text_options: Any) -> Any:
    config = json.loads(json.dumps(SMALL_VIT))
    config["text_cfg"] |= text_options
    torch.manual_seed(0)
    return kind(**config).eval()


def lengths_read(network: Any, clip: Clip, texts: list[str]) -> tuple[np.ndarray, list[int]]:
    """The texts' vectors, and how many tokens of each batch went through the tower."""
    read: list[int] = []
    hook = network.transformer.register_forward_pre_hook(
        lambda _module, args: read.append(args[0].shape[1])
    )
    vectors = clip.encode_texts(texts)
    hook.remove()
    return vectors, read


@pytest.mark.parametrize("texts", [TEXTS, TEXTS[:2], TEXTS[:1]])
def test_a_vector_is_that_of_the_whole_context(clip: Clip, texts: list[str]) -> None:
    network = clip._network
    with torch.inference_mode():
        whole = network.encode_text(clip._tokenizer(texts), normalize=True).numpy()

    cut, read = lengths_read(network, clip, texts)

    assert np.abs(cut - whole).max() <= 1e-5
    assert (max(read) < network.context_length) == (TEXTS[-1] not in texts)


@pytest.mark.parametrize("options", [{}, {"proj_bias": True}])
def test_towers_of_openai_are_cut_whatever_their_projection(
    clip: Clip, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    network = small(**options)
    monkeypatch.setattr(clip, "_network", network)
    tokens = torch.randint(1, 49_000, (5, 32))
    ends = torch.tensor([1, 4, 9, 9, 20])
    tokens[torch.arange(5), ends] = 49_407
    monkeypatch.setattr(clip, "_tokenizer", lambda _texts: tokens)
    with torch.inference_mode():
        whole = network.encode_text(tokens, normalize=True).numpy()

    cut, read = lengths_read(network, clip, ["any"] * 5)

    assert can_be_cut(network)
    assert read == [21]
    assert np.abs(cut - whole).max() <= 1e-5


@pytest.mark.parametrize(
    "network",
    [small(CustomTextCLIP), small(pool_type="last"), small(no_causal_mask=True)],
    ids=["a tower of its own", "taken at the last place", "looks both ways"],
)
def test_other_towers_read_their_padding(network: Any) -> None:
    assert not can_be_cut(network)
