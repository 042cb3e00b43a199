"""Samples without an image → batches at the provider → images in the store, run after run.

Owns the life of a batch on our side: recorded, submitted once, looked at, collected, and what of
it is asked for again. A run may end at any moment, also by a kill; the next one goes on: the
provider keeps the results, and the ledger says which of them are stored.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from importers.config.campaign import Campaign
from importers.generation.batch_results import Collected, Collector
from importers.generation.budget import CampaignBudget
from importers.generation.one_by_one import rules_of
from importers.generation.request import DrawCounts, PendingAnswers, RequestSender, request_for
from importers.generators import open_generator
from importers.generators import openai_batch_lines as errors
from importers.generators.openai_batch import OpenAIBatches, answered, has_ended
from importers.generators.openai_batch_lines import Endpoint, endpoint_of, request_line, write_lines
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.ledger.requests import Batch, outcome_of
from importers.openai_api.errors import Temporary
from importers.progress import Progress
from importers.sample import PlannedSample
from ls_backend.errors import ConfigError, GeneratorError, GeneratorUnreachable, PromptRefused

if TYPE_CHECKING:
    from openai.types import Batch as RemoteBatch

KIND = "openai"
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 60.0
ARRIVAL_S = 10.0
"""How long a batch that a process asked for as it died may take to appear at the provider."""

log = logging.getLogger(__name__)


def draw(
    campaign: Campaign,
    wanted: Collection[str],
    ledger: Ledger,
    store: ImageStore,
    pending: PendingAnswers,
    budget: CampaignBudget,
    *,
    wait: bool,
    progress: Progress,
) -> DrawCounts:
    """Go on with the batches at the provider; with `batch = true`, submit what is left.

    Args:
        wanted: Keys of the samples that the campaign asks for.
        wait: Stay until all batches have ended, or look once and leave them there.

    Raises:
        ConfigError: the generator has no batches.
        GeneratorError: further batches would meet it; what was drawn before is recorded.
    """
    settings = campaign.generator
    if settings.kind != KIND:
        return _no_batches(campaign, ledger)
    with (
        closing(OpenAIBatches(settings)) as provider,
        closing(open_generator(settings)) as generator,
    ):
        sender = RequestSender(generator, ledger, store, pending)
        collector = Collector(provider, sender, ledger, pending)
        run = _BatchRun(
            campaign, frozenset(wanted), ledger, store, provider, collector, budget, progress
        )
        try:
            run.work(wait)
        except GeneratorError:
            if run.drawn.generated:
                log.info("Drawn before that, and kept: %s.", run.drawn.generated)
            raise
        except KeyboardInterrupt:
            left = sum(batch.requests for batch in ledger.batches.open())
            host = provider.connection.host
            log.warning("%s images are in a batch at %s, which goes on with them.", left, host)
            run.drawn.interrupted = True
        finally:
            run.file.unlink(missing_ok=True)
        return run.drawn


def forget(ledger: Ledger) -> int:
    """Give up all batches at the provider: their images may be paid for, and are asked for anew.

    Returns:
        How many images were in them.
    """
    forgotten = 0
    for batch in ledger.batches.open():
        for request in ledger.batches.in_flight(batch.id).values():
            ledger.requests.ended(request, "unknown", "Its batch was forgotten.")
            forgotten += 1
        ledger.batches.ended(batch.id, "forgotten")
    return forgotten


def _no_batches(campaign: Campaign, ledger: Ledger) -> DrawCounts:
    kind = campaign.generator.kind
    if campaign.generator.batch:
        raise ConfigError(
            f"The generator {kind!r} has no batches.",
            hint=f'Take batch = true out of [generator], or set kind = "{KIND}".',
        )
    log.warning(
        "%s images are in a batch at a provider that [generator] no longer names; they are "
        'collected when kind = "%s" is there again. %s',
        len(ledger.batches.keys_in_flight()),
        KIND,
        errors.GIVE_UP,
    )
    return DrawCounts()


@dataclass
class _BatchRun:
    """One run's work on the batches of a campaign."""

    campaign: Campaign
    wanted: Collection[str]
    ledger: Ledger
    store: ImageStore
    provider: OpenAIBatches
    collector: Collector
    budget: CampaignBudget
    progress: Progress
    drawn: DrawCounts = field(default_factory=DrawCounts)
    requests_ended: int = 0
    unfit: set[str] = field(default_factory=set)
    checked: bool = False

    @property
    def file(self) -> Path:
        """The file of the next batch."""
        return self.campaign.folder / "next-batch.jsonl"

    def work(self, wait: bool) -> None:
        for batch in self.ledger.batches.open():
            if batch.remote_id is None:
                self._find_again(batch)
        self._look(patiently=False)
        self._submit()
        began = time.monotonic()
        while wait and self.ledger.batches.open():
            waited = time.monotonic() - began
            time.sleep(min(LONGEST_PAUSE_S, max(SHORTEST_PAUSE_S, waited / 10)))
            if self._look(patiently=True):
                self._submit()

    # -- submit --------------------------------------------------------------------------------

    def _submit(self) -> None:
        """Put all samples that nobody is asked for, and the budget has money for, into batches."""
        waiting = self._waiting() if self.campaign.generator.batch else []
        if waiting and not self.checked:
            self.budget.before_paying(waiting)
            self.checked = True
        costs, self.drawn.caps_reached = self.budget.affordable(waiting)
        for endpoint, samples in _alike([sample for sample in waiting if sample.key in costs]):
            while samples:
                written = write_lines(self.file, self._lines(samples))
                if written:
                    self._send(endpoint, {key: costs[key] for key in written})
                done = {*written, *self.unfit}
                samples = [sample for sample in samples if sample.key not in done]

    def _send(self, endpoint: Endpoint, reserved: Mapping[str, Decimal | None]) -> None:
        """Submit the file; before anything leaves, the ledger knows of every request in it."""
        number = self.ledger.batches.begin(reserved)
        try:
            remote = self.provider.submit(self._name(number), endpoint, self.file)
        except (GeneratorUnreachable, Temporary):
            raise  # it may be there: the next run looks for it
        except GeneratorError as error:
            self._give_up(number, "refused", error.message)
            raise
        self._record(number, remote)
        log.info(
            "Batch %s of %s images is at %s, and done within a day. It stays there if this run "
            "ends; the next one collects it.",
            remote.id,
            len(reserved),
            self.provider.connection.host,
        )

    def _find_again(self, batch: Batch) -> None:
        """Look for a batch that was being submitted when a process ended."""
        log.info("Looking for batch %s, which an earlier run may have submitted.", batch.id)
        time.sleep(ARRIVAL_S)
        remote = self.provider.find(self._name(batch.id), batch.started_at)
        if remote is None:
            host = self.provider.connection.host
            self._give_up(batch.id, "not submitted", f"The batch never came to {host}.")
        else:
            self._record(batch.id, remote)

    def _give_up(self, number: int, status: str, why: str) -> None:
        for request in self.ledger.batches.in_flight(number).values():
            self.ledger.requests.ended(request, "failed", why)
        self.ledger.batches.ended(number, status, why)

    def _record(self, number: int, remote: RemoteBatch) -> None:
        self.ledger.batches.submitted(number, remote.id, remote.input_file_id, remote.status)

    def _name(self, number: int) -> str:
        return f"{self.ledger.campaign_id}/{number}"

    def _waiting(self) -> list[PlannedSample]:
        in_flight = self.ledger.batches.keys_in_flight()
        rules = rules_of(self.campaign.generator, self.ledger)
        return [
            sample.planned
            for sample in self.ledger.to_generate()
            if sample.key in self.wanted
            and sample.key not in in_flight
            and not rules.gives_up(sample.key)
        ]

    def _lines(self, samples: Sequence[PlannedSample]) -> Iterator[tuple[str, bytes]]:
        """The lines of samples by key; those whose images cannot be sent are refused."""
        for sample in samples:
            try:
                request = request_for(sample, self.store)
                yield sample.key, request_line(sample.key, request, self.campaign.generator)
            except PromptRefused as error:
                self._refuse(sample.key, error)

    def _refuse(self, key: str, error: PromptRefused) -> None:
        request = self.ledger.requests.begin(key)
        self.ledger.requests.ended(request, outcome_of(error), error.message)
        self.unfit.add(key)
        self.drawn.refused += 1
        log.warning("%s", error.message)

    # -- look and collect ------------------------------------------------------------------------

    def _look(self, *, patiently: bool) -> bool:
        """Collect the batches that have ended; says whether there was one."""
        collected = False
        done, total = self.requests_ended, self.requests_ended
        for batch in self.ledger.batches.open():
            remote = self.provider.look(str(batch.remote_id), patiently=patiently)
            total += batch.requests
            done += batch.requests if has_ended(remote) else answered(remote)
            if has_ended(remote):
                self.requests_ended += batch.requests
                self._collect(batch, remote)
                collected = True
        self.progress(done, total)
        return collected

    def _collect(self, batch: Batch, remote: RemoteBatch) -> None:
        came = self.collector.collect(batch, remote)
        self.drawn += came.drawn
        reasons = "; ".join(errors.reasons_of(remote))
        self.ledger.batches.ended(batch.id, remote.status, reasons or None)
        error = self._why_to_stop(remote, came)
        if error is not None:
            raise error

    def _why_to_stop(self, remote: RemoteBatch, came: Collected) -> GeneratorError | None:
        """What further batches would meet, too; None where asking for the rest makes sense."""
        connection = self.provider.connection
        if remote.status == "failed":
            return errors.not_taken(connection, remote)
        if came.fatal is not None:
            return came.fatal
        if remote.status == "cancelled":
            return errors.cancelled(connection, remote.id, came.drawn.generated, came.undone)
        if came.undone and not (came.drawn.generated or came.drawn.refused):
            return came.failure or errors.no_progress(connection, remote.id)
        if came.undone:
            log.warning(
                "%s of the images of batch %s (%s) were not drawn, and are asked for again.",
                came.undone,
                remote.id,
                remote.status,
            )
        return None


def _alike(samples: Sequence[PlannedSample]) -> Iterator[tuple[Endpoint, list[PlannedSample]]]:
    """The samples by what a batch must have in common: endpoint and model."""
    groups: defaultdict[tuple[Endpoint, str], list[PlannedSample]] = defaultdict(list)
    for sample in samples:
        groups[endpoint_of(from_images=bool(sample.parents)), sample.model].append(sample)
    for (endpoint, _model), group in groups.items():
        yield endpoint, group
