"""Scored samples → tasks in Label Studio, lowest score first: the stages of a push, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from importers.config.campaign import Campaign
from importers.label_studio.audit import draw_audit
from importers.label_studio.order import OrderReport, check_order
from importers.label_studio.project import (
    ensure_project,
    project_url,
    stored_versions,
    use_model_version,
)
from importers.label_studio.pusher import Pusher
from importers.label_studio.queue import ensure_tabs
from importers.label_studio.tasks import queue_position
from importers.ledger import Ledger
from importers.progress import Progress, silent
from importers.sample import Sample
from importers.scoring.select import held, is_below, to_push
from ls_backend.label_studio import LabelStudio

BATCH = 100


@dataclass(frozen=True)
class PushReport:
    """What a push did.

    Attributes:
        project_id: Number of the project; None when there was nothing to push.
        project_url: Where people open it.
        pushed: Samples that became tasks now.
        found: Samples whose tasks were already there, left by a run that was killed.
        rescored: Tasks that got the prediction of a newer model version.
        audit: Of `pushed` and `found`, how many are in the audit sample.
        below: Samples that are pushed although their label_probability is below `drop_below`.
        dropped: Samples that are not, since `--drop` was said.
        held: How many samples with an image are kept from people for which other reason.
        order: If Label Studio serves them as promised; None when there is no project.
    """

    project_id: int | None = None
    project_url: str | None = None
    pushed: int = 0
    found: int = 0
    rescored: int = 0
    audit: int = 0
    below: int = 0
    dropped: int = 0
    held: dict[str, int] = field(default_factory=dict)
    order: OrderReport | None = None


def push(
    ls: LabelStudio,
    campaign: Campaign,
    ledger: Ledger,
    model_version: str,
    progress: Progress = silent,
    *,
    drop: bool = False,
) -> PushReport:
    """Push the chosen samples that this model version has scored; resumes where a killed run was.

    Args:
        drop: Leave out those whose label_probability is below `drop_below`.
        progress: Called with (done, total) samples after each batch.

    Raises:
        LabelStudioError: Label Studio refuses something.
        LedgerError: an image is not in the campaign's folder any more.
    """
    chosen = to_push(campaign, ledger, model_version)
    below = {sample.key for sample in chosen if is_below(sample, campaign)}
    left_out = below if drop else set[str]()
    waiting = {sample.key for sample in chosen} - left_out
    report = PushReport(
        below=len(below - left_out),
        dropped=len(left_out),
        held=held(ledger.samples(), campaign),
    )
    if not waiting and not ledger.pushed():
        return report
    draw_audit(campaign, ledger, [sample for sample in chosen if sample.key in waiting])
    project_id = ensure_project(ls, campaign, ledger, model_version)
    pusher = Pusher(ls, campaign, ledger, project_id, model_version)
    progress(0, len(waiting))
    pushed = found = 0
    audited = [s for s in to_push(campaign, ledger, model_version) if s.key in waiting]
    for batch in _batches(_in_order(audited, campaign)):
        new = pusher.push(batch)
        pushed, found = pushed + new, found + len(batch) - new
        progress(pushed + found, len(waiting))
    rescored = _rescore(pusher, ledger, progress)
    if model_version in stored_versions(ls, project_id):
        use_model_version(ls, project_id, model_version)
    ensure_tabs(ls, project_id, campaign)
    return replace(
        report,
        project_id=project_id,
        project_url=project_url(ls, project_id),
        pushed=pushed,
        found=found,
        rescored=rescored,
        audit=sum(bool(sample.audit) for sample in ledger.pushed() if sample.key in waiting),
        order=check_order(ls, project_id, campaign),
    )


def _rescore(pusher: Pusher, ledger: Ledger, progress: Progress) -> int:
    stale = [
        sample
        for sample in ledger.pushed()
        if sample.pushed_version != pusher.model_version
        and sample.score is not None
        and sample.score.model_version == pusher.model_version
    ]
    done = 0
    if stale:
        progress(0, len(stale))
    for batch in _batches(stale):
        pusher.rescore(batch)
        done += len(batch)
        progress(done, len(stale))
    return done


def _in_order(samples: list[Sample], campaign: Campaign) -> list[Sample]:
    return sorted(samples, key=lambda sample: queue_position(sample, campaign.review.order))


def _batches(samples: Sequence[Sample]) -> Iterator[Sequence[Sample]]:
    return (samples[start : start + BATCH] for start in range(0, len(samples), BATCH))
