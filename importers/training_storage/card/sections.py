"""Sections of the dataset card: what is in the release, and where its pictures come from."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from importers.record import SPLITS, TEST, TRAIN, VALIDATION, Record
from importers.training_storage.card.facts import CardFacts
from importers.training_storage.card.picture_grid import MOST_LABELS, Strip
from importers.training_storage.card.text import plain, share, table
from importers.training_storage.layouts.base import Contents
from ls_backend.words import count, dollars, listed

NOT_KNOWN = "not known"


def content_sections(contents: Contents, facts: CardFacts, shown: Sequence[Strip]) -> Iterator[str]:
    """What the release is, its counts, and pictures of each label."""
    records = contents.records
    yield f"# {plain(facts.name) or 'Pictures'}"
    yield _summary(contents, facts)
    if not records:
        return
    yield "## What is in it"
    yield _by_label(contents)
    yield _by_split(records)
    yield _by_technique(records)
    yield "## Pictures"
    yield _which_pictures(records, shown)
    for strip in shown:
        name = plain(strip.label)
        yield f"**{name}** ({count(strip.of, 'picture')})\n\n![{name}]({strip.path})"


def origin_sections(contents: Contents, facts: CardFacts) -> Iterator[str]:
    """Who drew the pictures, what CLIP had to do with it, and how splits were made."""
    records = contents.records
    if not records:
        return
    yield "## Where the pictures come from"
    yield _who_drew(records)
    drawn = [record for record in records if record.generator]
    if drawn:
        yield _generators(drawn)
        yield _cost(drawn)
    yield from _terms(records)
    yield "## CLIP"
    yield _clip(records, facts)
    yield "## Splits"
    yield _splits(contents)


def _summary(contents: Contents, facts: CardFacts) -> str:
    number = len(contents.records)
    where = f"in project {facts.project} of Label Studio"
    start = (
        f"{count(number, 'picture')} in {count(_used(contents), 'class', 'classes')}, each with "
        f"a label that people approved {where}."
        if number
        else f"No picture is approved yet {where}; nothing is here to train on."
    )
    labels = f" People choose from {count(len(facts.labels), 'label')}."
    left = f" {count(facts.removed, 'picture')} of earlier releases left it." * bool(facts.removed)
    campaign = plain(facts.name) + f" ({plain(facts.campaign_id)})" * bool(facts.campaign_id)
    return (
        f"{start}{labels}{left}\n\nRelease {facts.release} of {facts.date.isoformat()}, "
        f"campaign {campaign}."
    )


def _by_label(contents: Contents) -> str:
    of = Counter((record.class_id, record.split) for record in contents.records)
    rows = []
    for number, label in enumerate(contents.classes.names):
        if label is not None:
            splits = [of[number, split] for split in SPLITS]
            parts = (sum(splits), *splits)
            rows.append((str(number), plain(label), *(f"{part:,}" for part in parts)))
    return table(("Class", "Label", "Pictures", *SPLITS), rows, 1 + len(SPLITS))


def _by_split(records: Sequence[Record]) -> str:
    of = Counter(record.split for record in records)
    drawn = Counter(record.split for record in records if record.synthetic)
    rows = [
        (split, f"{of[split]:,}", share(of[split], len(records)), f"{drawn[split]:,}")
        for split in SPLITS
    ]
    return table(("Split", "Pictures", "Share", "Drawn by a model"), rows, 3)


def _by_technique(records: Sequence[Record]) -> str:
    of = Counter(record.technique for record in records)
    rows = [
        (plain(technique or NOT_KNOWN), f"{number:,}", share(number, len(records)))
        for technique, number in sorted(of.items(), key=lambda item: (-item[1], item[0] or ""))
    ]
    prompts = len({record.prompt for record in records if record.prompt})
    told = f"\n\nThere are {prompts:,} different prompts." * (prompts > 1)
    return table(("Technique", "Pictures", "Share"), rows, 2) + told


def _which_pictures(records: Sequence[Record], shown: Sequence[Strip]) -> str:
    labels = len({record.class_id for record in records})
    first = f" The first {MOST_LABELS} of {labels:,} labels are shown." * (labels > len(shown))
    return f"Approved pictures of each label, chosen by chance, not by quality.{first}"


def _who_drew(records: Sequence[Record]) -> str:
    of = Counter(record.synthetic for record in records)
    if not of.keys() - {None}:
        return f"Whether a model drew any of the {count(len(records), 'picture')} is not known."
    parents = sum(bool(record.parents) for record in records)
    parts = [
        f"{of[kind]:,} {words}"
        for kind, words in (
            (True, "drawn by a model"),
            (False, "that no model drew"),
            (None, "of which that is not known"),
        )
        if of[kind]
    ]
    made = f" {parents:,} of them {'is' if parents == 1 else 'are'} made from other pictures, "
    named = made + "which their records name as parents."
    return f"{count(len(records), 'picture')}: {listed(parts)}." + named * bool(parents)


def _generators(drawn: Iterable[Record]) -> str:
    groups: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in drawn:
        groups[record.generator or "", record.size or NOT_KNOWN].append(record)
    rows = []
    for (generator, size), group in sorted(groups.items()):
        days = sorted(record.generated_at[:10] for record in group if record.generated_at)
        first, last = (plain(days[0]), plain(days[-1])) if days else (NOT_KNOWN, NOT_KNOWN)
        rows.append((plain(generator), plain(size), first, last, f"{len(group):,}"))
    return table(("Generator", "Size", "First drawn", "Last drawn", "Pictures"), rows, 1)


def _cost(drawn: Sequence[Record]) -> str:
    costs = [record.cost_usd for record in drawn if record.cost_usd is not None]
    if not costs:
        return "What they cost is not known."
    known = f" (known for {len(costs):,} of {len(drawn):,})" * (len(costs) < len(drawn))
    in_all = dollars(math.fsum(costs))
    return f"They cost {in_all} in all{known}, without pictures that were not approved."


def _terms(records: Iterable[Record]) -> Iterator[str]:
    of = Counter(record.terms for record in records if record.terms)
    for terms, number in sorted(of.items()):
        came = f"**Terms:** {count(number, 'picture')} came under terms that may restrict what is "
        yield f"> {came}trained on them. Read them before you do: {plain(terms)}"


def _clip(records: Sequence[Record], facts: CardFacts) -> str:
    of = Counter(record.model_version for record in records if record.model_version)
    if not of:
        return "No picture has a score of CLIP."
    versions = [f"{plain(v)} ({count(number, 'picture')})" for v, number in sorted(of.items())]
    order = {
        "label_probability": "It ordered the review: what it found least likely to show its label "
        "came first.",
        "similarity": "It ordered the review: what it found least like its prompt came first.",
    }.get(facts.order or "", "In which order people saw the pictures is not known.")
    return (
        f"Scored by {listed(versions)}. {order} It approved and rejected nothing: people did."
        f"{_held_back(facts)}"
    )


def _held_back(facts: CardFacts) -> str:
    held = {reason: number for reason, number in facts.held_back.items() if number}
    if not held:
        return ""
    reasons = listed(f"{number:,} {plain(reason)}" for reason, number in held.items())
    number = sum(held.values())
    were = "was" if number == 1 else "were"
    return f" Before the review {count(number, 'picture')} {were} held back: {reasons}."


def _splits(contents: Contents) -> str:
    settings, records = contents.settings.splits, contents.records
    asked = listed(
        f"{100 * part:g} % {name}"
        for name, part in (
            (TRAIN, settings.train),
            (VALIDATION, settings.validation),
            (TEST, settings.test),
        )
    )
    synthetic = (
        "Pictures that a model drew may be tested on."
        if settings.synthetic_in_test
        else "Pictures that a model drew are kept out of test, so the shares may differ."
    )
    return (
        f"The shares asked for are {asked}. A picture's split follows from its key, and stays as "
        f"the set grows. {_families(records)} A family is what is made from one picture or drawn "
        "from one prompt, and what CLIP finds as good as the same (cosine "
        f"{settings.near_duplicates:g} and more). {synthetic}"
    )


def _families(records: Iterable[Record]) -> str:
    splits: defaultdict[str, set[str]] = defaultdict(set)
    for record in records:
        splits[record.family].add(record.split)
    torn = sum(len(found) > 1 for found in splits.values())
    if torn:
        return (
            f"{torn:,} of {count(len(splits), 'family', 'families')} "
            f"{'lies' if torn == 1 else 'lie'} in more than one split; "
            "`ls-clip splits check` lists them."
        )
    return f"{count(len(splits), 'family', 'families')}, each in one split."


def _used(contents: Contents) -> int:
    return len({record.class_id for record in contents.records})
