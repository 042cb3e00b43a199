"""A planned campaign whose images, scores and vectors a test sets at will."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from importers.config.campaign import Campaign
from importers.generation.plan import plan
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.sample import PlannedSample, Sample
from importers.scoring.looks import packed
from importers.scoring.select import held_because, select, to_push
from ls_backend.zero_shot import Score

VERSION, NEWER = "clip:test@1", "clip:test@2"


def campaign_with(folder: Path, *, samples: int = 4, **selection: Any) -> Campaign:
    return Campaign.model_validate(
        {
            "name": "pets",
            "labels": ["cat", "dog"],
            "samples": samples,
            "prompts": {
                "templates": ["a {color} {label}"],
                "factors": {"color": ["red", "blue", "pink", "brown"]},
            },
            "generator": {"model": "sketch-1", "max_unanswered": 1},
            "selection": selection,
            "folder": folder,
        }
    )


@dataclass
class World:
    """Samples are named by their place in the plan."""

    campaign: Campaign
    ledger: Ledger

    def plan(self) -> list[PlannedSample]:
        return plan(self.campaign, self.ledger)

    def draw(self, sample: PlannedSample, image: bytes | None = None) -> str:
        data = image or sample.key.encode()
        digest = ImageStore(self.campaign.images_path).put(data)
        self.ledger.requests.stored(
            self.ledger.requests.begin(sample.key),
            digest,
            request_id=None,
            cost_usd=None,
            usage=None,
        )
        return digest

    def score(
        self,
        probabilities: dict[str, float],
        version: str = VERSION,
        prompt_fits: dict[str, float] | None = None,
    ) -> None:
        """Give samples a probability of their label and, by half of it, a fit to their prompt."""
        fits = {key: p / 2 for key, p in probabilities.items()} | (prompt_fits or {})
        self.ledger.record_scores(
            {k: Score("cat", p, 0.0, "cat", p, fits[k]) for k, p in probabilities.items()}, version
        )

    def see(self, degrees: dict[str, float], flaws: dict[str, str] | None = None) -> None:
        """Let images look as alike as directions in a plane are; say what is wrong with some."""
        angles = [math.radians(degree) for degree in degrees.values()]
        rows = np.array([[math.cos(a), math.sin(a)] for a in angles], dtype=np.float32)
        digests = [self.sample(key).sha256 or "" for key in degrees]
        vectors = dict(zip(digests, packed(rows), strict=True)) if digests else {}
        self.ledger.vectors.record(flaws or {}, vectors, VERSION)

    def select(self, version: str = VERSION) -> None:
        select(self.campaign, self.ledger, version)

    def sample(self, key: str) -> Sample:
        return next(sample for sample in self.ledger.samples() if sample.key == key)

    def kept(self, samples: Sequence[PlannedSample]) -> list[bool | None]:
        return [self.sample(sample.key).kept for sample in samples]

    def flaws(self, samples: Sequence[PlannedSample]) -> list[str | None]:
        return [self.sample(sample.key).flaw for sample in samples]

    def to_push(self, version: str = VERSION) -> list[str]:
        return [sample.key for sample in to_push(self.campaign, self.ledger, version)]

    def because(self, samples: Sequence[PlannedSample]) -> list[str | None]:
        return [held_because(self.sample(sample.key), self.campaign) for sample in samples]
