"""Which samples people should see: the best of each prompt, without near duplicates and flaws.

Decided anew from the ledger each time, so it does not matter in which batches or runs the images
came. What was sent to Label Studio stays chosen, whatever is decided later; it counts among the
best of its prompt, and others are compared with it. The rest goes by the order of planning: when
more is drawn, what was decided about earlier samples holds. (Were the better of two near duplicates
to stay, one that comes later could oust one that people have already seen.)

A group with images still to be drawn waits: none of it is pushed before the best can be told.

The ledger notes with which model and settings samples were scored and selected, so that nothing is
pushed by scores or a selection that campaign.toml has outgrown.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from importers.config.campaign import Campaign
from importers.generation.one_by_one import rules_of
from importers.generation.plan import known_to, planned_samples
from importers.ledger import Ledger
from importers.ledger.notes import Note
from importers.sample import Sample
from importers.scoring.looks import BROKEN, FLAWS
from ls_backend.errors import ConfigError

NEAR_DUPLICATE = "near duplicate"
NOT_THE_BEST = "not among the best of their prompt"
WAITING = "waiting for other images of their prompt"
_SCORE_FIRST = "Run `ls-clip score` first, or `ls-clip run` for all of it."


def select(campaign: Campaign, ledger: Ledger, model_version: str) -> None:
    """Record which samples are kept, and which are near duplicates.

    Only scores and vectors of the given model version count.
    """
    samples = [sample for sample in ledger.samples() if sample.collected_at is None]
    kept = _best_of_groups(samples, campaign, ledger, model_version)
    shown = [
        sample
        for sample in samples
        if _scored(sample, model_version)
        and _is_usable(sample, campaign)
        and kept.get(sample.key, sample.planned.group is None)
    ]
    like = _near_duplicates(shown, campaign, ledger, model_version)
    chosen = {
        sample.key: (kept.get(sample.key), _flaw(sample, like.get(sample.key)))
        for sample in samples
        if sample.sha256 is not None
    }
    known = {sample.key: (sample.kept, sample.flaw) for sample in samples}
    ledger.record_selection({key: new for key, new in chosen.items() if new != known[key]})


def to_push(campaign: Campaign, ledger: Ledger, model_version: str) -> list[Sample]:
    """The chosen samples with a score of this model version that are not in Label Studio."""
    return [
        sample
        for sample in ledger.to_push()
        if _scored(sample, model_version) and held_because(sample, campaign) is None
    ]


def held(samples: Iterable[Sample], campaign: Campaign) -> dict[str, int]:
    """How many samples are kept from people for which reason, the most frequent first."""
    reasons = Counter(held_because(sample, campaign) for sample in samples)
    return {reason: number for reason, number in reasons.most_common() if reason is not None}


def held_because(sample: Sample, campaign: Campaign) -> str | None:
    """Why a sample with an image is kept from people; None for those that they see, or will see."""
    if is_sent(sample) or not (sample.score or sample.flaw):
        return None
    if not _is_usable(sample, campaign):
        return sample.flaw
    if sample.flaw is not None and sample.flaw not in FLAWS:
        return NEAR_DUPLICATE
    if sample.planned.group is None or sample.kept:
        return None
    return WAITING if sample.kept is None else NOT_THE_BEST


def is_sent(sample: Sample) -> bool:
    """Whether a sample is in Label Studio, or may be: a killed push has uploaded its image."""
    return sample.task_id is not None or sample.upload is not None


def is_confident(sample: Sample, campaign: Campaign) -> bool:
    """Whether CLIP is as sure of the label as `accept_above` asks for."""
    limit = campaign.selection.accept_above
    return (
        limit is not None and sample.score is not None and sample.score.label_probability >= limit
    )


def is_below(sample: Sample, campaign: Campaign) -> bool:
    """Whether `drop_below` would keep a sample from people."""
    limit = campaign.selection.drop_below
    if limit is None or sample.score is None or is_sent(sample):
        return False
    return sample.score.label_probability < limit


def note_scored(campaign: Campaign, ledger: Ledger, model_version: str) -> None:
    """Say with what scores are made from now on."""
    ledger.set_note(Note.MODEL_VERSION, model_version)
    ledger.set_note(Note.SCORED_AS, _scored_as(campaign))


def note_unselected(ledger: Ledger) -> None:
    """Say that there are new scores, so that samples are to be selected anew."""
    ledger.set_note(Note.SELECTED_AS, "")


def note_selected(campaign: Campaign, ledger: Ledger, model_version: str) -> None:
    """Say that samples are selected."""
    ledger.set_note(Note.SELECTED_AS, _selected_as(campaign, model_version))


def scored_version(campaign: Campaign, ledger: Ledger) -> str:
    """The model version of the scores.

    Raises:
        ConfigError: nothing is scored yet, or not as campaign.toml now says.
    """
    version = ledger.note(Note.MODEL_VERSION)
    if version is None:
        raise ConfigError(f"Nothing of {campaign.name!r} is scored yet.", hint=_SCORE_FIRST)
    if ledger.note(Note.SCORED_AS) != _scored_as(campaign):
        raise ConfigError(
            f"The labels or the scoring of {campaign.name!r} have changed since it was scored.",
            hint=_SCORE_FIRST,
        )
    return version


def selected_version(campaign: Campaign, ledger: Ledger) -> str:
    """The model version of the scores that samples were selected by.

    Raises:
        ConfigError: they are not scored or selected, or not as campaign.toml now says.
    """
    version = scored_version(campaign, ledger)
    if ledger.note(Note.SELECTED_AS) != _selected_as(campaign, version):
        raise ConfigError(
            f"Scoring of {campaign.name!r} did not end, or [selection] has changed since.",
            hint=_SCORE_FIRST,
        )
    return version


def _scored(sample: Sample, model_version: str) -> bool:
    return sample.score is not None and sample.model_version == model_version


def _is_usable(sample: Sample, campaign: Campaign) -> bool:
    if sample.flaw == BROKEN:
        return False
    return campaign.selection.unusable == "push" or sample.flaw not in FLAWS


def _flaw(sample: Sample, duplicate_of: str | None) -> str | None:
    if duplicate_of is not None:
        return f"{NEAR_DUPLICATE} of {duplicate_of}"
    return sample.flaw if sample.flaw in FLAWS else None


def _best_of_groups(
    samples: Sequence[Sample], campaign: Campaign, ledger: Ledger, model_version: str
) -> dict[str, bool | None]:
    """Sample key → whether it is among the best, None where that cannot be told yet."""
    groups: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.planned.group is not None:
            groups[sample.planned.group].append(sample)
    if not groups:
        return {}
    awaited = _to_be_drawn(samples, campaign, ledger)
    kept: dict[str, bool | None] = {}
    for members in groups.values():
        if any(sample.key in awaited for sample in members):
            kept |= {sample.key: is_sent(sample) or None for sample in members}
        else:
            usable = [s for s in members if _scored(s, model_version) and _is_usable(s, campaign)]
            best = _best(members, usable, campaign.selection.keep_best)
            kept |= {sample.key: sample.key in best for sample in members}
    return kept


def _best(members: Sequence[Sample], usable: Sequence[Sample], keep_best: int) -> Collection[str]:
    """What is sent, and the best of the rest up to `keep_best` in all."""
    sent = {sample.key for sample in members if is_sent(sample)}
    rest = sorted((s for s in usable if s.key not in sent), key=_worst_last)
    return sent | {sample.key for sample in rest[: max(0, keep_best - len(sent))]}


def _worst_last(sample: Sample) -> tuple[float, float, str]:
    assert sample.score is not None, "only scored samples are ranked"
    return (-sample.score.label_probability, -sample.score.prompt_fit, sample.key)


def _to_be_drawn(samples: Sequence[Sample], campaign: Campaign, ledger: Ledger) -> set[str]:
    """Keys of samples whose image this campaign still asks for."""
    planned = {sample.key for sample in planned_samples(campaign, known_to(ledger))}
    rules = rules_of(campaign.generator, ledger)
    return {
        sample.key
        for sample in samples
        if sample.sha256 is None
        and sample.refused is None
        and sample.key in planned
        and not rules.gives_up(sample.key)
    }


def _near_duplicates(
    shown: Sequence[Sample], campaign: Campaign, ledger: Ledger, model_version: str
) -> dict[str, str]:
    """Sample key → key of the sample of its label that it looks the same as."""
    threshold = campaign.selection.near_duplicates
    if threshold == 1:
        return {}
    by_label: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in shown:
        by_label[sample.prompt.label].append(sample)
    found: dict[str, str] = {}
    for label, of_label in by_label.items():
        vectors = ledger.vectors.of_label(model_version, label)
        found.update(_alike(of_label, vectors, threshold))
    return found


def _alike(
    samples: Sequence[Sample], vectors: Mapping[str, bytes], threshold: float
) -> Iterator[tuple[str, str]]:
    from importers.scoring.looks import near_duplicates, unpacked

    seen = [sample for sample in samples if sample.sha256 in vectors]
    ordered = sorted(seen, key=lambda sample: not is_sent(sample))
    if len(ordered) < 2:
        return
    settled = sum(map(is_sent, ordered))
    rows = unpacked([vectors[sample.sha256 or ""] for sample in ordered])
    for row, leader in near_duplicates(rows, threshold, settled).items():
        yield ordered[row].key, ordered[leader].key


def _scored_as(campaign: Campaign) -> str:
    from importers.config.review_config import review_config

    return _in_one_word([campaign.score.model, review_config(campaign)])


def _selected_as(campaign: Campaign, version: str) -> str:
    settings = campaign.selection
    return _in_one_word([version, settings.keep_best, settings.near_duplicates, settings.unusable])


def _in_one_word(decides: list[object]) -> str:
    return hashlib.sha256(json.dumps(decides).encode()).hexdigest()
