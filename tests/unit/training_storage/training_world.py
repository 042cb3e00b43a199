"""A campaign whose samples are all pushed, and its training storage to look into."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import fsspec
from PIL import Image

from importers.campaign import Campaign
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.sample import PlannedSample, Prompt, Sample, Score, Verdict, sample_key
from importers.training_storage.reconcile import Changes, reconcile
from importers.training_storage.storage import Storage

LABELS = ["cat", "dog", "test tube"]
NOON = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)


@dataclass
class World:
    """A campaign with `samples` 0 … n-1, their labels in turn. Verdicts are set by hand."""

    campaign: Campaign
    ledger: Ledger
    samples: list[Sample]

    def decide(self, labels: Mapping[int, str]) -> None:
        """People gave these labels; all other samples have no verdict."""
        verdicts: dict[str, Verdict | None] = dict.fromkeys(s.key for s in self.samples)
        for number, label in labels.items():
            sample = self.samples[number]
            kind = "approved" if label == sample.prompt.label else "relabelled"
            changed = NOON + timedelta(seconds=number)
            verdicts[sample.key] = Verdict(kind, label, 100 + number, changed, 7)
        self.ledger.record_verdicts(verdicts)

    def run(self) -> Changes:
        return reconcile(Storage(self.campaign.storage_url), self.campaign, self.ledger)

    def metadata(self) -> list[dict[str, Any]]:
        """The records, after checking that a reader finds every file that they name."""
        fs, root = fsspec.core.url_to_fs(self.campaign.storage_url)
        path = f"{root.rstrip('/')}/metadata.jsonl"
        if not fs.exists(path):
            return []
        records = [json.loads(line) for line in fs.cat_file(path).decode().split("\n") if line]
        for found in records:
            data = fs.cat_file(f"{root.rstrip('/')}/{found['file_name']}")
            assert hashlib.sha256(data).hexdigest() == found["sha256"]
        return records

    def files(self) -> set[str]:
        """Every file in the storage."""
        fs, root = fsspec.core.url_to_fs(self.campaign.storage_url)
        return {name[len(root.rstrip("/")) + 1 :] for name in fs.find(root)}

    def check(self, labels: Mapping[int, str]) -> None:
        """The storage holds these samples with these labels, and nothing else."""
        records = self.metadata()
        held = {found["sample"]: found["label"] for found in records}
        assert held == {self.samples[number].key: label for number, label in labels.items()}
        assert self.files() == {"metadata.jsonl", *(found["file_name"] for found in records)}


MakeWorld = Callable[..., World]


def make_campaign(folder: Path, url: str, samples: int) -> Campaign:
    return Campaign.model_validate(
        {
            "name": folder.name,
            "labels": LABELS,
            "samples": samples,
            "prompts": {"templates": ["a {label}"]},
            "generator": {"model": "sketch-1"},
            "storage": {"url": url},
            "folder": folder,
        }
    )


def push_sample(campaign: Campaign, ledger: Ledger, number: int, label: str = "") -> None:
    label = label or LABELS[number % len(LABELS)]
    factors = {"color": "red"} if number % 2 else {}
    prompt = Prompt(f"a {label}, number {number}", label, "vanilla", factors)
    key = sample_key(prompt, "sketch-1", "64x64", {"quality": "low"}, number)
    ledger.plan([PlannedSample(key, prompt, "sketch-1", "64x64", {"quality": "low"}, number)])
    request = ledger.requests.begin(key)
    digest = ImageStore(campaign.images_path).put(_png(number))
    ledger.requests.stored(
        request, digest, request_id=f"req-{number}", cost_usd=Decimal("0.011"), usage=None
    )
    ledger.record_scores({key: Score("clip:test@1", 0.25, 0.125, -0.5, "fish", 0.75)})
    ledger.record_tasks({key: 1000 + number}, "clip:test@1")


def _png(number: int) -> bytes:
    file = BytesIO()
    Image.new("RGB", (4 + number, 4), (number, 99, 50)).save(file, "PNG")
    return file.getvalue()
