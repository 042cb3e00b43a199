"""How an approved sample is written down: its file's name and its line of metadata.jsonl.

Laid out as Hugging Face's imagefolder and torchvision's ImageFolder (over `images/`) load it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from importers.campaign import Campaign
from importers.generators.folder_plan import is_synthetic
from importers.sample import Sample

METADATA = "metadata.jsonl"
IMAGES = "images"
# A folder with one of these words is taken for a split by Hugging Face's `datasets`, which then
# drops every other folder without saying so; yet "train" and "test tube" are labels too.
_LETTER = r"[^\W\d_]"
_SPLIT_WORD = re.compile(
    rf"(?<!{_LETTER})(train|training|validation|valid|val|dev|test|testing|eval|evaluation)"
    rf"(?!{_LETTER})"
)


def folder_name(label: str) -> str:
    """The folder of a label: the label itself, with what would be misread percent-encoded.

    `urllib.parse.unquote` gives the label back.
    """
    text = "".join(c if c.isalnum() or c in " -_()&'+,." else _percent(c) for c in label)
    if text[0] in "._":
        text = _percent(text[0]) + text[1:]
    if text[-1] == ".":
        text = text[:-1] + _percent(".")
    # Its last letter: without the first, `eval` would still say `val`.
    return _SPLIT_WORD.sub(lambda word: word[0][:-1] + _percent(word[0][-1]), text)


def file_stem(sample: Sample) -> str:
    """What the file of a sample is called, without folder and ending; unlike any other's."""
    return f"{(sample.sha256 or '')[:16]}-{sample.key[:8]}"


def record(
    sample: Sample, file_name: str, campaign: Campaign, campaign_id: str, terms: str | None
) -> dict[str, Any]:
    """The line of metadata.jsonl for an approved sample. The order of keys is part of it.

    Args:
        terms: What the provider's terms restrict, as people were told; None where nothing is known.
    """
    score, verdict, planned = sample.score, sample.verdict, sample.planned
    assert score is not None, "only scored samples are reviewed"
    assert verdict is not None, "only decided samples are recorded"
    return {
        "file_name": file_name,
        "label": verdict.label,
        "verdict": verdict.kind,
        "prompt": sample.prompt.text,
        "prompt_label": sample.prompt.label,
        "technique": sample.prompt.technique,
        # Never {}: a column of empty objects cannot be written as Parquet.
        "factors": dict(sample.prompt.factors) or None,
        "label_probability": score.label_probability,
        "similarity": score.similarity,
        "predicted_label": score.predicted_label,
        "model_version": score.model_version,
        "generator": planned.model,
        "parameters": {"size": planned.size, **planned.parameters},
        "seed": planned.seed,
        # sha256 of the images that it is made from: never on two sides of a split.
        "parents": list(planned.parents) or None,
        "cost_usd": None if sample.cost_usd is None else float(sample.cost_usd),
        "request_id": sample.request_id,
        "annotation_id": verdict.annotation_id,
        "reviewer": verdict.reviewer,
        "decided_at": _utc(verdict.decided_at),
        "generated_at": sample.stored_at and _utc(sample.stored_at),
        "sha256": sample.sha256,
        "sample": sample.key,
        "synthetic": is_synthetic(planned),
        "terms": terms,
        "campaign": campaign.name,
        "campaign_id": campaign_id,
    }


def metadata_bytes(records: Iterable[Mapping[str, Any]]) -> bytes:
    """metadata.jsonl: one record a line, sorted by file name."""
    ordered = sorted(records, key=lambda record: str(record["file_name"]))
    lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in ordered]
    return "".join(lines).encode()


def parse_metadata(data: bytes) -> list[dict[str, Any]]:
    """The records of a metadata.jsonl.

    Raises:
        ValueError: we did not write it.
    """
    records = [json.loads(line) for line in data.split(b"\n") if line]
    for found in records:
        if not isinstance(found, dict) or not {"sample", "campaign_id", "file_name"} <= set(found):
            raise ValueError("a line is not a record of ls-clip")
    return records


def _utc(time: datetime) -> str:
    return time.astimezone(timezone.utc).isoformat()


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())
