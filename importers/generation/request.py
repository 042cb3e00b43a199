"""One sample → one image in the store: recorded before it is sent, kept before it is parsed.

Owns what becomes of a single request: stored, refused, unanswered or failed; the counts of that;
and the folder of answers whose image is not in the store yet.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from importers.generation.budget import CapReached
from importers.generators import GenerationRequest, Generator
from importers.generators.base import Answer
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.ledger.requests import outcome_of
from importers.sample import PlannedSample, Sample
from ls_backend.errors import GeneratorError, OutcomeUnknown
from ls_backend.whole_files import write_whole

log = logging.getLogger(__name__)

_UNFINISHED, _WAITING, _SET_ASIDE, _TORN = ".part", ".answer", ".no-image", ".torn"


class PendingAnswers:
    """A folder with one file for each answer: a line of JSON about it, then its bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, request: int, answer: Answer) -> None:
        """Keep an answer, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        about: dict[str, Any] = {"request_id": answer.request_id, "received": answer.received}
        about["bytes"] = len(answer.body)
        path = self._path(request)
        whole = json.dumps(about).encode() + b"\n" + answer.body
        write_whole(path, whole, path.with_suffix(_UNFINISHED))

    def waiting(self) -> Iterator[tuple[int, Answer]]:
        """The answers whose image is not known to be stored, with the number of their request."""
        for unfinished in list(self.folder.glob(f"*{_UNFINISHED}")):
            unfinished.replace(unfinished.with_suffix(_WAITING))  # it may be whole all the same
        for path in sorted(self.folder.glob(f"*{_WAITING}")):
            answer = _read(path)
            if answer is None:
                path.replace(path.with_suffix(_TORN))
                log.warning("The answer %s was torn by a kill: its image is asked for anew.", path)
            else:
                yield int(path.stem), answer

    def drop(self, request: int) -> None:
        """Forget an answer: its image is stored."""
        self._path(request).unlink(missing_ok=True)

    def set_aside(self, request: int) -> None:
        """Keep the request's answer, if one came, out of the way: it has no image."""
        path = self._path(request)
        if path.exists():
            path.replace(path.with_suffix(_SET_ASIDE))

    def _path(self, request: int) -> Path:
        return self.folder / f"{request}{_WAITING}"


@dataclass
class DrawCounts:
    """What came of the requests of one run.

    Attributes:
        generated: Number of images that are in the store now.
        refused: Number of prompts that the generator would not draw.
        unanswered: Number of requests that gave no image but may have been paid for.
        given_up: Number of samples that are not asked for again after too many such requests.
        cost_usd: Sum of the known costs in US dollars.
        unpriced: Number of images whose cost is not known.
        caps_reached: Caps of [budget] that kept requests from being sent, once each.
        interrupted: Whether Ctrl-C ended the run early.
    """

    generated: int = 0
    refused: int = 0
    unanswered: int = 0
    given_up: int = 0
    cost_usd: Decimal = Decimal(0)
    unpriced: int = 0
    caps_reached: tuple[CapReached, ...] = ()
    interrupted: bool = False

    def __add__(self, other: DrawCounts) -> DrawCounts:
        return DrawCounts(
            self.generated + other.generated,
            self.refused + other.refused,
            self.unanswered + other.unanswered,
            self.given_up + other.given_up,
            self.cost_usd + other.cost_usd,
            self.unpriced + other.unpriced,
            self.caps_reached + other.caps_reached,
            self.interrupted or other.interrupted,
        )

    def count_image(self, cost_usd: Decimal | None) -> None:
        self.generated += 1
        self.cost_usd += cost_usd or 0
        self.unpriced += cost_usd is None


@dataclass
class RequestSender:
    """Draws samples, for all threads.

    Attributes:
        generator: Source of the images.
        ledger: Record of every request.
        store: Place of the images.
        pending: Place of answers until their image is in the store.
        sizes_told: Pairs of sizes, asked for and drawn, that people were told differ.
    """

    generator: Generator
    ledger: Ledger
    store: ImageStore
    pending: PendingAnswers
    sizes_told: set[tuple[str, str]] = field(default_factory=set)

    def draw(self, sample: Sample, reserved_usd: Decimal | None = None) -> Decimal | None:
        """Pay for one image, store and record it.

        Args:
            reserved_usd: US dollars that it can cost at most, where that is known.

        Returns:
            Its cost in US dollars; None where that is not known.

        Raises:
            GeneratorError: no image came; recorded.
        """
        planned = sample.planned
        number = self.ledger.requests.begin(
            planned.key, self.generator.name, reserved_usd=reserved_usd
        )
        try:
            request = request_for(planned, self.store)
            answer = self.generator.send(request)
            self.pending.put(number, answer)
            return self.keep(number, request, answer)
        except GeneratorError as error:
            self.no_image(number, error)
            raise

    def recover(self) -> DrawCounts:
        """Store the images of answers that had come, and were paid for, when a process died."""
        drawn = DrawCounts()
        for number, answer in self.pending.waiting():
            sample = self.ledger.requests.sample_without_image(number)
            if sample is None:
                self.pending.drop(number)
                continue
            try:
                request = request_for(sample.planned, self.store)
                drawn.count_image(self.keep(number, request, answer))
            except OutcomeUnknown as error:
                self.no_image(number, error)
                drawn.unanswered += 1
                log.warning("%s", error.message)
        return drawn

    def keep(self, number: int, request: GenerationRequest, answer: Answer) -> Decimal | None:
        """Store the image in an answer and record it; returns its cost in US dollars.

        Raises:
            OutcomeUnknown: there is no image in it that can be read.
        """
        image = self.generator.read(request, answer)
        sizes = (request.size, image.size)
        if request.size not in {"auto", image.size} and sizes not in self.sizes_told:
            self.sizes_told.add(sizes)
            log.warning("%s was asked for and %s came: images are kept as they are.", *sizes)
        self.ledger.requests.stored(
            number,
            self.store.put(image.data),
            request_id=image.request_id,
            cost_usd=image.cost_usd,
            usage=image.usage,
            size=image.size,
        )
        self.pending.drop(number)
        return image.cost_usd

    def no_image(self, number: int, error: GeneratorError) -> None:
        """Record that a request brought no image, and keep its answer, if one came."""
        self.ledger.requests.ended(number, outcome_of(error), error.message)
        self.pending.set_aside(number)


def request_for(planned: PlannedSample, store: ImageStore | None) -> GenerationRequest:
    """The request for a sample's image.

    Args:
        store: Where the images lie that it starts from; None leaves them out, as reading an answer
            needs none.
    """
    request = GenerationRequest(
        prompt=planned.prompt.text,
        model=planned.model,
        size=planned.size,
        parameters=planned.parameters,
        seed=planned.seed,
    )
    if store is None:
        return request
    return replace(
        request,
        images=tuple(store.get(parent) for parent in planned.parents),
        mask=None if planned.mask is None else store.get(planned.mask),
    )


def _read(path: Path) -> Answer | None:
    """The answer in a file; None where it is not whole."""
    line, _, body = path.read_bytes().partition(b"\n")
    try:
        about = json.loads(line)
    except ValueError:
        return None
    if about.pop("bytes") != len(body):
        return None
    return Answer(body=body, **about)
