"""What a sample will cost at most, before it is paid for.

Published prices and token counts give a first answer; what this campaign has paid for the same
kind of request corrects it upwards. A cost that is not known is None, never 0.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from importers.config.sections import GeneratorSettings
from importers.openai_api.prices import FREE_MODELS, Tier, cost_of_tokens, price_of
from importers.sample import PlannedSample, Sample

_FACTORS = {"low": 16, "medium": 48, "high": 96}
# OpenAI's per-image table of the models before gpt-image-2: square, portrait, landscape.
_TABLE = {"low": (272, 408, 400), "medium": (1056, 1584, 1568), "high": (4160, 6240, 6208)}
_TABLE_MODELS = frozenset({"gpt-image-1-mini", "gpt-image-1.5", "chatgpt-image-latest"})
_TABLE_SIZES = ("1024x1024", "1024x1536", "1536x1024")
_AUTO_SIZE = "1024x1024"
# The image guide's count for gpt-image-1 at high input fidelity: 65, four tiles of 129, and 6,240
# for what is not square. Later models always read images so; their own count is not published.
_TOKENS_OF_AN_IMAGE_IN = 65 + 4 * 129 + 6240
_AROUND_THE_PROMPT = 16
_DRAFTS_OF_2_6 = 4


@dataclass(frozen=True)
class Tokens:
    """Tokens of requests.

    Attributes:
        text_in, image_in: Number of those of the prompt, and of the images that it starts from;
            at most.
        image_out: Number of those of the image.
    """

    text_in: int = 0
    image_in: int = 0
    image_out: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            self.text_in + other.text_in,
            self.image_in + other.image_in,
            self.image_out + other.image_out,
        )


def tokens_of(sample: PlannedSample) -> Tokens | None:
    """Tokens of a sample's request; None where nothing is known of the model, size or quality.

    The text is counted at its bytes, which no byte-pair encoding exceeds.
    """
    quality = str(sample.parameters.get("quality", "auto"))
    image_out = _image_out(sample.model, sample.size, quality)
    if image_out is None:
        return None
    return Tokens(
        text_in=len(sample.prompt.text.encode()) + _AROUND_THE_PROMPT,
        image_in=_images_in(sample) * _TOKENS_OF_AN_IMAGE_IN,
        image_out=image_out,
    )


def assumptions_of(sample: PlannedSample) -> tuple[str, ...]:
    """What an estimate assumes where nothing is published, in sentences for people."""
    said = []
    model, quality = sample.model, sample.parameters.get("quality", "auto")
    if model.startswith(("gpt-image-2.5", "gpt-image-2.6")):
        said.append(f"No token counts are published for {model}: those of gpt-image-2 are assumed.")
    if _is_draft_of_2_6(model, quality):
        said.append(
            f"At {quality} quality times {_DRAFTS_OF_2_6}, as docs.laozhang.ai reports (2026-11)."
        )
    if quality == "auto":
        said.append("The model chooses the quality: high is assumed, the dearest that is known.")
    if sample.size == "auto":
        said.append(f"The model chooses the size: {_AUTO_SIZE} is assumed.")
    if _images_in(sample):
        said.append(
            f"Each image that goes in is counted as {_TOKENS_OF_AN_IMAGE_IN:,} tokens, the most of "
            "earlier models."
        )
    return tuple(said)


def gpt_image_2_tokens(quality: str, width: int, height: int) -> int:
    """Image tokens of gpt-image-2 by size and quality.

    The formula of OpenAI's developer forum, thread 1382699; it meets the published prices.
    """
    factor, longer, shorter = _FACTORS[quality], max(width, height), min(width, height)
    scaled = (2 * factor * shorter + longer) // (2 * longer)
    return (factor * scaled * (2_000_000 + width * height) + 3_999_999) // 4_000_000


def _image_out(model: str, size: str, quality: str) -> int | None:
    quality = "high" if quality == "auto" else quality
    size = _AUTO_SIZE if size == "auto" else size
    if model in _TABLE_MODELS:
        known = quality in _TABLE and size in _TABLE_SIZES
        return _TABLE[quality][_TABLE_SIZES.index(size)] if known else None
    if not model.startswith("gpt-image-2") or quality not in _FACTORS:
        return None
    width, height = (int(edge) for edge in size.split("x"))
    tokens = gpt_image_2_tokens(quality, width, height)
    return tokens * _DRAFTS_OF_2_6 if _is_draft_of_2_6(model, quality) else tokens


def _is_draft_of_2_6(model: str, quality: object) -> bool:
    return model.startswith("gpt-image-2.6") and quality in {"low", "medium"}


FREE_KINDS = frozenset({"diffusers", "folder"})
"""Generators that run here: nobody is paid."""


class Estimator:
    """Estimates the requests of a campaign; for all threads.

    Args:
        settings: The campaign's `[generator]`.
        drawn: Samples that the campaign has paid for.
    """

    def __init__(self, settings: GeneratorSettings, drawn: Iterable[Sample] = ()) -> None:
        self.tier: Tier = "batch" if settings.batch else "standard"
        self._free = is_free(settings)
        self._lock = threading.Lock()
        self._highest: dict[str, Decimal] = {}
        for sample in drawn:
            self.learn(sample.planned, sample.cost_usd)

    def cost_usd(self, sample: PlannedSample) -> Decimal | None:
        """US dollars that a request for the sample costs at most; None where that is not known."""
        if self._free:
            return Decimal(0)
        with self._lock:
            paid = self._highest.get(_kind(sample))
        computed = _computed(sample, self.tier)
        known = [cost for cost in (paid, computed) if cost is not None]
        return max(known, default=None)

    def tokens(self, sample: PlannedSample) -> Tokens | None:
        """Tokens of a request for the sample; None where they are not known."""
        return None if self._free else tokens_of(sample)

    def learn(self, sample: PlannedSample, cost_usd: Decimal | None) -> None:
        """A request for such a sample cost so much."""
        if cost_usd is not None:
            with self._lock:
                kind = _kind(sample)
                self._highest[kind] = max(cost_usd, self._highest.get(kind, cost_usd))


def is_free(settings: GeneratorSettings) -> bool:
    """Whether nobody is paid for this generator's images."""
    return settings.kind in FREE_KINDS or settings.model in FREE_MODELS


def utc_today() -> date:
    return datetime.now(UTC).date()


def _images_in(sample: PlannedSample) -> int:
    """How many images a request for the sample carries, its mask among them."""
    return len(sample.parents) + (sample.mask is not None)


def _computed(sample: PlannedSample, tier: Tier) -> Decimal | None:
    price, tokens = price_of(sample.model, utc_today(), tier), tokens_of(sample)
    if price is None or tokens is None:
        return None
    return cost_of_tokens(price, tokens.text_in, tokens.image_in, tokens.image_out)


def _kind(sample: PlannedSample) -> str:
    """Requests that are alike in everything but the prompt cost about the same."""
    alike = [sample.model, sample.size, dict(sample.parameters), _images_in(sample)]
    return json.dumps(alike, sort_keys=True)
