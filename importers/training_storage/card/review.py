"""Sections of the dataset card: how people reviewed, and what is known to limit the set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from importers.config.storage_sections import ApprovalSettings
from importers.record import Record
from importers.review import (
    APPROVED,
    NONE_FITS,
    REJECTED,
    RELABELLED,
    SKIPPED,
    STORED,
    UNDECIDED,
    UNUSABLE,
    VERDICTS,
    WAITING,
)
from importers.training_storage.card.facts import CardFacts, ReviewFacts
from importers.training_storage.card.text import plain, share, table
from importers.training_storage.layouts.base import Contents
from ls_backend.words import count, listed

_WORDS = {
    APPROVED: "approved as is",
    RELABELLED: "approved with another label",
    REJECTED: "rejected",
    UNUSABLE: "unusable",
    NONE_FITS: "none of the labels fits",
    SKIPPED: "skipped",
    UNDECIDED: "undecided",
    WAITING: "waiting for an answer",
}


def review_sections(contents: Contents, facts: CardFacts) -> Iterator[str]:
    """How the review went."""
    records, review = contents.records, facts.review
    yield "## How it was reviewed"
    yield f"{_policy(facts.approval)} Only approved pictures are in the set."
    yield _outcomes(review, len(records))
    yield f"{_people(review)} {_agreement(review)}"
    if records:
        yield _bias(records)


def limit_sections(contents: Contents, facts: CardFacts) -> Iterator[str]:
    """What is known to limit the set."""
    if contents.records:
        yield "## Known limits"
        yield "\n".join(f"- {limit}" for limit in _limits(contents, facts))


def _policy(approval: ApprovalSettings) -> str:
    control = plain(approval.verdict_control or "")
    values = listed(plain(value) for value in approval.approve)
    counts = {
        "submitted": "An annotation counts once it is submitted, unless it was skipped.",
        "verdict": f"An annotation counts where the control {control} says {values}.",
        "ground_truth": "An annotation counts where it is marked as ground truth.",
        "agreement": f"A label counts where at least {approval.annotators} people answered and "
        f"{100 * approval.share:g} % of them or more gave it.",
    }[approval.policy]
    return f"{counts} Of several answers by one person the latest counts."


def _outcomes(review: ReviewFacts, stored: int) -> str:
    of = review.outcomes
    decided = sum(of.get(outcome, 0) for outcome in VERDICTS)
    rows = [
        (words, f"{of.get(outcome, 0):,}", _of_decided(outcome, of.get(outcome, 0), decided))
        for outcome, words in _WORDS.items()
    ]
    approved = sum(of.get(outcome, 0) for outcome in STORED)
    missing = (
        f"\n\n{count(approved - stored, 'approved task')} without a picture in this release: "
        "`ls-clip sync` says why."
    )
    return table(("Outcome", "Tasks", "Share of decided"), rows, 2) + missing * (approved > stored)


def _of_decided(outcome: str, number: int, decided: int) -> str:
    return share(number, decided) if outcome in VERDICTS else ""


def _people(review: ReviewFacts) -> str:
    if not review.one_by_one + review.contact_sheet:
        return "Nobody has decided anything yet."
    ways = (
        (review.one_by_one, "one by one"),
        (review.contact_sheet, "on contact sheets (many pictures at a glance)"),
    )
    how = listed(f"{number:,} {way}" for number, way in ways if number)
    who = count(review.people, "person", "people") if review.people else "people not named"
    return f"The answers that decided came from {who}: {how}."


def _agreement(review: ReviewFacts) -> str:
    if review.agreement is None and not review.one_by_one + review.contact_sheet:
        return "Agreement is not known."
    if review.agreement is None:
        return "Agreement is not known: one person looked at each picture."
    return (
        f"Two or more people answered for {count(review.compared, 'picture')}; on average "
        f"{100 * review.agreement:.1f} % of them gave the label that counts."
    )


def _bias(records: Sequence[Record]) -> str:
    shown = sum(record.shown_label is not None for record in records)
    if not shown:
        return "No label was chosen before people saw these pictures."
    return (
        f"**A label was already chosen** when people saw {shown:,} of these "
        f"{count(len(records), 'picture')}. People tend to agree with what is chosen for them, so "
        "“approved as is” says less than the same label given without one."
    )


def _limits(contents: Contents, facts: CardFacts) -> Iterator[str]:
    records = contents.records
    generators = sorted({record.generator for record in records if record.generator})
    if any(record.synthetic for record in records):
        models = "that model does" if len(generators) == 1 else "those models do"
        yield (
            f"Generated pictures come from {listed(map(plain, generators))}: what {models} "
            "wrongly, always alike or never, the set has in the same way."
        )
    yield from _labels(contents, facts)
    yield (
        "Near duplicates are found only where CLIP's vectors are close; copies that are cut, "
        "turned or painted over may lie in different splits."
    )
    if any(record.label_probability is not None for record in records):
        yield (
            "CLIP's scores are not calibrated: they order pictures, and are no probabilities of "
            "being right."
        )


def _labels(contents: Contents, facts: CardFacts) -> Iterator[str]:
    single = sum(record.annotators < 2 for record in contents.records)
    people = facts.review.people
    if people:
        yield f"Labels are those of {count(people, 'person', 'people')}; {single:,} of " + (
            f"{count(len(contents.records), 'label')} rest on one person's answer."
        )
    used = {record.class_id for record in contents.records}
    empty = [
        f"“{plain(name)}”"
        for number, name in enumerate(contents.classes.names)
        if name is not None and number not in used
    ]
    if empty:
        yield f"No picture yet of {listed(empty)}."
