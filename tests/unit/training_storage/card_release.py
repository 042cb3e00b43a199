"""Records and facts of a release, for tests of its dataset card."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from importers.config.storage_sections import ApprovalSettings, StorageSettings
from importers.record import Record
from importers.review import APPROVED, ONE_BY_ONE
from importers.training_storage.card.facts import CardFacts, ReviewFacts
from importers.training_storage.card.files import card_files
from importers.training_storage.classes import ClassList
from importers.training_storage.layouts import Contents

LABELS = ("cat", "dog", "test tube")
NO_REVIEWS = ReviewFacts({}, 0, 0, 0, 0, None)


def record(number: int, label: str = "cat", class_id: int = 0, **changed: Any) -> Record:
    """A picture that sketch-1 drew."""
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    values: dict[str, Any] = {
        "sample": digest[:32],
        "sha256": digest,
        "format": "png",
        "width": 64,
        "height": 64,
        "bytes": 100,
        "label": label,
        "class_id": class_id,
        "split": "train",
        "verdict": APPROVED,
        "reviewed": ONE_BY_ONE,
        "reviewers": (7,),
        "annotation_id": 100 + number,
        "annotated_at": "2026-05-04T12:00:00Z",
        "decided_at": "2026-05-04T12:00:00Z",
        "annotators": 1,
        "agreement": None,
        "shown_label": label,
        "shown_score": 0.5,
        "shown_model_version": "clip:test@1",
        "prompt": f"a {label}, number {number}",
        "prompt_label": label,
        "technique": "vanilla",
        "factors": {},
        "generator": "sketch-1",
        "size": "64x64",
        "parameters": {},
        "seed": number,
        "request_id": None,
        "generated_at": "2026-05-01T09:00:00Z",
        "cost_usd": 0.01,
        "parents": (),
        "ancestors": (),
        "synthetic": True,
        "terms": None,
        "label_probability": 0.5,
        "similarity": 0.25,
        "predicted_label": label,
        "model_version": "clip:test@1",
        "original_name": None,
        "family": digest,
        "boxes": (),
        "task_id": number,
        "project": 12,
        "campaign": "pets",
        "campaign_id": "c0ffee",
    }
    return Record(**{**values, **changed})


def contents(
    records: Sequence[Record], labels: Sequence[str | None] = LABELS, **settings: Any
) -> Contents:
    return Contents(records, ClassList(tuple(labels)), StorageSettings(**settings))


def facts(**changed: Any) -> CardFacts:
    values: dict[str, Any] = {
        "name": "pets",
        "campaign_id": "c0ffee",
        "campaign_file": "pets.toml",
        "campaign_text": 'name = "pets"\n',
        "release": "000003-1a2b3c4d",
        "date": date(2026, 5, 6),
        "project": 12,
        "labels": LABELS,
        "approval": ApprovalSettings(),
        "review": NO_REVIEWS,
    }
    return CardFacts(**{**values, **changed})


def readme(of: Contents, facts: CardFacts) -> str:
    """The card without its metadata; every picture of the release is broken."""
    return split_card(card_files(of, facts, lambda _: b"")["README.md"])[1]


def split_card(card: bytes) -> tuple[str, str]:
    """Metadata and Markdown of a card."""
    _, metadata, text = card.decode().split("---\n", 2)
    return metadata, text


def tokens(markdown: str) -> list[Token]:
    """A card as GitHub and the hub read it: CommonMark with tables."""
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)


def rows(markdown: str) -> list[list[str]]:
    """The text of every row of every table, as people see it."""
    found: list[list[str]] = []
    for token, inline in zip(parsed := tokens(markdown), parsed[1:], strict=False):
        if token.type == "tr_open":
            found.append([])
        elif token.type in ("td_open", "th_open"):
            found[-1].append(seen(inline))
    return found


def seen(inline: Token) -> str:
    """The text of a block, as people see it."""
    return "".join(
        seen(child) if child.type == "image" else child.content for child in inline.children or []
    )
