"""Samples without an image → images in the store: several requests at once, each recorded first.

Owns what becomes of a request (stored, refused, unanswered, failed) and when asking stops: at an
error that every request would meet, and at Ctrl-C. Requests in the air are finished and recorded
before it returns.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from types import FrameType

from importers.answer_spool import AnswerSpool
from importers.generators import Answer, GenerationRequest, Generator
from importers.generators.base import SizeNotices
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.progress import Progress
from importers.sample import PlannedSample, Sample
from ls_backend.errors import GeneratorError, OutcomeUnknown, PromptRefused

# A server that leaves so many requests in a row without an answer will leave the next one too.
MOST_UNANSWERED_IN_A_ROW = 3

log = logging.getLogger(__name__)


@dataclass
class Drawn:
    """What came of the requests of one run.

    Attributes:
        generated: Images that are in the store now.
        refused: Prompts that the generator would not draw.
        unanswered: Requests that gave no image but may have been paid for; asked again next time.
        cost_usd: Sum of the known costs in US dollars.
        unpriced: Images whose cost is not known.
        interrupted: Ctrl-C ended the run early.
    """

    generated: int = 0
    refused: int = 0
    unanswered: int = 0
    cost_usd: Decimal = Decimal(0)
    unpriced: int = 0
    interrupted: bool = False

    def __add__(self, other: Drawn) -> Drawn:
        return Drawn(
            self.generated + other.generated,
            self.refused + other.refused,
            self.unanswered + other.unanswered,
            self.cost_usd + other.cost_usd,
            self.unpriced + other.unpriced,
            self.interrupted or other.interrupted,
        )


def draw(
    samples: Sequence[Sample],
    generator: Generator,
    ledger: Ledger,
    store: ImageStore,
    spool: AnswerSpool,
    *,
    parallel: int,
    progress: Progress,
) -> Drawn:
    """Ask for the image of each sample, `parallel` requests at a time.

    Raises:
        GeneratorError: every further request would meet it; what was drawn before is recorded.
        KeyboardInterrupt: a second Ctrl-C, while the requests in the air were being finished.
    """
    easel = _Easel(generator, ledger, store, spool)
    pool = ThreadPoolExecutor(parallel, thread_name_prefix="generate")
    flying: set[Future[Decimal | None]] = set()

    def land() -> set[Future[Decimal | None]]:
        landed, still_flying = wait(flying, return_when=FIRST_COMPLETED)
        for request in landed:
            easel.count(request)
        progress(easel.drawn.generated + easel.drawn.refused, len(samples))
        return still_flying

    progress(0, len(samples))
    try:
        with _first_ctrl_c_sets_an_event() as interrupted:
            for sample in samples:
                if easel.fatal is not None or interrupted.is_set():
                    break
                flying.add(pool.submit(easel.draw, sample))
                if len(flying) == parallel:
                    flying = land()
            while flying:
                flying = land()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if easel.fatal is not None:
        if easel.drawn.generated:
            log.info("Drawn before that, and kept: %s.", easel.drawn.generated)
        raise easel.fatal
    easel.drawn.interrupted = interrupted.is_set()
    return easel.drawn


def recover(generator: Generator, ledger: Ledger, store: ImageStore, spool: AnswerSpool) -> Drawn:
    """Store the images of answers that had come, and were paid for, when a process died."""
    easel = _Easel(generator, ledger, store, spool)
    for paper, answer in spool.waiting():
        sample = ledger.requests.sample_without_image(paper)
        if sample is None:
            spool.drop(paper)
        else:
            easel.recover(paper, sample, answer)
    return easel.drawn


class _Easel:
    """Draws samples in worker threads (`draw`), counts the results in the main one (`count`)."""

    def __init__(
        self, generator: Generator, ledger: Ledger, store: ImageStore, spool: AnswerSpool
    ) -> None:
        self.drawn = Drawn()
        self.fatal: BaseException | None = None
        self._unanswered_in_a_row = 0
        self._generator = generator
        self._ledger = ledger
        self._store = store
        self._spool = spool
        self._sizes = SizeNotices()

    def draw(self, sample: Sample) -> Decimal | None:
        """Pay for one image, store and record it; returns its cost in US dollars if known."""
        planned = sample.planned
        paper = self._ledger.requests.begin(planned.key, self._generator.name)
        request = self._request(planned)
        try:
            answer = self._generator.send(request)
            self._spool.put(paper, answer)
            return self._keep(paper, request, answer)
        except GeneratorError as error:
            self._no_image(paper, error)
            raise

    def recover(self, paper: int, sample: Sample, answer: Answer) -> None:
        """Read an answer that came to an earlier process."""
        try:
            self._count_image(self._keep(paper, self._request(sample.planned), answer))
        except OutcomeUnknown as error:
            self._no_image(paper, error)
            self._count_unanswered(error)

    def _keep(self, paper: int, request: GenerationRequest, answer: Answer) -> Decimal | None:
        image = self._generator.read(request, answer)
        self._sizes.compare(request.size, image.size)
        self._ledger.requests.stored(
            paper,
            self._store.put(image.data),
            request_id=image.request_id,
            cost_usd=image.cost_usd,
            usage=image.usage,
            size=image.size,
        )
        self._spool.drop(paper)
        return image.cost_usd

    def _no_image(self, paper: int, error: GeneratorError) -> None:
        self._ledger.requests.ended(paper, _outcome(error), error.message)
        self._spool.set_aside(paper)

    def _request(self, planned: PlannedSample) -> GenerationRequest:
        return GenerationRequest(
            prompt=planned.prompt.text,
            model=planned.model,
            size=planned.size,
            parameters=planned.parameters,
            seed=planned.seed,
            images=tuple(self._store.get(parent) for parent in planned.parents),
            mask=None if planned.mask is None else self._store.get(planned.mask),
        )

    def count(self, request: Future[Decimal | None]) -> None:
        """Add one finished request to what was drawn."""
        error = request.exception()
        if error is None:
            self._count_image(request.result())
        elif isinstance(error, PromptRefused):
            self._unanswered_in_a_row = 0
            self.drawn.refused += 1
            log.warning("%s", error.message)
        elif isinstance(error, OutcomeUnknown):
            self._count_unanswered(error)
        else:
            self.fatal = self.fatal or error

    def _count_image(self, cost_usd: Decimal | None) -> None:
        self._unanswered_in_a_row = 0
        self.drawn.generated += 1
        self.drawn.cost_usd += cost_usd or 0
        self.drawn.unpriced += cost_usd is None

    def _count_unanswered(self, error: OutcomeUnknown) -> None:
        self.drawn.unanswered += 1
        self._unanswered_in_a_row += 1
        log.warning("%s", error.message)
        if self._unanswered_in_a_row >= MOST_UNANSWERED_IN_A_ROW:
            self.fatal = self.fatal or error


def _outcome(error: GeneratorError) -> str:
    if isinstance(error, PromptRefused):
        return "refused"
    return "unknown" if isinstance(error, OutcomeUnknown) else "failed"


@contextmanager
def _first_ctrl_c_sets_an_event() -> Iterator[threading.Event]:
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return

    def stop(_signal: int, _frame: FrameType | None) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()
        log.warning("Stopping when the images in the air have come; Ctrl-C again leaves them.")

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)
