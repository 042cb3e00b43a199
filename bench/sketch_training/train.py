"""Trains the tiny CLIP from scratch: contrastive, on one thread.

Owns the architecture and the recipe. A quarter of the batches is *hard*: all their images share
setting and style, so that only object and colour tell the pairs apart.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.sketch_training.batches import Batches
from bench.sketch_training.dataset import IMAGE_SIZE, Dataset
from bench.sketch_training.vocabulary import CONTEXT_LENGTH

if TYPE_CHECKING:
    import torch

CONFIG_FILE = "open_clip_config.json"
WEIGHTS_FILE = "open_clip_model.safetensors"
VOCABULARY_FILE = "sketch_bpe.txt.gz"

_LARGEST_SCALE = math.log(100)


@dataclass(frozen=True)
class Recipe:
    """Numbers of the training; the defaults made the weights in the repository."""

    steps: int = 4000
    batch: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    warm_up: int = 150
    hard_share: float = 0.25
    seed: int = 0


def model_config(vocabulary_size: int) -> dict[str, Any]:
    """open_clip's model_cfg: a small ResNet and a three-layer text transformer, 2.1 M weights."""
    return {
        "embed_dim": 128,
        "vision_cfg": {
            "image_size": IMAGE_SIZE,
            "layers": [1, 1, 1, 1],
            "width": 16,
            "head_width": 64,
        },
        "text_cfg": {
            "context_length": CONTEXT_LENGTH,
            "vocab_size": vocabulary_size,
            "width": 128,
            "heads": 4,
            "layers": 3,
            "tokenizer_kwargs": {"bpe_path": VOCABULARY_FILE},
        },
    }


def train(dataset: Dataset, vocabulary_size: int, recipe: Recipe) -> torch.nn.Module:
    """Train a new model on one thread; prints loss, scale and speed every 100 steps."""
    import torch
    from open_clip.model import CLIP

    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)
    model: torch.nn.Module = CLIP(**model_config(vocabulary_size))
    model.to(memory_format=torch.channels_last)
    optimizer = _optimizer(model, recipe)
    batches = Batches(dataset, recipe.batch, recipe.hard_share, recipe.seed + 1)
    started, smooth_loss = time.monotonic(), 0.0
    for step in range(recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = _learning_rate(step, recipe)
        loss, scale = _step(model, optimizer, *batches.next())
        smooth_loss = 0.97 * smooth_loss + 0.03 * loss if step else loss
        if (step + 1) % 100 == 0:
            seconds = time.monotonic() - started
            print(
                f"step {step + 1} of {recipe.steps}: loss {smooth_loss:.3f}, scale {scale:.1f}, "
                f"{(step + 1) * recipe.batch / seconds:.0f} img/s, {seconds:.0f} s",
                flush=True,
            )
    return model


def _step(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    images: torch.Tensor,
    tokens: torch.Tensor,
) -> tuple[float, float]:
    """One step of descent on the symmetric contrastive loss; returns the loss and the scale."""
    import torch
    from open_clip import ClipLoss

    with torch.autocast("cpu", torch.bfloat16):
        image_vectors, text_vectors, scale = model(images, tokens)
    loss = ClipLoss()(image_vectors.float(), text_vectors.float(), scale)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    with torch.no_grad():
        model.get_parameter("logit_scale").clamp_(0, _LARGEST_SCALE)
    return loss.item(), scale.item()


def save(model: torch.nn.Module, vocabulary_size: int, folder: Path) -> None:
    """Write config and fp16 weights in open_clip's ``local-dir:`` layout."""
    from open_clip import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
    from safetensors.torch import save_file

    config = {
        "model_cfg": model_config(vocabulary_size),
        "preprocess_cfg": {
            "size": IMAGE_SIZE,
            "mode": "RGB",
            "mean": OPENAI_DATASET_MEAN,
            "std": OPENAI_DATASET_STD,
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
    }
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    weights = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in model.state_dict().items()
    }
    save_file(weights, folder / WEIGHTS_FILE)
    # safetensors leaves the file readable to its owner alone.
    (folder / WEIGHTS_FILE).chmod(0o644)


def _optimizer(model: torch.nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW; vectors and embeddings do not decay."""
    import torch

    named = list(model.named_parameters())
    decays = [p for name, p in named if p.ndim >= 2 and "embedding" not in name]
    stays = [p for name, p in named if p.ndim < 2 or "embedding" in name]
    groups = [
        {"params": decays, "weight_decay": recipe.weight_decay},
        {"params": stays, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98), eps=1e-6)


def _learning_rate(step: int, recipe: Recipe) -> float:
    """Linear warm-up, then a cosine down to 2 %."""
    rise = min(1.0, (step + 1) / recipe.warm_up)
    fall = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
    return recipe.learning_rate * rise * fall
