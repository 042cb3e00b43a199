"""How a row of the ledger becomes a sample, and back."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from importers.review import review_from
from importers.sample import PlannedSample, Prompt, Sample
from ls_backend.zero_shot import Score

SELECT_SAMPLES = """
SELECT samples.*,
    (SELECT cost_usd FROM requests WHERE sample_key = key AND outcome = 'stored') AS cost_usd,
    (SELECT request_id FROM requests WHERE sample_key = key AND outcome = 'stored') AS request_id,
    COALESCE(
        (SELECT review FROM reviews WHERE reviews.task_id = samples.task_id AND sample = key),
        (SELECT review FROM reviews WHERE sample = key ORDER BY reviews.task_id LIMIT 1)
    ) AS review
FROM samples
"""


def now() -> str:
    return datetime.now(UTC).isoformat()


def planned_row(sample: PlannedSample) -> tuple[Any, ...]:
    return (
        sample.key,
        sample.prompt.text,
        sample.prompt.label,
        sample.prompt.technique,
        json.dumps(dict(sample.prompt.factors)),
        sample.model,
        sample.size,
        json.dumps(dict(sample.parameters)),
        sample.seed,
        sample.group,
        json.dumps(sample.parents),
        sample.mask,
    )


def sample_from(row: sqlite3.Row) -> Sample:
    prompt = Prompt(row["prompt"], row["label"], row["technique"], json.loads(row["factors"]))
    planned = PlannedSample(
        key=row["key"],
        prompt=prompt,
        model=row["model"],
        size=row["size"],
        parameters=json.loads(row["parameters"]),
        seed=row["seed"],
        group=row["group_key"],
        parents=tuple(json.loads(row["parents"])),
        mask=row["mask"],
    )
    return Sample(
        planned=planned,
        sha256=row["sha256"],
        stored_at=_time(row["stored_at"]),
        cost_usd=None if row["cost_usd"] is None else Decimal(row["cost_usd"]),
        request_id=row["request_id"],
        refused=row["refused"],
        kept=None if row["kept"] is None else bool(row["kept"]),
        flaw=row["flaw"],
        model_version=row["model_version"],
        score=_score(row),
        audit=None if row["audit"] is None else bool(row["audit"]),
        audit_probability=row["audit_probability"],
        upload=row["upload"],
        task_id=row["task_id"],
        pushed_version=row["pushed_version"],
        review=None if row["review"] is None else review_from(row["review"]),
        collected_at=_time(row["collected_at"]),
    )


def _score(row: sqlite3.Row) -> Score | None:
    if row["model_version"] is None:
        return None
    return Score(
        label=row["label"],
        label_probability=row["label_probability"],
        margin=row["margin"],
        predicted_label=row["predicted_label"],
        predicted_probability=row["predicted_probability"],
        similarity=row["similarity"],
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
