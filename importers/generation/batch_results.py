"""The results of a batch that has ended → images in the store, line by line, in whatever order.

Owns what becomes of each request of a batch. Results are read as they come, one line in memory at
a time; what is recorded already is passed over, so reading them again stores nothing twice.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from importers.generation.request import DrawCounts, PendingAnswers, RequestSender, request_for
from importers.generators import Answer
from importers.generators.openai_batch import OpenAIBatches
from importers.generators.openai_batch_lines import Result, ResultsGone, read_result
from importers.ledger import Ledger
from importers.ledger.requests import Batch
from importers.openai_api.errors import Temporary
from ls_backend.errors import GeneratorError, OutcomeUnknown, PromptRefused

if TYPE_CHECKING:
    from openai.types import Batch as RemoteBatch

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


@dataclass
class Collector:
    """Stores and records the results of batches, read as the answers to single requests are."""

    provider: OpenAIBatches
    sender: RequestSender
    ledger: Ledger
    pending: PendingAnswers

    def collect(self, batch: Batch, remote: RemoteBatch) -> Collected:
        """Record what came of each request of a batch; may be done again after a kill.

        Raises:
            GeneratorError: the results cannot be read now.
        """
        came = Collected()
        waiting = self.ledger.batches.in_flight(batch.id)
        log.info("Batch %s: %s. Collecting %s results.", remote.id, remote.status, len(waiting))
        lost = self._read(remote, waiting, came) if waiting else False
        self._end_the_rest(remote, waiting, came, lost=lost)
        return came

    def _read(self, remote: RemoteBatch, waiting: dict[str, int], came: Collected) -> bool:
        """Take all results out of `waiting`; says whether some are no longer there."""
        total, lost = len(waiting), False

        def take(line: bytes) -> None:
            result = read_result(line, self.provider.connection, self.provider.model)
            request = waiting.get(result.key) if result else None
            if result is None or request is None:
                return
            self._take(request, result, came)
            del waiting[result.key]
            if (total - len(waiting)) % LOG_EVERY == 0:
                log.info("Collected %s of %s.", total - len(waiting), total)

        for file_id in filter(None, (remote.output_file_id, remote.error_file_id)):
            try:
                self.provider.each_line(file_id, take)
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
            self.pending.put(request, result.outcome)
            self._no_image(request, error, came)

    def _keep(self, request: int, answer: Answer, came: Collected) -> None:
        sample = self.ledger.requests.sample_without_image(request)
        if sample is None:
            self.ledger.requests.ended(request, "unknown", "Its sample had an image by then.")
            return
        cost_usd = self.sender.keep(request, request_for(sample.planned, None), answer)
        came.drawn.count_image(cost_usd)

    def _no_image(self, request: int, error: GeneratorError, came: Collected) -> None:
        self.sender.no_image(request, error)
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
        host, paid = self.provider.connection.host, lost or remote.status == "completed"
        why = f"{host} ended the batch {remote.id} ({remote.status}) without a result for it."
        for request in waiting.values():
            self.ledger.requests.ended(request, "unknown" if paid else "failed", why)
        came.undone += len(waiting)
        if waiting and paid:
            came.drawn.unanswered += len(waiting)
            log.warning(
                "%s images of batch %s may be paid for, and are lost.", len(waiting), remote.id
            )
