"""Training storage of 10,000 tasks: what a sync of ten changes costs beside the first one.

    python -m bench.sync [TASKS]

A real Label Studio on SQLite, in a process of its own, holds a pushed campaign whose tasks were all
approved on contact sheets. The first sync reads all of them, sweeps, and writes what the layouts
ask for; then ten answers are changed and synced, several times over. A sweep, which asks for the
numbers of all tasks to find deleted ones, is measured by itself, too.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importers.config.campaign import Campaign
    from importers.ledger import Ledger
    from importers.ledger.notes import Note
    from importers.training_storage.report import SyncReport
    from ls_backend.label_studio import LabelStudio

TASKS = 10_000
CHANGES = 10
ROUNDS = 3
LABELS = ("cat", "dog", "fish", "bird")
VERSION = "clip:bench@000000000001"
LAYOUTS = ("imagefolder", "webdataset", "parquet")
NEVER = 1e6
PIXELS = 32
DIMENSIONS = 512


@dataclass(frozen=True)
class Pushed:
    """A campaign in Label Studio, with an answer to every task."""

    ls: LabelStudio
    campaign: Campaign
    ledger: Ledger
    project: int
    annotations: list[int]

    def sync(self, layout: str, *, full: bool = False, sweep: bool = False) -> SyncReport:
        from importers.config.job import campaign_job
        from importers.training_storage.sync import sync

        storage = self.campaign.storage.model_copy(
            update={
                "url": f"training-{layout}",
                "layout": [layout],
                "sweep_minutes": 0.0 if sweep else NEVER,
            }
        )
        campaign = self.campaign.model_copy(update={"storage": storage})
        return sync(
            self.ls,
            campaign_job(campaign, campaign.folder / "campaign.toml"),
            self.ledger,
            full=full,
        )

    def change_some(self, luck: random.Random) -> None:
        """Ten people change their minds."""
        for annotation in luck.sample(self.annotations, CHANGES):
            result = [_region(luck.choice(LABELS))]
            path = f"/api/annotations/{annotation}"
            self.ls.request("PATCH", path, json={"result": result})


def main(tasks: int) -> None:
    """Push, approve, sync, and print what each took."""
    with tempfile.TemporaryDirectory(prefix="bench-sync-") as folder, _label_studio(folder) as ls:
        from importers.ledger import Ledger

        campaign = _campaign(Path(folder) / "bench", tasks)
        with Ledger(campaign.ledger_path) as ledger:
            pushed = _pushed(ls, campaign, ledger, tasks)
            print(f"{tasks:,} tasks in Label Studio, all approved; {CHANGES} changes a round")
            for layout in LAYOUTS:
                _measure(pushed, layout)


def _measure(pushed: Pushed, layout: str) -> None:
    from importers.training_storage.reading import OVERLAP_S

    luck = random.Random(1)
    first = _seconds(lambda: pushed.sync(layout, full=True))
    rounds = []
    for _ in range(ROUNDS):
        time.sleep(OVERLAP_S + 1)  # what was changed just now is read once more
        pushed.change_some(luck)
        rounds.append(_seconds(lambda: pushed.sync(layout)))
    nothing = _seconds(lambda: pushed.sync(layout))
    swept = _seconds(lambda: pushed.sync(layout, sweep=True))
    changed = statistics.median(rounds)
    print(f"layout {layout}")
    print(f"  first sync          {first:8.2f} s")
    for what, seconds in (
        (f"{CHANGES} changes", changed),
        ("nothing to do", nothing),
        ("a sweep", swept),
    ):
        print(f"  {what:<18} {seconds:9.2f} s   1/{first / seconds:.0f} of the first")
    sys.stdout.flush()


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@contextmanager
def _label_studio(folder: str) -> Iterator[LabelStudio]:
    from importers.demo.services import LabelStudioServer

    data_dir = Path(folder) / "label-studio"
    with LabelStudioServer(data_dir, log=Path(folder) / "label-studio.log") as server:
        ls = server.client()
        yield ls
        ls.close()


def _campaign(folder: Path, tasks: int) -> Campaign:
    from importers.config.campaign import Campaign

    folder.mkdir()
    (folder / "campaign.toml").write_text('name = "bench"\n')
    return Campaign.model_validate(
        {
            "name": "bench",
            "labels": list(LABELS),
            "samples": tasks,
            "prompts": {"templates": ["a {label}"]},
            "generator": {"model": "sketch-1"},
            "review": {"audit": 0.0},
            "folder": folder,
        }
    )


def _pushed(ls: LabelStudio, campaign: Campaign, ledger: Ledger, tasks: int) -> Pushed:
    from importers.label_studio.push import push

    _add_samples(campaign, ledger, tasks)
    project = push(ls, campaign, ledger, VERSION).project_id or 0
    everything = {"project": str(project), "selectedItems": {"all": True, "excluded": []}}
    ls.request(
        "POST",
        "/api/dm/actions",
        params={"id": "predictions_to_annotations", "project": project},
        json={**everything, "model_version": VERSION},
    )
    exported = ls.json("GET", f"/api/projects/{project}/export", params={"exportType": "JSON_MIN"})
    return Pushed(ls, campaign, ledger, project, [row["annotation_id"] for row in exported])


def _add_samples(campaign: Campaign, ledger: Ledger, tasks: int) -> None:
    import numpy as np

    from importers.image_store import ImageStore
    from importers.sample import PlannedSample, Prompt, sample_key
    from importers.scoring.looks import packed
    from ls_backend.zero_shot import Score

    store = ImageStore(campaign.images_path)
    scores = {}
    for seed in range(tasks):
        label = LABELS[seed % len(LABELS)]
        prompt = Prompt(f"a {label}, number {seed}", label, "vanilla", {"number": str(seed)})
        key = sample_key(prompt, "sketch-1", f"{PIXELS}x{PIXELS}", {}, seed)
        planned = PlannedSample(key, prompt, "sketch-1", f"{PIXELS}x{PIXELS}", {}, seed)
        ledger.plan([planned])
        request = ledger.requests.begin(key)
        digest = store.put(_picture(seed))
        ledger.requests.stored(request, digest, request_id=None, cost_usd=None, usage=None)
        scores[key] = Score(label, (seed + 1) / (tasks + 1), 0.1, label, 0.5, 0.2)
    ledger.record_scores(scores, VERSION)
    ledger.set_note(Note.MODEL_VERSION, VERSION)
    vectors = np.random.default_rng(0).standard_normal((tasks, DIMENSIONS), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    digests = [sample.sha256 or "" for sample in ledger.samples()]
    ledger.vectors.record({}, dict(zip(digests, packed(vectors), strict=True)), VERSION)


def _picture(seed: int) -> bytes:
    import io

    from PIL import Image

    noise = random.Random(seed).randbytes(PIXELS * PIXELS * 3)
    file = io.BytesIO()
    Image.frombytes("RGB", (PIXELS, PIXELS), noise).save(file, "PNG")
    return file.getvalue()


def _region(label: str) -> dict[str, Any]:
    value = {"choices": [label]}
    return {"from_name": "label", "to_name": "image", "type": "choices", "value": value}


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else TASKS)
