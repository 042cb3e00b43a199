"""Batches whose lines carry images: variations, fusions and inpaintings."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from batch_provider import CREATE, LINE, BatchProvider, error
from batch_runs import outcomes, run
from PIL import Image

from importers.config.campaign import Campaign, load_campaign
from importers.generators import openai_images
from importers.ledger import Ledger
from importers.sample import Sample
from importers.sketch import server
from importers.sketch.draw import draw

TOML = """
name = "pets"
labels = ["cat", "dog"]
samples = 4
[[technique]]
name = "variation"
source = "folder:photos"
templates = ["the same {{label}} in the snow"]
[[technique]]
name = "fusion"
source = "folder:photos"
label = "first"
templates = ["a {{first}} and a {{second}} in a studio"]
[[technique]]
name = "inpainting"
source = "folder:photos"
mask = "background"
templates = ["the {{label}} on the beach"]
[generator]
model = "sketch-1"
base_url = "{url}"
size = "256x256"
batch = {batch}
max_unanswered = 0
[score]
model = "sketch"
"""


def campaign_in(folder: Path, provider: BatchProvider, *, batch: bool = True) -> Campaign:
    """A campaign that starts from a drawing of a cat and a large picture of a dog."""
    noise = np.random.default_rng(7).integers(0, 256, (700, 700, 3), dtype=np.uint8)
    large = io.BytesIO()
    Image.fromarray(noise).save(large, "PNG")
    photos = {"cat": draw("a red cat in the park", 1, 256).png, "dog": large.getvalue()}
    for label, photo in photos.items():
        (folder / "photos" / label).mkdir(parents=True)
        (folder / "photos" / label / "1.png").write_bytes(photo)
    text = TOML.format(url=provider.base_url, batch=str(batch).lower())
    (folder / "campaign.toml").write_text(text)
    return load_campaign(folder)


def samples_of(campaign: Campaign) -> dict[str, Sample]:
    with Ledger(campaign.ledger_path, writing=False) as ledger:
        return {sample.key: sample for sample in ledger.samples()}


def test_a_batch_draws_from_images_what_single_requests_draw(
    provider: BatchProvider, tmp_path: Path
) -> None:
    batched = campaign_in(tmp_path / "batched", provider)
    single = campaign_in(tmp_path / "single", provider, batch=False)
    assert (batched.folder / "photos/dog/1.png").stat().st_size > server.LARGEST_BODY
    for campaign in (batched, single):
        report = run(campaign)
        assert (report.planned, report.generated, report.missing) == (5, 5, 0)
    assert provider.count(CREATE) == 1
    drawn = {key: sample.sha256 for key, sample in samples_of(batched).items()}
    assert drawn == {key: sample.sha256 for key, sample in samples_of(single).items()}
    assert {s.prompt.technique for s in samples_of(batched).values()} == {
        "variation",
        "fusion",
        "inpainting",
    }


def test_images_that_cannot_be_sent_refuse_their_sample_alone(
    provider: BatchProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_images, "LARGEST_IMAGE", 1_000_000)
    campaign = campaign_in(tmp_path / "pets", provider)
    report = run(campaign)
    assert (report.generated, report.refused, report.missing) == (2, 3, 0)
    refused = [s for s in samples_of(campaign).values() if s.refused]
    assert all("bytes, and 1,000,000 are too many" in (s.refused or "") for s in refused)
    assert outcomes(campaign) == ["refused"] * 3 + ["stored"] * 2
    assert run(campaign).refused == 0
    assert provider.count(CREATE) == 1


def test_what_brings_no_image_too_often_is_given_up(
    provider: BatchProvider, tmp_path: Path
) -> None:
    campaign = campaign_in(tmp_path / "pets", provider)
    provider.instead[LINE].append(error(504, "timeout"))
    report = run(campaign)
    assert (report.generated, report.unanswered, report.missing) == (4, 1, 0)
    (abandoned,) = report.given_up
    assert abandoned.requests == 1
    assert provider.count(CREATE) == 1
    assert run(campaign).given_up == report.given_up
    assert provider.count(CREATE) == 1
