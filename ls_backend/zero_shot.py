"""Zero-shot answers from vectors: which label, how sure, and by what margin. Plain numpy.

Owns the prompt templates around a label's words and each model family's head: what turns cosines
into probabilities of labels and background.
All vectors are unit vectors, so a dot product is a cosine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ls_backend.words import with_article

TEMPLATES = ("a photo of {a}", "a picture of {a}", "a drawing of {a}", "{a}")
"""`{a}` is a label's text with its article; a label's vector is the mean over all of them."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Score:
    """What CLIP says of one image.

    Attributes:
        label: The claimed label, or `predicted_label` where nothing valid is claimed.
        label_probability: Share of that label among labels and background (and, where the model
            has a logit bias, among "none of them" too), in [0, 1]; of a claim of none of the
            labels, the share of all that is no label.
        margin: Lead of that share over the strongest other, in [-1, 1].
        predicted_label: The label that CLIP would give.
        predicted_probability: Share of that label, in [0, 1].
        similarity: Cosine of the image and its whole prompt, in [-1, 1]; None without a prompt.
        background_probability: Share of all background texts, in [0, 1].
    """

    label: str
    label_probability: float
    margin: float
    predicted_label: str
    predicted_probability: float
    similarity: float | None
    background_probability: float = 0.0

    @property
    def prompt_fit(self) -> float:
        """The similarity; 0 without a prompt."""
        return self.similarity or 0.0

    @property
    def background_wins(self) -> bool:
        """Whether the background texts together are likelier than the best label."""
        return self.background_probability > self.predicted_probability


def text_vectors(
    texts: Sequence[str],
    encode_texts: Callable[[list[str]], Vectors],
    templates: Sequence[str] = TEMPLATES,
) -> Vectors:
    """One unit vector per text, shape (len(texts), d): the normalised mean over the templates."""
    filled = [t.replace("{a}", with_article(text)) for text in texts for t in templates]
    means = encode_texts(filled).reshape(len(texts), len(templates), -1).mean(axis=1)
    unit: Vectors = means / np.linalg.norm(means, axis=1, keepdims=True)
    return unit


def probabilities(
    images: Vectors, texts: Vectors, logit_scale: float, logit_bias: float | None = None
) -> NDArray[np.float64]:
    """How likely each text is the one that fits, shape (images, texts), in [0, 1].

    Without a bias (CLIP, trained with a softmax over a batch): the softmax over texts of the scaled
    cosines; each row sums to 1, also for an image that none of them fits.

    With one (SigLIP, trained pair by pair: Zhai et al. 2023, "Sigmoid Loss for Language Image
    Pre-Training"): a text fits with probability sigmoid(scale * cosine + bias), whatever the other
    texts are. Given that one fits at most, text i is it with probability
    exp(logit_i) / (1 + sum of exp(logit_j)): the softmax, which chooses, times a gate, the sigmoid
    of the logits' log-sum-exp. A row sums to the gate, 1 at most; the rest is "none of them". A
    single text gets exactly its sigmoid, and none ever gets more.
    """
    cosines = images.astype(np.float64) @ texts.astype(np.float64).T
    if logit_bias is None:
        return _softmax(logit_scale * cosines)
    none_of_them = np.zeros((len(cosines), 1))
    return _softmax(np.hstack([logit_scale * cosines + logit_bias, none_of_them]))[:, :-1]


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = shifted / shifted.sum(axis=1, keepdims=True)
    return shares


def independent_probabilities(
    images: Vectors,
    texts: Vectors,
    labels: int,
    logit_scale: float,
    logit_bias: float | None = None,
) -> NDArray[np.float64]:
    """Per image and label, shape (images, labels): does the label hold, whatever others do.

    With CLIP that is the label's share of the softmax over itself and the background texts; SigLIP
    is trained to say it of each text alone (https://arxiv.org/abs/2303.15343).

    Args:
        texts: Vectors of the labels, then of the background texts (at least one).
        labels: How many of them are labels.
    """
    logits = logit_scale * (images.astype(np.float64) @ texts.astype(np.float64).T)
    if logit_bias is None:
        background = np.logaddexp.reduce(logits[:, labels:], axis=1, keepdims=True)
        against = logits[:, :labels] - background
    else:
        against = logits[:, :labels] + logit_bias
    held: NDArray[np.float64] = np.exp(-np.logaddexp(0.0, -against))
    return held


def score_shares(
    shares: NDArray[np.float64],
    labels: Sequence[str],
    claim: str | None,
    similarity: float | None,
    none_label: str | None = None,
) -> Score:
    """The Score of one image from its row of probabilities.

    Args:
        shares: Probabilities of the labels, in their order, then of the background texts.
        labels: What a prediction may say.
        claim: The label that the image is said to show; one that is not known counts as None.
        similarity: Cosine of the image and its whole prompt, if it has one.
        none_label: The claim that it shows none of the labels: as likely as all of the labels
            together are not.
    """
    predicted = int(shares[: len(labels)].argmax())
    if none_label is not None and claim == none_label:
        label, probability = none_label, min(1.0, max(0.0, 1.0 - shares[: len(labels)].sum()))
        others = shares[: len(labels)]
    else:
        chosen = labels.index(claim) if claim in labels else predicted
        label, probability, others = labels[chosen], shares[chosen], np.delete(shares, chosen)
    return Score(
        label=label,
        label_probability=float(probability),
        margin=float(probability - (others.max() if others.size else 0.0)),
        predicted_label=labels[predicted],
        predicted_probability=float(shares[predicted]),
        similarity=None if similarity is None else min(1.0, max(-1.0, similarity)),
        background_probability=float(shares[len(labels) :].sum()),
    )
