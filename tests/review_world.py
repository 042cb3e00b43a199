"""Scored campaigns for tests against a real Label Studio, and the eyes of a reviewer."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from importers.config.campaign import Campaign
from importers.image_store import ImageStore
from importers.label_studio.push import PushReport, push
from importers.ledger import Ledger
from importers.sample import PlannedSample, Prompt, Sample, sample_key
from ls_backend.label_studio import LabelStudio
from ls_backend.zero_shot import Score

LABELS = ("cat", "dog", "fish")
VERSION = "clip:test@000000000001"
NEWER_VERSION = "clip:test@000000000002"
SCORES = (0.9, 0.1, 0.5, 0.00002, 0.3, 0.7, 0.2, 0.95, 0.6)

MakeWorld = Callable[..., "World"]


@dataclass(frozen=True)
class World:
    """A campaign whose samples have images and scores, and a Label Studio to push them to."""

    ls: LabelStudio
    campaign: Campaign
    ledger: Ledger

    def push(self, model_version: str = VERSION) -> PushReport:
        return push(self.ls, self.campaign, self.ledger, model_version)

    def sample(self, key: str) -> Sample:
        return next(sample for sample in self.ledger.samples() if sample.key == key)

    def scores(self) -> list[float]:
        """Label probabilities of all samples, ascending."""
        return sorted(s.score.label_probability for s in self.ledger.samples() if s.score)

    def rescore(self, scores: Sequence[float], model_version: str) -> None:
        score_samples(self.ledger, scores, model_version)

    def tasks(self, project_id: int, view: int | None = None) -> list[dict[str, Any]]:
        """All tasks, in the order of a tab if one is given."""
        params = {"project": project_id, "page_size": 1000, "fields": "all"}
        if view is not None:
            params["view"] = view
        tasks: list[dict[str, Any]] = self.ls.json("GET", "/api/tasks", params=params)["tasks"]
        return tasks

    def tabs(self, project_id: int) -> dict[str, int]:
        """Tab title → number of its view."""
        views = self.ls.json("GET", "/api/dm/views", params={"project": project_id})
        return {view["data"]["title"]: view["id"] for view in views}

    def next_task(self, project_id: int) -> dict[str, Any]:
        """What the button "Label All Tasks" opens."""
        task: dict[str, Any] = self.ls.json("GET", f"/api/projects/{project_id}/next")
        return task

    def annotate(self, task_id: int, label: str) -> None:
        region = {
            "from_name": "label",
            "to_name": "image",
            "type": "choices",
            "value": {"choices": [label]},
        }
        self.ls.request("POST", f"/api/tasks/{task_id}/annotations", json={"result": [region]})

    def set_project(self, project_id: int, **settings: Any) -> None:
        self.ls.request("PATCH", f"/api/projects/{project_id}", json=settings)


def project_of(world: World) -> int:
    """Push the world; returns the number of its project."""
    report = world.push()
    assert report.project_id is not None
    return report.project_id


def make_campaign(folder: Path, samples: int, **review: Any) -> Campaign:
    folder.mkdir(parents=True, exist_ok=True)
    return Campaign.model_validate(
        {
            "name": folder.name,
            "labels": list(LABELS),
            "samples": max(1, samples),
            "prompts": {"templates": ["a {label}"]},
            "generator": {"model": "sketch-1"},
            "review": review,
            "folder": folder,
        }
    )


def add_samples(campaign: Campaign, ledger: Ledger, scores: Sequence[float]) -> None:
    """Plan, store and score one sample per score; each has a picture of its own."""
    store = ImageStore(campaign.images_path)
    first = len(ledger.samples())
    for seed in range(first, first + len(scores)):
        label = LABELS[seed % len(LABELS)]
        prompt = Prompt(f"a {label} number {seed}", label, "vanilla", {})
        key = sample_key(prompt, "sketch-1", "8x8", {}, seed)
        ledger.plan([PlannedSample(key, prompt, "sketch-1", "8x8", {}, seed)])
        request = ledger.requests.begin(key)
        ledger.requests.stored(
            request, store.put(picture(seed)), request_id=None, cost_usd=None, usage=None
        )
    score_samples(ledger, scores, VERSION, first)


def score_samples(
    ledger: Ledger, scores: Sequence[float], model_version: str, first: int = 0
) -> None:
    samples = ledger.samples()[first : first + len(scores)]
    ledger.record_scores(
        {
            sample.key: Score(
                label=sample.prompt.label,
                label_probability=score,
                similarity=0.5 - score / 2,
                margin=0.0,
                predicted_label=sample.prompt.label if score > 0.5 else "fish",
                predicted_probability=max(score, 1 - score),
            )
            for sample, score in zip(samples, scores, strict=True)
        },
        model_version,
    )


def picture(seed: int) -> bytes:
    """A small PNG of a colour that only this seed has."""
    data = io.BytesIO()
    Image.new("RGB", (8, 8), (seed % 256, seed // 256, 128)).save(data, "PNG")
    return data.getvalue()
