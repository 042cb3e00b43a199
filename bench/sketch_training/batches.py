"""What one training step gets to see: images and captions, shuffled and augmented."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.sketch_training.dataset import IMAGE_SIZE, Dataset

if TYPE_CHECKING:
    import torch

_SHIFT = 4


class Batches:
    """An endless stream of augmented batches.

    Args:
        dataset: What to draw from.
        size: Pairs in a batch.
        hard_share: Share of batches whose images all have one setting and one style.
        seed: Same seed, same stream.
    """

    def __init__(self, dataset: Dataset, size: int, hard_share: float, seed: int) -> None:
        import torch
        from open_clip import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD

        self._images = torch.from_numpy(dataset.images)
        self._tokens = torch.from_numpy(dataset.tokens.astype(np.int64))
        self._groups = [torch.from_numpy(group) for group in dataset.groups]
        self._size, self._hard_share = size, hard_share
        self._random = torch.Generator().manual_seed(seed)
        self._order = torch.empty(0, dtype=torch.int64)
        self._mean = torch.tensor(OPENAI_DATASET_MEAN).view(1, 3, 1, 1)
        self._std = torch.tensor(OPENAI_DATASET_STD).view(1, 3, 1, 1)

    def next(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Images (batch, 3, 64, 64), normalised, and tokens (batch, context)."""
        import torch

        chosen = self._hard() if self._chance() < self._hard_share else self._any()
        caption = torch.randint(0, self._tokens.shape[1], (len(chosen),), generator=self._random)
        return self._augmented(self._images[chosen]), self._tokens[chosen, caption]

    def _chance(self) -> float:
        import torch

        return float(torch.rand(1, generator=self._random))

    def _any(self) -> torch.Tensor:
        """The next images of a shuffled pass over all."""
        import torch

        if len(self._order) < self._size:
            self._order = torch.randperm(len(self._images), generator=self._random)
        size = self._size
        chosen, self._order = self._order[:size], self._order[size:]
        return chosen

    def _hard(self) -> torch.Tensor:
        """Images of one setting and style."""
        import torch

        which = int(torch.randint(0, len(self._groups), (1,), generator=self._random))
        group = self._groups[which]
        shuffled = torch.randperm(len(group), generator=self._random)
        return group[shuffled[: self._size]]

    def _augmented(self, images: torch.Tensor) -> torch.Tensor:
        """Shifted by up to four pixels, mirrored or not, lighter or darker."""
        import torch

        pixels = images.float().div_(255)
        padded = torch.nn.functional.pad(pixels, (_SHIFT,) * 4, mode="replicate")
        down, right = torch.randint(0, 2 * _SHIFT + 1, (2,), generator=self._random).tolist()
        pixels = padded[:, :, down : down + IMAGE_SIZE, right : right + IMAGE_SIZE]
        mirrored = torch.rand(len(pixels), generator=self._random) < 0.5
        pixels = torch.where(mirrored[:, None, None, None], pixels.flip(-1), pixels)
        contrast, light = torch.rand((2, len(pixels), 1, 1, 1), generator=self._random) - 0.5
        pixels = (pixels * (1 + 0.16 * contrast) + 0.08 * light).clamp_(0, 1)
        normal: torch.Tensor = (pixels - self._mean) / self._std
        return normal.contiguous(memory_format=torch.channels_last)
