"""Label Studio → ledger → training storage: what people approved, kept in step with them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from importers.campaign import Campaign
from importers.ledger import Ledger
from importers.progress import Progress, silent
from importers.training_storage.reconcile import reconcile
from importers.training_storage.review import read_decisions
from importers.training_storage.storage import Storage
from importers.training_storage.verdicts import (
    APPROVED,
    REJECTED,
    RELABELLED,
    SKIPPED,
    Decision,
)
from ls_backend.label_studio import LabelStudio


@dataclass(frozen=True)
class SyncReport:
    """What people decided about the pushed samples, and what that did to training storage.

    Attributes:
        approved, relabelled, rejected, skipped: Samples with that verdict.
        undecided: Samples with an answer that cannot count, or whose task is gone.
        waiting: Samples that nobody has answered yet.
        added, moved, removed, unchanged: Samples by what happened to them in the storage since the
            last sync; moved ones changed their label.
        storage: URL of the storage, without password.
        undecided_reasons: How many are undecided for which reason.
    """

    approved: int
    relabelled: int
    rejected: int
    skipped: int
    undecided: int
    waiting: int
    added: int
    moved: int
    removed: int
    unchanged: int
    storage: str
    undecided_reasons: dict[str, int] = field(default_factory=dict)


def sync(
    ls: LabelStudio, campaign: Campaign, ledger: Ledger, progress: Progress = silent
) -> SyncReport:
    """Bring training storage in step with what people have decided in Label Studio.

    A second run changes nothing. An approval that was withdrawn (deleted, skipped, changed, or its
    task deleted) leaves the storage.

    Args:
        progress: Called with (done, total): samples read, then also images written. The total
            grows once it is known how many are to be written.

    Raises:
        LabelStudioError: Label Studio refuses, or holds another campaign's tasks.
        LabelConfigError: nobody can tell which control of the labeling config is answered.
        StorageError: the storage refuses, or belongs to another campaign.
        LedgerError: an image is not in the campaign's folder any more.
    """
    storage = Storage(campaign.storage_url)
    decisions = read_decisions(ls, campaign, ledger, progress)
    ledger.record_verdicts({key: decision.verdict for key, decision in decisions.items()})
    read = len(decisions)
    changes = reconcile(
        storage, campaign, ledger, lambda done, total: progress(read + done, read + total)
    )
    verdicts = Counter(d.verdict.kind for d in decisions.values() if d.verdict)
    reasons = Counter(d.undecided for d in decisions.values() if d.undecided)
    return SyncReport(
        approved=verdicts[APPROVED],
        relabelled=verdicts[RELABELLED],
        rejected=verdicts[REJECTED],
        skipped=verdicts[SKIPPED],
        undecided=sum(reasons.values()),
        waiting=sum(decision == Decision() for decision in decisions.values()),
        **vars(changes),
        storage=storage.shown,
        undecided_reasons=dict(reasons.most_common()),
    )
