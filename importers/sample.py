"""What a sample is: one image with its provenance, and the key that names it for ever."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from importers.config.campaign import NONE_OF_THESE, NONE_OR_UNUSABLE
from importers.review import VERDICTS, Review

if TYPE_CHECKING:
    from ls_backend.zero_shot import Score


@dataclass(frozen=True)
class Prompt:
    """A text, the label it is meant to show, and how it was made.

    Attributes:
        text: Text that the image model is given.
        label: Label that the picture is meant to show.
        technique: vanilla, environment, style, adversarial, variation, fusion or inpainting.
        factors: Value of each factor that went into the text, by the factor's name.
    """

    text: str
    label: str
    technique: str
    factors: Mapping[str, str]


@dataclass(frozen=True)
class PlannedSample:
    """A sample before it has an image: the prompt and the request that will be paid for.

    Attributes:
        key: Name of the sample for ever, 32 hexadecimal digits; see `sample_key`.
        prompt: Prompt of the picture.
        model: Model that draws it, as the generator names it.
        size: Width and height that are asked for, "1024x1024".
        parameters: Further parameters of the request.
        seed: Number that tells apart requests that are alike.
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
        sha256: Digest of the bytes, 64 hexadecimal digits.
        technique: Index of the `[[technique]]` that starts from it.
        origin: Place of it: "folder:cats/1.png", "label-studio:12/task/345", "approved:KEY".
        label: Label that it shows; "" where it is a source no longer.
        mask: sha256 of the mask for inpainting; None where none is wanted.
    """

    sha256: str
    technique: int
    origin: str
    label: str
    mask: str | None = None


@dataclass(frozen=True)
class Sample:
    """A sample as the ledger knows it; what has not happened yet is None.

    Attributes:
        planned: Prompt and request.
        sha256: Digest of the image's bytes, 64 hexadecimal digits.
        stored_at: Time at which the image was in the store, in UTC.
        cost_usd: Price of the image in US dollars; None where it is not known, too.
        request_id: The provider's name of the request.
        refused: The generator's reason for not drawing it.
        kept: Whether it is among the best of its group.
        flaw: Reason to keep it from people: "blank", "near duplicate of KEY".
        model_version: Version of the model and prompt texts that gave the score.
        score: Score of the image by CLIP.
        audit: Whether it is in the audit sample.
        audit_probability: Probability with which it could be, in [0, 1].
        upload: Path of the image in Label Studio.
        task_id: Number of the task.
        pushed_version: Model version of the task's prediction; "" where that is to be replaced.
        review: Review of the task, as of the last sync.
        collected_at: Time at which `ls-clip prune` deleted the image, in UTC.
    """

    planned: PlannedSample
    sha256: str | None
    stored_at: datetime | None
    cost_usd: Decimal | None
    request_id: str | None
    refused: str | None
    kept: bool | None
    flaw: str | None
    model_version: str | None
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
        samples: Key of each sample whose image is one of them; photos have none.
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
