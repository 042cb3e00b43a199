"""Where every sample of a campaign, or every task of a project, stands: from the ledger alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

from importers.config.campaign import Campaign
from importers.config.job import Job
from importers.generation.one_by_one import GivenUp, given_up, rules_of
from importers.generation.plan import known_to, planned_samples
from importers.ledger import Ledger
from importers.ledger.notes import Note
from importers.ledger.requests import Spending
from importers.record import SPLITS
from importers.review import UNDECIDED, VERDICTS, WAITING
from importers.sample import PlannedSample, Sample
from importers.scoring.select import held, held_because

_OUTCOMES = (*VERDICTS, UNDECIDED, WAITING)


@dataclass(frozen=True)
class Counts:
    """How far samples have come; each was counted in every step that it has passed.

    Attributes:
        planned: Number of all samples.
        generated: Samples with an image.
        refused: Samples that the generator would not draw.
        scored: Samples with a score.
        held: Samples with an image that are kept from people: not the best, or not usable.
        pushed: Samples that stand in Label Studio as a task.
        approved, relabelled, rejected, unusable, none_of_these, skipped: Samples with that verdict,
            as of the last sync.
        undecided: Pushed samples without a verdict yet.
    """

    planned: int
    generated: int
    refused: int
    scored: int
    held: int
    pushed: int
    approved: int
    relabelled: int
    rejected: int
    unusable: int
    none_of_these: int
    skipped: int
    undecided: int


@dataclass(frozen=True)
class CampaignStatus:
    """Where a campaign stands.

    Attributes:
        campaign: Name of the campaign.
        total: Counts over all samples in the ledger or the plan.
        labels: Counts for each label.
        earlier: Number of samples among them that campaign.toml no longer asks for.
        held: Number of samples that are kept from people, by the reason.
        in_batch: Number of samples that are in a batch at the provider.
        given_up: Planned samples that are not asked for again: too many requests for them brought
            no image.
        spending: Requests by outcome, and their cost.
        model_version: Model version of the last scoring; None before.
        project_url: Address of the Label Studio project; None before the first push.
    """

    campaign: str
    total: Counts
    labels: dict[str, Counts]
    earlier: int
    held: dict[str, int]
    in_batch: int
    given_up: tuple[GivenUp, ...]
    spending: Spending
    model_version: str | None
    project_url: str | None


@dataclass(frozen=True)
class ProjectStatus:
    """Where a project stands that no campaign made, as of the last sync.

    Attributes:
        name: Name in project.toml.
        project: Number of the project in Label Studio.
        verdicts: Number of tasks by outcome: approved, relabelled, and so on; waiting ones have no
            answer.
        undecided_reasons: Number of undecided tasks by reason.
        stored: Number of samples in the last release.
        labels, splits: Number of these samples by label, and by split.
        release: Name of the last release; None before the first.
    """

    name: str
    project: int
    verdicts: dict[str, int]
    undecided_reasons: dict[str, int]
    stored: int
    labels: dict[str, int]
    splits: dict[str, int]
    release: str | None


def project_status(job: Job) -> ProjectStatus:
    """Read where a project of somebody else stands, also while it is synced.

    Raises:
        LedgerError: the ledger is damaged, or newer than this program.
    """
    assert job.project is not None, "campaigns have a status of their own"
    with Ledger(job.ledger_path, writing=False) as ledger:
        outcomes = ledger.reviews.outcomes()
        reasons = ledger.reviews.undecided_reasons()
        records = list(ledger.reviews.records().values())
        release = ledger.note(Note.RELEASE)
    return ProjectStatus(
        name=job.name,
        project=job.project,
        verdicts={kind.replace(" ", "_"): outcomes.get(kind, 0) for kind in _OUTCOMES},
        undecided_reasons=reasons,
        stored=len(records),
        labels=dict(sorted(Counter(record.label for record in records).items())),
        splits={split: sum(record.split == split for record in records) for split in SPLITS},
        release=release,
    )


def campaign_status(campaign: Campaign) -> CampaignStatus:
    """Read where a campaign stands, also while another process works on it.

    Raises:
        LedgerError: the ledger is damaged, or newer than this program.
    """
    with Ledger(campaign.ledger_path, writing=False) as ledger:
        plan = planned_samples(campaign, known_to(ledger))
        samples = ledger.samples()
        in_batch = len(ledger.batches.keys_in_flight())
        asked = {sample.key for sample in plan}
        lacking = [sample for sample in ledger.to_generate() if sample.key in asked]
        abandoned = given_up(lacking, rules_of(campaign.generator, ledger))
        spending = ledger.requests.spending()
        model_version = ledger.note(Note.MODEL_VERSION)
        project_url = ledger.note(Note.PROJECT_URL)
    steps = _steps_by_label(campaign, plan, samples)
    return CampaignStatus(
        campaign=campaign.name,
        total=_counts(sum(steps.values(), Counter())),
        labels={label: _counts(counter) for label, counter in steps.items()},
        earlier=len({sample.key for sample in samples} - asked),
        held=held(samples, campaign),
        in_batch=in_batch,
        given_up=abandoned,
        spending=spending,
        model_version=model_version,
        project_url=project_url,
    )


def _steps_by_label(
    campaign: Campaign, plan: Sequence[PlannedSample], samples: Sequence[Sample]
) -> dict[str, Counter[str]]:
    steps = {label: Counter[str]() for label in campaign.labels}
    for sample in samples:
        steps.setdefault(sample.prompt.label, Counter()).update(_steps(sample, campaign))
    known = {sample.key for sample in samples}
    for planned in plan:
        if planned.key not in known:
            steps.setdefault(planned.prompt.label, Counter())["planned"] += 1
    return steps


def _steps(sample: Sample, campaign: Campaign) -> Iterator[str]:
    yield "planned"
    if sample.sha256 is not None:
        yield "generated"
    if sample.refused is not None:
        yield "refused"
    if sample.score is not None:
        yield "scored"
    if held_because(sample, campaign) is not None:
        yield "held"
    if sample.task_id is not None:
        yield "pushed"
        yield (sample.verdict or UNDECIDED).replace(" ", "_")


def _counts(steps: Counter[str]) -> Counts:
    return Counts(**{field.name: steps[field.name] for field in fields(Counts)})
