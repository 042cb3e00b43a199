"""The results of a batch that has ended → images in the store, line by line, in whatever order.

Owns what becomes of each request of a batch. Results are read as they come, one line in memory at
a time; what is recorded already is passed over, so reading them again stores nothing twice.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime

from importers.generation.request import DrawCounts, PendingAnswers, request_for
from importers.generators import Answer, Generator
from importers.generators.openai_batch import OpenAIBatches, RemoteBatch
from importers.generators.openai_batch_lines import Result, ResultsGone, read_result
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.ledger.requests import Batch, outcome_of
from importers.openai_api.errors import Temporary
from importers.openai_api.prices import cost_usd as cost_usd_of
from ls_backend.errors import GeneratorError, OutcomeUnknown, PromptRefused

LOG_EVERY = 100

log = logging.getLogger(__name__)


@dataclass
class Collected:
    """What came of the requests of a batch that nothing was recorded of before.

    Attributes:
        undone: Requests without an image that may be asked for again.
        failure: The last error that another batch may not meet.
        fatal: The first error that another batch would meet, too.
    """

    drawn: DrawCounts = field(default_factory=DrawCounts)
    undone: int = 0
    failure: GeneratorError | None = None
    fatal: GeneratorError | None = None


class Collector:
    """Stores and records the results of batches, read as the answers to single requests are."""

    def __init__(
        self,
        provider: OpenAIBatches,
        generator: Generator,
        ledger: Ledger,
        store: ImageStore,
        pending: PendingAnswers,
    ) -> None:
        self._provider = provider
        self._generator = generator
        self._ledger = ledger
        self._store = store
        self._pending = pending

    def collect(self, batch: Batch, remote: RemoteBatch) -> Collected:
        """Record what came of each request of a batch; may be done again after a kill.

        Raises:
            GeneratorError: the results cannot be read now.
        """
        came = Collected()
        waiting = self._ledger.batches.in_flight(batch.id)
        log.info("Batch %s: %s. Collecting %s results.", remote.id, remote.status, len(waiting))
        lost = self._read(remote, waiting, came) if waiting else False
        self._end_the_rest(remote, waiting, came, lost=lost)
        return came

    def _read(self, remote: RemoteBatch, waiting: dict[str, int], came: Collected) -> bool:
        """Take all results out of `waiting`; says whether some are no longer there."""
        total, lost = len(waiting), False

        def take(line: bytes) -> None:
            result = read_result(line, self._provider.connection, self._provider.model)
            request = waiting.get(result.key) if result else None
            if result is None or request is None:
                return
            self._take(request, result, came)
            del waiting[result.key]
            if (total - len(waiting)) % LOG_EVERY == 0:
                log.info("Collected %s of %s.", total - len(waiting), total)

        for file_id in remote.result_files:
            try:
                self._provider.each_line(file_id, take)
            except ResultsGone as error:
                log.warning("%s", error.message)
                lost = True
        return lost

    def _take(self, request: int, result: Result, came: Collected) -> None:
        if isinstance(result.outcome, GeneratorError):
            self._no_image(request, result.outcome, came)
            return
        try:
            self._keep(request, result.outcome, came)
        except OutcomeUnknown as error:
            self._pending.put(request, result.outcome)
            self._no_image(request, error, came)

    def _keep(self, request: int, answer: Answer, came: Collected) -> None:
        sample = self._ledger.requests.sample_without_image(request)
        if sample is None:
            self._ledger.requests.ended(request, "unknown", "Its sample had an image by then.")
            return
        asked = request_for(sample.planned, None)
        image = self._generator.read(asked, answer)
        received_on = datetime.fromisoformat(answer.received).date()
        cost_usd = cost_usd_of(asked.model, image.usage, received_on, "batch")
        self._ledger.requests.stored(
            request,
            self._store.put(image.data),
            request_id=image.request_id,
            cost_usd=cost_usd,
            usage=image.usage,
            size=image.size,
        )
        came.drawn.generated += 1
        came.drawn.cost_usd += cost_usd or 0
        came.drawn.unpriced += cost_usd is None

    def _no_image(self, request: int, error: GeneratorError, came: Collected) -> None:
        self._ledger.requests.ended(request, outcome_of(error), error.message)
        self._pending.set_aside(request)
        if isinstance(error, PromptRefused):
            came.drawn.refused += 1
            log.warning("%s", error.message)
            return
        came.undone += 1
        if isinstance(error, OutcomeUnknown):
            came.drawn.unanswered += 1
            log.warning("%s", error.message)
        if isinstance(error, Temporary | OutcomeUnknown):
            came.failure = error
        else:
            came.fatal = came.fatal or error

    def _end_the_rest(
        self, remote: RemoteBatch, waiting: dict[str, int], came: Collected, *, lost: bool
    ) -> None:
        """Settle the requests that no result was found of."""
        host, paid = self._provider.connection.host, lost or remote.status == "completed"
        why = f"{host} ended the batch {remote.id} ({remote.status}) without a result for it."
        for request in waiting.values():
            self._ledger.requests.ended(request, "unknown" if paid else "failed", why)
        came.undone += len(waiting)
        if waiting and paid:
            came.drawn.unanswered += len(waiting)
            log.warning(
                "%s images of batch %s may be paid for, and are lost.", len(waiting), remote.id
            )
