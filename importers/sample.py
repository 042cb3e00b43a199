"""What a sample is: one image with its provenance, and the key that names it for ever."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from importers.config.campaign import NONE_OF_THESE, NONE_OR_UNUSABLE
from importers.review import VERDICTS, Review


@dataclass(frozen=True)
class Prompt:
    """A text, the label it is meant to show, and how it was made.

    Attributes:
        text: What the image model is asked to draw.
        label: The label that the picture is meant to show.
        technique: vanilla, environment, style, adversarial, variation, fusion or inpainting.
        factors: The value of each factor that went into the text.
    """

    text: str
    label: str
    technique: str
    factors: Mapping[str, str]


@dataclass(frozen=True)
class PlannedSample:
    """A sample before it has an image: the prompt and the request that will be paid for.

    Attributes:
        key: Its name for ever, see `sample_key`.
        group: Key of the first of the images that are drawn from one prompt to choose from; None
            where one alone is drawn.
        parents: sha256 of the images that it is made from, in the order of the request.
        mask: sha256 of the mask (a PNG with the first parent's size, alpha 0 is painted anew).
    """

    key: str
    prompt: Prompt
    model: str
    size: str
    parameters: Mapping[str, Any]
    seed: int
    group: str | None = None
    parents: tuple[str, ...] = ()
    mask: str | None = None


@dataclass(frozen=True)
class SourceImage:
    """An image that samples are made from; its bytes are in the image store.

    Attributes:
        sha256: Of the bytes.
        technique: Index of the `[[technique]]` that wants it.
        origin: Where it was found: "folder:cats/1.png", "label-studio:12/task/345", "approved:KEY".
        label: The label that it shows; "" where it is a source no longer.
        mask: sha256 of the mask for inpainting; None where none is wanted.
    """

    sha256: str
    technique: int
    origin: str
    label: str
    mask: str | None = None


@dataclass(frozen=True)
class Score:
    """What CLIP says of a sample; see `ls_backend.zero_shot` for how each number is made.

    Attributes:
        model_version: Version of the model and prompt texts that gave the numbers.
        label_probability: Confidence in the prompt's label, in [0, 1].
        similarity: Cosine of the image to the whole prompt, in [-1, 1].
        margin: label_probability less the largest other probability, in [-1, 1].
        predicted_label: The label that CLIP would give.
        predicted_probability: Confidence in that label, in [0, 1].
    """

    model_version: str
    label_probability: float
    similarity: float
    margin: float
    predicted_label: str
    predicted_probability: float


@dataclass(frozen=True)
class Sample:
    """A sample as the ledger knows it; what has not happened yet is None.

    Attributes:
        refused: Why the generator would not draw it.
        kept: Whether it is among the best of its group; None where that is not decided.
        review: What people said of its task, as of the last sync; None before.
        flaw: Why people should not spend time on it: "blank", "near duplicate of KEY".
        collected_at: When `ls-clip prune` deleted its image.
    """

    planned: PlannedSample
    sha256: str | None
    stored_at: datetime | None
    cost_usd: Decimal | None
    request_id: str | None
    refused: str | None
    kept: bool | None
    flaw: str | None
    score: Score | None
    audit: bool | None
    audit_probability: float | None
    upload: str | None
    task_id: int | None
    pushed_version: str | None
    review: Review | None
    collected_at: datetime | None = None

    @property
    def key(self) -> str:
        return self.planned.key

    @property
    def prompt(self) -> Prompt:
        return self.planned.prompt

    @property
    def verdict(self) -> str | None:
        """What a person decided, one of `importers.review.VERDICTS`; None where nobody has."""
        if self.review is None or self.review.outcome not in VERDICTS:
            return None
        return self.review.outcome


def sample_key(
    prompt: Prompt,
    model: str,
    size: str,
    parameters: Mapping[str, Any],
    seed: int,
    parents: Sequence[str] = (),
    mask: str | None = None,
) -> str:
    """Name a sample by the content of its request, so that a rerun finds it again.

    Returns:
        32 hexadecimal digits.
    """
    content: dict[str, Any] = {
        "prompt": prompt.text,
        # Its name in earlier versions: pictures that were paid for then are found again.
        "label": NONE_OR_UNUSABLE if prompt.label == NONE_OF_THESE else prompt.label,
        "technique": prompt.technique,
        "model": model,
        "size": size,
        "parameters": dict(parameters),
        "seed": seed,
    }
    if parents:
        content["parents"] = list(parents)
    if mask is not None:
        content["mask"] = mask
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Ancestors:
    """What a sample was made from, its parents' parents included.

    Attributes:
        images: sha256 of every image.
        samples: Keys of those samples whose image is one of them; photos are nobody's.
    """

    images: frozenset[str]
    samples: frozenset[str]


_Makers = Mapping[str, Collection[Sample]]


def ancestors(samples: Iterable[Sample], sample: Sample) -> Ancestors:
    """The ancestors of one sample.

    Args:
        samples: All samples of the ledger.
    """
    return _ancestors(_makers(samples), sample)


def all_ancestors(samples: Collection[Sample]) -> dict[str, Ancestors]:
    """The ancestors of each of a ledger's samples, by key."""
    makers = _makers(samples)
    return {sample.key: _ancestors(makers, sample) for sample in samples}


def _makers(samples: Iterable[Sample]) -> _Makers:
    """Image → the samples that have it."""
    makers: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.sha256 is not None:
            makers[sample.sha256].append(sample)
    return makers


def _ancestors(makers: _Makers, sample: Sample) -> Ancestors:
    images: set[str] = set()
    keys: set[str] = set()
    ahead = list(sample.planned.parents)
    while ahead:
        image = ahead.pop()
        if image in images:
            continue
        images.add(image)
        for maker in makers.get(image, ()):
            keys.add(maker.key)
            ahead.extend(maker.planned.parents)
    return Ancestors(frozenset(images), frozenset(keys))
