"""Samples without an image → images in the store: several requests at once, within the budget.

Owns which sample is asked for next and when asking stops: at an error that every request would
meet, at a cap of [budget], and at Ctrl-C. A sample whose request brought no image is asked for
again after the others. Requests in the air are finished and recorded before it returns.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from types import FrameType

from importers.config.sections import GeneratorSettings
from importers.generation.budget import Budget, CapReached, Reservation
from importers.generation.estimate import Estimator
from importers.generation.request import DrawCounts, RequestSender
from importers.ledger import Ledger
from importers.progress import PaidProgress
from importers.sample import Sample
from ls_backend.errors import GeneratorError, OutcomeUnknown, PromptRefused
from ls_backend.words import dollars

# A server that leaves so many samples in a row without an image will leave the next one too.
MOST_UNANSWERED_IN_A_ROW = 3

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rules:
    """How a run asks.

    Attributes:
        parallel: Number of requests at the same time.
        max_unanswered: Number of times that a sample whose request brought no image, and may have
            been paid for, is asked for again, over all runs.
        unanswered: Number of such requests of earlier runs, by sample key.
    """

    parallel: int
    max_unanswered: int
    unanswered: Counter[str]

    def gives_up(self, key: str) -> bool:
        return self.unanswered[key] > self.max_unanswered


@dataclass(frozen=True)
class GivenUp:
    """A sample that is not asked for again.

    Attributes:
        sample: Key of the sample.
        prompt: Text of its prompt.
        requests: Number of requests without an image for it; each may have been paid for.
    """

    sample: str
    prompt: str
    requests: int


def given_up(samples: Iterable[Sample], rules: Rules) -> tuple[GivenUp, ...]:
    """Those of samples without an image that are not asked for again."""
    return tuple(
        GivenUp(sample.key, sample.prompt.text, rules.unanswered[sample.key])
        for sample in samples
        if rules.gives_up(sample.key)
    )


def rules_of(settings: GeneratorSettings, ledger: Ledger) -> Rules:
    """The rules that a campaign's `[generator]` and ledger give."""
    return Rules(settings.parallel, settings.max_unanswered, ledger.requests.unanswered())


@dataclass(frozen=True)
class _InFlight:
    """A request without an answer yet."""

    sample: Sample
    reservation: Reservation


def draw(
    samples: Sequence[Sample],
    sender: RequestSender,
    rules: Rules,
    budget: Budget,
    estimator: Estimator,
    progress: PaidProgress,
) -> DrawCounts:
    """Ask for the image of each sample.

    Raises:
        GeneratorError: every further request would meet it; what was drawn before is recorded.
        KeyboardInterrupt: a second Ctrl-C, while the requests in the air were being finished.
    """
    run = _Run(samples, rules, budget, estimator)
    pool = ThreadPoolExecutor(rules.parallel, thread_name_prefix="generate")
    in_flight: dict[Future[Decimal | None], _InFlight] = {}

    def settle_done() -> None:
        for request in wait(in_flight, return_when=FIRST_COMPLETED).done:
            run.count(in_flight.pop(request), request)
        progress(run.done, len(samples), run.spent)

    progress(0, len(samples), "")
    try:
        with _first_ctrl_c_sets_an_event() as interrupted:
            while True:
                stopping = run.fatal is not None or interrupted.is_set()
                sent = None if stopping else run.next(wait_for_others=bool(in_flight))
                if sent is not None:
                    request = pool.submit(sender.draw, sent.sample, sent.reservation.usd)
                    in_flight[request] = sent
                elif not in_flight:
                    break
                if sent is None or len(in_flight) == rules.parallel:
                    settle_done()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if run.fatal is not None:
        if run.drawn.generated:
            log.info("Drawn before that, and kept: %s.", run.drawn.generated)
        raise run.fatal
    run.drawn.interrupted = interrupted.is_set()
    return run.drawn


class _Run:
    """Which sample is next, and what came of those that were asked for; for one thread."""

    def __init__(
        self, samples: Sequence[Sample], rules: Rules, budget: Budget, estimator: Estimator
    ) -> None:
        self.drawn = DrawCounts()
        self.fatal: BaseException | None = None
        self._waiting = deque(samples)
        self._rules = rules
        self._budget = budget
        self._estimator = estimator
        self._without_image_in_a_row: set[str] = set()
        self._reached: dict[tuple[str, str | None], CapReached] = {}

    @property
    def done(self) -> int:
        return self.drawn.generated + self.drawn.refused + self.drawn.given_up

    @property
    def spent(self) -> str:
        """What was spent so far, for people; empty where nothing was."""
        return dollars(self.drawn.cost_usd) if self.drawn.cost_usd else ""

    def next(self, *, wait_for_others: bool) -> _InFlight | None:
        """The next sample that the budget has money for, reserved; None for none at the moment.

        Args:
            wait_for_others: Requests are in the air, which may cost less than was reserved.
        """
        while self._waiting:
            sample = self._waiting[0]
            usd = self._estimator.cost_usd(sample.planned)
            reservation = self._budget.reserve(sample.prompt.label, usd)
            if isinstance(reservation, Reservation):
                return _InFlight(self._waiting.popleft(), reservation)
            if wait_for_others and not self._is_hopeless(reservation):
                return None
            self._reached[reservation.cap, reservation.label] = reservation
            self.drawn.caps_reached = tuple(self._reached.values())
            self._waiting.popleft()
        return None

    def _is_hopeless(self, reached: CapReached) -> bool:
        """Whether as little as this could not be had when nothing was in the air."""
        before = self._reached.get((reached.cap, reached.label))
        if before is None or before.needed_usd is None:
            return before is not None
        return reached.needed_usd is not None and reached.needed_usd >= before.needed_usd

    def count(self, sent: _InFlight, request: Future[Decimal | None]) -> None:
        """Add one finished request to what was drawn."""
        error = request.exception()
        if error is None:
            cost_usd = request.result()
            self._budget.settle(sent.reservation, cost_usd)
            self._estimator.learn(sent.sample.planned, cost_usd)
            self._without_image_in_a_row.clear()
            self.drawn.count_image(cost_usd)
        elif isinstance(error, PromptRefused):
            self._budget.settle(sent.reservation, Decimal(0))
            self._without_image_in_a_row.clear()
            self.drawn.refused += 1
            log.warning("%s (%r)", error.message, sent.sample.prompt.text)
        elif isinstance(error, OutcomeUnknown):
            self._count_unanswered(sent.sample, error)
        else:
            if isinstance(error, GeneratorError):
                self._budget.settle(sent.reservation, Decimal(0))
            self.fatal = self.fatal or error

    def _count_unanswered(self, sample: Sample, error: OutcomeUnknown) -> None:
        self.drawn.unanswered += 1
        self._rules.unanswered[sample.key] += 1
        log.warning("%s", error.message)
        if self._rules.gives_up(sample.key):
            self.drawn.given_up += 1
            times = self._rules.unanswered[sample.key]
            log.warning("Given up after %s requests: %r.", times, sample.prompt.text)
        else:
            self._waiting.append(sample)
        self._without_image_in_a_row.add(sample.key)
        if len(self._without_image_in_a_row) >= MOST_UNANSWERED_IN_A_ROW:
            self.fatal = self.fatal or error


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
